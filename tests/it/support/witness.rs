//! A thin proxy in front of a registry, which holds every exchange of a test against the document.

use std::convert::Infallible;
use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, client};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::document::{self, Exchange};

/// The proxy. It ends with this.
pub struct Witness {
    /// Where clients reach the registry.
    pub url: String,
    seen: Arc<Mutex<Vec<Exchange>>>,
    tasks: JoinSet<()>,
}

impl Witness {
    /// A witness in front of the server at `upstream`.
    pub async fn before(upstream: SocketAddr) -> Witness {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen: Arc<Mutex<Vec<Exchange>>> = Arc::default();
        let kept = Arc::clone(&seen);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                connections.spawn(async move {
                    let relay = service_fn(|request| relay(upstream, Arc::clone(&kept), request));
                    // How a connection ends is for its client to know.
                    http1::Builder::new().serve_connection(TokioIo::new(stream), relay).await.ok();
                });
            }
        });
        Witness { url, seen, tasks }
    }

    /// What was said so far.
    pub fn seen(&self) -> Vec<Exchange> {
        self.seen.lock().expect("no test panics while it holds this").clone()
    }

    /// What of it the document doesn't know.
    pub fn objections(&self) -> Vec<String> {
        self.seen().iter().filter_map(|exchange| document::judge(exchange).err()).collect()
    }

    /// Takes no more, and hangs up.
    pub fn leave(&mut self) {
        self.tasks.abort_all();
    }
}

async fn relay(
    upstream: SocketAddr,
    seen: Arc<Mutex<Vec<Exchange>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Cursor<Vec<u8>>>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    let mut exchange = Exchange {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        request: body.clone(),
        status: 0,
        headers: Default::default(),
        answer: Vec::new(),
    };
    let stream = TcpStream::connect(upstream).await.expect("the registry listens");
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut driver = JoinSet::new();
    driver.spawn(async { Ok::<_, Infallible>(connection.await.ok()) });
    let (head, answer) = sender
        .send_request(Request::from_parts(head, Full::new(Cursor::new(body))))
        .await?
        .into_parts();
    let answer = answer.collect().await?.to_bytes().to_vec();
    exchange.status = head.status.as_u16();
    exchange.answer = answer.clone();
    for (name, value) in &head.headers {
        exchange.headers.insert(name.to_string(), String::from_utf8_lossy(value.as_bytes()).into());
    }
    seen.lock().expect("no test panics while it holds this").push(exchange);
    Ok(Response::from_parts(head, Full::new(Cursor::new(answer))))
}
