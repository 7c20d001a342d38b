//! Connections, keys and what an answer can be that isn't the registry's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vacate::client::keys::{KeyWish, Whose};
use vacate::client::{ApiKey, BadKey, BadUrl, Class, Client, Error};

use super::registry::{FakeRegistry, response};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Serves connections one after the other, each as a list of answers; after the last it closes.
/// `None` is no answer: the request is read and the connection closed.
async fn serve(connections: Vec<Vec<Option<&'static [u8]>>>) -> (Client, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        for answers in connections {
            let (mut stream, _) = listener.accept().await.unwrap();
            for answer in answers {
                read_head(&mut stream).await;
                counted.fetch_add(1, Ordering::SeqCst);
                if let Some(answer) = answer {
                    stream.write_all(answer).await.unwrap();
                }
            }
        }
    });
    (Client::new(&url).unwrap().with_timeout(Duration::from_secs(5)), requests)
}

async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let (client, _) = serve(vec![vec![Some(OK), Some(OK), Some(OK)]]).await;
    for _ in 0..3 {
        client.healthy().await.unwrap();
    }
}

#[tokio::test]
async fn a_request_that_an_idle_connection_did_not_answer_is_sent_over_a_new_one() {
    let (client, requests) = serve(vec![vec![Some(OK), None], vec![Some(OK)]]).await;
    client.healthy().await.unwrap();
    client.healthy().await.unwrap();
    assert_eq!(requests.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_key_is_not_issued_twice_because_a_connection_died() {
    let (client, requests) = serve(vec![vec![Some(OK), None], vec![Some(OK)]]).await;
    client.healthy().await.unwrap();
    let wish = KeyWish::new("login servers");
    let error = client.issue_key(Whose::Mine, &wish).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error}");
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_error_says_which_registry_it_is_about() {
    let (client, _) = serve(vec![vec![None]]).await;
    let url = format!("{client:?}").replace("Client(", "").replace(')', "");
    let error = client.healthy().await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("the registry can't be reached at {url}: ")), "{error}");

    let plain = FakeRegistry::answering(200, "ok").await;
    let tls = Client::new(&plain.url.replace("http://", "https://")).unwrap();
    let error = tls.healthy().await.unwrap_err().to_string();
    assert!(error.contains("no TLS is spoken there"), "{error}");
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_meanwhile_is_replaced() {
    let (client, requests) = serve(vec![vec![Some(OK)], vec![Some(OK)]]).await;
    client.healthy().await.unwrap();
    client.healthy().await.unwrap();
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_new_connection_that_breaks_is_not_tried_again() {
    let (client, requests) = serve(vec![vec![None], vec![Some(OK)]]).await;
    let error = client.healthy().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error}");
    assert_eq!(error.class(), Class::Unavailable);
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_asked_for_again() {
    const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
    let (client, requests) = serve(vec![vec![Some(OK), Some(HALF)], vec![Some(OK)]]).await;
    client.healthy().await.unwrap();
    let error = client.healthy().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error}");
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_does_not_speak_http_is_not_asked_again() {
    const SMTP: &[u8] = b"220 mail.example ESMTP\r\n";
    let (client, requests) = serve(vec![vec![Some(OK), Some(SMTP)], vec![Some(OK)]]).await;
    client.healthy().await.unwrap();
    assert!(client.healthy().await.is_err());
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let registry = FakeRegistry::answering(200, &"x".repeat(16 * 1024 * 1024 + 1)).await;
    let error = registry.client().status().await.unwrap_err();
    assert!(matches!(error, Error::NotOurs { status: 200, .. }), "{error}");
}

#[tokio::test]
async fn many_requests_at_once_need_many_connections() {
    let registry = FakeRegistry::answering(200, "").await;
    let client = registry.client();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let client = client.clone();
        tasks.spawn(async move { client.healthy().await });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    assert_eq!(registry.asked().len(), 100);
}

#[tokio::test]
async fn a_request_carries_key_type_correlator_and_host() {
    let registry = FakeRegistry::answering(200, r#"{"advice":"allow"}"#).await;
    let client = registry.client().with_correlator("c-7".parse().unwrap());
    client
        .check(
            "vh1.49.80e27820.NyiGPUbRH43Csiy9i6K11DH-by91ahREIWMjNq-nstoR7OwS"
                .parse::<vacate::domain::number::NumberText>()
                .unwrap(),
            None,
        )
        .await;
    let asked = registry.asked().pop().unwrap();
    assert_eq!(asked.header("authorization"), "Bearer vk1_app_glTDKakoUPbVOd03b0gW7idkUX2l4CNV");
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(asked.header("x-correlator"), "c-7");
    assert_eq!(format!("http://{}", asked.header("host")), registry.url);

    client.healthy().await.unwrap();
    assert!(!registry.asked().pop().unwrap().headers.contains_key("content-type"));
}

#[tokio::test]
async fn a_raw_request_says_for_itself_what_it_wants_to() {
    let registry = FakeRegistry::answering(418, "teapot").await;
    let request = Request::post("/v1/check?x=1")
        .header("authorization", "Basic eA==")
        .header("content-type", "text/plain")
        .body("+491701234567".to_owned());
    let answer = registry.client().raw(request.unwrap()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (418, b"teapot".as_slice()));
    let asked = registry.asked().pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/v1/check?x=1"));
    assert_eq!(asked.header("authorization"), "Basic eA==");
    assert_eq!(asked.header("content-type"), "text/plain");
}

#[tokio::test]
async fn a_registry_may_live_below_a_path() {
    let registry = FakeRegistry::answering(200, "ok").await;
    let client = Client::new(&format!("{}/vacate/", registry.url)).unwrap();
    client.healthy().await.unwrap();
    assert_eq!(registry.asked()[0].path, "/vacate/healthz");
}

#[test]
fn only_a_bare_url_is_a_registry() {
    let bad = [
        "",
        "127.0.0.1:8080",
        "ftp://x",
        "http://",
        "https://user:pw@x",
        "http://x?y",
        "http://x/#y",
        "/v1",
    ];
    for url in bad {
        assert_eq!(Client::new(url).map(|_| ()), Err(BadUrl::Malformed), "{url}");
    }
    for url in [
        "http://vacate.example.net",
        "http://10.0.0.7:8080",
        "http://[fd00::1]",
        "http://localhost.example",
    ] {
        assert_eq!(Client::new(url).map(|_| ()), Err(BadUrl::Plain), "{url}");
    }
    let good = [
        "http://127.0.0.1:8080",
        "http://[::1]:8080/",
        "http://LocalHost:8080",
        "https://vacate.example.net",
        "https://x/y",
    ];
    for url in good {
        assert!(Client::new(url).is_ok(), "{url}");
    }
}

#[tokio::test]
async fn an_ipv6_address_can_be_called() {
    let Ok(listener) = TcpListener::bind("[::1]:0").await else { return };
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        stream.write_all(OK).await.unwrap();
    });
    Client::new(&url).unwrap().healthy().await.unwrap();
}

#[test]
fn a_key_never_shows() {
    let text = "vk1_app_glTDKakoUPbVOd03b0gW7idkUX2l4CNV";
    let key = ApiKey::parse(text).unwrap();
    assert_eq!(key.expose(), text);
    let client = Client::new("http://127.0.0.1:8080").unwrap().with_key(key.clone());
    assert_eq!(format!("{key:?} {client:?}"), "ApiKey(…) Client(http://127.0.0.1:8080)");
    let long = format!("{text}x");
    let other =
        ["", "a b", "ü", "hunter2", "sk_live_glTDKakoUPbVOd03b0gW7idkUX2l4CNV", "vk1_app_x"];
    let near =
        ["vk1_root_glTDKakoUPbVOd03b0gW7idkUX2l4CNV", "vk1_app_glTDKakoUPbVOd03b0gW7idkUX2l4CN\n"];
    for bad in other.into_iter().chain(near).chain([long.as_str()]) {
        assert_eq!(ApiKey::parse(bad), Err(BadKey));
    }
}

#[tokio::test]
async fn a_refusal_tells_all_and_has_a_class() {
    let body = r#"{"type": "https://vacate.example.net/errors/rate_limited", "title": "Too many requests",
        "status": 429, "code": "rate_limited", "detail": "More than 2000 a second.", "remedy": "Wait."}"#;
    let registry = FakeRegistry::start(move |_| {
        let mut refused = response(429, body);
        refused.headers_mut().insert("retry-after", "7".parse().unwrap());
        refused.headers_mut().insert("x-correlator", "c-01m83vvccg".parse().unwrap());
        refused
    })
    .await;
    let error = registry.client().participant(Whose::Mine).await.unwrap_err();
    let Error::Refused { status, problem, correlator, retry_after } = &error else {
        panic!("{error}")
    };
    assert_eq!((*status, problem.code.as_str()), (429, "rate_limited"));
    assert_eq!(correlator.as_deref(), Some("c-01m83vvccg"));
    assert_eq!(*retry_after, Some(Duration::from_secs(7)));
    assert_eq!(
        error.to_string(),
        "Too many requests. More than 2000 a second. Wait. [rate_limited, c-01m83vvccg]"
    );
    assert_eq!(error.class(), Class::Unavailable);
}

#[tokio::test]
async fn errors_fall_into_the_classes_of_the_exit_codes() {
    let problem = r#"{"title": "t", "code": "c"}"#;
    let cases = [
        (401, problem, Class::Forbidden),
        (403, problem, Class::Forbidden),
        (404, problem, Class::Failed),
        (422, problem, Class::Failed),
        (429, problem, Class::Unavailable),
        (500, problem, Class::Failed),
        (503, problem, Class::Unavailable),
        (502, "<h1>Bad Gateway", Class::Unavailable),
        (200, "<h1>Welcome to this hotel", Class::Failed),
        (302, "", Class::Failed),
    ];
    for (status, body, class) in cases {
        let registry = FakeRegistry::answering(status, body).await;
        let error = registry.client().participant(Whose::Mine).await.unwrap_err();
        assert_eq!(error.class(), class, "{status}");
        assert_eq!(error.code().is_some(), body == problem, "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_understood_is_not_repeated() {
    let body = r#"{"items": [{"account_ref": "u-1", "outcome": "accepted", "handle": "hush"}]}"#;
    let registry = FakeRegistry::answering(200, body).await;
    let error = registry.client().unbind(&["u-1"]).await.unwrap_err();
    let Error::NotOurs { status: 200, why } = &error else { panic!("{error}") };
    assert!(!why.contains("hush") && !error.to_string().contains("u-1"), "{error}");
}
