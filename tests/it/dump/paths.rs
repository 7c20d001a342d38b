//! Numbers where they belong: published, bound, checked, acknowledged, cleared, listed, as digest,
//! token and handle, by calls and by commands.

use std::time::{Duration, Instant};

use hyper::Request;
use vacate::client::Client;
use vacate::client::app::{Acknowledgement, ToBind};
use vacate::client::carrier::Event;
use vacate::client::check::Question;
use vacate::client::endpoints::DeliveryFilter;
use vacate::client::keys::{KeyWish, Whose};
use vacate::client::number::Directory;
use vacate::clock::Clock;
use vacate::domain::binding::Did;
use vacate::domain::event::EventType;
use vacate::domain::number::{E164, NumberText};
use vacate::domain::time::{DAY, Moment, Stated};

use super::needles::Sort;
use super::run::Run;

/// Numbers of one batch.
const BATCH: usize = 500;
/// How long a webhook may take to come.
const PATIENCE: Duration = Duration::from_secs(120);

/// A number on its way: its texts, and what app and carrier call it.
struct Way {
    e164: E164,
    digest: NumberText,
    tokens: [NumberText; 2],
    account: String,
    event: String,
}

impl Way {
    /// The digest, or a token of one of the epochs, in turn.
    fn text(&self, turn: usize) -> NumberText {
        match turn % 4 {
            0 | 2 => self.digest,
            1 => self.tokens[0],
            _ => self.tokens[1],
        }
    }
}

/// So many days ago.
fn ago(days: u32) -> Moment {
    Moment::from_seconds(Clock::System.now().seconds() - days * DAY)
}

/// Sends `count` numbers through every call that takes one, most of them under +883.
pub async fn calls(run: &mut Run, count: usize) {
    let mut sent = 0;
    while sent < count {
        let batch = ways(run, BATCH.min(count - sent));
        sent += batch.len();
        evaluated(run, &batch).await;
        bound_and_checked(run, &batch).await;
        lost_and_acknowledged(run, &batch, sent).await;
    }
    looked_at(run).await;
}

fn ways(run: &mut Run, count: usize) -> Vec<Way> {
    let way = |n: usize| {
        let subject = if n.is_multiple_of(8) {
            run.subjects.ordinary("sent")
        } else {
            run.subjects.long("sent")
        };
        let (e164, digest, tokens) = (subject.e164.clone(), subject.digest, subject.tokens);
        let account = run.name(Sort::AccountRef, "account ", "an account");
        let event = run.name(Sort::EventId, "event/", "an event");
        Way { e164, digest, tokens, account, event }
    };
    (0..count).map(way).collect()
}

/// The oblivious path ends at the tokens that the test computed from the seeds.
async fn evaluated(run: &mut Run, batch: &[Way]) {
    let numbers: Vec<E164> = batch.iter().map(|way| way.e164.clone()).collect();
    let tokens = Directory::new(&run.people.app).tokens(&numbers).await.expect("evaluated");
    assert!(tokens.iter().zip(batch).all(|(token, way)| *token == way.tokens[1]));
}

async fn bound_and_checked(run: &mut Run, batch: &[Way]) {
    let put = |(n, way): (usize, &Way)| ToBind::new(way.account.clone(), way.text(n), ago(30));
    let puts: Vec<ToBind> = batch.iter().enumerate().map(put).collect();
    let bound = run.people.app.bind(&puts).await.expect("bound");
    let by_other = run.people.other.bind(&puts[..puts.len() / 8]).await.expect("bound");
    let mut questions = Vec::new();
    for (n, item) in bound.items.iter().enumerate() {
        let handle = item.told().expect("accepted").handle;
        run.remember_handle("a binding", &handle);
        let asked = batch[n].text(n + 1);
        questions.push(Question { number: asked, verified_at: Some(ago(30)) });
        questions.push(Question::from(handle));
    }
    for item in &by_other.items {
        run.remember_handle("another's binding", &item.told().expect("accepted").handle);
    }
    for some in questions.chunks(BATCH) {
        let checked = run.people.app.checks(some, None).await.expect("checked");
        assert!(checked.items.iter().all(|item| item.told.is_ok()), "each can be judged");
    }
    for question in questions.iter().take(4) {
        run.people.app.check(*question, None).await.told.expect("checked");
    }
}

async fn lost_and_acknowledged(run: &mut Run, batch: &[Way], all: usize) {
    let stated = Stated::At(ago(1));
    let lost = batch.iter().enumerate().map(|(n, way)| {
        Event::new(way.event.clone(), EventType::Disconnected, way.text(n + 3), stated)
    });
    let lost: Vec<Event> = lost.collect();
    let published = run.people.carrier.publish(&lost, Some(Clock::System.now())).await;
    // Batches of several calling codes have no `through`.
    let published = match published {
        Ok(published) => published,
        Err(_) => run.people.carrier.publish(&lost, None).await.expect("published"),
    };
    assert_eq!(published.summary.rejected, 0);
    run.people.receiver.seen_at_least(all, PATIENCE).await.expect("all messages come");

    let did = batch.iter().map(|way| Acknowledgement::new(way.account.clone(), Did::Frozen));
    let did: Vec<Acknowledgement> = did.collect();
    let acknowledged = run.people.app.acknowledge(&did).await.expect("acknowledged");
    assert_eq!(acknowledged.summary.rejected, 0);
    let asked: Vec<NumberText> = batch.iter().enumerate().map(|(n, way)| way.text(n)).collect();
    run.people.carrier.clearance(&asked, None).await.expect("answered");
    let removed: Vec<&str> = batch.iter().step_by(9).map(|way| way.account.as_str()).collect();
    run.people.app.unbind(&removed).await.expect("removed");
}

/// Reads everything that can be read, and turns keys and secrets.
async fn looked_at(run: &mut Run) {
    let people = &run.people;
    let account = people.app.bindings().page(Some(1), None).await.expect("a list").items;
    let account = account[0].duty.account_ref.clone();
    people.app.binding(&account).await.expect("answered");
    for path in ["/v1/duties?open=true", "/v1/deliveries?limit=1000", "/v1/endpoints"] {
        for client in [&people.app, &people.other] {
            let request = Request::get(path).body(String::new()).expect("a request");
            assert_eq!(run.send(client, request).await.status, 200, "{path}");
        }
    }
    people.admin.status().await.expect("a status");
    let answer = an_answer(&people.other).await;
    assert!(answer.contains("no such account"), "what is sealed is opened again: {answer}");
    let rotated = people.app.rotate_secret(&people.endpoint, None).await.expect("rotated");
    let issued = people.app.issue_key(Whose::Mine, &KeyWish::new("second")).await.expect("a key");
    let (secret, key) = (rotated.secret.text(), issued.text);
    run.remember(Sort::Secret, "the second webhook secret", secret.as_bytes());
    run.remember(Sort::Secret, "skyfare's second API key", key.expose().as_bytes());
}

/// What a receiver answered to the first message that was tried.
async fn an_answer(app: &Client) -> String {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let all = app.deliveries(DeliveryFilter::default()).all().await.expect("a list");
        for one in all.iter().rev() {
            let attempts = app.delivery(&one.id).await.expect("one").attempts;
            if let Some(answer) = attempts.into_iter().find_map(|attempt| attempt.answer) {
                return answer;
            }
        }
    }
    panic!("no message is tried");
}

/// The same by commands, from files of plain numbers, some of which can't be read.
pub fn commands(run: &mut Run) {
    let (carrier, app) = (run.people.keys.carrier.clone(), run.people.keys.app.clone());
    let mut accounts = "account_ref,number,verified_at\n".to_owned();
    let mut events = "id,type,number,effective_on\n".to_owned();
    let mut did = "account_ref,did\n".to_owned();
    for n in 0..8 {
        let account = run.name(Sort::AccountRef, "row ", "a row of a file");
        let event = run.name(Sort::EventId, "line/", "a line of a file");
        let told = format!("in a file, {n}");
        let subject = run.subjects.ordinary(&told);
        let (plain, spaced) = (subject.e164.as_str(), format!("0{}", subject.national));
        accounts += &format!("{account},{plain},2026-02-14T21:20:00Z\n");
        events += &format!("{event},disconnected,{plain},2026-10-20\n");
        did += &format!("{account},frozen\n");
        // Each in a cell that isn't its own.
        accounts += &match n % 4 {
            0 => format!("{account}-,{spaced},2026-02-14T21:20:00Z\n"),
            1 => format!("{account}-,{plain},{plain}\n"),
            2 => format!("{account}-,{plain} {plain},2026-02-14\n"),
            _ => format!("{account}-,\"{plain}\n"),
        };
        events += &match n % 4 {
            0 => format!("{event}-,{plain},{plain},2026-10-20\n"),
            1 => format!("{event}-,held,{plain},{plain}\n"),
            2 => format!("{event} {plain},held,{plain},2026-10-20\n"),
            _ => format!("{event}-,held,{plain},2026-10-20,{plain}\n"),
        };
        did += &format!("{account},{plain}\n");
    }
    let number = run.subjects.long("as a command's argument").e164.as_str().to_owned();
    let wrong = run.subjects.ordinary("as a command's wrong argument").national.clone();
    let column = run.subjects.ordinary("as a column's name").e164.as_str().to_owned();
    for (name, text) in [("accounts", &accounts), ("events", &events), ("did", &did)] {
        std::fs::write(run.path(&format!("{name}.csv")), text).expect("written");
    }
    let headed = format!("{column},number\n{number},{number}\n");
    std::fs::write(run.path("headed.csv"), headed).expect("written");

    run.command(&app, &["bind", "accounts.csv"]);
    run.command(&carrier, &["publish", "events.csv"]);
    run.command(&app, &["ack", "did.csv"]);
    run.command(&carrier, &["clearance", "events.csv"]);
    run.command(&app, &["number", "digest", "--csv", "accounts.csv", "--column", "number"]);
    run.command(&app, &["number", "digest", "--csv", "headed.csv", "--column", &column]);
    run.command(&app, &["number", "digest", "--csv", "headed.csv", "--column", "phone"]);
    run.command(&app, &["-v", "number", "digest", &number]);
    for asked in [&number, &wrong, &format!("0{wrong}"), &format!("+0{wrong}")] {
        run.command(&app, &["check", asked, "--verified-at", "2026-02-14T21:20:00Z"]);
    }
    run.command(&app, &["check", &number, "--verified-at", &wrong]);
}
