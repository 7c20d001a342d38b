//! Opening: the scheme alone says which database it is, and any number of nodes may start at once.

use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use vacate::clock::Clock;
use vacate::entropy::Entropy;
use vacate::keys::{Found, Keys};
use vacate::registry::FirstAdmin;
use vacate::storage::{Error, Limits, Storage};

use crate::support::databases::{LIMITS, TestDatabase};
use crate::support::node::{NOW_MS, open};

/// So that a wait which isn't bounded is noticed.
const SLACK: Duration = Duration::from_secs(3);
const STARTS: usize = 8;

#[test]
fn a_url_of_another_kind_is_refused_and_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |name: &str| folder.path().join(name).display().to_string();
    let urls = [
        "host=127.0.0.1 user=x".to_owned(),
        "mysql://127.0.0.1/vacate".to_owned(),
        "sqlite:".to_owned(),
        "sqlite::memory:".to_owned(),
        inside("vacate.db"),
        format!("file:{}", inside("vacate.db")),
        format!("SQLITE:{}", inside("vacate.db")),
        String::new(),
    ];
    for url in urls {
        let opened = Storage::open(&url, LIMITS);
        assert!(matches!(opened, Err(Error::Unusable(_))), "{url} is taken");
        assert!(!Path::new(&url).exists(), "{url} was made");
    }
    assert!(is_empty(folder.path()));
}

#[test]
fn postgres_that_is_down_is_unavailable_in_bounded_time_and_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    std::fs::create_dir(&socket).unwrap();
    let url = format!("postgres:///vacate?host={}&port=5432&user=postgres", socket.display());
    let limits = Limits { connections_max: 4, wait_ms_max: 300 };
    let asked = Instant::now();
    assert!(matches!(Storage::open(&url, limits), Err(Error::Unavailable)));
    assert!(asked.elapsed() < Duration::from_millis(limits.wait_ms_max) + SLACK);
    assert!(is_empty(&socket));
    assert!(!Path::new(&url).exists() && !Path::new("postgres:").exists());
}

#[test]
fn eight_starts_at_once_on_an_empty_database_make_one_schema() {
    let database = TestDatabase::without_schema();
    let start = Barrier::new(STARTS);
    let migrate = || {
        start.wait();
        Storage::open(&database.url, LIMITS).and_then(|storage| storage.migrate())
    };
    let taken: Vec<Vec<String>> = thread::scope(|scope| {
        let starts: Vec<_> = (0..STARTS).map(|_| scope.spawn(migrate)).collect();
        starts.into_iter().map(|one| one.join().unwrap().unwrap()).collect()
    });
    assert_eq!(taken.iter().filter(|steps| !steps.is_empty()).count(), 1, "{taken:?}");
    let storage = Storage::open(&database.url, LIMITS).unwrap();
    assert_eq!(storage.pending_migrations().unwrap(), Vec::<String>::new());
}

#[test]
fn eight_first_starts_at_once_make_one_admin() {
    let database = TestDatabase::without_schema();
    Keys::read_or_make(&database.key_file(), &Entropy::System).unwrap();
    let start = Barrier::new(STARTS);
    let first_admin = || {
        let registry = open(&database, Clock::manual(NOW_MS));
        registry.load_index().unwrap();
        start.wait();
        registry.first_admin(|_| Ok(()))
    };
    let made: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..STARTS).map(|_| scope.spawn(first_admin)).collect();
        starts.into_iter().map(|one| one.join().unwrap().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|made| matches!(made, FirstAdmin::Made)).count(), 1);
}

#[test]
fn eight_first_starts_at_once_with_one_keys_folder_make_one_key_file() {
    let folder = tempfile::tempdir().unwrap();
    let (key_file, start) = (folder.path().join("vacate.keys"), Barrier::new(STARTS));
    let first_start = || {
        start.wait();
        let (keys, found) = Keys::read_or_make(&key_file, &Entropy::System).unwrap();
        (keys.directory().clone(), found)
    };
    let started: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..STARTS).map(|_| scope.spawn(first_start)).collect();
        starts.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(started.iter().filter(|(_, found)| *found == Found::Made).count(), 1);
    let number = "+491701234567".parse().unwrap();
    assert!(started.iter().all(|(key, _)| key.digest(&number) == started[0].0.digest(&number)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}
