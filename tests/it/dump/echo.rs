//! A receiver that fails, and repeats in its answer what it was sent and whose number it takes it to
//! be: many do.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The receiver. It ends with this.
pub struct Echo {
    pub url: String,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    _tasks: JoinSet<()>,
}

impl Echo {
    /// One that says `also` in each answer.
    pub async fn start(also: String) -> Echo {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/vacate", listener.local_addr().expect("an address"));
        let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = Arc::clone(&seen);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, also) = (Arc::clone(&kept), also.clone());
                connections.spawn(async move {
                    let answer = service_fn(|request| answer(request, &kept, &also));
                    // How a connection ends is for its client to know.
                    http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.ok();
                });
            }
        });
        Echo { url, seen, _tasks: tasks }
    }

    /// The bodies that came.
    pub fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().expect("unbroken").clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    kept: &Mutex<Vec<Vec<u8>>>,
    also: &str,
) -> Result<Response<String>, Infallible> {
    let body = request.into_body().collect().await;
    let body = body.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let said = format!("{also}; no such account: {}", String::from_utf8_lossy(&body));
    kept.lock().expect("unbroken").push(body);
    let mut response = Response::new(said);
    *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
    Ok(response)
}
