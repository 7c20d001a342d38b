//! The sender in front of real receivers that misbehave. Deadlines are short; bounds on wall time
//! are generous.

#![expect(clippy::disallowed_types, reason = "hyper's bodies are made of bytes; these go out")]

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};
use vacate::delivery::sender::{Resolver, Sender, SenderConfig};
use vacate::domain::address::AllowedNetworks;
use vacate::domain::attempt::{FailureKind, Outcome, RetryAfter};

use crate::webhooks::receiver::{Receiver, hear, ok};

const CERTIFICATE: &str = include_str!("fixtures/receiver.pem");
const EXPIRED: &str = include_str!("fixtures/expired.pem");
const BODY: &str = r#"{"type":"endpoint.test"}"#;
const DEADLINE: Duration = Duration::from_secs(1);
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A sender that may call these networks, and to which every name means loopback.
fn sender_into(networks: &[&str]) -> Sender {
    sender_with(networks, |_| vec![HERE])
}

fn sender_with(
    networks: &[&str],
    answer: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static,
) -> Sender {
    let root = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
    Sender::new(SenderConfig {
        attempt_max: DEADLINE,
        answer_bytes_max: 64 * 1024,
        allowed_networks: AllowedNetworks::new(networks),
        extra_roots: vec![root(CERTIFICATE), root(EXPIRED)],
        resolver: Resolver::Given(Box::new(answer)),
    })
}

async fn post(sender: &Sender, url: &str) -> Outcome {
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", HeaderValue::from_static("msg_1"));
    sender.post(url, headers, Bytes::from_static(BODY.as_bytes())).await
}

/// Posts once to `receiver`, within the deadline and a generous rest.
async fn post_once(receiver: &Receiver) -> Outcome {
    let began = Instant::now();
    let outcome = post(&sender_into(&["127.0.0.0/8"]), &receiver.url()).await;
    assert!(began.elapsed() < DEADLINE * 3, "took {:?}", began.elapsed());
    outcome
}

fn answered(status: u16, answer: &str) -> Outcome {
    Outcome::Answered { status, answer: answer.to_owned(), retry_after: None }
}

#[tokio::test]
async fn a_message_arrives_as_it_was_signed() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nthanks").await;
    assert_eq!(post_once(&receiver).await, answered(200, "thanks"));
    let request = receiver.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, BODY);
    let mut lines: Vec<_> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /hook HTTP/1.1");
    lines.sort_unstable();
    let agent = concat!("user-agent: vacate/", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        lines,
        [
            "content-length: 24",
            "content-type: application/json",
            &format!("host: {}", receiver.address),
            agent,
            "webhook-id: msg_1",
        ]
    );
}

#[tokio::test]
async fn the_answer_is_reported_with_its_status() {
    for (answer, expected) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", answered(204, "")),
        (
            "HTTP/1.1 500 Oh\r\ncontent-length: 13\r\n\r\nupstream down",
            answered(500, "upstream down"),
        ),
        ("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", answered(410, "")),
        (
            "HTTP/1.1 429 Later\r\nretry-after: 31536000\r\ncontent-length: 0\r\n\r\n",
            Outcome::Answered {
                status: 429,
                answer: String::new(),
                retry_after: Some(RetryAfter::Seconds(31_536_000)),
            },
        ),
    ] {
        assert_eq!(post_once(&Receiver::answering(answer).await).await, expected);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let canary = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let location = canary.url();
    for status in ["301", "302", "303", "307", "308"] {
        let location = location.clone();
        let receiver = Receiver::start(move |mut stream, _| {
            let answer = format!(
                "HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
            );
            async move {
                hear(&mut stream).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
                pending::<()>().await;
            }
        })
        .await;
        assert_eq!(post_once(&receiver).await, answered(status.parse().unwrap(), ""));
    }
    assert_eq!(canary.connections(), 0);
}

/// Hears the request, sends `begin` at once, then `drip` ten times a second for ever.
async fn dripping(begin: &'static str, drip: &'static str) -> Receiver {
    Receiver::start(move |mut stream, _| async move {
        hear(&mut stream).await;
        stream.write_all(begin.as_bytes()).await.unwrap();
        while stream.write_all(drip.as_bytes()).await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await
}

#[tokio::test]
async fn an_attempt_ends_in_time_however_slow_the_answer() {
    let late = Outcome::Failed(FailureKind::Timeout);
    // Nothing at all; a head, a body, informational answers that drip for ever.
    assert_eq!(post_once(&dripping("", "").await).await, late);
    assert_eq!(post_once(&dripping("HTTP/1.1 200 OK\r\nx: ", "x").await).await, late);
    assert_eq!(post_once(&dripping("", "HTTP/1.1 100 Continue\r\n\r\n").await).await, late);
    let body = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
    assert_eq!(post_once(&dripping(body, "x").await).await, late);
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(post_once(&dripping(chunks, "1\r\nx\r\n").await).await, late);
}

#[tokio::test]
async fn a_failure_is_believed_though_its_body_never_ends() {
    let begin = "HTTP/1.1 503 Busy\r\nretry-after: 120\r\ncontent-length: 1000\r\n\r\nbusy";
    let expected = Outcome::Answered {
        status: 503,
        answer: "busy".to_owned(),
        retry_after: Some(RetryAfter::Seconds(120)),
    };
    assert_eq!(post_once(&dripping(begin, "").await).await, expected);
}

#[tokio::test]
async fn of_an_endless_answer_64_kib_are_read() {
    for head in
        ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n"]
    {
        let written = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&written);
        let receiver = Receiver::start(move |mut stream, notes| {
            let counter = Arc::clone(&counter);
            async move {
                hear(&mut stream).await;
                stream.write_all(head.as_bytes()).await.unwrap();
                while let Ok(bytes) = stream.write(&[b'x'; 16 * 1024]).await {
                    counter.fetch_add(bytes, Ordering::SeqCst);
                }
                notes.lock().unwrap().push("hung up".to_owned());
            }
        })
        .await;
        assert_eq!(post_once(&receiver).await, answered(200, &"x".repeat(1024)));
        sleep(Duration::from_millis(100)).await;
        assert_eq!(receiver.requests(), ["hung up"]);
        // The rest fits into the buffers of two sockets; nothing of it was read.
        let written = written.load(Ordering::SeqCst);
        assert!(written < 16 << 20, "{written} bytes were taken");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_whole_http_is_no_delivery() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nbad",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "200 OK",
        "<html>",
        "",
        "\0\0\0\0",
        "SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let receiver = Receiver::start(move |mut stream, _| async move {
            hear(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let outcome = post_once(&receiver).await;
        assert_eq!(outcome, Outcome::Failed(FailureKind::BadAnswer), "{answer:?}");
    }
}

#[tokio::test]
async fn a_reset_amid_the_body_is_no_delivery() {
    let receiver = Receiver::start(|mut stream, _| async move {
        hear(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
        sleep(Duration::from_millis(50)).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    assert_eq!(post_once(&receiver).await, Outcome::Failed(FailureKind::BadAnswer));
}

#[tokio::test]
async fn a_head_is_read_up_to_16_kib() {
    for (bytes, expected) in [
        (12 * 1024, answered(200, "")),
        (17 * 1024, Outcome::Failed(FailureKind::BadAnswer)),
        (1 << 24, Outcome::Failed(FailureKind::BadAnswer)),
    ] {
        let receiver = Receiver::start(move |mut stream, _| async move {
            hear(&mut stream).await;
            let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n", "x".repeat(bytes));
            let answer = head + "content-length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.ok();
        })
        .await;
        assert_eq!(post_once(&receiver).await, expected);
    }
}

#[tokio::test]
async fn nothing_is_decompressed() {
    let receiver = Receiver::answering(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x0b\x08\x00",
    )
    .await;
    assert_eq!(post_once(&receiver).await, answered(200, r"\u{1f}\u{b}\u{8}\u{0}"));
}

#[tokio::test]
async fn closed_silent_and_plain_ports_look_alike() {
    let sender = sender_into(&["127.0.0.0/8"]);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let silent = Receiver::start(|_stream, _| pending()).await;
    let plain = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for (address, kind) in [
        (closed, FailureKind::Connection),
        (silent.address, FailureKind::Tls),
        (plain.address, FailureKind::Tls),
    ] {
        let outcome = post(&sender, &format!("https://hooks.test:{}/", address.port())).await;
        let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.text(), kind.text());
    }
}

#[tokio::test]
async fn tls_is_spoken_with_whom_the_certificate_names() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let receiver = Receiver::answering_tls(CERTIFICATE, answer).await;
    let expired = Receiver::answering_tls(EXPIRED, answer).await;
    let sender = sender_into(&["127.0.0.0/8"]);
    let (port, expired_port) = (receiver.address.port(), expired.address.port());
    for (host, port, expected) in [
        ("hooks.test", port, answered(200, "")),
        ("127.0.0.1", port, answered(200, "")),
        ("other.test", port, Outcome::Failed(FailureKind::Tls)),
        ("127.0.0.2", port, Outcome::Failed(FailureKind::Connection)),
        ("hooks.test", expired_port, Outcome::Failed(FailureKind::Tls)),
    ] {
        assert_eq!(post(&sender, &format!("https://{host}:{port}/")).await, expected, "{host}");
    }
    let distrustful = Sender::new(SenderConfig {
        attempt_max: DEADLINE,
        answer_bytes_max: 1024,
        allowed_networks: AllowedNetworks::new(vec!["127.0.0.0/8".parse().unwrap()]),
        extra_roots: Vec::new(),
        resolver: Resolver::System,
    });
    let url = format!("https://127.0.0.1:{port}/");
    assert_eq!(post(&distrustful, &url).await, Outcome::Failed(FailureKind::Tls));
}

#[tokio::test]
async fn a_name_that_resolves_inside_is_not_called() {
    let canary = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let port = canary.address.port();
    for inside in ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "::", "::1", "10.0.0.1"] {
        let sender = sender_with(&[], move |_| vec![inside.parse().unwrap(); 3]);
        for name in ["rebind.test", "127.0.0.1.nip.test", "metadata"] {
            let outcome = post(&sender, &format!("https://{name}:{port}/")).await;
            assert_eq!(outcome, Outcome::Failed(FailureKind::AddressNotAllowed), "{name}");
        }
    }
    // Stored when the setting was wider, or written into the database by hand.
    let outcome = post(&sender_into(&[]), &canary.url()).await;
    assert_eq!(outcome, Outcome::Failed(FailureKind::AddressNotAllowed));
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let canary = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let lookups = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&lookups);
    // Allowed and refused by turns; nobody listens at the allowed one.
    let sender = sender_with(&["127.0.0.99/32"], move |_| {
        let turn = counter.fetch_add(1, Ordering::SeqCst);
        vec![["127.0.0.99", "127.0.0.1"][turn % 2].parse().unwrap()]
    });
    for turn in 0..500 {
        let url = format!("https://rebind.test:{}/", canary.address.port());
        let kind = [FailureKind::Connection, FailureKind::AddressNotAllowed][turn % 2];
        assert_eq!(post(&sender, &url).await, Outcome::Failed(kind));
    }
    assert_eq!((lookups.load(Ordering::SeqCst), canary.connections()), (500, 0));
}

#[tokio::test]
async fn of_several_addresses_only_the_allowed_are_tried() {
    let receiver = Receiver::answering_tls(CERTIFICATE, "HTTP/1.1 204 No\r\n\r\n").await;
    let sender = sender_with(&["127.0.0.0/8"], |_| {
        ["10.0.0.1", "::1", "127.0.0.77", "127.0.0.1"]
            .map(|address| address.parse().unwrap())
            .into()
    });
    let url = format!("https://hooks.test:{}/", receiver.address.port());
    assert_eq!(post(&sender, &url).await, answered(204, ""));
    assert_eq!(receiver.connections(), 1);
}

/// A port of 127.0.0.2 that swallows connections as a firewall would: its backlog is full.
async fn filtered(port: u16) -> (TcpListener, Vec<JoinHandle<std::io::Result<TcpStream>>>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], port).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let waiting = (0..4).map(|_| tokio::spawn(TcpStream::connect(address))).collect();
    sleep(Duration::from_millis(100)).await;
    (listener, waiting)
}

#[tokio::test]
async fn a_filtered_port_is_no_connection_and_does_not_hide_the_next_address() {
    let receiver = Receiver::answering_tls(CERTIFICATE, "HTTP/1.1 204 No\r\n\r\n").await;
    let port = receiver.address.port();
    let _filtered = filtered(port).await;
    let sender = sender_with(&["127.0.0.0/8"], |name| match name {
        "filtered.test" => vec![[127, 0, 0, 2].into()],
        _ => vec![[127, 0, 0, 2].into(), HERE],
    });
    let outcome = post(&sender, &format!("https://filtered.test:{port}/")).await;
    assert_eq!(outcome, Outcome::Failed(FailureKind::ConnectTimeout));
    let outcome = post(&sender, &format!("https://hooks.test:{port}/")).await;
    assert_eq!(outcome, answered(204, ""));
}

#[tokio::test]
async fn of_a_thousand_addresses_four_are_tried() {
    let receiver = Receiver::start(|_stream, _| async {}).await;
    let sender = sender_with(&["127.0.0.0/8"], |_| {
        (1..=250).map(|last| IpAddr::from([127, 0, 0, 250 - last])).chain([HERE; 750]).collect()
    });
    let outcome = post(&sender, &format!("https://many.test:{}/", receiver.address.port())).await;
    assert_eq!(outcome, Outcome::Failed(FailureKind::Connection));
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_no_connection_anywhere() {
    let outcome = post(&sender_with(&[], |_| Vec::new()), "https://nowhere.test/").await;
    assert_eq!(outcome, Outcome::Failed(FailureKind::NameNotFound));
    let system = Sender::new(SenderConfig {
        attempt_max: Duration::from_secs(10),
        answer_bytes_max: 1024,
        allowed_networks: AllowedNetworks::default(),
        extra_roots: Vec::new(),
        resolver: Resolver::System,
    });
    // RFC 6761: .invalid never exists; localhost is what it is.
    let outcome = post(&system, "https://nowhere.invalid/").await;
    assert_eq!(outcome, Outcome::Failed(FailureKind::NameNotFound));
    let outcome = post(&system, "https://localhost/").await;
    assert_eq!(outcome, Outcome::Failed(FailureKind::AddressNotAllowed));
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let receiver =
        Receiver::answering_tls(CERTIFICATE, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await;
    let sender = sender_into(&["127.0.0.0/8"]);
    let url = format!("https://hooks.test:{}/", receiver.address.port());
    for _ in 0..20 {
        assert_eq!(post(&sender, &url).await, answered(200, "ok"));
    }
    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 20));
}

#[tokio::test]
async fn a_connection_that_the_receiver_closed_meanwhile_costs_no_attempt() {
    // Closed while idle; and closed when the next request was already on its way.
    for wait_for_next in [false, true] {
        let receiver = Receiver::start(move |mut stream, _| async move {
            hear(&mut stream).await;
            stream.write_all(ok("once").as_bytes()).await.unwrap();
            match wait_for_next {
                true => drop(hear(&mut stream).await),
                false => sleep(Duration::from_millis(20)).await,
            }
        })
        .await;
        let sender = sender_into(&["127.0.0.0/8"]);
        for _ in 0..4 {
            assert_eq!(post(&sender, &receiver.url()).await, answered(200, "once"));
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(receiver.connections(), 4);
    }
}

#[tokio::test]
async fn a_connection_with_an_unfinished_answer_is_not_used_again() {
    let receiver = dripping("HTTP/1.1 500 Oh\r\ncontent-length: 1000\r\n\r\n", "x").await;
    let sender = sender_into(&["127.0.0.0/8"]);
    for _ in 0..2 {
        let Outcome::Answered { status: 500, .. } = post(&sender, &receiver.url()).await else {
            panic!("the status counts");
        };
    }
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn many_messages_at_once_all_arrive() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let sender = Arc::new(sender_into(&["127.0.0.0/8"]));
    let mut posts = JoinSet::new();
    for _ in 0..100 {
        let (sender, url) = (Arc::clone(&sender), receiver.url());
        posts.spawn(async move { post(&sender, &url).await });
    }
    for outcome in posts.join_all().await {
        assert_eq!(outcome, answered(200, ""));
    }
    assert_eq!(receiver.requests().len(), 100);
}
