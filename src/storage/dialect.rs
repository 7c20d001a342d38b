//! The two databases behind one connection type: the only file that names a backend in a query.
//!
//! Nearly every query is written once, against [`AnyConnection`]. What the two can't share (batch
//! inserts, `ON CONFLICT`, row locks, how a session is set up) stands here.

use diesel::prelude::*;
use diesel::result::Error as QueryError;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Error;
use super::bindings::StateRow;
use super::generations::KeyUse;
use super::numbers::{NewNumberRow, NumberRow};
use super::schema::{bindings, deliveries, endpoints, numbers, participants, retention_run};

/// A connection to either database. Chosen by the URL's scheme, never by trying: a client library
/// that is handed the other's URL opens an empty SQLite file named after the PostgreSQL server.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// PostgreSQL 15 or later.
    Postgres(PgConnection),
    /// The bundled SQLite.
    Sqlite(SqliteConnection),
}

/// Runs the same expression on whichever connection it is: for what Diesel can't express on both at
/// once (batches, conflicts).
macro_rules! on_either {
    ($connection:expr, $bare:ident => $query:expr) => {
        match {
            let either: &mut $crate::storage::dialect::AnyConnection = &mut *$connection;
            either
        } {
            $crate::storage::dialect::AnyConnection::Postgres($bare) => $query,
            $crate::storage::dialect::AnyConnection::Sqlite($bare) => $query,
        }
    };
}
pub(super) use on_either;

/// Which database a URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// `postgres://…` or `postgresql://…`
    Postgres,
    /// `sqlite:PATH`
    Sqlite,
}

impl Backend {
    /// The backend that `url` names by its scheme, with what its client library wants to hear.
    pub fn of(url: &str) -> Option<(Backend, &str)> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Some((Backend::Postgres, url));
        }
        let path = url.strip_prefix("sqlite:")?;
        (!path.is_empty() && !path.starts_with(':')).then_some((Backend::Sqlite, path))
    }
}

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    ReadAndWrite,
    ReadOnly,
}

const POSTGRES_SESSION: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
    SET idle_in_transaction_session_timeout = '30s'; SET client_min_messages = warning";

/// `busy_timeout` comes first: setting the journal mode may already have to wait.
const SQLITE_SESSION: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
    PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 16000; \
    PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY";

pub(super) fn connect(
    backend: Backend,
    url: &str,
    purpose: Purpose,
) -> Result<AnyConnection, Error> {
    let mut connection = match backend {
        Backend::Postgres => {
            AnyConnection::Postgres(PgConnection::establish(url).map_err(|_| Error::Unavailable)?)
        }
        Backend::Sqlite => {
            AnyConnection::Sqlite(SqliteConnection::establish(url).map_err(|_| Error::Unavailable)?)
        }
    };
    let setup = match backend {
        Backend::Postgres => POSTGRES_SESSION,
        Backend::Sqlite => SQLITE_SESSION,
    };
    execute(&mut connection, setup)?;
    if backend == Backend::Sqlite && purpose == Purpose::ReadOnly {
        execute(&mut connection, "PRAGMA query_only = ON")?;
    }
    Ok(connection)
}

/// Runs statements that have no parameters.
pub(super) fn execute(connection: &mut AnyConnection, sql: &str) -> QueryResult<()> {
    on_either!(connection, bare => diesel::connection::SimpleConnection::batch_execute(bare, sql))
}

/// How a transaction begins: SQLite's must take the write lock at once, or a read that turns into a
/// write fails however long it would wait.
pub(super) fn begin_write(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        AnyConnection::Postgres(_) => execute(connection, "BEGIN ISOLATION LEVEL READ COMMITTED"),
        AnyConnection::Sqlite(_) => execute(connection, "BEGIN IMMEDIATE"),
    }
}

/// A transaction whose every query sees one state.
pub(super) fn begin_read(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        AnyConnection::Postgres(_) => {
            execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        }
        AnyConnection::Sqlite(_) => execute(connection, "BEGIN DEFERRED"),
    }
}

/// Locks the rows of `ids` in ascending order until the transaction ends, and returns them. On
/// SQLite the transaction is the lock.
pub(super) fn lock_numbers(
    connection: &mut AnyConnection,
    ids: &[i64],
) -> QueryResult<Vec<NumberRow>> {
    let rows = numbers::table.filter(numbers::id.eq_any(ids)).order(numbers::id);
    match connection {
        AnyConnection::Postgres(bare) => {
            rows.for_update().select(NumberRow::as_select()).load(bare)
        }
        AnyConnection::Sqlite(bare) => rows.select(NumberRow::as_select()).load(bare),
    }
}

/// Writes rows of numbers; their ids, in the same order.
pub(super) fn insert_numbers(
    connection: &mut AnyConnection,
    rows: &[NewNumberRow],
) -> QueryResult<Vec<i64>> {
    match connection {
        AnyConnection::Postgres(bare) => diesel::insert_into(numbers::table)
            .values(rows)
            .returning(numbers::id)
            .get_results(bare),
        AnyConnection::Sqlite(bare) => rows
            .iter()
            .map(|row| {
                diesel::insert_into(numbers::table)
                    .values(row)
                    .returning(numbers::id)
                    .get_result(bare)
            })
            .collect(),
    }
}

/// Writes rows of bindings; their ids, in the same order.
pub(super) fn insert_bindings(
    connection: &mut AnyConnection,
    rows: &[StateRow],
) -> QueryResult<Vec<i64>> {
    match connection {
        AnyConnection::Postgres(bare) => diesel::insert_into(bindings::table)
            .values(rows)
            .returning(bindings::id)
            .get_results(bare),
        AnyConnection::Sqlite(bare) => rows
            .iter()
            .map(|row| {
                diesel::insert_into(bindings::table)
                    .values(row)
                    .returning(bindings::id)
                    .get_result(bare)
            })
            .collect(),
    }
}

/// Locks one participant's row, so that whatever is written in the name of one app is written in
/// turn: two batches that move the same account would otherwise not see each other.
pub(super) fn lock_participant(connection: &mut AnyConnection, id: i32) -> QueryResult<()> {
    match connection {
        AnyConnection::Postgres(bare) => participants::table
            .find(id)
            .for_update()
            .select(participants::id)
            .get_result::<i32>(bare)
            .map(drop),
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

/// Locks the rows of all participants of a kind in ascending order.
pub(super) fn lock_participants_of(connection: &mut AnyConnection, kind: i16) -> QueryResult<()> {
    match connection {
        AnyConnection::Postgres(bare) => participants::table
            .filter(participants::kind.eq(kind))
            .order(participants::id)
            .for_update()
            .select(participants::id)
            .load::<i32>(bare)
            .map(drop),
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

/// Locks one endpoint's row: what an app changes of it and what a worker makes of it are written in
/// turn.
pub(super) fn lock_endpoint(connection: &mut AnyConnection, id: i64) -> QueryResult<()> {
    match connection {
        AnyConnection::Postgres(bare) => endpoints::table
            .find(id)
            .for_update()
            .select(endpoints::id)
            .get_result::<i64>(bare)
            .map(drop),
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

/// Locks those of `ids` whose lease is over, and that nobody else has locked.
pub(super) fn lock_free_endpoints(
    connection: &mut AnyConnection,
    ids: &[i64],
    now: i64,
) -> QueryResult<Vec<i64>> {
    let free = endpoints::table
        .filter(endpoints::id.eq_any(ids).and(endpoints::leased_until.le(now)))
        .select(endpoints::id);
    match connection {
        AnyConnection::Postgres(bare) => free.for_update().skip_locked().load(bare),
        AnyConnection::Sqlite(bare) => free.load(bare),
    }
}

/// Locks the rows of an organisation's apps in ascending order, and returns how many bindings each has.
pub(super) fn lock_apps_of(
    connection: &mut AnyConnection,
    organisation: &str,
    app: i16,
) -> QueryResult<Vec<i64>> {
    let apps = participants::table
        .filter(participants::organisation.eq(organisation).and(participants::kind.eq(app)))
        .order(participants::id)
        .select(participants::live_bindings);
    match connection {
        AnyConnection::Postgres(bare) => apps.for_update().load(bare),
        AnyConnection::Sqlite(bare) => apps.load(bare),
    }
}

/// Who holds a calling code's policy while it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyUse {
    /// Folds numbers under it: many at once.
    Fold,
    /// Changes it: alone, so that no number is folded under the old one and committed after.
    Change,
}

/// Holds the policy of a calling code until the transaction ends. On SQLite the transaction does.
pub(super) fn hold_policy(
    connection: &mut AnyConnection,
    code: i32,
    policy_use: PolicyUse,
) -> QueryResult<()> {
    let lock = match policy_use {
        PolicyUse::Fold => "pg_advisory_xact_lock_shared",
        PolicyUse::Change => "pg_advisory_xact_lock",
    };
    match connection {
        AnyConnection::Postgres(_) => {
            execute(connection, &format!("SELECT {lock}({POLICY_LOCKS}, {code})"))
        }
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

/// Holds the keys until the transaction ends. On SQLite the transaction does.
pub(super) fn hold_keys(connection: &mut AnyConnection, key_use: KeyUse) -> QueryResult<()> {
    let lock = match key_use {
        KeyUse::Store => "pg_advisory_xact_lock_shared",
        KeyUse::Change => "pg_advisory_xact_lock",
    };
    match connection {
        AnyConnection::Postgres(_) => execute(connection, &format!("SELECT {lock}({KEY_LOCK})")),
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

/// Any constant will do; every node must use the same.
const KEY_LOCK: &str = "7161636174650002";

/// The class of advisory locks on policies; any constant will do.
const POLICY_LOCKS: i32 = 7_161_636;

/// Locks the row of the retention run, so that nodes take turns.
pub(super) fn lock_retention_run(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        AnyConnection::Postgres(bare) => retention_run::table
            .for_update()
            .select(retention_run::id)
            .get_result::<i16>(bare)
            .map(drop),
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

/// Holds all budgets until the transaction ends. On SQLite the transaction does.
pub(super) fn hold_budgets(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        AnyConnection::Postgres(_) => {
            execute(connection, &format!("SELECT pg_advisory_xact_lock({BUDGET_LOCK})"))
        }
        AnyConnection::Sqlite(_) => Ok(()),
    }
}

/// Any constant will do; every node must use the same.
const BUDGET_LOCK: &str = "7161636174650003";

/// Locks deliveries in the order in which whoever settles them goes.
pub(super) fn lock_deliveries(
    connection: &mut AnyConnection,
    of_bindings: &[i64],
) -> QueryResult<Vec<i64>> {
    let pending = deliveries::table
        .filter(deliveries::binding_id.eq_any(of_bindings))
        .filter(deliveries::next_attempt_at.is_not_null())
        .order(deliveries::id)
        .select(deliveries::id);
    match connection {
        AnyConnection::Postgres(bare) => pending.for_update().load(bare),
        AnyConnection::Sqlite(bare) => pending.load(bare),
    }
}

const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Any constant will do; every node must use the same.
const MIGRATION_LOCK: &str = "7161636174650001";

/// Brings the schema up to date, one node at a time, and returns the names of the steps taken.
pub(super) fn migrate(connection: &mut AnyConnection) -> Result<Vec<String>, Error> {
    if let AnyConnection::Postgres(_) = connection {
        execute(connection, "SET statement_timeout = 0; SET lock_timeout = 0")?;
        execute(connection, &format!("SELECT pg_advisory_lock({MIGRATION_LOCK})"))?;
    }
    let taken = match connection {
        AnyConnection::Postgres(bare) => bare.run_pending_migrations(POSTGRES_MIGRATIONS),
        AnyConnection::Sqlite(bare) => bare.run_pending_migrations(SQLITE_MIGRATIONS),
    }
    .map(|steps| steps.iter().map(ToString::to_string).collect())
    .map_err(|error| Error::Migration(error.to_string()));
    if let AnyConnection::Postgres(_) = connection {
        execute(connection, &format!("SELECT pg_advisory_unlock({MIGRATION_LOCK})"))?;
        execute(connection, POSTGRES_SESSION)?;
    }
    taken
}

/// The steps that [`migrate`] would take.
pub(super) fn pending_migrations(connection: &mut AnyConnection) -> Result<Vec<String>, Error> {
    let named = |name: &dyn std::fmt::Display| name.to_string();
    match connection {
        AnyConnection::Postgres(bare) => bare
            .pending_migrations(POSTGRES_MIGRATIONS)
            .map(|steps| steps.iter().map(|step| named(step.name())).collect()),
        AnyConnection::Sqlite(bare) => bare
            .pending_migrations(SQLITE_MIGRATIONS)
            .map(|steps| steps.iter().map(|step| named(step.name())).collect()),
    }
    .map_err(|error| Error::Migration(error.to_string()))
}

/// Whether the connection can no longer be used.
pub(super) fn is_closed(error: &QueryError) -> bool {
    use diesel::result::DatabaseErrorKind::ClosedConnection;
    matches!(error, QueryError::DatabaseError(ClosedConnection, _))
}
