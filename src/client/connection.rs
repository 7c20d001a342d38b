//! Connections to one registry: opened when they are needed, kept for the next request.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::answer::Answer;
use super::error::Error;
use crate::tls;

/// Bytes of an answer. A batch of 1,000 items, or a page, has well below 1 MiB.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Connections that wait for a request.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// A text that is no URL of a registry, or not of one that a key may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It is none.
    #[error("a registry's URL is https://host, with a port and a path if need be")]
    Malformed,
    /// It leads over a network without TLS.
    #[error(
        "the key would cross the network in the clear: use https://; plain http:// is for 127.0.0.1"
    )]
    Plain,
}

/// Where the registry is, and the connections to it.
pub(super) struct Server {
    host: String,
    port: u16,
    /// Whether it is on this machine.
    pub(super) is_here: bool,
    authority: HeaderValue,
    /// What stands before `/v1`, mostly nothing.
    prefix: String,
    tls: Option<TlsConnector>,
    idle: Mutex<Vec<Connection>>,
}

impl Server {
    /// Whether what isn't for everybody may go here as well as to `other`.
    pub(super) fn is_as_private_as(&self, other: &Server) -> bool {
        self.tls.is_some() || other.tls.is_none()
    }

    pub(super) fn parse(url: &str) -> Result<Server, BadUrl> {
        let uri: Uri = url.parse().map_err(|_| BadUrl::Malformed)?;
        let authority = uri.authority().ok_or(BadUrl::Malformed)?;
        let (tls, port) = match uri.scheme_str() {
            Some("https") => (Some(tls::connector(Vec::new())), 443),
            Some("http") => (None, 80),
            _ => return Err(BadUrl::Malformed),
        };
        if uri.query().is_some() || authority.as_str().contains('@') || url.contains('#') {
            return Err(BadUrl::Malformed);
        }
        // An IPv6 address has brackets in a URL and nowhere else.
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let is_here = is_loopback(&host);
        if tls.is_none() && !is_here {
            return Err(BadUrl::Plain);
        }
        Ok(Server {
            host,
            port: authority.port_u16().unwrap_or(port),
            is_here,
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| BadUrl::Malformed)?,
            prefix: uri.path().trim_end_matches('/').to_owned(),
            tls,
            idle: Mutex::default(),
        })
    }

    /// Sends a request whose URI is a path, and reads the whole answer.
    pub(super) async fn exchange(&self, mut request: Request<String>) -> Result<Answer, Error> {
        request.headers_mut().insert(HOST, self.authority.clone());
        if !self.prefix.is_empty() {
            let path = format!("{}{}", self.prefix, request.uri());
            *request.uri_mut() = path.parse().map_err(|error| self.unreachable(error))?;
        }
        let idle = self.idle().pop();
        if let Some(mut connection) = idle {
            let again = request.method().is_idempotent().then(|| request.clone());
            match connection.send(request).await {
                Ok(head) => return self.read(connection, head).await,
                // Something was answered that isn't HTTP.
                Err(Unsent { error, .. }) if error.is_parse() => {
                    return Err(self.unreachable(error));
                }
                // The server had closed it. What may have arrived isn't sent twice unless that does
                // no harm: a key could be issued that nobody sees.
                Err(Unsent { error, request: unsent }) => match unsent.or(again) {
                    Some(again) => request = again,
                    None => return Err(self.unreachable(error)),
                },
            }
        }
        let mut connection = self.connect().await.map_err(|error| self.unreachable(error))?;
        let sent = connection.send(request).await;
        self.read(connection, sent.map_err(|unsent| self.unreachable(unsent.error))?).await
    }

    async fn read(
        &self,
        connection: Connection,
        head: Response<Incoming>,
    ) -> Result<Answer, Error> {
        let (head, body) = head.into_parts();
        let status = head.status;
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Error::NotOurs { status: status.as_u16(), why: "it doesn't end".to_owned() }
            } else {
                self.unreachable(format!("the answer broke off: {error}"))
            }
        })?;
        self.keep(connection);
        Ok(Answer { status, headers: head.headers, body: body.to_bytes().into() })
    }

    async fn connect(&self) -> std::io::Result<Connection> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        match &self.tls {
            None => Connection::over(tcp).await,
            Some(tls) => {
                let name =
                    ServerName::try_from(self.host.clone()).map_err(std::io::Error::other)?;
                Connection::over(tls.connect(name, tcp).await.map_err(tls_failed)?).await
            }
        }
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        idle.retain(|kept| !kept.requests.is_closed());
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push(connection);
        }
    }

    fn unreachable(&self, error: impl fmt::Display) -> Error {
        Error::Unreachable(format!("{self}: {error}"))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The URL, without the path.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// An open connection. Dropping it closes it.
struct Connection {
    requests: SendRequest<String>,
    _driver: JoinSet<()>,
}

impl Connection {
    async fn over<S>(stream: S) -> std::io::Result<Connection>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (requests, connection) =
            handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        let mut driver = JoinSet::new();
        driver.spawn(async {
            // How it ends shows in the request that it carries.
            connection.await.ok();
        });
        Ok(Connection { requests, _driver: driver })
    }

    /// Sends a request and waits for the head of its answer.
    async fn send(&mut self, request: Request<String>) -> Result<Response<Incoming>, Unsent> {
        if let Err(error) = self.requests.ready().await {
            return Err(Unsent { error, request: Some(request) });
        }
        self.requests.try_send_request(request).await.map_err(|mut failed| {
            let request = failed.take_message();
            Unsent { error: failed.into_error(), request }
        })
    }
}

/// Why there is no answer; with the request, where none of it was sent.
struct Unsent {
    error: hyper::Error,
    request: Option<Request<String>>,
}

fn tls_failed(error: std::io::Error) -> std::io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidMessage(_)) => {
            std::io::Error::other("no TLS is spoken there; is it the port of plain http?")
        }
        _ => error,
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    address.map_or(host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}
