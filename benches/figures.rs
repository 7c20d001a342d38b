//! First figures: what the parts cost, against one another in one run.
//!
//! `cargo bench` prints them. Machines are noisy: compare within a run, never between two.

#[path = "../tests/it/support/mod.rs"]
#[expect(dead_code, unused_macros, unused_imports, reason = "the harness of the tests, in part")]
mod support;

use std::hint::black_box;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hyper::Request;
use vacate::client::admin::Enrolment;
use vacate::client::app::ToBind;
use vacate::client::keys::{KeyWish, Whose};
use vacate::client::{ApiKey, Client};
use vacate::config::{Config, Flag};
use vacate::domain::event::{EventType, ParticipantId, Says, SealedId, Statement};
use vacate::domain::number::{E164, Guard, NumberId, NumberText};
use vacate::domain::policy::Policy;
use vacate::domain::seal::Handle;
use vacate::domain::sketch::Sketch;
use vacate::domain::summary::fold;
use vacate::domain::time::{DAY, Moment, Stated};
use vacate::domain::verdict::{Coverage, Facts, NotCovered, Scope, judge};
use vacate::entropy::Entropy;
use vacate::keys::{Keys, Secrets};
use vacate::registry::{Item, Publication, Report};
use vacate::server::{Parts, Server};

use crate::support::databases::{Kind, TestDatabase};
use crate::support::node::Node;

fn statements(count: u32) -> Vec<Statement> {
    (0..count)
        .map(|place| {
            let at = Stated::At(Moment::from_seconds(place * (5_000 * DAY / count)));
            let says = if place % 2 == 0 { Says::Disconnected(at) } else { Says::Reassigned(at) };
            let id = SealedId(place.to_be_bytes().to_vec());
            Statement { carrier: ParticipantId(1), id, says }
        })
        .collect()
}

fn rules(criterion: &mut Criterion) {
    let policy = Policy::default();
    for count in [2, 10, 50, 10_000] {
        let said = statements(count);
        criterion.bench_function(&format!("fold of {count} events"), |bench| {
            bench.iter(|| fold(black_box(&said), &policy));
        });
    }
    let summary = fold(&statements(4), &policy);
    let now = Moment::from_seconds(9_000 * DAY);
    let scope = Some(Scope { since: Moment::ZERO, through: now });
    let coverage = Coverage { scope, ..Coverage::default() };
    let facts = Facts { summary: &summary, coverage, dispute: None, policy: &policy, now };
    criterion.bench_function("judge", |bench| {
        bench.iter(|| judge(black_box(&facts), now.into(), NotCovered::StepUp));
    });
}

fn numbers(criterion: &mut Criterion) {
    let keys = Keys::new(Secrets::generate(&Entropy::repeatable(1)));
    let number: E164 = "+491701234567".parse().expect("a number");
    let digest = keys.directory().digest(&number);
    let ring = keys.ring();
    criterion.bench_function("digest to element", |bench| {
        bench.iter(|| ring.element(black_box(&digest), ring.element_generation()));
    });
    let handle =
        Handle { number_id: NumberId(1), guard: Guard([1; 4]), verified_at: 1_700_000_000 };
    let text = ring.seal_handle("skyfare", number.calling_code(), &handle);
    criterion.bench_function("handle: parse and open", |bench| {
        bench.iter(|| {
            let number: NumberText = black_box(&text).parse().expect("a handle");
            ring.open_handle("skyfare", &number)
        });
    });
}

/// What a budget's sketch costs a check by digest; a check by handle has none.
fn sketches(criterion: &mut Criterion) {
    let key = Entropy::repeatable(2).secret();
    let hash = |number: u64| {
        let mac = key.mac(&[&number.to_be_bytes()]);
        u64::from_be_bytes(mac[..8].try_into().expect("eight bytes"))
    };
    criterion.bench_function("sketch: keyed hash", |bench| bench.iter(|| hash(black_box(7))));
    for count in [400_u64, 3_000_000] {
        let mut sketch = Sketch::default();
        for number in 0..count {
            sketch.add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        }
        let other = sketch.clone();
        let again = hash(7);
        sketch.add(again);
        criterion.bench_function(&format!("sketch of {count}: add one that is there"), |bench| {
            bench.iter(|| sketch.add(black_box(again)));
        });
        criterion.bench_function(&format!("sketch of {count}: count"), |bench| {
            bench.iter(|| black_box(&sketch).count());
        });
        criterion.bench_function(&format!("sketch of {count}: merge"), |bench| {
            bench.iter(|| sketch.merge(black_box(&other)));
        });
    }
}

/// Events published one, a hundred and a thousand at a time, on both databases.
fn publishing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let carrier = node.carrier("northtel");
        let mut next = 0_u64;
        for size in [1, 100, 1_000] {
            group.throughput(Throughput::Elements(size));
            group.bench_function(format!("{kind:?}, {size} at a time"), |bench| {
                bench.iter(|| {
                    let items = (0..size).map(|_| {
                        next += 1;
                        report(&node, next)
                    });
                    let items = items.collect();
                    let publication = Publication { through: None, items };
                    node.registry.publish(&carrier, publication).expect("published")
                });
            });
        }
    }
    group.finish();
}

fn report(node: &Node, number: u64) -> Item<Report> {
    let report = Report {
        id: format!("e-{number}").parse().expect("an id"),
        event_type: EventType::Disconnected,
        number: node.digest(&format!("+4915{number:09}")),
        effective_at: Some("2026-11-23T09:00:00Z".parse().expect("a time")),
        effective_on: None,
        undoes: None,
    };
    Item { key: None, value: Ok(report) }
}

/// A check by handle over HTTP, beside a server of the same kind that sends back what it gets: one
/// connection, one request after another.
fn over_http(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("http");
    let (server, check) = runtime.block_on(checked_server());
    group.bench_function("check by handle", |bench| {
        bench.to_async(&runtime).iter(|| check.call());
    });
    let echo = runtime.block_on(echo_server(&check));
    group.bench_function("echo of the same body", |bench| {
        bench.to_async(&runtime).iter(|| echo.call());
    });
    group.finish();
    runtime.block_on(server.stop());
}

/// One request, again and again, over a connection that is kept.
struct Again {
    client: Client,
    request: Request<String>,
}

impl Again {
    async fn call(&self) {
        let answer = self.client.raw(self.request.clone()).await.expect("an answer");
        assert!(answer.status.is_success());
    }
}

async fn checked_server() -> (Server, Again) {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let flags = [
        ("server.listen", "127.0.0.1:0".to_owned()),
        ("database.url", format!("sqlite:{}", folder.join("data/vacate.db").display())),
        ("keys.file", folder.join("keys/vacate.keys").display().to_string()),
        ("limits.requests_per_second", "1000000".to_owned()),
    ];
    let flags = flags.map(|(setting, value)| Flag { name: "--bench", setting, value });
    let config = Config::load(None, [], &flags).expect("settings");
    let server = Server::start(&config, Parts::of_this_machine()).await.expect("a server");
    let admin = std::fs::read_to_string(folder.join("keys/admin.key")).expect("the admin's key");
    let client = Client::new(server.public_url()).expect("a client");
    let admin = client.clone().with_key(ApiKey::parse(admin.trim()).expect("a key"));
    admin.enrol("skyfare", &Enrolment::app("Skyfare", 1_000)).await.expect("enrolled");
    let issued = admin.issue_key(Whose::Of("skyfare"), &KeyWish::new("bench")).await;
    let app = client.with_key(issued.expect("a key").text);
    let number: E164 = "+9990000001".parse().expect("a number");
    let digest = server.registry().directory_key().digest(&number);
    let now = server.registry().clock().now();
    let bound = app.bind(&[ToBind::new("u-1", digest, now)]).await.expect("bound");
    let handle = bound.items[0].told().expect("accepted").handle.text();
    let request = Request::post("/v1/check")
        .header("content-type", "application/json")
        .body(format!("{{\"number\":\"{handle}\"}}"))
        .expect("a request");
    (server, Again { client: app, request })
}

async fn echo_server(like: &Again) -> Again {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let echo = |body: String| async move {
        HttpResponse::Ok().content_type("application/json").body(body)
    };
    let app = move || App::new().route("/v1/check", web::post().to(echo));
    let server = HttpServer::new(app).disable_signals().listen(listener).expect("listening").run();
    tokio::spawn(server);
    let client = Client::new(&url).expect("a client");
    Again { client, request: like.request.clone() }
}

criterion_group!(figures, rules, numbers, sketches, publishing, over_http);
criterion_main!(figures);
