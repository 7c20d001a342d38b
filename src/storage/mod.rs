//! Rows in, domain types out. [`Storage::write`] is the only way to a writing transaction and
//! [`Storage::read`] the only way to a consistent look; everything else here is a function that
//! takes one of the two.
//!
//! The rules behind the order of statements, each found by provoking the failure:
//!
//! - Whoever writes about a number locks its row first, in a statement of its own, and only then
//!   reads what depends on it. Publishing reads bindings and binding reads events: without the lock
//!   both commit and nobody is ever told.
//! - Lock order everywhere: participant, numbers ascending, the log's head last. The head is the
//!   last statement before the commit, so that a big batch doesn't stop small ones.
//! - A commit has three outcomes. When the connection breaks while committing, nobody knows; the
//!   work, which is idempotent, runs once more, and if that fails too the caller is told so.

mod dialect;
mod pool;
mod schema;
mod writer;

pub mod attempts;
pub mod backup;
pub mod bindings;
pub mod budgets;
pub mod coverage;
pub mod deliveries;
pub mod endpoints;
pub mod events;
pub mod generations;
pub mod log;
pub mod numbers;
pub mod participants;
pub mod retention;

use std::fs::{File, OpenOptions, TryLockError};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::result::{DatabaseErrorKind, Error as QueryError};

pub use dialect::{AnyConnection, Backend, PolicyUse};
use pool::Pool;
use writer::Writer;

use crate::domain::position::Position;
use crate::domain::rejection::{Code, Rejection};

/// How often work that meets a key of another runs, at most.
const RUNS_MAX: u32 = 4;

/// What can go wrong between a use case and its rows.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The use case refuses; the transaction was rolled back.
    #[error("refused: {}", .0.code.text())]
    Refused(Rejection),
    /// A row with this key exists. [`Storage::write`] runs the work again before it says so.
    #[error("a row with this key exists")]
    Taken,
    /// The database can't be reached, is full, or took too long. Nothing was stored.
    #[error("the database is not available")]
    Unavailable,
    /// The connection broke while committing: stored or not, nobody knows.
    #[error("the connection broke while committing")]
    OutcomeUnknown,
    /// The log is another than what was followed of it: a failover lost its end.
    #[error("the log is another than it was")]
    Rewound,
    /// A row that can't be true.
    #[error("the database holds what can't be: {0}")]
    Inconsistent(&'static str),
    /// The schema could not be brought up to date.
    #[error("migration failed: {0}")]
    Migration(String),
    /// Another process serves this SQLite file.
    #[error("another process holds {0}")]
    Locked(PathBuf),
    /// The URL names no database that we know, or its folder can't be made.
    #[error("{0}")]
    Unusable(String),
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Error {
        Error::Refused(rejection)
    }
}

impl From<QueryError> for Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is Diesel's, and grows")]
    fn from(error: QueryError) -> Error {
        match error {
            QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Error::Taken,
            QueryError::DatabaseError(kind, information) => {
                // Never `details`: they quote values.
                ::log::warn!(kind:? = kind; "database: {}", information.message());
                Error::Unavailable
            }
            QueryError::NotFound => Error::Inconsistent("a row that must exist is missing"),
            other => {
                ::log::error!("database: {other}");
                Error::Unavailable
            }
        }
    }
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Rejection {
        match error {
            Error::Refused(rejection) => rejection,
            Error::OutcomeUnknown => Rejection::new(
                Code::OutcomeUnknown,
                "The connection to the database broke while committing.",
            ),
            Error::Rewound => {
                Rejection::new(Code::Starting, "The log was rewound; the index is loaded anew.")
            }
            // Whoever was in the way again and again is gone when the caller tries.
            Error::Unavailable | Error::Taken | Error::Locked(_) | Error::Unusable(_) => {
                Rejection::new(Code::Unavailable, "The database is not available.")
            }
            Error::Inconsistent(_) | Error::Migration(_) => {
                ::log::error!("storage: {error}");
                Rejection::new(Code::Internal, "Something that can't be happened here.")
            }
        }
    }
}

/// What one call of storage answers.
pub type Result<T> = std::result::Result<T, Error>;

/// A writing transaction. Reads take what it derefs to, so they run in either kind.
pub struct Tx<'a>(&'a mut AnyConnection);

impl Deref for Tx<'_> {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        self.0
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        self.0
    }
}

/// The database, through connections that nobody else uses.
pub struct Storage {
    door: Door,
    /// What the client library wants to hear.
    place: String,
    limits: Limits,
}

enum Door {
    /// One writer, many readers, and the lock that makes this process the only one.
    Sqlite {
        writer: Arc<Writer>,
        readers: Pool,
        lock: Arc<File>,
    },
    Postgres {
        pool: Pool,
    },
}

/// How many connections, and how long a request waits for one.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at most (on SQLite: readers, beside the one writer).
    pub connections_max: u32,
    /// Milliseconds until a request gives up waiting for a connection.
    pub wait_ms_max: u64,
}

impl Storage {
    /// Opens the database that `url` names. On SQLite the file and its folder are made, and a lock
    /// file is held for the life of the process.
    ///
    /// # Errors
    /// `Unusable` for a URL of another kind, `Locked` when another process serves the file,
    /// `Unavailable` when the database can't be reached.
    pub fn open(url: &str, limits: Limits) -> Result<Storage> {
        let (backend, place) = Backend::of(url).ok_or_else(|| {
            let begins = "a database URL begins with sqlite:, postgres:// or postgresql://";
            Error::Unusable(begins.to_owned())
        })?;
        let door = match backend {
            Backend::Sqlite => {
                let lock = Arc::new(lock_file(Path::new(place))?);
                make_private(Path::new(place))?;
                let writer = Arc::new(Writer::open(place)?);
                Door::Sqlite { writer, readers: Pool::new(backend, place, limits), lock }
            }
            Backend::Postgres => {
                let pool = Pool::new(backend, place, limits);
                drop(pool.get()?);
                Door::Postgres { pool }
            }
        };
        Ok(Storage { door, place: place.to_owned(), limits })
    }

    /// The same database through connections of their own, at most so many: whoever uses these and
    /// whoever uses those can't starve one another. SQLite's one writer is shared all the same.
    pub fn beside(&self, connections_max: u32) -> Storage {
        let limits = Limits { connections_max, ..self.limits };
        let pool = Pool::new(self.backend(), &self.place, limits);
        let door = match &self.door {
            Door::Sqlite { writer, lock, .. } => {
                Door::Sqlite { writer: Arc::clone(writer), readers: pool, lock: Arc::clone(lock) }
            }
            Door::Postgres { .. } => Door::Postgres { pool },
        };
        Storage { door, place: self.place.clone(), limits }
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        match self.door {
            Door::Sqlite { .. } => Backend::Sqlite,
            Door::Postgres { .. } => Backend::Postgres,
        }
    }

    /// Brings the schema up to date; the names of the steps taken. Any number of nodes may start at
    /// once.
    pub fn migrate(&self) -> Result<Vec<String>> {
        match &self.door {
            Door::Sqlite { writer, .. } => writer.alone(dialect::migrate),
            Door::Postgres { pool } => dialect::migrate(&mut pool.get()?.connection),
        }
    }

    /// The steps that [`Storage::migrate`] would take.
    pub fn pending_migrations(&self) -> Result<Vec<String>> {
        match &self.door {
            Door::Sqlite { writer, .. } => writer.alone(dialect::pending_migrations),
            Door::Postgres { pool } => dialect::pending_migrations(&mut pool.get()?.connection),
        }
    }

    /// Runs `work` in a writing transaction and commits. The work must be idempotent, and find what it
    /// has done itself: it runs again after a key collision, a few times, and once more after a commit
    /// whose outcome is unknown.
    pub fn write<T>(&self, mut work: impl FnMut(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let mut ended = self.write_once(&mut work);
        let mut runs = 1;
        while matches!(ended, Err(Error::Taken)) && runs < RUNS_MAX {
            ended = self.write_once(&mut work);
            runs += 1;
        }
        match ended {
            // What was stored after all, the work finds; so what it refuses, it refuses for good.
            Err(Error::OutcomeUnknown) => self.write_once(&mut work).map_err(|error| {
                if matches!(error, Error::Refused(_)) { error } else { Error::OutcomeUnknown }
            }),
            ended => ended,
        }
    }

    /// The log's head after the last commit of this process, on SQLite, where no other commits.
    pub fn committed(&self) -> Position {
        match &self.door {
            Door::Sqlite { writer, .. } => writer.committed(),
            Door::Postgres { .. } => Position::default(),
        }
    }

    fn write_once<T>(&self, work: &mut impl FnMut(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        match &self.door {
            Door::Sqlite { writer, .. } => writer.write(work),
            Door::Postgres { pool } => {
                let mut session = pool.begin(dialect::begin_write)?;
                let done = work(&mut Tx(&mut session.connection));
                if done.is_ok() {
                    // An error from here on says nothing about what was stored.
                    session.execute("COMMIT").map_err(|_| Error::OutcomeUnknown)?;
                } else {
                    session.roll_back();
                }
                done
            }
        }
    }

    /// Runs `look` so that all its queries see one state.
    pub fn read<T>(&self, look: impl FnOnce(&mut AnyConnection) -> Result<T>) -> Result<T> {
        let pool = match &self.door {
            Door::Sqlite { readers, .. } => readers,
            Door::Postgres { pool } => pool,
        };
        let mut session = pool.begin(dialect::begin_read)?;
        let seen = look(&mut session.connection);
        session.roll_back();
        seen
    }
}

/// Makes the SQLite file for its owner alone; what SQLite puts beside it takes after it.
fn make_private(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(Error::Unusable(format!("can't open {}: {}", path.display(), error.kind())))
        }
    }
}

/// Takes the lock beside the SQLite file, which makes its folder first.
fn lock_file(path: &Path) -> Result<File> {
    let unusable = |what: &str, error: std::io::Error| {
        Error::Unusable(format!("{what} {}: {}", path.display(), error.kind()))
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|error| unusable("can't make the folder of", error))?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&beside).map_err(|error| unusable("can't open the lock of", error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked(PathBuf::from(beside))),
        Err(TryLockError::Error(error)) => Err(unusable("can't lock", error)),
    }
}
