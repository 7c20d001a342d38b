//! Numbers where they don't belong. Each place gets a number of its own, in several spellings, so
//! that whatever is found tells which place it came from.

use hyper::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vacate::client::Client;

use super::needles::Sort;
use super::run::{People, Run};
use super::subjects::Subject;

/// Who calls, the call, and its body. `$N` is the number; in a path or a query it is written as such
/// a place needs. `$I` is it as an integer, `$D` its digest, `$G` the digest of a number that is
/// known, `$E` the app's endpoint.
type Row = (Who, &'static str, &'static str);

#[derive(Clone, Copy)]
enum Who {
    Admin,
    App,
    Carrier,
    Nobody,
}
use Who::{Admin, App, Carrier, Nobody};

impl Who {
    fn client(self, people: &People) -> &Client {
        match self {
            Admin => &people.admin,
            App => &people.app,
            Carrier => &people.carrier,
            Nobody => &people.stranger,
        }
    }
}

const PATHS: &[Row] = &[
    (App, "GET /v1/numbers/$N", ""),
    (App, "GET /$N", ""),
    (App, "GET /v1/check/$N", ""),
    (Nobody, "GET /v1/check/$N", ""),
    (App, "GET /v1/endpoints/$N", ""),
    (App, "GET /v1/deliveries/$N", ""),
    (App, "POST /v1/deliveries/$N/resend", "{}"),
    (App, "GET /errors/$N", ""),
    (App, "DELETE /v1/participants/me/keys/$N", ""),
    (Admin, "GET /v1/participants/$N/keys", ""),
    (Admin, "PATCH /v1/participants/skyfare/keys/$N", "{}"),
    (Admin, "POST /v1/epochs/$N/activate", "{}"),
    (Admin, "POST /v1/epochs/$N/retire", "{}"),
    (Admin, "GET /v1/calling-codes/$N", ""),
    (App, "GET /v1/numbers/$D", ""),
    (App, "GET /v1/bindings?number=$N", ""),
    (App, "GET /v1/bindings?$N=1", ""),
    (App, "GET /v1/bindings?account_ref=$N", ""),
    (App, "GET /v1/bindings?after=$N", ""),
    (App, "GET /v1/bindings?limit=$N", ""),
    (App, "GET /v1/bindings?number=$D", ""),
    (App, "GET /v1/directory?calling_code=$N", ""),
    (App, "GET /v1/deliveries?state=$N", ""),
    (App, "GET /v1/deliveries?endpoint=$N", ""),
    (Nobody, "GET /healthz?number=$N", ""),
    (Nobody, "POST /v1/check?number=$N", "{}"),
    (Nobody, "N$N /v1/check", "{}"),
];

const BODIES: &[Row] = &[
    (App, "POST /v1/check", r#""$N""#),
    (App, "POST /v1/check", "$N"),
    (App, "POST /v1/check", r#"{"number": $N}"#),
    (App, "POST /v1/check", r#"{"number": "$N""#),
    (App, "POST /v1/check", r#"{"$N": 1}"#),
    (App, "POST /v1/check", r#"{"phone_number": "$N"}"#),
    (App, "POST /v1/check", r#"{"number": "$N"}"#),
    (App, "POST /v1/check", r#"{"number": "tel:$N"}"#),
    (App, "POST /v1/check", r#"{"number": $I}"#),
    (App, "POST /v1/check", r#"{"number": $I.5}"#),
    (App, "POST /v1/check", r#"{"number": ["$N"]}"#),
    (App, "POST /v1/check", r#"{"number": {"$N": ["$N"]}}"#),
    (App, "POST /v1/check", r#"{"number": "vd1.49.d07c4d5f.$N"}"#),
    (App, "POST /v1/check", r#"{"number": "vd1.$N.d07c4d5f.00"}"#),
    (App, "POST /v1/check", r#"{"number": "vt1.49.$N.00"}"#),
    (App, "POST /v1/check", r#"{"number": "$D", "verified_at": "$N"}"#),
    (App, "POST /v1/check", r#"{"number": "$D", "verified_at": $I}"#),
    (
        App,
        "POST /v1/check",
        r#"{"number": "$D", "verified_at": "2025-01-01T00:00:00Z", "at_least": "$N"}"#,
    ),
    (App, "POST /v1/check", r#"{"number": "$D", "number": "$N"}"#),
    (App, "POST /v1/check", r#"{"number": "$D"} "$N""#),
    (App, "POST /v1/check", r#"{"a": [[[[[[[[["$N"]]]]]]]]]}"#),
    (App, "POST /v1/checks", r#"{"items": ["$N", $I, {"number": "$N"}, {"number": "$D"}]}"#),
    (App, "POST /v1/checks", r#"{"items": "$N"}"#),
    (App, "POST /v1/evaluate", r#"{"calling_code": "$I", "key_id": "$I", "elements": ["$N"]}"#),
    (App, "POST /v1/evaluate", r#"{"calling_code": "883", "key_id": "$N", "elements": ["$N"]}"#),
    (
        App,
        "POST /v1/evaluate",
        r#"{"calling_code": "883", "key_id": "00000000", "elements": ["$D", $I]}"#,
    ),
    (
        App,
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "$N", "number": "$D", "verified_at": "2025-01-01T00:00:00Z"}]}"#,
    ),
    (
        App,
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "$N", "number": "$G", "verified_at": "2025-01-01T00:00:00Z"}]}"#,
    ),
    (
        App,
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": $I, "number": "$D", "verified_at": "2025-01-01T00:00:00Z"}]}"#,
    ),
    (
        App,
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "a", "number": "$D", "verified_at": "2025-01-01T00:00:00Z", "holder": "$N"}]}"#,
    ),
    (
        App,
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "a", "number": "$D", "verified_at": "2025-01-01T00:00:00Z", "proof": "$N"}]}"#,
    ),
    (
        App,
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "a", "number": "$D", "verified_at": "2025-01-01T00:00:00Z", "$N": true}]}"#,
    ),
    (App, "POST /v1/bindings/remove", r#"{"items": [{"account_ref": "$N"}]}"#),
    (App, "POST /v1/acknowledgements", r#"{"items": [{"account_ref": "$N", "did": "frozen"}]}"#),
    (App, "POST /v1/acknowledgements", r#"{"items": [{"account_ref": "a", "did": "$N"}]}"#),
    (
        App,
        "POST /v1/acknowledgements",
        r#"{"items": [{"account_ref": "a", "did": "frozen", "revision": $I}]}"#,
    ),
    (App, "POST /v1/endpoints", r#"{"url": "https://hooks.example.com/$N"}"#),
    (App, "POST /v1/endpoints", r#"{"url": "https://hooks.example.com/?to=$N"}"#),
    (App, "POST /v1/endpoints", r#"{"url": "https://$I.example.com/"}"#),
    (App, "POST /v1/endpoints", r#"{"url": "$N"}"#),
    (App, "PATCH /v1/endpoints/$E", r#"{"types": ["$N"]}"#),
    (App, "PATCH /v1/endpoints/$E", r#"{"state": "$N"}"#),
    (App, "POST /v1/endpoints/$E/rotate-secret", r#"{"overlap_hours": $I}"#),
    (App, "POST /v1/participants/me/keys", r#"{"label": "$N"}"#),
    (App, "POST /v1/participants/me/keys", r#"{"label": "x", "permissions": ["$N"]}"#),
    (App, "POST /v1/participants/me/keys", r#"{"label": "x", "expires_at": "$N"}"#),
    (
        Carrier,
        "POST /v1/events",
        r#"{"items": [{"id": "$N", "type": "held", "number": "$G", "effective_on": "2026-01-01"}]}"#,
    ),
    (
        Carrier,
        "POST /v1/events",
        r#"{"items": [{"id": "$I", "type": "held", "number": "$G", "effective_on": "2026-01-01"}]}"#,
    ),
    (
        Carrier,
        "POST /v1/events",
        r#"{"items": [{"id": "a", "type": "$N", "number": "$D", "effective_on": "2026-01-01"}]}"#,
    ),
    (
        Carrier,
        "POST /v1/events",
        r#"{"items": [{"id": "a", "type": "held", "number": "$N", "effective_on": "2026-01-01"}]}"#,
    ),
    (
        Carrier,
        "POST /v1/events",
        r#"{"items": [{"id": "a", "type": "held", "number": "$D", "effective_on": "$N"}]}"#,
    ),
    (
        Carrier,
        "POST /v1/events",
        r#"{"items": [{"id": "b", "type": "retracted", "number": "$G", "undoes": "$I"}]}"#,
    ),
    (Carrier, "POST /v1/events", r#"{"through": "$N", "items": []}"#),
    (Carrier, "PUT /v1/coverage", r#"{"calling_code": "$N", "through": "2026-01-01T00:00:00Z"}"#),
    (Carrier, "PUT /v1/coverage", r#"{"calling_code": $I, "through": "2026-01-01T00:00:00Z"}"#),
    (Carrier, "POST /v1/clearance", r#"{"items": [{"number": "$N"}]}"#),
    (
        Admin,
        "PUT /v1/participants/a$I",
        r#"{"kind": "app", "display_name": "A", "accounts_declared": 1}"#,
    ),
    (
        Admin,
        "PUT /v1/participants/other",
        r#"{"kind": "app", "display_name": "$N", "accounts_declared": 1}"#,
    ),
    (
        Admin,
        "PUT /v1/participants/other",
        r#"{"kind": "app", "display_name": "A", "organisation": "$N", "accounts_declared": 1}"#,
    ),
    (
        Admin,
        "PUT /v1/participants/other",
        r#"{"kind": "app", "display_name": "A", "accounts_declared": $I}"#,
    ),
    (
        Admin,
        "PUT /v1/participants/other",
        r#"{"kind": "app", "display_name": "A", "accounts_declared": 1, "support_url": "https://example.com/$N"}"#,
    ),
    (
        Admin,
        "PUT /v1/participants/other",
        r#"{"kind": "app", "display_name": "A", "accounts_declared": 1, "support_url": "tel:$N"}"#,
    ),
    (Admin, "PUT /v1/participants/other", r#"{"kind": "$N", "display_name": "A"}"#),
    (
        Admin,
        "PUT /v1/participants/other",
        r#"{"kind": "carrier", "display_name": "A", "calling_codes": ["$N"]}"#,
    ),
    (Admin, "PATCH /v1/participants/other", r#"{"state": "suspended", "why": "$N"}"#),
    (Admin, "PATCH /v1/participants/other", r#"{"state": "$N"}"#),
    (Admin, "PUT /v1/calling-codes/49", r#"{"complete_since": "$N"}"#),
    (Admin, "PUT /v1/calling-codes/49", r#"{"complete_since": null, "carriers": ["$N"]}"#),
    (Admin, "PUT /v1/calling-codes/49", r#"{"complete_since": null, "aging_days": $I}"#),
    (Admin, "PUT /v1/calling-codes/49", r#"{"complete_since": null, "zone_first": "$N"}"#),
];

const HEADERS: &[&str] = &[
    "x-correlator",
    "user-agent",
    "x-phone",
    "referer",
    "authorization",
    "cookie",
    "content-type",
    "accept",
    "accept-language",
    "x-forwarded-for",
    "forwarded",
    "idempotency-key",
    "traceparent",
    "origin",
    "if-none-match",
    "expect",
];

/// Puts numbers into every place that isn't theirs.
pub async fn everywhere(run: &mut Run) {
    let known = run.subjects.long("known, and in its place").digest.text();
    for (n, (who, call, body)) in PATHS.iter().chain(BODIES).enumerate() {
        let subject = next(run, n, &format!("in {call} {body}"));
        let variables = [
            ("$D", subject.digest.text()),
            ("$I", subject.digits().to_owned()),
            ("$G", known.clone()),
        ];
        let spelled = spellings(subject);
        let endpoint = run.people.endpoint.clone();
        for spelling in spelled {
            let fill = |text: &str, number: &str| {
                let text = text.replace("$N", number).replace("$E", &endpoint);
                variables.iter().fold(text, |text, (name, value)| text.replace(name, value))
            };
            let (method, target) = call.split_once(' ').expect("a method and a target");
            let method = fill(method, &spelling.replace([' ', '+', '(', ')'], ""));
            let target = fill(target, &percent_encoded(&spelling));
            let request = Request::builder().method(method.as_str()).uri(target);
            let request = request.body(fill(body, &spelling)).expect("a request");
            let answer = run.send(who.client(&run.people), request).await;
            let status = answer.status.as_u16();
            let known_to_fail = matches!(who, Nobody) || status < 500;
            assert!(known_to_fail && (status != 401 || matches!(who, Nobody)), "{call}: {status}");
        }
    }
    for (n, header) in HEADERS.iter().enumerate() {
        let subject = next(run, n, &format!("in the header {header}"));
        for spelling in spellings(subject) {
            let request = Request::post("/v1/check").header(*header, spelling);
            run.send(&run.people.app, request.body("{}".to_owned()).expect("a request")).await;
        }
        let subject = next(run, n + 1, &format!("hashed in the header {header}"));
        let hex = vacate::domain::text::to_hex(&subject.nd);
        for hashed in
            [subject.digest.text(), hex, subject.tokens[0].text(), subject.tokens[1].text()]
        {
            let request = Request::post("/v1/check").header(*header, hashed);
            run.send(&run.people.app, request.body("{}".to_owned()).expect("a request")).await;
        }
    }
    raw(run).await;
}

fn next<'a>(run: &'a mut Run, n: usize, told: &str) -> &'a Subject {
    if n.is_multiple_of(2) { run.subjects.ordinary(told) } else { run.subjects.long(told) }
}

/// As people spell a number.
fn spellings(subject: &Subject) -> Vec<String> {
    let (digits, national) = (subject.digits(), subject.national.as_str());
    let code = &digits[..digits.len() - national.len()];
    let (head, tail) = national.split_at(3);
    vec![
        digits.to_owned(),
        format!("+{digits}"),
        format!("00{code} {head} {tail}"),
        format!("0{head}-{tail}"),
        format!("+{code} ({head}) {tail}"),
    ]
}

fn percent_encoded(text: &str) -> String {
    text.replace('+', "%2B").replace(' ', "%20")
}

/// What a client of ours can't even send.
async fn raw(run: &mut Run) {
    let key = run.people.keys.app.clone();
    let head = |length: usize| {
        format!(
            "POST /v1/check HTTP/1.1\r\nhost: registry\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    for (n, told) in [
        "in a body cut in half",
        "in a body that never ends",
        "in a line that isn't HTTP",
        "in a version of HTTP",
        "in a header without a colon",
        "in the name of a header",
        "in a header of 32 KiB",
        "in a broken chunk",
        "in the length of a body",
        "in bytes that are no UTF-8",
        "in the host",
        "in a body of 3 MiB",
    ]
    .into_iter()
    .enumerate()
    {
        let number = next(run, n, told).digits().to_owned();
        let digest = run.subjects.all().last().expect("just made").digest.text();
        let body = format!("{{\"number\": \"{digest}\", \"also\": \"+{number}\"");
        let bytes: Vec<u8> = match n {
            0 | 1 => [head(1_000).as_bytes(), body.as_bytes()].concat(),
            2 => format!("{number}\r\n\r\n").into(),
            3 => format!("GET /healthz HTTP/{number}\r\n\r\n").into(),
            4 => format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{number}\r\n\r\n").into(),
            5 => format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx-{number}: {number}\r\n\r\n").into(),
            6 => {
                let long = format!("+{number},").repeat(2_000);
                format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx-phones: {long}\r\n\r\n").into()
            }
            7 => head(0)
                .replace("content-length: 0", "transfer-encoding: chunked")
                .into_bytes()
                .into_iter()
                .chain(format!("zz{number}\r\n+{number}\r\n").into_bytes())
                .collect(),
            8 => head(0).replace("length: 0", &format!("length: {number}x")).into(),
            9 => [head(body.len() + 3).as_bytes(), body.as_bytes(), b"\xff\"}"].concat(),
            10 => format!("GET /healthz HTTP/1.1\r\nhost: {number}.example.com\r\n\r\n").into(),
            _ => {
                let long = format!("[\"+{number}\"],").repeat(100_000);
                [head(long.len()).as_bytes(), long.as_bytes()].concat()
            }
        };
        run.sent(body.as_bytes());
        let mut stream = TcpStream::connect(run.address()).await.expect("it listens");
        // It may hang up before it has heard all.
        stream.write_all(&bytes).await.ok();
        if n != 1 {
            stream.shutdown().await.ok();
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        run.answered(answer);
    }
    let handle = run.name(Sort::Secret, "vk1_app_", "a key in a query");
    let request = Request::get(format!("/v1/status?key={handle}")).body(String::new());
    run.send(&run.people.app, request.expect("a request")).await;
}
