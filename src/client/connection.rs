//! Connections to one registry: opened when they are needed, kept for the next request.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::answer::Answer;
use super::error::Error;

/// Bytes of an answer. A batch of 1,000 items, or a page, has well below 1 MiB.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Connections that wait for a request.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// A text that is no URL of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a registry's URL is https://host or http://host, with a port and a path if need be")]
pub struct BadUrl;

/// Where the registry is, and the connections to it.
pub(super) struct Server {
    host: String,
    port: u16,
    authority: HeaderValue,
    /// What stands before `/v1`, mostly nothing.
    prefix: String,
    tls: Option<TlsConnector>,
    idle: Mutex<Vec<Connection>>,
}

impl Server {
    pub(super) fn parse(url: &str) -> Result<Server, BadUrl> {
        let uri: Uri = url.parse().map_err(|_| BadUrl)?;
        let authority = uri.authority().ok_or(BadUrl)?;
        let (tls, port) = match uri.scheme_str() {
            Some("https") => (Some(tls()), 443),
            Some("http") => (None, 80),
            _ => return Err(BadUrl),
        };
        if uri.query().is_some() || authority.as_str().contains('@') || url.contains('#') {
            return Err(BadUrl);
        }
        Ok(Server {
            // An IPv6 address has brackets in a URL and nowhere else.
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(port),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| BadUrl)?,
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
            *request.uri_mut() = path.parse().map_err(unreachable)?;
        }
        let reused = self.idle().pop();
        if let Some(mut connection) = reused {
            match connection.send(request.clone()).await {
                Ok(head) => return self.read(connection, head).await,
                // Something was answered that isn't HTTP.
                Err(error) if error.is_parse() => return Err(unreachable(error)),
                // The server had closed it; nothing was answered.
                Err(_) => {}
            }
        }
        let mut connection = self.connect().await.map_err(unreachable)?;
        let head = connection.send(request).await.map_err(unreachable)?;
        self.read(connection, head).await
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
                Error::Unreachable(format!("the answer broke off: {error}"))
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
                Connection::over(tls.connect(name, tcp).await?).await
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
    async fn send(&mut self, request: Request<String>) -> hyper::Result<Response<Incoming>> {
        self.requests.ready().await?;
        self.requests.send_request(request).await
    }
}

fn tls() -> TlsConnector {
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        log::warn!("some of the system's root certificates can't be read: {error}");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(native.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

fn unreachable(error: impl fmt::Display) -> Error {
    Error::Unreachable(error.to_string())
}
