//! Sends one message to one receiver, within one deadline, and believes nothing that comes back.

#![expect(clippy::disallowed_types, reason = "hyper's bodies are made of bytes; these go out")]

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response};
use rustls::pki_types::CertificateDer;
use tokio::time::{Instant, timeout_at};

pub use super::connect::{Answers, Resolver};
use super::connect::{Connection, Connector, IdleConnections};
use crate::domain::address::{AllowedNetworks, EndpointUrl};
use crate::domain::attempt::{
    ANSWER_KEPT_BYTES_MAX, FailureKind, Outcome, RetryAfter, answer_text,
};

const USER_AGENT: &str = concat!("vacate/", env!("CARGO_PKG_VERSION"));

/// The settings of a [`Sender`].
pub struct SenderConfig {
    /// The longest attempt, from resolving the name to the answer's last byte.
    pub attempt_max: Duration,
    /// So much of an answer's body is read; then the connection is dropped.
    pub answer_bytes_max: usize,
    /// What may be called although it isn't public.
    pub allowed_networks: AllowedNetworks,
    /// Root certificates beside the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// How names become addresses.
    pub resolver: Resolver,
}

/// Posts messages. One for the whole process: it keeps connections open between messages.
pub struct Sender {
    attempt_max: Duration,
    answer_bytes_max: usize,
    connector: Connector,
    idle: IdleConnections,
}

impl Sender {
    /// A sender with `config`. Trusts the system's root certificates, or those that the usual
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    pub fn new(config: SenderConfig) -> Sender {
        Sender {
            attempt_max: config.attempt_max,
            answer_bytes_max: config.answer_bytes_max,
            connector: Connector::new(config.allowed_networks, config.resolver, config.extra_roots),
            idle: IdleConnections::default(),
        }
    }

    /// Posts `body`, which is JSON, to `url` as the database keeps it; the URL is judged again,
    /// because the setting may have changed. `headers` are the message's own. Follows no redirect,
    /// uses no proxy, decompresses nothing, and ends in time.
    pub async fn post(&self, url: &str, headers: HeaderMap, body: Bytes) -> Outcome {
        let deadline = Instant::now() + self.attempt_max;
        let Ok(url) = EndpointUrl::parse(url, &self.connector.allowed) else {
            return Outcome::Failed(FailureKind::AddressNotAllowed);
        };
        let Some(request) = request(&url, headers, body) else {
            return Outcome::Failed(FailureKind::AddressNotAllowed);
        };
        match self.exchange(&url, request, deadline).await {
            Ok((connection, response)) => self.answer(&url, connection, response, deadline).await,
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// Sends the request, on an open connection if there is one, and waits for the answer's head.
    async fn exchange(
        &self,
        url: &EndpointUrl,
        request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<(Connection, Response<Incoming>), FailureKind> {
        if let Some(mut connection) = self.idle.take(url.origin()) {
            match timeout_at(deadline, connection.send(request.clone())).await {
                Ok(Ok(response)) => return Ok((connection, response)),
                Err(_) => return Err(FailureKind::Timeout),
                // The receiver closed it while it was idle, as it may. Should the request have
                // arrived nevertheless, its webhook-id tells that it is the same one.
                Ok(Err(_)) => {}
            }
        }
        let mut connection = self.connector.connect(url, deadline).await?;
        match timeout_at(deadline, connection.send(request)).await {
            Ok(Ok(response)) => Ok((connection, response)),
            Ok(Err(_)) => Err(FailureKind::BadAnswer),
            Err(_) => Err(FailureKind::Timeout),
        }
    }

    /// Reads the answer. A status that reports failure is believed even when its body never ends
    /// well; success only when the whole answer arrived, or as much of it as is ever read.
    async fn answer(
        &self,
        url: &EndpointUrl,
        connection: Connection,
        response: Response<Incoming>,
        deadline: Instant,
    ) -> Outcome {
        let (head, body) = response.into_parts();
        let mut kept = Vec::new();
        let reading = read(body, self.answer_bytes_max, &mut kept);
        match timeout_at(deadline, reading).await.unwrap_or(Err(FailureKind::Timeout)) {
            Ok(End::Reached) => self.idle.keep(url.origin(), connection),
            Ok(End::TooFar) => {}
            Err(failure) if head.status.is_success() => return Outcome::Failed(failure),
            Err(_) => {}
        }
        let retry_after = head.headers.get(header::RETRY_AFTER);
        Outcome::Answered {
            status: head.status.as_u16(),
            answer: answer_text(&kept),
            retry_after: retry_after.and_then(|v| v.to_str().ok()).and_then(RetryAfter::parse),
        }
    }
}

/// The request, or `None` when HTTP can't express the URL.
fn request(url: &EndpointUrl, mut headers: HeaderMap, body: Bytes) -> Option<Request<Full<Bytes>>> {
    headers.insert(header::HOST, HeaderValue::from_str(url.authority()).ok()?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.target().parse().ok()?;
    *request.headers_mut() = headers;
    Some(request)
}

/// Where reading a body stopped.
enum End {
    Reached,
    TooFar,
}

/// Reads `body` until `bytes_max` are reached and keeps its beginning.
async fn read(
    mut body: Incoming,
    bytes_max: usize,
    kept: &mut Vec<u8>,
) -> Result<End, FailureKind> {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| FailureKind::BadAnswer)?.into_data() else {
            continue;
        };
        let room = ANSWER_KEPT_BYTES_MAX - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        read += data.len();
        if read >= bytes_max {
            return Ok(End::TooFar);
        }
    }
    Ok(End::Reached)
}
