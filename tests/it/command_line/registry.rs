//! A registry started by `vacate serve` in a folder of its own, and commands run there.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use tempfile::TempDir;
use vacate::clock::Clock;
use vacate::domain::time::{DAY, Moment};

/// What a command left behind.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {}", self.out))
    }
}

/// A running registry; it ends with this.
pub struct Registry {
    folder: Option<TempDir>,
    url: String,
    serving: Child,
}

impl Registry {
    pub fn start() -> Registry {
        Registry::start_in(tempfile::tempdir().expect("a folder"))
    }

    pub fn start_in(folder: TempDir) -> Registry {
        let mut serving = command(folder.path())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("VACATE_WEBHOOKS_ALLOWED_NETWORKS", "127.0.0.0/8")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the registry starts");
        let mut told = BufReader::new(serving.stderr.take().expect("its stderr"));
        let mut line = String::new();
        let url = loop {
            line.clear();
            assert!(told.read_line(&mut line).expect("text") > 0, "it ended before it served");
            if let Some((_, url)) = line.trim_end().split_once(" on http://") {
                break format!("http://{url}");
            }
        };
        // Read on, or the registry would one day wait for room in the pipe.
        std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
        Registry { folder: Some(folder), url, serving }
    }

    fn folder(&self) -> &Path {
        self.folder.as_ref().expect("it wasn't stopped").path()
    }

    /// Ends it, and leaves its files.
    pub fn stop(mut self) -> TempDir {
        self.folder.take().expect("it wasn't stopped before")
    }

    /// A carrier that reports +49, and an app; their keys lie in carrier.key and app.key.
    pub fn set_up(&self) {
        let carrier =
            "participant add northtel --kind carrier --display-name Northtel --calling-code 49";
        let app = "participant add skyfare --kind app --display-name Skyfare --accounts 2000000";
        let declared =
            "calling-code set 49 --complete-since 2026-01-01T00:00:00Z --carrier northtel";
        for line in [carrier, app, declared] {
            self.run(&line.split(' ').collect::<Vec<_>>());
        }
        for (name, file) in [("northtel", "carrier.key"), ("skyfare", "app.key")] {
            self.run(&["key", "issue", name, "--out", file]);
        }
    }

    /// Runs a command that must succeed.
    pub fn run(&self, args: &[&str]) -> Ran {
        let ran = self.try_run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        ran
    }

    /// Runs a command.
    pub fn try_run(&self, args: &[&str]) -> Ran {
        ran(command(self.folder()).env("VACATE_URL", &self.url).args(args))
    }

    /// Starts a command that ends when it is told to.
    pub fn spawn(&self, args: &[&str]) -> Running {
        let mut command = command(self.folder());
        command.env("VACATE_URL", &self.url).args(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let told = BufReader::new(child.stderr.take().expect("its stderr"));
        Running { child, told }
    }

    /// Runs a command that reads `input`.
    pub fn run_with(&self, args: &[&str], input: &str) -> Ran {
        self.write("input", input);
        let input = std::fs::File::open(self.path("input")).expect("the input");
        ran(command(self.folder()).env("VACATE_URL", &self.url).args(args).stdin(input))
    }

    pub fn path(&self, name: &str) -> String {
        self.folder().join(name).display().to_string()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    pub fn has(&self, name: &str) -> bool {
        Path::new(&self.path(name)).exists()
    }

    /// An instant that the registry's clock has passed.
    pub fn yesterday(&self) -> String {
        let now = Clock::System.now();
        Moment::from_seconds(now.seconds() - DAY).to_string()
    }

    /// An instant that it will pass.
    pub fn in_seconds(&self, seconds: u32) -> String {
        Clock::System.now().plus(seconds).to_string()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.serving.kill().expect("it was running");
        self.serving.wait().expect("it ended");
    }
}

/// A command that runs on.
pub struct Running {
    child: Child,
    told: BufReader<ChildStderr>,
}

impl Running {
    pub fn wait_for_output(&mut self) {
        let out = self.child.stdout.as_mut().expect("its stdout");
        out.read_exact(&mut [0]).expect("output");
    }

    /// Waits until it tells this, and returns the line.
    pub fn wait_for(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(self.told.read_line(&mut line).expect("text") > 0, "it never told {text}");
        }
        line
    }

    /// As Ctrl-C does.
    pub fn interrupt(&self) {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Nobody reads what it says any more.
    pub fn stop_reading(&mut self) {
        drop(self.child.stdout.take());
    }

    pub fn code(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

/// Runs a command where there is nothing.
pub fn vacate(args: &[&str]) -> Ran {
    vacate_in(tempfile::tempdir().expect("a folder").path(), args)
}

/// Runs a command in a folder.
pub fn vacate_in(folder: &Path, args: &[&str]) -> Ran {
    ran(command(folder).args(args))
}

pub fn failed_with(code: i32, args: &[&str]) {
    let ran = vacate(args);
    assert_eq!(ran.code, code, "{args:?}: {}", ran.err);
    assert_eq!(ran.out, "", "{args:?}");
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let code = output.status.code().expect("an exit code");
    Ran { code, out: text(output.stdout), err: text(output.stderr) }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vacate"));
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| name.to_string_lossy().starts_with("VACATE_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}
