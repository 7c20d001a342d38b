//! The README's walk, as a reader would paste it: every `sh` block between two headings, in order, in
//! one bash, against the real binary with an empty folder and no configuration. What stands below a
//! block is what it must print, and a block with nothing below it must print nothing.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const README: &str = include_str!("../../README.md");
const WALK_FROM: &str = "\n## Put the check into your login";
const WALK_TO: &str = "\n## Where to go on";
/// Where the README's registry listens; here another port is free.
const URL: &str = "http://127.0.0.1:8080";
/// Printed after each block. No output of the walk looks like it.
const BLOCK_ENDS: &str = "==== the block ends ====\n";

/// Texts that differ from run to run: how they begin, and how long they are.
const VARYING: &[(&str, usize)] = &[
    ("p1.", "p1.".len() + 32),
    ("vd1.49.", "vd1.49.".len() + 8 + 1 + 64),
    ("vh1.49.", "vh1.49.".len() + 8 + 1 + 48),
    ("whsec_", "whsec_".len() + 44),
];

#[test]
fn the_readme_walk_runs_as_it_is_written() {
    for tool in ["bash", "curl", "jq", "openssl"] {
        must_have(tool);
    }
    let steps = steps(walk(README));
    assert!(steps.len() > 5, "the README has no walk");
    let folder = tempfile::tempdir().expect("a folder");
    let registry = Registry::start(folder.path());

    let script: String =
        steps.iter().map(|step| format!("{}\nprintf '{BLOCK_ENDS}'\n", step.script)).collect();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script.replace(URL, &registry.url)])
        .current_dir(folder.path())
        .env_clear()
        .envs(path())
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8(output.stdout).expect("text");

    let mut printed = printed.split(BLOCK_ENDS);
    for step in &steps {
        let printed = printed.next().unwrap_or_default();
        let same = stable(printed) == stable(&step.output);
        assert!(same, "{}\nprints\n{printed}\nand not\n{}\n{said}", step.script, step.output);
    }
    assert!(output.status.success(), "the last block fails\n{said}");
}

/// What a reader pastes, and what stands below it.
#[derive(Default)]
struct Step {
    script: String,
    output: String,
}

fn walk(readme: &str) -> &str {
    let (_, rest) = readme.split_once(WALK_FROM).expect("the walk's first heading");
    rest.split_once(WALK_TO).expect("the heading after the walk").0
}

/// The `sh` blocks, each with the plain block that follows it. Blocks in other languages are to be read.
fn steps(walk: &str) -> Vec<Step> {
    let mut steps = Vec::<Step>::new();
    // What stands between fences: text and blocks in turn.
    for block in walk.split("\n```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').expect("a block of more than one line");
        match language {
            "sh" => steps.push(Step { script: text.to_owned(), output: String::new() }),
            "" => steps.last_mut().expect("a block before its output").output = text.to_owned(),
            _ => {}
        }
    }
    steps
}

/// The text with what varies replaced by how it begins.
fn stable(text: &str) -> String {
    let mut stable = String::new();
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-+/=".contains(c);
    for word in text.trim_end().split_inclusive(|c| !is_part(c)) {
        let bare = word.trim_end_matches(|c| !is_part(c));
        let kind =
            VARYING.iter().find(|(begin, len)| bare.starts_with(begin) && bare.len() == *len);
        match kind {
            Some((begin, _)) => stable.extend([begin, "…", &word[bare.len()..]]),
            None => stable.push_str(word),
        }
    }
    stable
}

/// The real binary, started as the README says, but for the port. It ends with this value.
struct Registry {
    process: Child,
    url: String,
}

impl Registry {
    fn start(folder: &Path) -> Registry {
        let mut process = Command::new(env!("CARGO_BIN_EXE_vacate"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(folder)
            .env_clear()
            .envs(path())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut said = BufReader::new(process.stderr.take().expect("a pipe"));
        let ready = format!("vacate {} on ", env!("CARGO_PKG_VERSION"));
        let mut line = String::new();
        let mut before = String::new();
        while !line.starts_with(&ready) {
            before.push_str(&line);
            line.clear();
            let read = said.read_line(&mut line).expect("the registry says something");
            assert_ne!(read, 0, "the registry ended:\n{before}");
        }
        // It goes on to say a line a request, and must never wait for a reader.
        std::thread::spawn(move || io::copy(&mut said, &mut io::sink()));
        Registry { process, url: line[ready.len()..].trim_end().to_owned() }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The caller's PATH and nothing else: neither settings nor proxies.
fn path() -> impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)> {
    std::env::vars_os().filter(|(name, _)| name == "PATH")
}

/// Installs `tool` where that is allowed, or says what is missing.
fn must_have(tool: &str) {
    let is_there = || {
        let version = if tool == "openssl" { "version" } else { "--version" };
        let mut asked = Command::new(tool);
        asked.arg(version).stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    };
    if is_there() {
        return;
    }
    let install = "[ \"$(id -u)\" = 0 ] && export DEBIAN_FRONTEND=noninteractive && \
                   apt-get update && apt-get install -y --no-install-recommends \"$0\"";
    let installed = Command::new("sh").args(["-c", install, tool]).output();
    assert!(
        installed.is_ok() && is_there(),
        "The README's walk needs {tool}. On Debian and Ubuntu: apt-get install {tool} (tests that run as \
         root do so themselves). On macOS: brew install {tool}"
    );
}
