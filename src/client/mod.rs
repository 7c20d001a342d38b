//! The API from outside: the calls of carriers, apps and admins, the hashing of numbers, and a
//! receiver of webhooks. The command line, the demo and every test's actors speak through it.
//!
//! ```no_run
//! # async fn login(handle: vacate::domain::number::NumberText) -> Result<(), Box<dyn std::error::Error>> {
//! use vacate::client::{ApiKey, Client};
//! use vacate::domain::verdict::Advice;
//!
//! let client = Client::new("http://127.0.0.1:8080")?.with_key(ApiKey::parse(std::fs::read_to_string("login.key")?.trim())?);
//! if client.check(handle, None).await.advice == Advice::Allow {
//!     // Only now may a code to the number open the account.
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod connection;
mod error;
mod key;
mod list;
mod unknown;

pub mod admin;
pub mod app;
pub mod batches;
pub mod carrier;
pub mod check;
pub mod endpoints;
pub mod epochs;
pub mod inbox;
pub mod keys;
pub mod number;
pub mod receiver;
pub mod status;
pub mod tokens;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

pub use answer::{Answer, Batch, Item, Summary};
pub use connection::BadUrl;
use connection::Server;
pub use error::{Class, Error, Problem};
pub use key::{ApiKey, BadKey};
pub use list::{List, Page};

/// How long a request may take, with connecting and the answer's body, unless it is set otherwise.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a check may take at most: somebody waits at a login, and stepping up is always safe.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

const CORRELATOR: HeaderName = HeaderName::from_static("x-correlator");

/// One participant's way to one registry. Clones share their connections, with another key too.
///
/// Requests go over HTTP/1.1, and no redirect is followed. One that a kept connection leaves without
/// any answer goes over a new one, if it was never sent or its method is idempotent (RFC 9110, section
/// 9.2.2); there is no other retry.
#[derive(Clone)]
pub struct Client {
    server: Arc<Server>,
    key: Option<ApiKey>,
    evaluator_key: Option<ApiKey>,
    correlator: Option<HeaderValue>,
    timeout: Duration,
}

impl Client {
    /// A client of the registry at `url`: `https://host`, or plain `http://127.0.0.1:8080` on this
    /// machine, with the path that stands before `/v1` if there is one. For `https` the system's
    /// certificates count.
    ///
    /// # Errors
    /// [`BadUrl`] for anything else; no connection is made yet.
    pub fn new(url: &str) -> Result<Client, BadUrl> {
        let server = Arc::new(Server::parse(url)?);
        Ok(Client {
            server,
            key: None,
            evaluator_key: None,
            correlator: None,
            timeout: REQUEST_TIMEOUT,
        })
    }

    /// Whether the registry is on this machine, and nothing crosses a network.
    pub fn is_on_this_machine(&self) -> bool {
        self.server.is_here
    }

    /// The same with this key.
    pub fn with_key(self, key: ApiKey) -> Client {
        Client { key: Some(key), ..self }
    }

    /// The same with this key for an evaluator that runs apart. It is never sent the registry's key, with
    /// which it could speak for its owner there.
    pub fn with_evaluator_key(self, key: ApiKey) -> Client {
        Client { evaluator_key: Some(key), ..self }
    }

    /// The same, with this `x-correlator` on every request, so that it can be found in both logs.
    pub fn with_correlator(self, correlator: HeaderValue) -> Client {
        Client { correlator: Some(correlator), ..self }
    }

    /// The same with another [`REQUEST_TIMEOUT`]. A check still ends after [`CHECK_TIMEOUT`].
    pub fn with_timeout(self, timeout: Duration) -> Client {
        Client { timeout, ..self }
    }

    /// Sends a request of any kind, for what the typed calls don't do. Its URI is the path and query
    /// below the registry's URL. The key, the content type of a body and the correlator are added
    /// where the request doesn't bring its own.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::TooSlow`], or [`Error::NotOurs`] for an answer beyond all
    /// bounds. Every status is an answer.
    pub async fn raw(&self, request: Request<String>) -> Result<Answer, Error> {
        self.exchange(request, self.timeout).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.raw(empty(Method::GET, path)).await?.json()
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.raw(with_body(method, path, body)).await?.json()
    }

    async fn exchange(
        &self,
        mut request: Request<String>,
        within: Duration,
    ) -> Result<Answer, Error> {
        let json = HeaderValue::from_static("application/json");
        let content_type = (!request.body().is_empty()).then_some((CONTENT_TYPE, json));
        let bearer = self.key.as_ref().map(|key| (AUTHORIZATION, key.bearer()));
        let correlator = self.correlator.clone().map(|correlator| (CORRELATOR, correlator));
        let accept =
            (ACCEPT, HeaderValue::from_static("application/json, application/problem+json"));
        let ours = [Some(accept), content_type, bearer, correlator];
        for (name, value) in ours.into_iter().flatten() {
            request.headers_mut().entry(name).or_insert(value);
        }
        let exchange = self.server.exchange(request);
        timeout(within, exchange).await.unwrap_or(Err(Error::TooSlow))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.server)
    }
}

fn empty(method: Method, path: &str) -> Request<String> {
    request(method, path, String::new())
}

fn with_body(method: Method, path: &str, body: &impl Serialize) -> Request<String> {
    request(method, path, serde_json::to_string(body).expect("requests have only text as keys"))
}

fn request(method: Method, path: &str, body: String) -> Request<String> {
    Request::builder().method(method).uri(path).body(body).expect("paths are percent-encoded")
}

/// `path` with the query parameters that have a value.
fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut text = path.to_owned();
    for (name, value) in parameters {
        if let Some(value) = value {
            text.push(if text.contains('?') { '&' } else { '?' });
            text.push_str(&format!("{name}={}", percent_encoded(value)));
        }
    }
    text
}

/// RFC 3986: everything but its unreserved characters.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
