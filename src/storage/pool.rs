//! Connections kept open, by r2d2. No ping on check-out (it costs seven times the rest): a dead
//! connection shows itself when a transaction begins, and is replaced there, before any write.

use std::time::Duration;

use diesel::QueryResult;
use diesel::r2d2::{self, ManageConnection, NopErrorHandler, PooledConnection};

use super::dialect::{self, AnyConnection, Backend, Purpose};
use super::{Error, Limits, Result};

/// One connection, and whether it may be used again.
pub(super) struct Session {
    pub(super) connection: AnyConnection,
    broken: bool,
}

impl Session {
    pub(super) fn new(connection: AnyConnection) -> Session {
        Session { connection, broken: false }
    }

    /// Runs a statement without parameters. After a failure the connection isn't used again.
    pub(super) fn execute(&mut self, sql: &str) -> QueryResult<()> {
        let done = dialect::execute(&mut self.connection, sql);
        self.broken |= done.is_err();
        done
    }

    /// Ends the transaction without its changes. A connection that can't even do that is thrown away.
    pub(super) fn roll_back(&mut self) {
        if self.execute("ROLLBACK").is_err() {
            log::debug!("a broken connection is thrown away");
        }
    }
}

/// Makes sessions for r2d2.
pub(super) struct Connector {
    backend: Backend,
    url: String,
    purpose: Purpose,
}

impl ManageConnection for Connector {
    type Connection = Session;
    type Error = Error;

    fn connect(&self) -> Result<Session> {
        dialect::connect(self.backend, &self.url, self.purpose).map(Session::new)
    }

    fn is_valid(&self, _: &mut Session) -> Result<()> {
        Ok(())
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        // A transaction that a panic left open must not be joined by the next.
        session.broken || std::thread::panicking()
    }
}

/// A pool of connections: for reading and writing on PostgreSQL, for reading on SQLite.
pub(super) struct Pool {
    inner: r2d2::Pool<Connector>,
}

impl Pool {
    /// A pool that opens its connections when they are first wanted.
    pub(super) fn new(backend: Backend, url: &str, limits: Limits) -> Pool {
        let purpose = match backend {
            Backend::Postgres => Purpose::ReadAndWrite,
            Backend::Sqlite => Purpose::ReadOnly,
        };
        let inner = r2d2::Pool::builder()
            .max_size(limits.connections_max)
            .min_idle(Some(1))
            .test_on_check_out(false)
            .connection_timeout(Duration::from_millis(limits.wait_ms_max))
            .error_handler(Box::new(NopErrorHandler))
            .build_unchecked(Connector { backend, url: url.to_owned(), purpose });
        Pool { inner }
    }

    /// A connection, waited for at most as long as the limits say.
    pub(super) fn get(&self) -> Result<PooledConnection<Connector>> {
        self.inner.get().map_err(|_| Error::Unavailable)
    }

    /// A connection with a transaction begun. Connections that died in the pool are replaced, as
    /// many as there can be.
    pub(super) fn begin(
        &self,
        begin: fn(&mut AnyConnection) -> QueryResult<()>,
    ) -> Result<PooledConnection<Connector>> {
        for _ in 0..=self.inner.max_size() {
            let mut session = self.get()?;
            match begin(&mut session.connection) {
                Ok(()) => return Ok(session),
                Err(error) if dialect::is_closed(&error) => session.broken = true,
                Err(error) => {
                    session.broken = true;
                    return Err(error.into());
                }
            }
        }
        Err(Error::Unavailable)
    }
}
