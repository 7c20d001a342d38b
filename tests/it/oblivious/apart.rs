//! An evaluator and a registry as two processes, each with one half of a key file, beside one process
//! that has all of it.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use vacate::client::admin::Enrolment;
use vacate::client::app::ToBind;
use vacate::client::carrier::Event;
use vacate::client::check::Question;
use vacate::client::keys::{KeyWish, Whose};
use vacate::client::number::Directory;
use vacate::client::{Client, Error};
use vacate::clock::Clock;
use vacate::config::{Config, Flag};
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::number::{E164, NumberText};
use vacate::domain::time::{DAY, Moment, Stated};
use vacate::entropy::Entropy;
use vacate::keys::Keys;
use vacate::server::{self, Migrate, examine};

use super::secrets::{found, must_not_be_in, secrets};
use crate::support::cast::Desk;
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::germany;
use crate::support::program::Program;
use crate::support::world::run;

const NUMBERS: [&str; 3] = ["+491701234567", "+491701234568", "+491701234569"];
const BINARY: &str = env!("CARGO_BIN_EXE_vacate");

/// The three processes and their databases.
struct Apart {
    alone: (TestDatabase, Program),
    evaluator: (TestDatabase, Program),
    registry: (TestDatabase, Program),
}

impl Apart {
    fn start(kind: Kind) -> Apart {
        let [whole, first, second] = [(); 3].map(|()| TestDatabase::new(kind));
        let alone = Program::start(&whole);
        split(&whole, [&first, &second], "http://127.0.0.1:9");
        let evaluator = Program::start_with(&first, &[("VACATE_SERVER_ROLE", "evaluator")]);
        // Where it listens is known now. What is its own it keeps.
        split(&whole, [&first, &second], &evaluator.url);
        let registry = Program::start_with(&second, &[("VACATE_SERVER_ROLE", "registry")]);
        Apart { alone: (whole, alone), evaluator: (first, evaluator), registry: (second, registry) }
    }

    fn split_again(&self) {
        let halves = [&self.evaluator.0, &self.registry.0];
        split(&self.alone.0, halves, &self.evaluator.1.url);
    }

    /// A client of the registry that has a key for the evaluator as well.
    async fn with_both(&self, client: &Client, name: &str) -> Client {
        let desk = self.evaluator.1.desk();
        desk.admin.enrol(name, &Enrolment::app(name, 1_000)).await.unwrap();
        let issued = desk.admin.issue_key(Whose::Of(name), &KeyWish::new("test")).await.unwrap();
        client.clone().with_evaluator_key(issued.text)
    }
}

/// `vacate` on the machine where the whole key file lies.
fn vacate(whole: &TestDatabase, args: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(args).env_clear().env("VACATE_KEYS_FILE", whole.key_file());
    command.output().expect("it runs")
}

fn split(whole: &TestDatabase, halves: [&TestDatabase; 2], url: &str) {
    let [evaluator, registry] = halves.map(|half| half.key_file().display().to_string());
    let files = ["--evaluator", &evaluator, "--registry", &registry];
    let args = [&["keys", "split", "--evaluator-url", url][..], &files].concat();
    let ran = vacate(whole, &args);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

fn days_ago(days: u32) -> Moment {
    Moment::from_seconds(Clock::System.now().seconds() - DAY * days)
}

/// A carrier, an app, three bound accounts and a lost number, all by these tokens; what is answered.
async fn story(desk: &Desk, tokens: &[NumberText]) -> Vec<String> {
    let (carrier, app) = (desk.carrier("northtel").await, desk.app("skyfare").await);
    let mut handles = Vec::new();
    for (n, token) in tokens.iter().enumerate() {
        let put = ToBind::new(format!("u-{n}"), *token, days_ago(100));
        handles.push(app.puts(put).await.unwrap().handle);
    }
    let lost = Event::new("e-1", Disconnected, tokens[0], Stated::At(days_ago(1)));
    carrier.client.publish(&[lost], None).await.unwrap().items[0].told().unwrap();
    let mut answers = vec![app.hears().await];
    for (handle, token) in handles.into_iter().zip(tokens) {
        answers.push(app.checks(handle).await);
        let question = Question { number: *token, verified_at: Some(days_ago(50)) };
        let told = app.client.check(question, None).await.told.unwrap();
        answers.push(format!("{} {}", told.answer.text(), told.reason.unwrap_or_default()));
        let cleared = carrier.client.clearance(&[*token], None).await.unwrap();
        answers.push(format!("{:?}", cleared.items[0].clearance));
    }
    answers
}

fn numbers() -> Vec<E164> {
    NUMBERS.iter().map(|number| number.parse().unwrap()).collect()
}

async fn raw(client: &Client, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = hyper::Request::builder().method(method).uri(path);
    let answer = client.raw(request.body(body.to_string()).unwrap()).await.unwrap();
    (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default())
}

on_both_databases! {
    fn two_processes_answer_as_one_does(kind: Kind) {
        run(async {
            let apart = Apart::start(kind);
            let (alone, registry) = (apart.alone.1.desk(), apart.registry.1.desk());
            let both = apart.with_both(&registry.admin, "skyfare").await;
            let tokens = Directory::new(&both).tokens(&numbers()).await.unwrap();
            let same = Directory::new(&alone.admin).tokens(&numbers()).await.unwrap();
            assert_eq!(tokens, same);
            let answers = story(&registry, &tokens).await;
            assert_eq!(answers, story(&alone, &tokens).await);
            assert_eq!(answers[0], "account.freeze_requested u-0 #1 disconnected");
            assert_eq!(answers[1], "freeze changed disconnected");
            assert_eq!(answers[4], "allow unchanged no_change");

            // The test numbers too, though no number can be hashed there.
            let tests = ["+9990000001", "+9990000002"].map(|number| number.parse().unwrap());
            let tokens = Directory::new(&both).tokens(&tests).await.unwrap();
            for (desk, name) in [(&alone, "skyfare"), (&registry, "skyfare")] {
                let client = desk.key(name, None).await;
                for (token, answer) in tokens.iter().zip(["unchanged", "changed"]) {
                    let question = Question { number: *token, verified_at: Some(days_ago(50)) };
                    let told = client.check(question, None).await.told.unwrap();
                    assert_eq!(told.answer.text(), answer);
                }
            }
        });
    }

    fn what_belongs_to_the_other_process_is_refused_and_says_where_to_go(kind: Kind) {
        run(async {
            let apart = Apart::start(kind);
            let (evaluator, registry) = (apart.evaluator.1.desk(), apart.registry.1.desk());
            let app = registry.app("skyfare").await;
            let entry = app.client.directory(germany()).await.unwrap();
            assert_eq!(entry.evaluator.as_deref(), Some(apart.evaluator.1.url.as_str()));
            let digest = entry.directory_key.digest(&numbers()[0]);
            let at = days_ago(50).to_string();
            let check = json!({"number": digest, "verified_at": at});
            let (status, told) = raw(&app.client, "POST", "/v1/check", check).await;
            assert_eq!((status, &told["code"]), (422, &json!("digest_not_accepted")), "{told}");
            assert_eq!(told["advice"], "step_up");
            assert!(told["detail"].as_str().unwrap().ends_with(&apart.evaluator.1.url), "{told}");
            let put = json!({"account_ref": "u-1", "number": digest, "verified_at": at});
            let (_, told) = raw(&app.client, "POST", "/v1/bindings", json!({"items": [put]})).await;
            assert_eq!(told["items"][0]["error"]["code"], "digest_not_accepted", "{told}");

            let key_id = entry.calling_codes[0].epochs[0].key_id;
            let evaluation = json!({"calling_code": "49", "key_id": key_id, "numbers": [digest]});
            let (status, told) = raw(&app.client, "POST", "/v1/evaluate", evaluation.clone()).await;
            assert_eq!((status, &told["code"]), (404, &json!("not_found")), "{told}");
            assert!(told["detail"].as_str().unwrap().ends_with(&apart.evaluator.1.url), "{told}");
            let (status, told) = raw(&evaluator.admin, "POST", "/v1/evaluate", evaluation).await;
            assert_eq!(status, 200, "{told}");
            for (method, path) in
                [("GET", "/v1/directory"), ("POST", "/v1/check"), ("POST", "/v1/events")]
            {
                let (status, told) = raw(&evaluator.admin, method, path, json!({})).await;
                assert_eq!((status, &told["code"]), (404, &json!("not_found")), "{path}: {told}");
            }

            // The registry's key isn't shown to the evaluator.
            let number = &numbers()[0];
            let keyless = Directory::new(&app.client).token(number).await;
            assert_eq!(keyless, Err(Error::NoEvaluatorKey));
            let both = apart.with_both(&app.client, "skyfare").await;
            assert!(Directory::new(&both).token(number).await.is_ok());
        });
    }

    fn an_epoch_comes_to_both_halves(kind: Kind) {
        run(async {
            let apart = Apart::start(kind);
            let (evaluator, registry) = (apart.evaluator.1.desk(), apart.registry.1.desk());
            let app = registry.app("skyfare").await;
            let both = apart.with_both(&app.client, "skyfare").await;
            let number = &numbers()[0];
            let old = Directory::new(&both).token(number).await.unwrap();
            let half = vacate(&apart.registry.0, &["epoch", "publish"]);
            assert!(String::from_utf8_lossy(&half.stderr).contains("this is a half"), "{half:?}");
            assert!(vacate(&apart.alone.0, &["epoch", "publish"]).status.success());
            apart.split_again();
            evaluator.admin.activate_epoch(2).await.unwrap();
            registry.admin.activate_epoch(2).await.unwrap();
            let new = Directory::new(&both).token(number).await.unwrap();
            assert_ne!(new, old);
            let since = days_ago(100);
            let bound = app.puts(ToBind::new("u-1", old, since)).await.unwrap();
            let again = app.puts(ToBind::new("u-1", new, since)).await.unwrap();
            assert_eq!(bound.handle, again.handle, "both reach one row");
        });
    }
}

on_both_databases! {
    fn a_registry_with_data_goes_on_with_half_of_its_keys(kind: Kind) {
        run(async {
            let whole = TestDatabase::new(kind);
            let mut before = Program::start(&whole);
            let app = before.desk().app("skyfare").await;
            let bound = app.binds("u-1", NUMBERS[0], "2025-06-01T12:00:00Z").await;
            let token = Directory::new(&app.client).token(&numbers()[0]).await.unwrap();
            before.kill();
            let evaluator = TestDatabase::new(kind);
            let half = TestDatabase::new(Kind::Sqlite);
            split(&whole, [&evaluator, &half], "https://tokens.example.net");
            fs::rename(half.key_file(), whole.key_file()).unwrap();
            let after = Program::start_with(&whole, &[("VACATE_SERVER_ROLE", "registry")]);
            let client = after.desk().key("skyfare", None).await;
            let again = [ToBind::new("u-1", token, "2025-06-01T12:00:00Z".parse().unwrap())];
            let again = client.bind(&again).await.unwrap();
            assert_eq!(again.items[0].told().unwrap().handle, bound.handle, "the same row");
            let checked = client.check(Question::from(bound.handle), None).await;
            assert!(checked.told.is_ok(), "{checked:?}");
        });
    }
}

#[test]
fn the_registry_has_no_key_of_tokens_or_elements_in_its_file_or_its_memory() {
    run(async {
        let apart = Apart::start(Kind::Sqlite);
        let desk = apart.registry.1.desk();
        let both = apart.with_both(&desk.admin, "skyfare").await;
        let tokens = Directory::new(&both).tokens(&numbers()).await.unwrap();
        story(&desk, &tokens).await;
        let tokens = Directory::new(&apart.alone.1.desk().admin).tokens(&numbers()).await.unwrap();
        story(&apart.alone.1.desk(), &tokens).await;

        let secrets = secrets(&apart.alone.0.key_file());
        must_not_be_in(&secrets, &fs::read(apart.registry.0.key_file()).unwrap());
        let [registry, alone] = [&apart.registry.1, &apart.alone.1].map(Program::memory);
        let (Some(registry), Some(alone)) = (registry, alone) else {
            // Not even a process of the same user may look: that is what the program asks for.
            return;
        };
        must_not_be_in(&secrets, &registry);
        assert!(found(&secrets, &alone) >= 4, "the search finds what is there");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_leaves_no_core_dump() {
    let database = TestDatabase::new(Kind::Sqlite);
    let limits = Program::start(&database).limits();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let numbers: Vec<&str> = core.split_whitespace().skip(4).collect();
    assert_eq!(numbers, ["0", "0", "bytes"], "{core}");
}

#[test]
fn a_half_that_leads_elsewhere_and_a_file_of_another_role_stop_the_start() {
    let whole = TestDatabase::new(Kind::Sqlite);
    drop(Program::start(&whole));
    let [first, second] = [(); 2].map(|()| TestDatabase::new(Kind::Sqlite));
    split(&whole, [&first, &second], "https://tokens.example.net");
    for (of, role, asked) in [
        (&whole, "all", "registry"),
        (&whole, "all", "evaluator"),
        (&first, "evaluator", "all"),
        (&first, "evaluator", "registry"),
        (&second, "registry", "all"),
        (&second, "registry", "evaluator"),
    ] {
        let key_file = of.key_file().display().to_string();
        let settings =
            [("server.role", asked), ("database.url", &of.url), ("keys.file", &key_file)];
        let flags = settings.map(|(setting, value)| Flag {
            name: "--test",
            setting,
            value: value.to_owned(),
        });
        let config = Config::load(None, [], &flags).unwrap();
        let expected = format!("it is for --role {role}, and this is --role {asked}");
        // What stops the start is what the doctor finds.
        let found = examine::key_file(&config).unwrap_err().to_string();
        assert!(found.contains(&expected), "{found}");
        let mut told = Vec::new();
        let opened =
            server::open(&config, Clock::System, Entropy::System, Migrate::AtStart, &mut told);
        let stopped = opened.err().expect("it doesn't start").to_string();
        assert!(stopped.contains(&expected), "{stopped}");
    }
    let half = fs::read_to_string(second.key_file()).unwrap();
    let keys = |code: &str| half.split_once(&format!("[codes.{code}]")).unwrap().1;
    let token = |code: &str| keys(code).lines().find(|line| line.starts_with("tokens.1")).unwrap();
    let wrong = half.replacen(token("49"), token("48"), 1);
    fs::write(second.key_file(), wrong).unwrap();
    let error = Keys::read(&second.key_file()).unwrap_err().to_string();
    assert!(
        error.ends_with("a key of tokens doesn't lead to the elements that it should"),
        "{error}"
    );
}
