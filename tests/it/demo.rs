//! The demo, as people run it.

use std::process::{Command, Stdio};

/// Few enough for a debug build, and enough that every fate befalls a number.
const NUMBERS: &str = "600";

#[test]
fn the_demo_tells_the_story_and_holds_what_it_claims() {
    let run = demo(&["--numbers", NUMBERS]);
    assert!(run.status.success(), "{}\n{}", run.out, run.err);
    for line in [
        "account.freeze_requested",
        "a stranger wants into Wang's account: the right code   → freeze",
        "account.detach_requested",
        "clearance, before it is sold again                     clear",
        "Miss Zhou's code is right, the account Wang's          → freeze\n         (without Vacate she would now be inside Wang's account)",
        "Miss Zhou signs in: the right code                     → allow",
        "account.release_requested",
        "0 messages lost · 0 wrong answers · 0 numbers in the database · exit code 0",
    ] {
        assert!(run.out.contains(line), "{line} isn't in:\n{}", run.out);
    }
    assert!(!run.out.contains('\u{1b}'), "no colours where nobody sees them:\n{}", run.out);
    assert_eq!(run.err, "");
}

#[test]
fn a_demo_with_too_few_numbers_is_refused() {
    let run = demo(&["--numbers", "1"]);
    assert_eq!(run.status.code(), Some(2), "{}", run.err);
}

struct Run {
    status: std::process::ExitStatus,
    out: String,
    err: String,
}

fn demo(arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_vacate"))
        .arg("demo")
        .args(arguments)
        // Settings of the machine are none of the demo's.
        .env("VACATE_SERVER_LISTEN", "nowhere")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Run { status: output.status, out: text(output.stdout), err: text(output.stderr) }
}
