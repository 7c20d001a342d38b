//! The private PostgreSQL: a database for each test, and nothing left behind.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Bool, Text};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl};

use crate::support::databases::migrate;
use crate::support::postgres::{Database, database};

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Text)]
    answer: String,
}

#[derive(QueryableByName)]
struct Truth {
    #[diesel(sql_type = Bool)]
    truth: bool,
}

fn fresh() -> Database {
    database(migrate)
}

fn connect(url: &str) -> PgConnection {
    PgConnection::establish(url).unwrap()
}

fn ask(connection: &mut PgConnection, sql: &str) -> String {
    diesel::sql_query(sql).get_result::<Answer>(connection).unwrap().answer
}

fn exists(connection: &mut PgConnection, name: &str) -> bool {
    let sql = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS truth";
    diesel::sql_query(sql).bind::<Text, _>(name).get_result::<Truth>(connection).unwrap().truth
}

#[test]
fn each_test_has_a_migrated_database_of_its_own() {
    let databases: Vec<Database> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(fresh)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for database in &databases {
        // The same key each time: none of them sees another's.
        connect(&database.url).batch_execute("INSERT INTO folded_policies VALUES (1, '')").unwrap();
    }
}

#[test]
fn a_database_is_dropped_even_while_somebody_is_connected() {
    let (kept, dropped) = (fresh(), fresh());
    let mut observer = connect(&kept.url);
    let mut connected = connect(&dropped.url);
    let name = ask(&mut connected, "SELECT current_database()::text AS answer");
    assert!(exists(&mut observer, &name));
    drop(dropped);
    assert!(!exists(&mut observer, &name));
}

#[test]
fn the_cluster_is_reached_by_its_socket_alone() {
    let database = fresh();
    let mut connection = connect(&database.url);
    let mut setting =
        |name: &str| ask(&mut connection, &format!("SELECT current_setting('{name}') AS answer"));
    assert_eq!(setting("listen_addresses"), "");
    assert!(setting("unix_socket_directories").starts_with("/tmp/vacate-postgres-"));
    assert_eq!(setting("max_connections"), "200");
    assert_eq!(setting("server_encoding"), "UTF8");
}

#[test]
#[ignore = "runs inside nothing_is_left_when_the_tests_are_killed"]
fn holds_a_cluster_until_it_is_killed() {
    let database = fresh();
    let mut connection = connect(&database.url);
    let folder = ask(&mut connection, "SELECT current_setting('data_directory') AS answer");
    let pid = std::fs::read_to_string(Path::new(&folder).join("postmaster.pid")).unwrap();
    io::Write::write_all(
        &mut io::stdout(),
        format!("\n{folder} {}\n.\n", pid.lines().next().unwrap()).as_bytes(),
    )
    .unwrap();
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn nothing_is_left_when_the_tests_are_killed() {
    let mut tests = Command::new(std::env::current_exe().unwrap())
        .args([
            "postgres::holds_a_cluster_until_it_is_killed",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(tests.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.take_while(|line| line != ".").find(|line| line.starts_with('/')).unwrap();
    let (folder, pid) = line.split_once(' ').unwrap();
    let folder = Path::new(folder).parent().unwrap();
    assert!(folder.exists());

    tests.kill().unwrap();
    tests.wait().unwrap();

    // The guard holds this pipe open until it has cleaned up.
    tests.stderr.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
    assert!(!folder.exists(), "{} is left", folder.display());
    let asked = Instant::now();
    while is_running(pid) {
        assert!(asked.elapsed() < Duration::from_secs(5), "process {pid} is left");
        std::thread::yield_now();
    }
}

/// Whether there is such a process (on Linux), other than one that ended and waits for its parent.
fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}
