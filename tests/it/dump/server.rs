//! The real program as a child that says all it can, and a PostgreSQL of its own that logs every
//! statement with its values.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::databases::Kind;
use crate::support::postgres::Cluster;

/// What PostgreSQL is to write down: everything. Nothing is compressed, for who compresses hides.
const POSTGRES_SETTINGS: &str = "
log_statement = all
log_min_duration_statement = 0
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_error_verbosity = verbose
log_connections = on
log_lock_waits = on
wal_level = logical
wal_compression = off
";

/// The program under test, unless another is named: a copy of it with a bug in it.
pub fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_vacate").into()
}

/// Where a registry keeps what it knows.
pub enum Database {
    Sqlite(PathBuf),
    Postgres(Cluster),
}

/// The database's name on PostgreSQL.
const NAME: &str = "vacate";

impl Database {
    pub fn make(kind: Kind, folder: &Path) -> Database {
        match kind {
            Kind::Sqlite => Database::Sqlite(folder.join("data/vacate.db")),
            Kind::Postgres => {
                let cluster = Cluster::apart(POSTGRES_SETTINGS).expect("PostgreSQL starts");
                cluster.execute(&format!("CREATE DATABASE {NAME}")).expect("a database");
                // What was written so far lies in files that aren't written any more.
                cluster.execute("CHECKPOINT; SELECT pg_switch_wal()").expect("a new segment");
                Database::Postgres(cluster)
            }
        }
    }

    /// As `database.url` takes it.
    pub fn url(&self) -> String {
        match self {
            Database::Sqlite(path) => format!("sqlite:{}", path.display()),
            Database::Postgres(cluster) => cluster.url(NAME),
        }
    }

    /// The names of its tables.
    pub fn tables(&self) -> Vec<String> {
        use diesel::sql_types::Text;
        use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection};
        #[derive(QueryableByName)]
        struct Table {
            #[diesel(sql_type = Text)]
            name: String,
        }
        let tables: Vec<Table> = match self {
            Database::Sqlite(path) => {
                let path = path.to_str().expect("UTF-8");
                let mut connection = SqliteConnection::establish(path).expect("a database");
                diesel::sql_query("SELECT name FROM sqlite_schema WHERE type = 'table'")
                    .load(&mut connection)
            }
            Database::Postgres(_) => {
                let mut connection = PgConnection::establish(&self.url()).expect("a database");
                let named = "SELECT tablename::text AS name FROM pg_tables";
                diesel::sql_query(format!("{named} WHERE schemaname = 'public'"))
                    .load(&mut connection)
            }
        }
        .expect("tables");
        tables.into_iter().map(|table| table.name).collect()
    }

    /// Runs statements beside the registry.
    pub fn execute(&self, sql: &str) {
        use diesel::connection::SimpleConnection;
        use diesel::{Connection, PgConnection, SqliteConnection};
        let done = match self {
            Database::Sqlite(path) => {
                let path = path.to_str().expect("UTF-8");
                let mut connection = SqliteConnection::establish(path).expect("a database");
                connection.batch_execute(&format!("PRAGMA busy_timeout = 10000; {sql}"))
            }
            Database::Postgres(_) => {
                let mut connection = PgConnection::establish(&self.url()).expect("a database");
                // The registry runs meanwhile, and takes tables in another order now and then.
                let is_deadlock = |done: &diesel::QueryResult<()>| {
                    done.as_ref().is_err_and(|error| error.to_string().contains("deadlock"))
                };
                let mut done = connection.batch_execute(sql);
                for _ in 0..DEADLOCKS_MAX {
                    if is_deadlock(&done) {
                        done = connection.batch_execute(sql);
                    }
                }
                done
            }
        };
        done.unwrap_or_else(|error| panic!("{error}: {sql:.200}"));
    }
}

/// Deadlocks with the registry, one after the other, that are put up with.
const DEADLOCKS_MAX: usize = 5;

/// How the program is to run.
pub struct Start<'a> {
    pub program: &'a Path,
    pub folder: &'a Path,
    pub database: &'a Database,
    /// No file may grow over so many bytes: a disk that is full.
    pub file_bytes_max: Option<u64>,
}

/// A registry that runs, and what it said.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
    listening: Option<JoinHandle<()>>,
}

/// Where everything is that any server in this folder said.
pub fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}

impl Server {
    pub fn start(start: &Start<'_>) -> Server {
        let mut child = command(start)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "1")
            .env("VACATE_LOG_FORMAT", format_of(start.database))
            .env("VACATE_WEBHOOKS_ALLOWED_NETWORKS", "127.0.0.0/8")
            .env("VACATE_SERVER_BODY_SECONDS_MAX", "1")
            .env("VACATE_DATABASE_WAIT_MS_MAX", "1000")
            .env("VACATE_LIMITS_REQUESTS_PER_SECOND", "1000000")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the registry starts");
        let mut talk = BufReader::new(child.stderr.take().expect("its stderr"));
        let mut kept = File::options().create(true).append(true).open(log(start.folder));
        let (tell, told) = mpsc::channel();
        let listening = thread::spawn(move || {
            let mut line = Vec::new();
            while talk.read_until(b'\n', &mut line).expect("a pipe") > 0 {
                kept.as_mut().expect("a log").write_all(&line).expect("written");
                let text = String::from_utf8_lossy(&line);
                let address = text.trim_end().split_once(" on http://").map(|(_, at)| at.parse());
                if let Some(Ok(address)) = address {
                    // Nobody may wait for a second one.
                    tell.send(address).ok();
                }
                line.clear();
            }
        });
        let address = told.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| {
            let said = std::fs::read(log(start.folder)).unwrap_or_default();
            let last = said.len().saturating_sub(2_000);
            panic!("it doesn't serve: …{}", String::from_utf8_lossy(&said[last..]))
        });
        Server { address, child, listening: Some(listening) }
    }

    /// Ends it as an operator does, and waits until all that it said is kept.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(sent.success());
        self.child.wait().expect("it ends");
        self.listening.take().expect("once").join().expect("everything was read");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A command of the program in the run's folder, against the registry at `url`; what it said on
/// stderr. Its output is for whoever typed the command, who knows the number.
pub fn said_by(start: &Start<'_>, url: &str, key: &str, args: &[&str]) -> Vec<u8> {
    let mut command = command(start);
    command.env("VACATE_URL", url).env("VACATE_KEY", key).env("RUST_LOG", "trace").args(args);
    command.output().expect("it runs").stderr
}

fn command(start: &Start<'_>) -> Command {
    let mut command = match start.file_bytes_max {
        None => Command::new(start.program),
        Some(bytes) => {
            // What would grow over the limit fails to be written, and doesn't end the process.
            let limited = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", bytes / 512);
            let mut sh = Command::new("sh");
            sh.args(["-c", &limited, "sh"]).arg(start.program);
            sh
        }
    };
    command
        .env_clear()
        .env("VACATE_DATABASE_URL", start.database.url())
        .env("VACATE_KEYS_FILE", start.folder.join("keys/vacate.keys"))
        .current_dir(start.folder)
        .stdin(Stdio::null());
    command
}

fn format_of(database: &Database) -> &'static str {
    match database {
        Database::Sqlite(_) => "text",
        Database::Postgres(_) => "json",
    }
}
