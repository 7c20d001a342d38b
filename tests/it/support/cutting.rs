//! A proxy between a node and PostgreSQL that cuts the connection in the middle of a commit.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

/// Where a commit is cut off.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// The server never hears of it.
    BeforeTheServer,
    /// The server has done it, and its answer is swallowed.
    BeforeTheAnswer,
}

/// The proxy. Its threads end with the connections, and its listener with the tests.
pub struct Proxy {
    /// The database behind it, through it.
    pub url: String,
    cuts: Cuts,
    _folder: TempDir,
}

type Cuts = Arc<Mutex<VecDeque<Cut>>>;

/// The file name that libpq looks for in the folder of `host=`.
const SOCKET: &str = ".s.PGSQL.5432";
/// A commit as libpq sends it: a simple query, its length, its text (PostgreSQL, Message Formats).
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

impl Proxy {
    /// A proxy in front of the database at `url`, which has a folder as its host.
    pub fn start(url: &str) -> Proxy {
        let (_, rest) = url.split_once("host=").expect("a host");
        let (host, _) = rest.split_once('&').expect("more than a host");
        let server = Path::new(host).join(SOCKET);
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join(SOCKET)).expect("a socket");
        let url = url.replace(host, &folder.path().display().to_string());
        let cuts = Cuts::default();
        let shared = Arc::clone(&cuts);
        thread::spawn(move || {
            for client in listener.incoming() {
                let server = UnixStream::connect(&server).expect("the server");
                relay(client.expect("a client"), server, &shared);
            }
        });
        Proxy { url, cuts, _folder: folder }
    }

    /// Cuts the next commits, one each.
    pub fn cut(&self, cuts: &[Cut]) {
        self.cuts.lock().expect("unpoisoned").extend(cuts);
    }

    /// How many cuts are still to be made.
    pub fn left(&self) -> usize {
        self.cuts.lock().expect("unpoisoned").len()
    }
}

fn relay(client: UnixStream, server: UnixStream, cuts: &Cuts) {
    let swallowing = Arc::new(AtomicBool::new(false));
    let cuts = Arc::clone(cuts);
    let swallows = Arc::clone(&swallowing);
    let (answers, back) = (server.try_clone().expect("a socket"), client.try_clone());
    let back = back.expect("a socket");
    thread::spawn(move || {
        forward(&client, &server, |bytes| {
            let is_commit = bytes.windows(COMMIT.len()).any(|window| window == COMMIT);
            let cut = is_commit.then(|| cuts.lock().expect("unpoisoned").pop_front()).flatten();
            swallows.store(matches!(cut, Some(Cut::BeforeTheAnswer)), Ordering::SeqCst);
            !matches!(cut, Some(Cut::BeforeTheServer))
        });
    });
    thread::spawn(move || forward(&answers, &back, |_| !swallowing.load(Ordering::SeqCst)));
}

/// Passes on what comes as long as `may_pass`; then both ends are cut.
fn forward(mut from: &UnixStream, mut to: &UnixStream, mut may_pass: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 65_536];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        if !may_pass(&buffer[..len]) || to.write_all(&buffer[..len]).is_err() {
            break;
        }
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}
