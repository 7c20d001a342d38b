//! A disk that is full.

use vacate::domain::verdict::Advice;

use super::ledger::{Ledger, refused};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::program::Program;
use crate::support::world::{World, run};

/// Enough for a start and some commits.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;
const NUMBERS: usize = 300;
/// How often whoever was refused tries again.
const TRIES: usize = 5;
/// The last number, of which nothing is said.
const QUIET: usize = NUMBERS - 1;

#[test]
fn a_full_disk_under_sqlite_loses_nothing_and_lets_nobody_in() {
    run(async {
        let database = TestDatabase::new(Kind::Sqlite);
        let mut program = Program::start_cramped(&database, FILE_BYTES_MAX);
        let mut ledger = Ledger::open(&program.desk(), NUMBERS).await;

        let mut tried = lose_until_refused(&ledger, 0).await;
        assert!(tried > TRIES, "it was full at once");
        // A smaller commit may still find room where a bigger one found none.
        let mut refusals = 0;
        while refusals < TRIES {
            for answered in [ledger.lose(tried).await, ledger.bind(tried).await] {
                if answered.is_err() {
                    refused(answered);
                    refusals += 1;
                }
            }
            tried += 1;
        }
        must_answer_checks(&ledger, tried).await;
        assert!(program.is_running());

        // Somebody makes room; nothing is restarted.
        database.meddle("PRAGMA wal_checkpoint(TRUNCATE)");
        let before = ledger.count_lost();
        ledger.lose(tried).await.unwrap();
        ledger.bind(tried).await.unwrap();
        tried = lose_until_refused(&ledger, tried + 1).await;
        assert!(ledger.count_lost() > before + 1);
        must_answer_checks(&ledger, tried).await;

        program.kill();
        let program = Program::start(&database);
        ledger.move_to(&program.desk()).await;
        ledger.must_be_whole(tried).await;
    });
}

/// PostgreSQL's own files can't be kept small, so a trigger says what it says of a full disk.
#[test]
fn a_full_disk_under_postgres_loses_nothing_and_lets_nobody_in() {
    const FILL: &str = "
        CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
        END $$;
        CREATE TRIGGER full_events BEFORE INSERT ON events EXECUTE FUNCTION is_full();
        CREATE TRIGGER full_bindings BEFORE INSERT ON bindings EXECUTE FUNCTION is_full();";
    run(async {
        let world = World::start(Kind::Postgres).await;
        let ledger = Ledger::open(&world.desk, NUMBERS).await;
        for n in 0..TRIES {
            ledger.lose(n).await.unwrap();
        }
        world.database.meddle(FILL);
        for n in TRIES..2 * TRIES {
            assert_eq!(refused(ledger.lose(n).await), "unavailable");
            assert_eq!(refused(ledger.bind(n).await), "unavailable");
            assert_eq!(ledger.check(n).await.unwrap(), Advice::Allow, "nothing was stored");
        }
        must_answer_checks(&ledger, 2 * TRIES).await;
        world.database.meddle("DROP FUNCTION is_full CASCADE");
        for n in TRIES..3 * TRIES {
            ledger.lose(n).await.unwrap();
            ledger.bind(n).await.unwrap();
        }
        ledger.must_be_whole(3 * TRIES).await;
    });
}

/// Publishes one event after the other; how many were tried when one was refused, or all.
async fn lose_until_refused(ledger: &Ledger, from: usize) -> usize {
    for n in from..QUIET {
        let answered = ledger.lose(n).await;
        if answered.is_err() {
            refused(answered);
            return n + 1;
        }
    }
    panic!("it is never full");
}

/// Reading needs no room: whoever lost nothing is let in, and of the others nobody whose loss was
/// acknowledged.
async fn must_answer_checks(ledger: &Ledger, tried: usize) {
    for n in 0..tried {
        ledger.check(n).await.unwrap();
    }
    assert_eq!(ledger.check(QUIET).await.unwrap(), Advice::Allow);
}
