//! One private PostgreSQL for the whole test process, with a database of its own for each test; and one
//! of its own for a test that stops it.
//!
//! A small `sh` starts the cluster and waits for orders on a pipe. The pipe ends when the test process
//! ends, however that happens, SIGKILL included; then the `sh` stops the cluster and removes its folder.
//! The cluster runs as a user other than root, as PostgreSQL demands, and listens on a socket in its
//! folder, not on the network. TEST_POSTGRES_FSYNC=on makes its writes survive a power cut.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, PgConnection};

/// An empty database, or rather one that was just migrated. Dropped, as far as that works, with this
/// value.
pub struct Database {
    /// `postgres:///NAME?…`
    pub url: String,
    name: String,
}

/// A database for one test. The first call hands the URL of a template to `migrate`, which must have
/// closed its connections when it returns; every call copies it.
///
/// # Panics
/// Without PostgreSQL: says what is missing, and how to get it.
pub fn database(migrate: impl FnOnce(&str)) -> Database {
    static TEMPLATE: OnceLock<()> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        cluster().execute("CREATE DATABASE migrated").expect("a template");
        migrate(&cluster().url("migrated"));
    });
    cluster().make("TEMPLATE migrated")
}

/// A database without a schema.
pub fn empty() -> Database {
    cluster().make("")
}

impl Database {
    /// A copy of this moment. Whoever is connected must be about to leave.
    pub fn copy(&self) -> Database {
        cluster().make(&format!("TEMPLATE {}", self.name))
    }

    /// Puts a backup in its place, whoever is connected.
    pub fn restore(&self, backup: &Database) {
        let Database { name, .. } = self;
        cluster().execute(&format!("DROP DATABASE {name} WITH (FORCE)")).expect("it goes");
        let again = format!("CREATE DATABASE {name} TEMPLATE {}", backup.name);
        cluster().execute(&again).expect("the backup is restored");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(Ok(cluster)) = CLUSTER.get() {
            cluster.execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).ok();
        }
    }
}

/// A cluster that a test may stop, with one empty database.
pub struct OwnCluster(Cluster);

impl OwnCluster {
    /// One that runs.
    pub fn start() -> OwnCluster {
        OwnCluster(Cluster::start().unwrap_or_else(|error| panic!("{error}")))
    }

    /// The database.
    pub fn url(&self) -> String {
        self.0.url("postgres")
    }

    /// Ends the cluster as a crash does: every connection is cut, and nothing tidied up.
    pub fn crash(&self) {
        self.0.order("crash");
    }

    /// Starts it again.
    pub fn start_again(&self) {
        self.0.order("start");
    }
}

static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();

/// The cluster. The first call starts it.
fn cluster() -> &'static Cluster {
    CLUSTER.get_or_init(Cluster::start).as_ref().unwrap_or_else(|error| panic!("{error}"))
}

/// A PostgreSQL that ends with this.
pub struct Cluster {
    folder: String,
    /// What the guard is told, and what it answers. The end of the first stops the cluster.
    guard: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

/// What the guard says when there is no initdb.
const MISSING: &str = "missing";

/// The guard. Signals that mean to end the tests don't end it before it has cleaned up.
const GUARD: &str = r#"
trap '' HUP INT TERM PIPE
if initdb=$(command -v initdb); then bin=$(dirname "$(readlink -f "$initdb")")
else bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
fi
[ -x "$bin/initdb" ] || { echo missing; exit; }
folder=$(mktemp -d /tmp/vacate-postgres-XXXXXX) || exit
stop() { "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1; rm -rf "$folder"; }
start() {
    "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --no-locale --no-sync || return
    cat >>"$folder/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$folder'
port = 5432
max_connections = 200
fsync = ${TEST_POSTGRES_FSYNC:-off}
$settings
END
    "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w start || { cat "$folder/log"; return 1; }
}
start </dev/null >"$folder/start" 2>&1 || { cat "$folder/start"; stop; exit; }
echo "$folder"
while read -r order; do
    case $order in
        crash) "$bin/pg_ctl" -D "$folder/data" -m immediate stop ;;
        start) "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w start ;;
    esac </dev/null >/dev/null 2>&1
    echo "$order: $?"
done
stop
"#;

/// Installs Debian's PostgreSQL, without the cluster that the package would make and start.
const INSTALL: &str = r#"
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends postgresql-common
conf=/etc/postgresql-common/createcluster.conf
cp -p $conf $conf.before
trap 'mv -f $conf.before $conf' EXIT
echo 'create_main_cluster = false' >>$conf
apt-get install -y --no-install-recommends postgresql
"#;

const ADVICE: &str = "The tests need PostgreSQL 15 or later: there is no initdb on the PATH nor in \
    /usr/lib/postgresql/*/bin. On Debian and Ubuntu: apt-get install postgresql (tests that run as \
    root do so themselves). On macOS: brew install postgresql";

impl Cluster {
    /// Another cluster, for one test alone, with further lines in its `postgresql.conf`.
    ///
    /// # Errors
    /// Says what is missing, and how to get it.
    pub fn apart(settings: &str) -> Result<Cluster, String> {
        let is_root = id(&["-u"]) == Some(0);
        match Cluster::guarded(is_root, settings)? {
            Some(cluster) => return Ok(cluster),
            None if is_root => install()?,
            None => return Err(ADVICE.to_owned()),
        }
        Cluster::guarded(is_root, settings)?.ok_or_else(|| ADVICE.to_owned())
    }

    fn start() -> Result<Cluster, String> {
        Cluster::apart("")
    }

    /// A cluster that runs, or `None` when there is no initdb.
    fn guarded(is_root: bool, settings: &str) -> Result<Option<Cluster>, String> {
        let mut sh = Command::new("sh");
        sh.arg("-c").arg(GUARD).env("settings", settings).current_dir("/");
        // In a process group of its own, so that Ctrl-C and a kill of the tests' group pass it by.
        sh.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        if is_root {
            let user = ["postgres", "nobody"].into_iter().find(|user| id(&["-u", user]).is_some());
            let user = user.ok_or("PostgreSQL won't run as root, and there is no user nobody")?;
            let ids = id(&["-u", user]).zip(id(&["-g", user]));
            let (uid, gid) = ids.ok_or("id(1) doesn't tell the ids of a user")?;
            sh.uid(uid).gid(gid);
        }
        let mut guard = sh.spawn().map_err(|error| format!("sh can't be started: {error}"))?;
        let alive = guard.stdin.take().ok_or("no pipe")?;
        let mut said = BufReader::new(guard.stdout.take().ok_or("no pipe")?);
        let mut first = String::new();
        said.read_line(&mut first).map_err(|error| error.to_string())?;
        let folder = first.trim_end().to_owned();
        if folder == MISSING {
            return Ok(None);
        }
        if !folder.starts_with("/tmp/vacate-postgres-") {
            said.read_to_string(&mut first).map_err(|error| error.to_string())?;
            return Err(format!("PostgreSQL doesn't start: {first}"));
        }
        Ok(Some(Cluster { folder, guard: Mutex::new((alive, said)) }))
    }

    /// Has the guard do something, and waits until it is done.
    fn order(&self, order: &str) {
        let mut guard = self.guard.lock().expect("unbroken");
        let (tell, answers) = &mut *guard;
        writeln!(tell, "{order}").expect("the guard listens");
        let mut answer = String::new();
        answers.read_line(&mut answer).expect("the guard answers");
        assert_eq!(answer.trim_end(), format!("{order}: 0"));
    }

    fn make(&self, how: &str) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.execute(&format!("CREATE DATABASE {name} {how}")).expect("a database");
        Database { url: self.url(&name), name }
    }

    /// Where its data lie, in `data`, and its `log`.
    pub fn folder(&self) -> &Path {
        Path::new(&self.folder)
    }

    /// One of the programs that belong to the server.
    pub fn program(&self, name: &str) -> PathBuf {
        let started = std::fs::read_to_string(self.folder().join("data/postmaster.opts"));
        let started = started.expect("it was started");
        let server = Path::new(started.split(' ').next().expect("a program"));
        server.with_file_name(name)
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&port=5432&user=postgres", self.folder)
    }

    /// Runs statements in the database `postgres`.
    ///
    /// # Errors
    /// What the server says.
    pub fn execute(&self, sql: &str) -> Result<(), ConnectionError> {
        let mut connection = PgConnection::establish(&self.url("postgres"))?;
        connection.batch_execute(sql).map_err(ConnectionError::CouldntSetupConfiguration)
    }
}

fn install() -> Result<(), String> {
    let output = Command::new("sh").arg("-c").arg(INSTALL).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{ADVICE}\n{}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(format!("{ADVICE}\nsh can't be started: {error}")),
    }
}

/// What id(1) says to a question for one number. `None`: no such user, or no id(1).
fn id(question: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(question).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
