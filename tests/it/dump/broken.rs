//! When things fail: what a registry says and keeps then. The same numbers come again, as nobody
//! knows what became of them.

use std::time::Duration;

use hyper::Request;
use vacate::client::Client;
use vacate::client::app::ToBind;
use vacate::client::carrier::Event;
use vacate::client::check::Question;
use vacate::clock::Clock;
use vacate::domain::event::EventType;
use vacate::domain::number::NumberText;
use vacate::domain::time::{Moment, Stated};

use super::needles::Sort;
use super::run::Run;
use super::server::Database;
use super::stores;

/// A full disk: no file is written beyond so many bytes. It is enough to start, not to publish.
const FILE_BYTES_MAX: u64 = 64 * 1024;
const NUMBERS: usize = 40;
/// A database makes somebody wait five seconds for a lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(6);

/// Breaks one thing after another under a running registry. It runs no more afterwards.
pub async fn everything(run: &mut Run) {
    tables_gone(run).await;
    row_that_can_t_be(run).await;
    rows_locked(run).await;
    connections_cut(run).await;
    run.stop();
    if let Database::Sqlite(_) = run.database {
        // The log ahead begins anew, or it would be too large from the start.
        run.database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
        run.start_again(Some(FILE_BYTES_MAX)).await;
        assert!(attempt(run, "while the disk is full").await > 0, "the disk isn't full");
        run.stop();
    }
}

/// The database lacks tables: what it says of that isn't for everybody.
async fn tables_gone(run: &mut Run) {
    let all = run.database.tables();
    for missing in ["events", "bindings", "elements"] {
        let tables = all.iter().filter(|table| match missing {
            "elements" => stores::is_elements(table),
            _ => *table == missing,
        });
        let tables: Vec<&String> = tables.collect();
        for table in &tables {
            run.database.execute(&format!("ALTER TABLE {table} RENAME TO {table}_gone"));
        }
        let failed = attempt(run, &format!("while {missing} are gone")).await;
        assert!(!tables.is_empty() && failed > 0, "without {missing} all is well");
        for table in &tables {
            run.database.execute(&format!("ALTER TABLE {table}_gone RENAME TO {table}"));
        }
    }
}

/// The database holds what can't be: an internal error.
async fn row_that_can_t_be(run: &mut Run) {
    run.database.execute("UPDATE bindings SET demand = demand + 90");
    let request = Request::get("/v1/bindings?limit=1000").body(String::new()).expect("a request");
    assert_eq!(run.send(&run.people.app, request).await.status, 500);
    attempt(run, "while rows can't be").await;
    run.database.execute("UPDATE bindings SET demand = demand - 90");
}

/// Somebody holds what a request needs, for longer than it may wait.
async fn rows_locked(run: &mut Run) {
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, PgConnection, SqliteConnection};
    match &run.database {
        Database::Sqlite(path) => {
            let path = path.to_str().expect("UTF-8");
            let mut holder = SqliteConnection::establish(path).expect("a database");
            holder.batch_execute("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE").expect("held");
            attempt(run, "while another writes").await;
        }
        Database::Postgres(_) => {
            let mut holder = PgConnection::establish(&run.database.url()).expect("a database");
            holder.batch_execute("BEGIN; LOCK TABLE log_head").expect("held");
            attempt(run, "while another writes").await;
        }
    }
}

/// The database throws everybody out.
async fn connections_cut(run: &mut Run) {
    if let Database::Postgres(_) = &run.database {
        run.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        attempt(run, "after the connections were cut").await;
    }
}

/// Publishes, binds and checks new numbers, whatever comes of it; how many calls failed.
async fn attempt(run: &mut Run, told: &str) -> usize {
    let number = |n: usize| -> NumberText {
        let subject =
            if n.is_multiple_of(2) { run.subjects.long(told) } else { run.subjects.ordinary(told) };
        if n % 4 < 2 { subject.digest } else { subject.tokens[0] }
    };
    let numbers: Vec<NumberText> = (0..NUMBERS).map(number).collect();
    let at = Moment::from_seconds(Clock::System.now().seconds() - 1_000);
    let mut events = Vec::new();
    let mut puts = Vec::new();
    for number in &numbers {
        let event = run.name(Sort::EventId, "failing/", told);
        let account = run.name(Sort::AccountRef, "failing ", told);
        events.push(Event::new(event, EventType::Disconnected, *number, Stated::At(at)));
        puts.push(ToBind::new(account, *number, at));
    }
    let patient = |client: &Client| client.clone().with_timeout(LOCK_PATIENCE);
    let (carrier, app) = (patient(&run.people.carrier), patient(&run.people.app));
    let question = Question { number: numbers[0], verified_at: Some(at) };
    let (published, bound, checked, cleared) = tokio::join!(
        carrier.publish(&events, None),
        app.bind(&puts),
        app.check(question, None),
        carrier.clearance(&numbers, None),
    );
    let failed = [published.is_err(), bound.is_err(), checked.told.is_err(), cleared.is_err()];
    failed.into_iter().filter(|failed| *failed).count()
}
