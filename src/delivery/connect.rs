//! Connections to receivers: opened only to addresses that may be called, kept for the next message.
//!
//! A name is resolved once, and the connection goes to one of the very addresses that were judged:
//! a name that changes its answer between a check and a connection (DNS rebinding) gains nothing.

#![expect(clippy::disallowed_types, reason = "hyper's bodies are made of bytes; these go out")]

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::Host;

use crate::domain::address::{AllowedNetworks, EndpointUrl};
use crate::domain::attempt::FailureKind;
use crate::tls;

/// So many addresses of a name are tried; a name could list thousands.
const ADDRESSES_MAX: usize = 4;
/// Lookups under way. One that hangs occupies a thread for longer than its attempt lasts, so
/// without a bound a slow name server could take all threads of the blocking pool.
const LOOKUPS_MAX: usize = 64;
/// The head of an answer, which is also all that is read ahead of its body.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A connection is used again until it is this old; then the name is resolved and judged anew.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(30);
/// Open connections that wait for a message, over all endpoints.
const IDLE_CONNECTIONS_MAX: usize = 256;

/// The addresses of a name; none when it doesn't exist.
pub type Answers = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// How names become addresses.
pub enum Resolver {
    /// As the operating system does.
    System,
    /// By a function of the name, for tests.
    Given(Box<Answers>),
}

/// Opens connections.
pub(super) struct Connector {
    pub(super) allowed: AllowedNetworks,
    resolver: Resolver,
    lookups: Arc<Semaphore>,
    tls: TlsConnector,
}

impl Connector {
    /// Trusts the system's root certificates and `extra_roots`.
    pub(super) fn new(
        allowed: AllowedNetworks,
        resolver: Resolver,
        extra_roots: Vec<CertificateDer<'static>>,
    ) -> Connector {
        let lookups = Arc::new(Semaphore::new(LOOKUPS_MAX));
        Connector { allowed, resolver, lookups, tls: tls::connector(extra_roots) }
    }

    /// A new connection for `url`, or why there is none by `deadline`.
    pub(super) async fn connect(
        &self,
        url: &EndpointUrl,
        deadline: Instant,
    ) -> Result<Connection, FailureKind> {
        let connecting = async {
            let tcp = dial(&self.addresses(url).await?, deadline).await?;
            if !url.is_tls() {
                return Connection::over(tcp).await;
            }
            let name = server_name(url.host())?;
            let tls = self.tls.connect(name, tcp).await.map_err(|_| FailureKind::Tls)?;
            Connection::over(tls).await
        };
        timeout_at(deadline, connecting).await.unwrap_or(Err(FailureKind::ConnectTimeout))
    }

    /// The addresses behind `url` that may be called.
    async fn addresses(&self, url: &EndpointUrl) -> Result<Vec<SocketAddr>, FailureKind> {
        let mut addresses = match url.host() {
            Host::Ipv4(address) => vec![address.into()],
            Host::Ipv6(address) => vec![address.into()],
            Host::Domain(name) => self.resolve(name).await?,
        };
        addresses.retain(|address| url.may_call(*address, &self.allowed));
        addresses.truncate(ADDRESSES_MAX);
        if addresses.is_empty() {
            return Err(FailureKind::AddressNotAllowed);
        }
        Ok(addresses.into_iter().map(|address| (address, url.port()).into()).collect())
    }

    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, FailureKind> {
        let found = match &self.resolver {
            Resolver::System => self.look_up(name.to_owned()).await,
            Resolver::Given(answer) => Some(answer(name)),
        };
        found.filter(|addresses| !addresses.is_empty()).ok_or(FailureKind::NameNotFound)
    }

    async fn look_up(&self, name: String) -> Option<Vec<IpAddr>> {
        let permit = Arc::clone(&self.lookups).acquire_owned().await.ok()?;
        let lookup = spawn_blocking(move || {
            let found = (name, 0).to_socket_addrs();
            drop(permit);
            found
        });
        Some(lookup.await.ok()?.ok()?.map(|address| address.ip()).collect())
    }
}

/// Connects to the first address that answers. Each gets an equal share of the time that is left,
/// so that one that swallows everything doesn't hide the next.
async fn dial(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, FailureKind> {
    let mut failure = FailureKind::Connection;
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share = deadline.saturating_duration_since(Instant::now()).div_f64(left as f64);
        failure = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Should this fail, small writes are merely delayed.
                stream.set_nodelay(true).ok();
                return Ok(stream);
            }
            Ok(Err(_)) => FailureKind::Connection,
            Err(_) => FailureKind::ConnectTimeout,
        };
    }
    Err(failure)
}

fn server_name(host: Host<&str>) -> Result<ServerName<'static>, FailureKind> {
    match host {
        Host::Ipv4(address) => Ok(ServerName::from(IpAddr::from(address))),
        Host::Ipv6(address) => Ok(ServerName::from(IpAddr::from(address))),
        Host::Domain(name) => {
            ServerName::try_from(name.to_owned()).map_err(|_| FailureKind::NameNotFound)
        }
    }
}

/// An open connection. Dropping it closes it at once, whatever the receiver does.
pub(super) struct Connection {
    requests: SendRequest<Full<Bytes>>,
    opened: Instant,
    _driver: JoinSet<()>,
}

impl Connection {
    async fn over<S>(stream: S) -> Result<Connection, FailureKind>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (requests, connection) = Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| FailureKind::Connection)?;
        let mut driver = JoinSet::new();
        driver.spawn(async {
            // How it ends shows in the request that it carried.
            connection.await.ok();
        });
        Ok(Connection { requests, opened: Instant::now(), _driver: driver })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        self.requests.ready().await?;
        self.requests.send_request(request).await
    }
}

/// Connections whose last answer was read to its end, the latest last.
#[derive(Default)]
pub(super) struct IdleConnections(Mutex<VecDeque<(String, Connection)>>);

impl IdleConnections {
    /// A connection to `origin` that is young enough, if there is one.
    pub(super) fn take(&self, origin: &str) -> Option<Connection> {
        let mut idle = self.young();
        let place = idle.iter().rposition(|(kept, _)| kept == origin)?;
        idle.remove(place).map(|(_, connection)| connection)
    }

    /// Keeps `connection` for the next message to `origin`.
    pub(super) fn keep(&self, origin: &str, connection: Connection) {
        if connection.requests.is_closed() {
            return;
        }
        let mut idle = self.young();
        idle.push_back((origin.to_owned(), connection));
        if idle.len() > IDLE_CONNECTIONS_MAX {
            idle.pop_front();
        }
    }

    fn young(&self) -> MutexGuard<'_, VecDeque<(String, Connection)>> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, connection)| connection.opened.elapsed() < CONNECTION_AGE_MAX);
        idle
    }
}
