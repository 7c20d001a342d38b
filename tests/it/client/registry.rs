//! A server that answers what a test wants, and keeps what it was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use vacate::client::{ApiKey, Client};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("a text")
    }
}

/// The server; it ends with this.
pub struct FakeRegistry {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _tasks: JoinSet<()>,
}

impl FakeRegistry {
    pub async fn start(
        answer: impl Fn(&Asked) -> Response<String> + Send + Sync + 'static,
    ) -> FakeRegistry {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, kept) = (Arc::new(answer), Arc::clone(&asked));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
                connections.spawn(async move {
                    let service = service_fn(|request: Request<Incoming>| {
                        let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
                        async move {
                            let asked = read(request).await;
                            let response = answer(&asked);
                            kept.lock().expect("unpoisoned").push(asked);
                            Ok::<_, Infallible>(response)
                        }
                    });
                    let io = TokioIo::new(stream);
                    http1::Builder::new().serve_connection(io, service).await.ok();
                });
            }
        });
        FakeRegistry { url, asked, _tasks: tasks }
    }

    pub async fn answering(status: u16, body: &str) -> FakeRegistry {
        let body = body.to_owned();
        FakeRegistry::start(move |_| response(status, &body)).await
    }

    pub fn client(&self) -> Client {
        let key = ApiKey::parse("vk1_app_glTDKakoUPbVOd03b0gW7idkUX2l4CNV").unwrap();
        Client::new(&self.url).unwrap().with_key(key)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("unpoisoned").clone()
    }

    /// The last request, as `METHOD path` and its body.
    pub fn last(&self) -> (String, Value) {
        let asked = self.asked().pop().expect("a request");
        let body = if asked.body.is_empty() { Value::Null } else { asked.json() };
        (format!("{} {}", asked.method, asked.path), body)
    }
}

pub fn response(status: u16, body: &str) -> Response<String> {
    Response::builder().status(status).body(body.to_owned()).expect("a response")
}

async fn read(request: Request<Incoming>) -> Asked {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes().to_vec();
    Asked {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers,
        body: String::from_utf8(body).expect("UTF-8"),
    }
}
