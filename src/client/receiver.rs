//! A webhook receiver on this machine, for demos, for tests and for whoever has no server yet.
//!
//! It keeps every request, so that what was sent can be looked at; an app that runs for months feeds
//! an [`Inbox`] from a server of its own. It can be told to answer badly, as receivers do.

use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::inbox::{Inbox, Message, NotTaken, Received};
use crate::domain::signature::{Headers, ID_HEADER, SIGNATURE_HEADER, Secret, TIMESTAMP_HEADER};

/// Bytes of a message. A duty has about 500.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// A pause after a connection couldn't be accepted, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A receiver. When it is dropped it takes no more requests, and ends those that it has.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    _alive: watch::Sender<()>,
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// All its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Taken(Received),
    /// It wasn't believed, and answered with 401 or 400.
    NotTaken(NotTaken),
    /// It was answered badly, as the receiver was told to, and not looked at.
    Refused,
}

/// How to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// With this status. Unless it is 2xx, requests are only kept, as if the app had failed.
    pub status: StatusCode,
    /// With these headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// After so long. The request is taken before, so a sender that gives up sends it again.
    pub after: Duration,
}

impl Default for Reply {
    fn default() -> Reply {
        Reply::status(StatusCode::NO_CONTENT)
    }
}

impl Reply {
    /// At once, with this status.
    pub fn status(status: StatusCode) -> Reply {
        Reply { status, headers: Vec::new(), after: Duration::ZERO }
    }

    /// The same, and asks to be left alone for so many seconds.
    pub fn retry_after(mut self, seconds: u64) -> Reply {
        self.headers.push((RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }

    /// The same, so much later.
    pub fn after(self, after: Duration) -> Reply {
        Reply { after, ..self }
    }
}

struct Shared {
    now: Box<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    state: watch::Sender<State>,
}

#[derive(Default)]
struct State {
    inbox: Inbox,
    reply: Reply,
    seen: Vec<Seen>,
    messages: Vec<Message>,
    /// How many of `messages` were handed out by [`Receiver::next`].
    handed_out: usize,
}

impl Receiver {
    /// Listens on a free port of 127.0.0.1, and judges timestamps by `now`. It believes nothing until
    /// [`Receiver::trust`].
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(
        now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static,
    ) -> std::io::Result<Receiver> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = watch::Sender::new(State::default());
        let shared = Arc::new(Shared { now: Box::new(now), state });
        let (alive, stopped) = watch::channel(());
        tokio::spawn(listen(listener, Arc::clone(&shared), stopped));
        Ok(Receiver { address, shared, _alive: alive })
    }

    /// Where to send messages.
    pub fn url(&self) -> String {
        format!("http://{}/vacate", self.address)
    }

    /// Believes what these secrets signed from now on, and nothing else: two, while one replaces
    /// another.
    pub fn trust(&self, secrets: Vec<Secret>) {
        self.change(|state| state.inbox.trust(secrets));
    }

    /// Answers like this from now on.
    pub fn reply(&self, reply: Reply) {
        self.change(|state| state.reply = reply);
    }

    /// The next message in the order in which they came, each once; `None` if there is none within
    /// the time.
    pub async fn next(&self, within: Duration) -> Option<Message> {
        let waiting = async {
            let mut changes = self.shared.state.subscribe();
            loop {
                changes.wait_for(|state| state.handed_out < state.messages.len()).await.ok()?;
                // Another call of this may have been quicker.
                let message = self.change(State::hand_out);
                if message.is_some() {
                    return message;
                }
            }
        };
        timeout(within, waiting).await.ok().flatten()
    }

    /// All messages that came so far, whether handed out or not.
    pub fn all(&self) -> Vec<Message> {
        self.shared.state.borrow().messages.clone()
    }

    /// All requests that came so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state.borrow().seen.clone()
    }

    /// All requests that came so far, as soon as they are `count`; `None` if they aren't within the
    /// time.
    pub async fn seen_at_least(&self, count: usize, within: Duration) -> Option<Vec<Seen>> {
        let mut changes = self.shared.state.subscribe();
        let waiting = changes.wait_for(|state| state.seen.len() >= count);
        let state = timeout(within, waiting).await.ok()?.ok()?;
        Some(state.seen.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.change(change)
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({})", self.address)
    }
}

impl State {
    fn hand_out(&mut self) -> Option<Message> {
        let message = self.messages.get(self.handed_out).cloned()?;
        self.handed_out += 1;
        Some(message)
    }

    /// Takes a request, or doesn't, and says how to answer it.
    fn receive(&mut self, headers: HeaderMap, body: Vec<u8>, now: DateTime<Utc>) -> Reply {
        let (outcome, reply) = if self.reply.status.is_success() {
            match self.inbox.take(signed(&headers), &body, now) {
                Ok(received) => (Outcome::Taken(received), self.reply.clone()),
                Err(why) => (Outcome::NotTaken(why), Reply::status(status_of(why))),
            }
        } else {
            (Outcome::Refused, self.reply.clone())
        };
        if let Outcome::Taken(Received::New(message)) = &outcome {
            self.messages.push(message.clone());
        }
        self.seen.push(Seen { headers, body, outcome });
        reply
    }
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut result = None;
        self.state.send_modify(|state| result = Some(change(state)));
        result.expect("the change was made")
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<String>, Infallible> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
            return Ok(respond(Reply::status(StatusCode::PAYLOAD_TOO_LARGE)));
        };
        let body = body.to_bytes().into();
        let now = (self.now)();
        let reply = self.change(|state| state.receive(head.headers, body, now));
        sleep(reply.after).await;
        Ok(respond(reply))
    }
}

fn respond(reply: Reply) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = reply.status;
    response.headers_mut().extend(reply.headers);
    response
}

fn status_of(why: NotTaken) -> StatusCode {
    match why {
        NotTaken::Forged(_) => StatusCode::UNAUTHORIZED,
        NotTaken::Malformed => StatusCode::BAD_REQUEST,
    }
}

/// The headers that are signed. An absent one is as bad as an empty one.
fn signed(headers: &HeaderMap) -> Headers<'_> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Headers {
        id: text(ID_HEADER),
        timestamp: text(TIMESTAMP_HEADER),
        signature: text(SIGNATURE_HEADER),
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(talk(stream, Arc::clone(&shared), stopped.clone()));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            // The receiver was dropped.
            _ = stopped.changed() => return,
        }
    }
}

async fn talk(stream: TcpStream, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    let service = service_fn(|request| shared.answer(request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        // How it ended is for the other side to know.
        _ = connection.as_mut() => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await.ok();
        }
    }
}
