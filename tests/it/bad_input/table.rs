//! A request for each error code, and more for those with several causes.

use std::collections::{BTreeMap, BTreeSet};

use vacate::client::Client;
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::rejection::Code;

use super::{refusal, send};
use crate::support::cast::{App, Carrier};
use crate::support::databases::Kind;
use crate::support::world::{World, run};

/// Who calls, what, with which body, and what is refused. Words after `$` stand for texts that only
/// the registry can make.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// Stands in many requests below; no answer may repeat it.
const MARKER: &str = "491701234567";

const SHAPE: &[Row] = &[
    ("app", "POST /v1/check", "[1]", "400 body_malformed -"),
    ("app", "POST /v1/check", r#"{"number": "#, "400 body_malformed -"),
    ("app", "POST /v1/check", r#""+491701234567""#, "400 body_malformed -"),
    ("app", "POST /v1/check", r#"{"number": "$DIGEST"} {}"#, "400 body_malformed -"),
    ("app", "POST /v1/check", r#"{"number": [[[[[[[[1]]]]]]]]}"#, "400 body_malformed -"),
    ("app", "POST /v1/check", "{}", "400 field_missing /number"),
    ("app", "POST /v1/check", r#"{"number": "$DIGEST"}"#, "400 field_missing /verified_at"),
    ("app", "POST /v1/check", r#"{"number": 491701234567}"#, "400 field_wrong_type /number"),
    ("app", "POST /v1/check", r#"{"number": null}"#, "400 field_wrong_type /number"),
    (
        "app",
        "POST /v1/check",
        r#"{"number": "$HANDLE", "phone": "+491701234567"}"#,
        "400 field_unknown /phone",
    ),
    ("app", "POST /v1/bindings", "{}", "400 field_missing /items"),
    (
        "app",
        "POST /v1/bindings",
        r#"{"items": {"account_ref": "u"}}"#,
        "400 field_wrong_type /items",
    ),
    ("app", "POST /v1/bindings", r#"{"items": ["491701234567"]}"#, "207 field_wrong_type /items/0"),
    (
        "app",
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "u-1"}]}"#,
        "207 field_missing /items/0/number",
    ),
    (
        "app",
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": 491701234567, "number": "$DIGEST", "verified_at": "2025-01-01T00:00:00Z"}]}"#,
        "207 field_wrong_type /items/0/account_ref",
    ),
    (
        "app",
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "u-1", "number": "$DIGEST", "verified_at": "2025-01-01T00:00:00Z", "msisdn": "491701234567"}]}"#,
        "207 field_unknown /items/0/msisdn",
    ),
    (
        "carrier",
        "POST /v1/events",
        r#"{"items": [{"id": "t-1", "type": "reinstated", "number": "$DIGEST"}]}"#,
        "207 field_missing /items/0/undoes",
    ),
    (
        "carrier",
        "POST /v1/events",
        r#"{"items": [{"id": "t-1", "type": "retracted", "number": "$DIGEST", "undoes": "t-0", "effective_at": "2026-01-01T00:00:00Z"}]}"#,
        "207 time_malformed /items/0/effective_at",
    ),
    (
        "carrier",
        "POST /v1/events",
        r#"{"items": [{"id": "t-1", "type": "held", "number": "$DIGEST", "undoes": "t-0", "effective_on": "2026-01-01"}]}"#,
        "207 field_unknown /items/0/undoes",
    ),
    (
        "admin",
        "PUT /v1/calling-codes/49",
        r#"{"carriers": []}"#,
        "400 field_missing /complete_since",
    ),
    (
        "admin",
        "PUT /v1/participants/newtel",
        r#"{"kind": "carrier", "display_name": "New"}"#,
        "400 field_missing /calling_codes",
    ),
    ("app", "GET /v1/bindings?limit=0", "", "400 query_invalid limit"),
    ("app", "GET /v1/bindings?limit=1001", "", "400 query_invalid limit"),
    ("app", "GET /v1/bindings?number=491701234567", "", "400 query_invalid -"),
    ("app", "GET /v1/bindings?limit=1&limit=2", "", "400 query_invalid limit"),
    ("app", "GET /v1/duties?open=491701234567", "", "400 query_invalid open"),
    ("app", "GET /v1/duties?after=c1.491701234567", "", "400 cursor_invalid after"),
    ("app", "GET /v1/duties?after=$CURSOR", "", "400 cursor_invalid after"),
    ("other", "GET /v1/bindings?after=$CURSOR", "", "400 cursor_invalid after"),
    (
        "app",
        "POST /v1/check",
        r#"{"number": "$HANDLE", "at_least": "p1.AAAAAAAARyOKsaa46AAyfA"}"#,
        "400 position_invalid /at_least",
    ),
    (
        "app",
        "POST /v1/checks",
        r#"{"items": [{"number": "$HANDLE"}], "at_least": "491701234567"}"#,
        "400 position_invalid /at_least",
    ),
    (
        "carrier",
        "POST /v1/clearance",
        r#"{"items": [{"number": "$DIGEST"}], "at_least": "p1"}"#,
        "400 position_invalid /at_least",
    ),
];

const WHO: &[Row] = &[
    ("stranger", "GET /v1/participants/me", "", "401 key_missing Authorization"),
    ("forger", "GET /v1/participants/me", "", "401 key_unknown Authorization"),
    ("expired", "GET /v1/participants/me", "", "401 key_expired Authorization"),
    ("revoked", "GET /v1/participants/me", "", "401 key_revoked Authorization"),
    ("app", "POST /v1/events", r#"{"items": []}"#, "403 permission_missing Authorization"),
    ("suspended", "GET /v1/participants/me", "", "403 participant_suspended Authorization"),
    (
        "carrier",
        "PUT /v1/coverage",
        r#"{"calling_code": "44", "through": "2026-11-23T09:00:00Z"}"#,
        "403 calling_code_not_granted /calling_code",
    ),
    (
        "carrier",
        "POST /v1/events",
        r#"{"items": [{"id": "t-2", "type": "held", "number": "$FOREIGN", "effective_on": "2026-11-01"}]}"#,
        "207 calling_code_not_granted /items/0/number",
    ),
    (
        "carrier",
        "POST /v1/clearance",
        r#"{"items": [{"number": "$FOREIGN"}]}"#,
        "207 calling_code_not_granted /items/0/number",
    ),
    ("app", "GET /v1/endpoints/491701234567", "", "404 not_found -"),
    ("app", "GET /v1/numbers/491701234567", "", "404 not_found -"),
    ("admin", "GET /v1/participants/+491701234567", "", "404 not_found -"),
    ("app", "GET /errors/491701234567", "", "404 not_found -"),
    (
        "app",
        "POST /v1/acknowledgements",
        r#"{"items": [{"account_ref": "nobody", "did": "frozen"}]}"#,
        "207 not_found /items/0/account_ref",
    ),
    ("app", "GET /v1/events", "", "405 method_not_allowed -"),
    ("app", "POST /v1/endpoints", r#"{"url": "$URL"}"#, "409 endpoint_exists /url"),
    ("admin", "PATCH /v1/participants/admin", r#"{"state": "suspended"}"#, "409 last_admin -"),
    ("app", "POST /v1/check", r#"{"number": "$SIX"}"#, "503 unavailable -"),
    ("app", "POST /v1/check", r#"{"number": "$SEVEN"}"#, "429 rate_limited -"),
];

const DUTIES: &[Row] = &[
    (
        "app",
        "POST /v1/acknowledgements",
        r#"{"items": [{"account_ref": "detached", "did": "frozen"}]}"#,
        "207 already_detached /items/0/did",
    ),
    (
        "app",
        "POST /v1/acknowledgements",
        r#"{"items": [{"account_ref": "detached", "did": "released"}]}"#,
        "207 still_demanded /items/0/did",
    ),
    (
        "app",
        "POST /v1/acknowledgements",
        r#"{"items": [{"account_ref": "detached", "did": "verified", "verified_at": "2026-11-20T00:00:00Z", "proof": "passkey"}]}"#,
        "207 still_changed /items/0/verified_at",
    ),
    (
        "app",
        "POST /v1/acknowledgements",
        r#"{"items": [{"account_ref": "detached", "did": "verified"}]}"#,
        "207 proof_missing /items/0/verified_at",
    ),
    (
        "app",
        "POST /v1/acknowledgements",
        r#"{"items": [{"account_ref": "detached", "did": "verified", "verified_at": "2026-11-20T00:00:00Z"}]}"#,
        "207 proof_missing /items/0/proof",
    ),
    (
        "app",
        "POST /v1/acknowledgements",
        r#"{"items": [{"account_ref": "detached", "did": "frozen", "revision": 0}]}"#,
        "207 revision_old /items/0/revision",
    ),
    (
        "app",
        "POST /v1/acknowledgements",
        r#"{"items": [{"account_ref": "detached", "did": "verified", "verified_at": "2099-01-01T00:00:00Z", "proof": "passkey"}]}"#,
        "207 time_in_future /items/0/verified_at",
    ),
    (
        "app",
        "POST /v1/acknowledgements",
        r#"{"items": [{"account_ref": "detached", "did": "491701234567"}]}"#,
        "207 value_not_allowed /items/0/did",
    ),
    (
        "app",
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "third", "number": "$DIGEST", "verified_at": "2025-01-01T00:00:00Z"}]}"#,
        "207 bindings_too_many /items/0/number",
    ),
    (
        "carrier",
        "POST /v1/events",
        r#"{"items": [{"id": "e-1", "type": "disconnected", "number": "$DIGEST", "effective_on": "2026-11-01"}]}"#,
        "207 event_id_reused /items/0/id",
    ),
];

const VALUES: &[Row] = &[
    ("app", "POST /v1/bindings", r#"{"items": []}"#, "422 items_out_of_range /items"),
    ("app", "POST /v1/checks", r#"{"items": [$1001]}"#, "422 items_out_of_range /items"),
    (
        "carrier",
        "POST /v1/events",
        r#"{"through": "2026-11-23T09:00:00Z", "items": [{"id": "m-1", "type": "held", "number": "$DIGEST", "effective_on": "2026-11-01"}, {"id": "m-2", "type": "held", "number": "$FOREIGN", "effective_on": "2026-11-01"}]}"#,
        "422 calling_codes_mixed /through",
    ),
    ("app", "POST /v1/check", r#"{"number": "+491701234567"}"#, "422 number_plain /number"),
    ("app", "POST /v1/check", r#"{"number": "0049 170 1234567"}"#, "422 number_plain /number"),
    ("app", "POST /v1/check", r#"{"number": "tel:491701234567"}"#, "422 number_plain /number"),
    (
        "app",
        "POST /v1/checks",
        r#"{"items": [{"number": "+491701234567"}]}"#,
        "207 number_plain /items/0/number",
    ),
    (
        "app",
        "POST /v1/check",
        r#"{"number": "vd9.49.d07c4d5f.491701234567"}"#,
        "422 number_malformed /number",
    ),
    (
        "app",
        "POST /v1/check",
        r#"{"number": "$UPPER", "verified_at": "2025-01-01T00:00:00Z"}"#,
        "422 number_malformed /number",
    ),
    (
        "app",
        "POST /v1/check",
        r#"{"number": "vd1.999999.d07c4d5f.00", "verified_at": "2025-01-01T00:00:00Z"}"#,
        "422 calling_code_unknown /number",
    ),
    (
        "app",
        "GET /v1/directory?calling_code=491701234567",
        "",
        "422 calling_code_unknown calling_code",
    ),
    ("admin", "GET /v1/calling-codes/491701234567", "", "422 calling_code_unknown code"),
    (
        "app",
        "POST /v1/check",
        r#"{"number": "$KID", "verified_at": "2025-01-01T00:00:00Z"}"#,
        "422 key_id_unknown /number",
    ),
    (
        "app",
        "POST /v1/check",
        r#"{"number": "$IDENTITY", "verified_at": "2025-01-01T00:00:00Z"}"#,
        "422 element_invalid /number",
    ),
    ("app", "POST /v1/check", r#"{"number": "$DAMAGED"}"#, "422 handle_invalid /number"),
    ("other", "POST /v1/check", r#"{"number": "$HANDLE"}"#, "422 handle_invalid /number"),
    (
        "carrier",
        "POST /v1/events",
        r#"{"items": [{"id": "t-3", "type": "held", "number": "$HANDLE", "effective_on": "2026-11-01"}]}"#,
        "207 handle_invalid /items/0/number",
    ),
    (
        "app",
        "POST /v1/check",
        r#"{"number": "$NINE", "verified_at": "2025-01-01T00:00:00Z"}"#,
        "422 test_number_unknown /number",
    ),
    (
        "app",
        "POST /v1/check",
        r#"{"number": "$HANDLE", "verified_at": "2025-01-01T00:00:00Z"}"#,
        "422 verified_at_not_allowed /verified_at",
    ),
    (
        "app",
        "POST /v1/check",
        r#"{"number": "$DIGEST", "verified_at": "491701234567"}"#,
        "422 time_malformed /verified_at",
    ),
    (
        "app",
        "POST /v1/check",
        r#"{"number": "$DIGEST", "verified_at": "2026-11-23T09:35:01Z"}"#,
        "422 time_in_future /verified_at",
    ),
    (
        "app",
        "POST /v1/check",
        r#"{"number": "$DIGEST", "verified_at": "1999-12-31T23:59:59Z"}"#,
        "422 time_too_old /verified_at",
    ),
    (
        "carrier",
        "POST /v1/events",
        r#"{"items": [{"id": "t-4", "type": "held", "number": "$DIGEST", "effective_on": "2026-13-01"}]}"#,
        "207 time_malformed /items/0/effective_on",
    ),
    (
        "carrier",
        "POST /v1/events",
        r#"{"items": [{"id": "t-5", "type": "held", "number": "$DIGEST"}]}"#,
        "207 time_malformed /items/0/effective_at",
    ),
    (
        "carrier",
        "POST /v1/events",
        r#"{"items": [{"id": "t-6", "type": "held", "number": "$DIGEST", "effective_on": "2026-11-01", "effective_at": "2026-11-01T00:00:00Z"}]}"#,
        "207 time_malformed /items/0/effective_on",
    ),
    (
        "carrier",
        "POST /v1/events",
        r#"{"items": [{"id": "t-7", "type": "held", "number": "$DIGEST", "effective_on": "2026-12-01"}]}"#,
        "207 time_in_future /items/0/effective_on",
    ),
    (
        "carrier",
        "PUT /v1/coverage",
        r#"{"calling_code": "49", "through": "2026-12-01T00:00:00Z"}"#,
        "422 time_in_future /through",
    ),
    (
        "carrier",
        "POST /v1/events",
        r#"{"through": "491701234567", "items": []}"#,
        "422 time_malformed /through",
    ),
    (
        "app",
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": " u", "number": "$DIGEST", "verified_at": "2025-01-01T00:00:00Z"}]}"#,
        "207 account_ref_malformed /items/0/account_ref",
    ),
    ("app", "GET /v1/bindings?account_ref=", "", "422 account_ref_malformed account_ref"),
    (
        "app",
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "me@example.com", "number": "$DIGEST", "verified_at": "2025-01-01T00:00:00Z"}]}"#,
        "207 account_ref_personal /items/0/account_ref",
    ),
    (
        "app",
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "+491701234567", "number": "$DIGEST", "verified_at": "2025-01-01T00:00:00Z"}]}"#,
        "207 account_ref_personal /items/0/account_ref",
    ),
    (
        "app",
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "u-9", "number": "$DIGEST", "verified_at": "2025-01-01T00:00:00Z", "holder": "491701234567"}]}"#,
        "207 value_not_allowed /items/0/holder",
    ),
    (
        "carrier",
        "POST /v1/events",
        r#"{"items": [{"id": "t 8", "type": "held", "number": "$DIGEST", "effective_on": "2026-11-01"}]}"#,
        "207 value_not_allowed /items/0/id",
    ),
    ("app", "GET /v1/deliveries?state=491701234567", "", "422 value_not_allowed state"),
    (
        "admin",
        "PUT /v1/participants/x",
        r#"{"kind": "admin", "display_name": "X"}"#,
        "422 value_not_allowed name",
    ),
    (
        "admin",
        "PUT /v1/calling-codes/49",
        r#"{"complete_since": null, "aging_days": 3}"#,
        "422 value_not_allowed /aging_days",
    ),
    (
        "admin",
        "PUT /v1/calling-codes/49",
        r#"{"complete_since": "491701234567"}"#,
        "422 time_malformed /complete_since",
    ),
    (
        "admin",
        "PUT /v1/calling-codes/49",
        r#"{"complete_since": null, "carriers": ["skyfare"]}"#,
        "422 value_not_allowed /carriers/0",
    ),
    (
        "app",
        "POST /v1/participants/me/keys",
        r#"{"label": "x", "permissions": ["admin"]}"#,
        "422 value_not_allowed /permissions",
    ),
    (
        "app",
        "POST /v1/endpoints/$ENDPOINT/rotate-secret",
        r#"{"overlap_hours": 169}"#,
        "422 value_not_allowed /overlap_hours",
    ),
    (
        "app",
        "POST /v1/endpoints",
        r#"{"url": "http://192.0.2.1/491701234567"}"#,
        "422 url_not_allowed /url",
    ),
    (
        "app",
        "PATCH /v1/endpoints/$ENDPOINT",
        r#"{"url": "https://10.0.0.1/"}"#,
        "422 url_not_allowed /url",
    ),
];

/// Those whose place isn't told exactly yet.
const PLACES: &[Row] = &[
    (
        "app",
        "POST /v1/acknowledgements",
        r#"{"items": [{"account_ref": "u-1", "did": "frozen", "proof": "passkey"}]}"#,
        "207 field_unknown /items/0/proof",
    ),
    (
        "app",
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "detached", "number": "$DIGEST", "verified_at": "2026-11-20T00:00:00Z"}]}"#,
        "207 proof_missing /items/0/proof",
    ),
    (
        "app",
        "POST /v1/bindings",
        r#"{"items": [{"account_ref": "detached", "number": "$THIRD", "verified_at": "2019-01-01T00:00:00Z"}]}"#,
        "207 binding_newer /items/0/verified_at",
    ),
];

/// Codes that one request to a registry that works can't bring about, and where they are proven.
const ELSEWHERE: &[Code] = &[
    Code::BodyTooSlow,            // requests
    Code::HeadTooLarge,           // requests
    Code::BodyTooLarge,           // requests
    Code::ContentTypeUnsupported, // requests
    Code::BudgetExhausted,        // budgets
    Code::HandleUnknown,          // a restored backup
    Code::DigestNotAccepted,      // roles
    Code::HolderIsOrganisation,   // a dispute
    Code::Internal,
    Code::Starting,
    Code::Overloaded, // faults
    Code::OutcomeUnknown,
    Code::PositionNotReached,
];

#[test]
fn each_mistake_has_its_code_at_its_place_on_sqlite() {
    run(each_mistake(Kind::Sqlite, &[SHAPE, WHO, DUTIES, VALUES]));
}

#[test]
fn each_mistake_has_its_code_at_its_place_on_postgres() {
    run(each_mistake(Kind::Postgres, &[SHAPE, WHO, DUTIES, VALUES]));
}

#[test]
fn each_refused_member_is_named() {
    run(each_mistake(Kind::Sqlite, &[PLACES]));
}

#[test]
fn no_code_is_without_a_request() {
    let rows = [SHAPE, WHO, DUTIES, VALUES, PLACES].concat();
    let tried = rows.iter().map(|row| row.3.split(' ').nth(1).expect("a code"));
    let elsewhere = ELSEWHERE.iter().map(|code| code.text());
    let tried: BTreeSet<&str> = tried.chain(elsewhere).collect();
    let all: BTreeSet<&str> = Code::ALL.iter().map(|code| code.text()).collect();
    assert_eq!(tried, all);
}

async fn each_mistake(kind: Kind, rows: &[&[Row]]) {
    let settings = [("limits.bindings_per_app_and_number_max", "2")];
    let world = World::start_with(kind, &settings).await;
    let carrier = world.carrier("northtel").await;
    let (app, other) = (world.app("skyfare").await, world.app("chatly").await);
    let texts = prepared(&carrier, &app).await;
    let callers = callers(&world, &carrier, &app, &other).await;
    let mut wrong = Vec::new();
    for (who, call, body, expected) in rows.concat() {
        let fill = |text: &str| {
            texts.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
        };
        let answer = send(&callers[who], &fill(call), &fill(body)).await;
        let said = refusal(&answer);
        if said != expected {
            wrong.push(format!("{who} {call} {body}\n  expected {expected}\n  found    {said}"));
        }
        let text = String::from_utf8_lossy(&answer.body).replace([' ', '/'], "");
        for marker in [MARKER, "1701234567", "example.com"] {
            assert!(!text.contains(marker), "{call} {body} is repeated: {text}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Two accounts on the number, which changed hands for both; and the texts of the rows.
async fn prepared(carrier: &Carrier, app: &App) -> BTreeMap<&'static str, String> {
    let number = "+491701234567";
    let bound = app.binds("detached", number, "2020-06-01T12:00:00Z").await;
    app.binds("second", number, "2020-06-01T12:00:00Z").await;
    carrier.publishes("e-1", Disconnected, number, "2026-11-23T09:00:00Z").await;
    app.did("detached", vacate::domain::binding::Did::Detached).await;
    let six = app.binds("six", "+9990000006", "2026-11-23T09:00:00Z").await;
    let seven = app.binds("seven", "+9990000007", "2026-11-23T09:00:00Z").await;
    let page = app.client.bindings().page(Some(1), None).await.unwrap();

    let digest = app.digest(number).await.text();
    let (head, body) = digest.rsplit_once('.').unwrap();
    let handle = bound.handle.text();
    let last = if handle.ends_with('A') { "Q" } else { "A" };
    let germany = app.client.directory(crate::support::node::germany()).await.unwrap();
    let kid = germany.calling_codes[0].epochs[0].key_id;
    let thousand = vec![format!(r#"{{"number": "{handle}"}}"#); 1_001].join(", ");
    BTreeMap::from([
        ("$UPPER", format!("{head}.{}", body.to_uppercase())),
        ("$KID", format!("vd1.49.00000000.{body}")),
        ("$IDENTITY", format!("vt1.49.{kid}.{}", "A".repeat(43))),
        ("$DAMAGED", format!("{}{last}", &handle[..handle.len() - 1])),
        ("$FOREIGN", app.digest("+447911123456").await.text()),
        ("$THIRD", app.digest("+491701234568").await.text()),
        ("$NINE", app.digest("+9990000009").await.text()),
        ("$SIX", six.handle.text()),
        ("$SEVEN", seven.handle.text()),
        ("$CURSOR", page.next.expect("more than one binding")),
        ("$URL", app.receiver.url()),
        ("$ENDPOINT", app.endpoint.id.clone()),
        ("$1001", thousand),
        ("$DIGEST", digest),
        ("$HANDLE", handle),
    ])
}

async fn callers(
    world: &World,
    carrier: &Carrier,
    app: &App,
    other: &App,
) -> BTreeMap<&'static str, Client> {
    use vacate::client::keys::{KeyWish, Whose};
    use vacate::domain::participant::State;

    let issue = async |name: &'static str| {
        let issued = world.admin.issue_key(Whose::Of(name), &KeyWish::new("test")).await.unwrap();
        (issued.key.id, world.with_key(issued.text.expose()))
    };
    let (expired, expired_client) = issue("chatly").await;
    let now = world.clock.now();
    world.admin.expire_key(Whose::Of("chatly"), &expired, now).await.unwrap();
    let (revoked, revoked_client) = issue("chatly").await;
    world.admin.revoke_key(Whose::Of("chatly"), &revoked).await.unwrap();
    world.app("banned").await;
    let (_, suspended) = issue("banned").await;
    world.admin.set_state("banned", State::Suspended, Some("contract ended")).await.unwrap();
    BTreeMap::from([
        ("carrier", carrier.client.clone()),
        ("app", app.client.clone()),
        ("other", other.client.clone()),
        ("admin", world.admin.clone()),
        ("stranger", world.stranger()),
        ("forger", world.with_key("vk1_app_glTDKakoUPbVOd03b0gW7idkUX2l4CNV")),
        ("expired", expired_client),
        ("revoked", revoked_client),
        ("suspended", suspended),
    ])
}
