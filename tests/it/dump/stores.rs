//! Everything that a registry, its database and its receivers were left with, and what may be where.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use diesel::sql_types::{BigInt, Text};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection};

use super::needles::Sort;
use super::server::Database;
use crate::support::postgres::Cluster;

/// A place where something may have been kept.
pub struct Store {
    pub name: String,
    kind: Kind,
    content: Content,
    of_database: bool,
}

enum Kind {
    /// SQLite's file: the table of each page, by its number. An index is its table's.
    Pages(HashMap<u64, String>),
    /// A file of a table or of its index, or the table's part of a dump.
    Relation(String),
    /// Where the database writes first: any row of any table.
    Ahead,
    /// The database's log of statements with their values.
    Statements,
    /// What an app was told of its own accounts.
    Messages,
    /// All else: nothing secret at all.
    Other,
}

enum Content {
    File(PathBuf),
    Bytes(Vec<u8>),
    /// So many random bytes.
    Noise(u64),
}

impl Store {
    /// What somebody was told or wrote.
    pub fn of_bytes(name: &str, bytes: Vec<u8>) -> Store {
        let (name, content) = (name.to_owned(), Content::Bytes(bytes));
        Store { name, kind: Kind::Other, content, of_database: false }
    }

    /// What nobody wrote.
    pub fn noise(bytes: u64) -> Store {
        Store { content: Content::Noise(bytes), ..Store::of_bytes("noise", Vec::new()) }
    }

    /// What the receivers of an app were sent.
    pub fn messages(bytes: Vec<u8>) -> Store {
        Store { kind: Kind::Messages, ..Store::of_bytes("the webhooks' bodies", bytes) }
    }

    pub fn of_file(name: &str, path: &Path) -> Store {
        Store { of_database: false, ..file(name.to_owned(), Kind::Other, path) }
    }

    /// Several as one.
    pub fn joined(name: &str, some: &[Store]) -> Store {
        let mut bytes = Vec::new();
        for store in some {
            store.open().expect("it opens").read_to_end(&mut bytes).expect("bytes");
        }
        Store::of_bytes(name, bytes)
    }

    /// # Errors
    /// When it can't be read.
    pub fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match &self.content {
            Content::File(path) => Box::new(File::open(path)?),
            Content::Bytes(bytes) => Box::new(Cursor::new(bytes)),
            Content::Noise(bytes) => Box::new(File::open("/dev/urandom")?.take(*bytes)),
        })
    }

    pub fn len(&self) -> u64 {
        match &self.content {
            Content::File(path) => fs::metadata(path).map_or(0, |file| file.len()),
            Content::Bytes(bytes) => u64::try_from(bytes.len()).expect("a size"),
            Content::Noise(bytes) => *bytes,
        }
    }

    /// Whether the database wrote it.
    pub fn is_of_the_database(&self) -> bool {
        self.of_database
    }

    /// Puts something behind all that is there.
    pub fn plant(&mut self, planted: &[u8]) {
        let mut bytes = Vec::new();
        self.open().expect("it opens").read_to_end(&mut bytes).expect("bytes");
        bytes.extend_from_slice(planted);
        self.content = Content::Bytes(bytes);
    }

    /// Whether what was found belongs there.
    pub fn may_hold(&self, sort: Sort, at: u64) -> bool {
        match sort {
            Sort::Element => match &self.kind {
                Kind::Pages(tables) => {
                    // What ends with a page is on it.
                    tables.get(&(at.div_ceil(PAGE_BYTES))).is_some_and(|table| is_elements(table))
                }
                Kind::Relation(name) => is_elements(name),
                Kind::Ahead | Kind::Statements => true,
                Kind::Messages | Kind::Other => false,
            },
            Sort::AccountRef => matches!(self.kind, Kind::Messages),
            Sort::Number | Sort::Handle | Sort::EventId | Sort::Secret => false,
        }
    }
}

/// SQLite's default.
const PAGE_BYTES: u64 = 4096;

/// Whether it is a table of elements: there may be one for each generation that is in use.
pub fn is_elements(table: &str) -> bool {
    table.starts_with("elements")
}

fn file(name: String, kind: Kind, path: &Path) -> Store {
    Store { name, kind, content: Content::File(path.to_owned()), of_database: true }
}

/// This moment, as the file system tells it.
pub fn now(folder: &Path) -> SystemTime {
    let mark = folder.join("mark");
    fs::write(&mark, "").expect("written");
    fs::metadata(&mark).and_then(|file| file.modified()).expect("a time")
}

/// All that the database has written, while the registry may still be running.
///
/// A copy of each file is made in `folder`, so that what is searched stays as it is.
/// A file that was last written before `since` holds nothing of what came later, and is left out.
pub fn of_database(database: &Database, since: SystemTime, folder: &Path) -> Vec<Store> {
    fs::create_dir_all(folder).expect("a folder");
    match database {
        Database::Sqlite(path) => of_sqlite(path, folder),
        Database::Postgres(cluster) => of_postgres(database, cluster, since, folder),
    }
}

/// The file, raw, so with its free pages, and what lies beside it.
fn of_sqlite(path: &Path, folder: &Path) -> Vec<Store> {
    #[derive(QueryableByName)]
    struct Page {
        #[diesel(sql_type = BigInt)]
        pageno: i64,
        #[diesel(sql_type = Text)]
        name: String,
    }

    let mut all = Vec::new();
    let name = path.file_name().expect("a name").to_str().expect("UTF-8");
    for beside in fs::read_dir(path.parent().expect("a folder")).expect("its folder") {
        let beside = beside.expect("an entry").path();
        let of = beside.file_name().expect("a name").to_str().expect("UTF-8").to_owned();
        let copy = folder.join(&of);
        fs::copy(&beside, &copy).expect("a copy");
        let kind = if of == format!("{name}-wal") { Kind::Ahead } else { Kind::Other };
        all.push(file(of, kind, &copy));
    }
    // The copies aren't opened: closing the last connection to one would end its log.
    let path = path.to_str().expect("UTF-8");
    let mut connection = SqliteConnection::establish(path).expect("the database opens");
    let pages: Vec<Page> = diesel::sql_query(
        "SELECT pageno, coalesce(tbl_name, pages.name) AS name FROM dbstat AS pages \
             LEFT JOIN sqlite_schema USING (name)",
    )
    .load(&mut connection)
    .expect("pages");
    let tables = pages
        .into_iter()
        .map(|page| (u64::try_from(page.pageno).expect("pages are counted from 1"), page.name));
    let tables: HashMap<u64, String> = tables.collect();
    assert!(tables.values().any(|table| is_elements(table)), "there are elements");
    let main = all.iter_mut().find(|store| store.name == name).expect("the database");
    main.kind = Kind::Pages(tables);
    all
}

/// Heap and indexes, the log ahead, everything else of the cluster, a dump, the server's log.
fn of_postgres(
    database: &Database,
    cluster: &Cluster,
    since: SystemTime,
    folder: &Path,
) -> Vec<Store> {
    #[derive(QueryableByName)]
    struct Relation {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = Text)]
        path: String,
    }

    // As its own vacuum does, in time: statistics hold values of columns.
    database.execute("ANALYZE");
    database.execute("CHECKPOINT");
    let mut connection = PgConnection::establish(&database.url()).expect("a database");
    let relations: Vec<Relation> = diesel::sql_query(
        "SELECT coalesce(indrelid, oid)::regclass::text AS name, \
         pg_relation_filepath(oid) AS path FROM pg_class LEFT JOIN pg_index ON indexrelid = oid \
         WHERE pg_relation_filepath(oid) IS NOT NULL AND relnamespace = 'public'::regnamespace",
    )
    .load(&mut connection)
    .expect("relations");
    let relations: HashMap<String, String> =
        relations.into_iter().map(|relation| (relation.path, relation.name)).collect();
    assert!(relations.values().any(|table| is_elements(table)), "there are elements");

    let data = cluster.folder().join("data");
    let mut all = Vec::new();
    for (n, path) in files(&data).into_iter().enumerate() {
        let of = path.strip_prefix(&data).expect("below").display().to_string();
        let copy = folder.join(n.to_string());
        match copied_if_written(&path, since, &copy) {
            Ok(true) => {}
            Ok(false) => continue,
            // The server has removed it: there is nothing to steal any more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => panic!("{of}: {error}"),
        }
        // A relation's further parts are called like its first, with a number or a word behind.
        let first = of.split(['.', '_']).next().unwrap_or(&of);
        let (name, kind) = match relations.get(first) {
            Some(relation) => (format!("{of} ({relation})"), Kind::Relation(relation.clone())),
            None if of.starts_with("pg_wal/") => (of, Kind::Ahead),
            None => (of, Kind::Other),
        };
        all.push(file(name, kind, &copy));
    }
    let log = folder.join("postgresql.log");
    fs::copy(cluster.folder().join("log"), &log).expect("the server's log");
    all.push(file("the log of PostgreSQL".to_owned(), Kind::Statements, &log));
    all.extend(dumped(database, cluster));
    all
}

fn copied_if_written(path: &Path, since: SystemTime, copy: &Path) -> io::Result<bool> {
    let written = fs::metadata(path)?.modified()? >= since;
    if written {
        fs::copy(path, copy)?;
    }
    Ok(written)
}

/// `pg_dump`, table by table.
fn dumped(database: &Database, cluster: &Cluster) -> Vec<Store> {
    let output = Command::new(cluster.program("pg_dump")).arg(database.url()).output();
    let output = output.expect("pg_dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut all = Vec::new();
    let mut around = Vec::new();
    let mut table: Option<(String, Vec<u8>)> = None;
    for line in output.stdout.split_inclusive(|byte| *byte == b'\n') {
        let begins = line.strip_prefix(b"COPY public.").map(|rest| {
            let name = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
            String::from_utf8_lossy(name).into_owned()
        });
        if let Some(name) = begins {
            table = Some((name, Vec::new()));
        }
        match &mut table {
            Some((_, rows)) => rows.extend_from_slice(line),
            None => around.extend_from_slice(line),
        }
        if line == b"\\.\n" {
            let (name, rows) = table.take().expect("a table ends that began");
            let store = Store::of_bytes(&format!("the dump of {name}"), rows);
            all.push(Store { kind: Kind::Relation(name), of_database: true, ..store });
        }
    }
    assert!(all.len() > 10 && table.is_none(), "the dump is read");
    let around = Store::of_bytes("the dump beside its tables", around);
    all.push(Store { of_database: true, ..around });
    all
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}
