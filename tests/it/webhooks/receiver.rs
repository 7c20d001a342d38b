//! A receiver on loopback that behaves as it is told.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Accepts connections until it is dropped.
pub struct Receiver {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    _accepting: JoinSet<()>,
}

impl Receiver {
    /// Hands each connection to `behave`, with the place where it notes the requests that it heard.
    pub async fn start<F, B>(behave: F) -> Receiver
    where
        F: Fn(TcpStream, Arc<Mutex<Vec<String>>>) -> B + Send + 'static,
        B: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (counter, notes) = (Arc::clone(&connections), Arc::clone(&requests));
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                open.spawn(behave(stream, Arc::clone(&notes)));
            }
        });
        Receiver { address, connections, requests, _accepting: accepting }
    }

    /// Answers each request on a connection with the same bytes.
    pub async fn answering(answer: &'static str) -> Receiver {
        Receiver::start(move |stream, notes| serve(stream, notes, answer)).await
    }

    /// The same behind TLS.
    pub async fn answering_tls(certificate: &'static str, answer: &'static str) -> Receiver {
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("fixtures/receiver.key.pem"));
        let config =
            ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(chain, key.unwrap())
                .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Receiver::start(move |stream, notes| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, notes, answer).await;
                }
            }
        })
        .await
    }

    /// How many connections it saw.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The requests that it heard.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// `http://127.0.0.1:port/hook`.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

async fn serve<S>(mut stream: S, notes: Arc<Mutex<Vec<String>>>, answer: &str)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(request) = hear(&mut stream).await {
        notes.lock().unwrap().push(request);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// One whole request, or `None` when the sender has gone.
pub async fn hear<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut heard = Vec::new();
    while !is_whole(&String::from_utf8_lossy(&heard)) {
        if stream.read_buf(&mut heard).await.ok()? == 0 {
            return None;
        }
    }
    Some(String::from_utf8(heard).unwrap())
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// An answer with a body of that length.
pub fn ok(body: &str) -> String {
    let mut answer = String::new();
    write!(answer, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    answer
}
