//! Plants a row for each form into a database, and takes it out again: where each must be found then.

use std::fs;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

use super::plants::Plant;
use super::server::Database;
use super::stores::{self, Store};

/// Stores, in each of which every plant must be found.
pub fn planted(database: &Database, folder: &Path, plants: &[Plant]) -> Vec<Store> {
    match database {
        Database::Sqlite(path) => in_sqlite(path, folder, plants),
        Database::Postgres(_) => in_postgres(database, folder, plants),
    }
}

/// In the log ahead; in the file, once that is written back; in its free pages, once the table is
/// gone.
fn in_sqlite(path: &Path, folder: &Path, plants: &[Plant]) -> Vec<Store> {
    let mut connection =
        SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("the database opens");
    let mut run = |sql: &str| connection.batch_execute(sql).expect("planted");
    let copy = |named: &str, beside: &str| {
        let from = PathBuf::from(format!("{}{beside}", path.display()));
        let to = folder.join(named.replace(' ', "-"));
        fs::copy(from, &to).expect("a copy");
        Store::of_file(named, &to)
    };
    fs::create_dir_all(folder).expect("a folder");
    run(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE planted (bytes BLOB)",
    );
    run(&rows(plants, |hex| format!("x'{hex}'")));
    let ahead = copy("planted in the log ahead", "-wal");
    run("PRAGMA wal_checkpoint(TRUNCATE)");
    let file = copy("planted in the file", "");
    run("DROP TABLE planted; PRAGMA wal_checkpoint(TRUNCATE)");
    vec![ahead, file, copy("planted in free pages", "")]
}

/// In the log ahead, in the heap and in an index, living and dead; in the dump, and in what the
/// server logged of the statement.
fn in_postgres(database: &Database, folder: &Path, plants: &[Plant]) -> Vec<Store> {
    let since = stores::now(folder);
    database.execute(
        "CREATE TABLE planted (bytes bytea); \
         ALTER TABLE planted ALTER COLUMN bytes SET STORAGE EXTERNAL; \
         CREATE INDEX planted_index ON planted (bytes)",
    );
    database.execute(&rows(plants, |hex| format!("'\\x{hex}'")));
    let mut all = stores::of_database(database, since, &folder.join("living"));
    database.execute("DELETE FROM planted");
    all.extend(stores::of_database(database, since, &folder.join("dead")));
    let (ahead, rest): (Vec<Store>, Vec<Store>) =
        all.into_iter().partition(|store| store.name.starts_with("pg_wal/0"));
    let kept: Vec<Store> = rest
        .into_iter()
        .filter(|store| {
            store.name.ends_with("(planted)") && !store.name.contains('_')
                || store.name == "the dump of planted" && store.len() > 100
                || store.name == "the log of PostgreSQL"
        })
        .collect();
    assert_eq!(kept.len(), 7, "heap, index and log, twice, and one dump with rows");
    let ahead = Store::joined("planted in the log ahead", &ahead);
    kept.into_iter().chain([ahead]).collect()
}

fn rows(plants: &[Plant], literal: impl Fn(&str) -> String) -> String {
    let hex = |plant: &Plant| literal(&vacate::domain::text::to_hex(&plant.bytes));
    let rows: Vec<String> = plants.iter().map(|plant| format!("({})", hex(plant))).collect();
    format!("INSERT INTO planted VALUES {}", rows.join(", "))
}
