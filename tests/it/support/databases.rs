//! A database for each test, on either kind, and the macro that runs a sentence on both.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection};
use tempfile::TempDir;
use vacate::storage::{AnyConnection, Backend, Limits, Storage};

use super::postgres;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file in a folder of its own.
    Sqlite,
    /// A database of its own in the private cluster.
    Postgres,
}

/// An empty, migrated database that goes when this does.
pub struct TestDatabase {
    /// What `database.url` takes.
    pub url: String,
    folder: TempDir,
    postgres: Option<postgres::Database>,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// What the tests' connections may do.
pub const LIMITS: Limits = Limits { connections_max: 24, wait_ms_max: 5_000 };

impl TestDatabase {
    /// One of this kind.
    pub fn new(kind: Kind) -> TestDatabase {
        let folder = tempfile::tempdir().expect("a folder");
        match kind {
            Kind::Sqlite => TestDatabase { url: sqlite_in(folder.path()), folder, postgres: None },
            Kind::Postgres => on(postgres::database(migrate), folder),
        }
    }

    /// The database of a cluster of its own.
    pub fn in_cluster(cluster: &postgres::OwnCluster) -> TestDatabase {
        let folder = tempfile::tempdir().expect("a folder");
        TestDatabase { url: cluster.url(), folder, postgres: None }
    }

    /// A PostgreSQL database that nobody has migrated.
    pub fn without_schema() -> TestDatabase {
        on(postgres::empty(), tempfile::tempdir().expect("a folder"))
    }

    /// A backup of this moment, with the key file. Nobody may be using the database.
    pub fn copy(&self) -> TestDatabase {
        let folder = tempfile::tempdir().expect("a folder");
        copy_folder(self.folder.path(), folder.path()).expect("the folder is copied");
        match &self.postgres {
            None => TestDatabase { url: sqlite_in(folder.path()), folder, postgres: None },
            Some(database) => on(database.copy(), folder),
        }
    }

    /// Puts a backup in its place while nodes are connected, as a failover may; PostgreSQL only.
    pub fn restore(&self, backup: &TestDatabase) {
        let (database, backup) = (self.postgres.as_ref(), backup.postgres.as_ref());
        database.expect("on PostgreSQL").restore(backup.expect("on PostgreSQL"));
    }

    /// What SQLite has written, log and all; nothing on PostgreSQL.
    pub fn sqlite_bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path().join("data")).into_iter().flatten();
        files
            .flat_map(|file| std::fs::read(file.expect("an entry").path()).expect("bytes"))
            .collect()
    }

    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match Backend::of(&self.url).expect("a database").0 {
            Backend::Sqlite => Kind::Sqlite,
            Backend::Postgres => Kind::Postgres,
        }
    }

    /// Runs statements past the registry, as nobody should.
    pub fn meddle(&self, sql: &str) {
        drop(self.hold(sql));
    }

    /// The same; a transaction that they leave open lasts as long as what comes back.
    pub fn hold(&self, sql: &str) -> AnyConnection {
        let mut connection = self.connect();
        let done = match &mut connection {
            AnyConnection::Sqlite(sqlite) => sqlite.batch_execute(sql),
            AnyConnection::Postgres(postgres) => postgres.batch_execute(sql),
        };
        done.expect("the statements are right");
        connection
    }

    /// The column `n` of what a query finds.
    pub fn find(&self, sql: &str) -> Vec<i64> {
        let found: Vec<Found> = diesel::sql_query(sql).load(&mut self.connect()).expect("a query");
        found.into_iter().map(|row| row.n).collect()
    }

    fn connect(&self) -> AnyConnection {
        match Backend::of(&self.url).expect("a database") {
            (Backend::Sqlite, path) => {
                let mut sqlite = SqliteConnection::establish(path).expect("the file");
                sqlite.batch_execute("PRAGMA busy_timeout = 5000").expect("a setting");
                AnyConnection::Sqlite(sqlite)
            }
            (Backend::Postgres, url) => {
                AnyConnection::Postgres(PgConnection::establish(url).expect("the database"))
            }
        }
    }

    /// A place for the key file, apart from the data.
    pub fn key_file(&self) -> PathBuf {
        self.folder.path().join("keys/vacate.keys")
    }
}

fn on(database: postgres::Database, folder: TempDir) -> TestDatabase {
    TestDatabase { url: database.url.clone(), folder, postgres: Some(database) }
}

fn sqlite_in(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("data/vacate.db").display())
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let (entry, place) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if entry.is_dir() {
            std::fs::create_dir_all(&place)?;
            copy_folder(&entry, &place)?;
        } else {
            std::fs::copy(&entry, &place)?;
        }
    }
    Ok(())
}

/// Brings the template up to date. Every test hands in this one: there is one template.
pub fn migrate(url: &str) {
    let storage = Storage::open(url, LIMITS).expect("the template opens");
    storage.migrate().expect("the template migrates");
}

/// Runs each sentence on both databases, as two tests.
macro_rules! on_both_databases {
    ($($(#[$attribute:meta])* fn $name:ident($kind:ident: Kind) $body:block)*) => {$(
        mod $name {
            use super::*;

            fn sentence($kind: Kind) $body

            $(#[$attribute])*
            #[test]
            fn on_sqlite() {
                sentence(Kind::Sqlite);
            }

            $(#[$attribute])*
            #[test]
            fn on_postgres() {
                sentence(Kind::Postgres);
            }
        }
    )*};
}
pub(crate) use on_both_databases;
