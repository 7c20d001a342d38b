//! SQLite's one writer.

use std::thread;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use vacate::domain::number::NumberId;
use vacate::domain::rejection::{Code, Rejection};
use vacate::storage::log::{Change, Stamp};
use vacate::storage::{Error, Storage, log};

use crate::support::databases::{Kind, LIMITS, TestDatabase};
use crate::support::node::NOW_MS;

const WRITERS: i64 = 4;
const WRITES: i64 = 100;
const STAMP: Stamp = Stamp { now_ms: NOW_MS, mark: 1 };

#[test]
fn whoever_reads_and_then_writes_waits_and_does_not_fail() {
    let database = TestDatabase::new(Kind::Sqlite);
    let storage = Storage::open(&database.url, LIMITS).unwrap();
    storage.migrate().unwrap();
    let append = || {
        for _ in 0..WRITES {
            let moved = storage.write(|tx| {
                let before = log::head(tx)?;
                let after = log::append(tx, &[Change::Number(NumberId(1))], STAMP)?;
                Ok((before.0, after.0))
            });
            let (before, after) = moved.unwrap();
            assert_eq!(after, before + 1, "somebody wrote in between");
        }
    };
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(append);
        }
    });
    assert_eq!(storage.read(log::head).unwrap().0, WRITERS * WRITES);
}

#[test]
fn work_that_meets_another_s_key_again_and_again_is_put_off() {
    let database = TestDatabase::new(Kind::Sqlite);
    let storage = Storage::open(&database.url, LIMITS).unwrap();
    storage.migrate().unwrap();
    let mut runs = 0;
    let mut meets = |times: i32| {
        runs = 0;
        storage.write(|_| {
            runs += 1;
            if runs > times { Ok(()) } else { Err(Error::Taken) }
        })
    };
    assert!(meets(3).is_ok());
    let error = meets(i32::MAX).unwrap_err();
    assert_eq!(Rejection::from(error).code, Code::Unavailable);
    assert_eq!(runs, 4);
}

#[test]
fn a_deferred_transaction_that_reads_and_then_writes_fails_at_once() {
    const READ: &str = "PRAGMA busy_timeout = 5000; BEGIN DEFERRED; SELECT * FROM log_head";
    const WRITE: &str = "UPDATE log_head SET position = position + 1";
    let database = TestDatabase::new(Kind::Sqlite);
    Storage::open(&database.url, LIMITS).unwrap().migrate().unwrap();
    let path = database.url.strip_prefix("sqlite:").unwrap();
    let connect = || SqliteConnection::establish(path).unwrap();
    let (mut slow, mut fast) = (connect(), connect());
    slow.batch_execute(READ).unwrap();
    fast.batch_execute(READ).unwrap();
    fast.batch_execute(WRITE).unwrap();
    fast.batch_execute("COMMIT").unwrap();
    let refused = slow.batch_execute(WRITE).unwrap_err();
    assert_eq!(refused.to_string(), "database is locked");
}

#[test]
fn a_second_process_on_one_file_is_refused_while_the_first_lives() {
    let database = TestDatabase::new(Kind::Sqlite);
    let open = || Storage::open(&database.url, LIMITS);
    let first = open().unwrap();
    assert!(matches!(open(), Err(Error::Locked(_))));
    drop(first);
    assert!(open().is_ok());
}
