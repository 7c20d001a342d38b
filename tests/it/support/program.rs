//! The real program, as a process of its own.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use vacate::clock::Clock;

use super::cast::Desk;
use super::databases::TestDatabase;

const BINARY: &str = env!("CARGO_BIN_EXE_vacate");
/// The unit of `ulimit -f` (POSIX, Shell Command Language, 2.14).
const BLOCK_BYTES: u64 = 512;

/// A server. Killed, at the latest, with this.
pub struct Program {
    child: Child,
    pub url: String,
    admin_key: PathBuf,
    talk: Option<BufReader<ChildStderr>>,
}

impl Program {
    /// Serves this database.
    pub fn start(database: &TestDatabase) -> Program {
        Program::start_with(database, &[])
    }

    /// The same with some settings of its own, as environment variables.
    pub fn start_with(database: &TestDatabase, settings: &[(&str, &str)]) -> Program {
        let mut program = Command::new(BINARY);
        program.env_clear().envs(settings.iter().copied());
        Program::start_by(program, database)
    }

    /// The same, but none of its files may grow beyond so many bytes, as if the disk ended there.
    pub fn start_cramped(database: &TestDatabase, file_bytes_max: u64) -> Program {
        let mut sh = Command::new("sh");
        // With the signal ignored, a write beyond the limit fails as one to a full disk does.
        sh.args(["-c", "trap '' XFSZ; ulimit -f $0; exec \"$@\""]);
        sh.args([&(file_bytes_max / BLOCK_BYTES).to_string(), BINARY]).env_clear();
        Program::start_by(sh, database)
    }

    fn start_by(mut command: Command, database: &TestDatabase) -> Program {
        let key_file = database.key_file();
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "off"])
            .args(["--database-url", &database.url, "--keys-file"])
            .arg(&key_file)
            .env("VACATE_WEBHOOKS_ALLOWED_NETWORKS", "127.0.0.0/8")
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be run");
        let mut talk = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut said = String::new();
        let url = loop {
            let from = said.len();
            let read = talk.read_line(&mut said).expect("it talks");
            assert_ne!(read, 0, "it doesn't start: {said}");
            if let Some((_, url)) = said[from..].split_once(" on http://") {
                break format!("http://{}", url.trim());
            }
        };
        let admin_key = key_file.with_file_name("admin.key");
        Program { child, url, admin_key, talk: Some(talk) }
    }

    /// Where its admin sits.
    pub fn desk(&self) -> Desk {
        let key = std::fs::read_to_string(&self.admin_key).expect("a key");
        Desk::new(&self.url, key.trim(), Clock::System)
    }

    /// What the system lets it have at most (Linux).
    pub fn limits(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/limits", self.child.id())).expect("a process")
    }

    /// What is in its memory; `None` where it may not be looked at.
    pub fn memory(&self) -> Option<Vec<u8>> {
        let of = |what: &str| format!("/proc/{}/{what}", self.child.id());
        let maps = std::fs::read_to_string(of("maps")).ok()?;
        let memory = File::open(of("mem")).ok()?;
        let mut all = Vec::new();
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let number = |text| u64::from_str_radix(text, 16).expect("an address");
            let (from, to) = range.map(|(from, to)| (number(from), number(to))).expect("a range");
            let mut part = vec![0; usize::try_from(to - from).expect("it fits")];
            // Some pages of the kernel's own can't be read.
            if memory.read_exact_at(&mut part, from).is_ok() {
                all.append(&mut part);
            }
        }
        Some(all)
    }

    /// Whether it hasn't ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a process of ours").is_none()
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process of ours");
        self.child.wait().expect("a process of ours");
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(kill.expect("kill(1)").success());
    }

    /// How it ended, which it must do by itself within the time.
    pub fn ended_within(&mut self, patience: Duration) -> ExitStatus {
        let mut talk = self.talk.take().expect("asked once");
        let (said, heard) = mpsc::channel();
        // Its last words end with it.
        thread::spawn(move || said.send(talk.read_to_end(&mut Vec::new())));
        heard.recv_timeout(patience).expect("it ends in time").expect("it talks");
        self.child.wait().expect("a process of ours")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
