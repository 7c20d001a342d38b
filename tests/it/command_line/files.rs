//! Files of many lines, by the real binary.

use super::registry::Registry;

const LINES: usize = 3_000;

/// So many events of different numbers, every `wrong`th with a number that can't be one.
fn events(wrong: usize) -> String {
    let line = |number: usize| {
        let phone = if number % wrong == wrong - 1 { "0170123" } else { "+4917" };
        format!("e-{number},disconnected,{phone}{:07},2026-10-20\n", 1_000_000 + number)
    };
    let header = "id,type,number,effective_on\n".to_owned();
    (0..LINES).map(line).fold(header, |file, line| file + &line)
}

#[test]
fn a_file_is_published_its_rejected_lines_are_corrected_and_it_is_run_again() {
    let registry = Registry::start();
    registry.set_up();
    let yesterday = registry.yesterday();
    let publish = |file: &str| {
        registry.try_run(&[
            "--key-file",
            "carrier.key",
            "--json",
            "publish",
            file,
            "--through",
            &yesterday,
        ])
    };
    let through = || {
        let standing = registry.run(&["--json", "calling-code", "show", "49"]).json();
        standing["through"].as_str().unwrap().to_owned()
    };

    registry.write("night.csv", &events(300));
    let first = publish("night.csv");
    assert_eq!(first.code, 3, "{}", first.err);
    assert_eq!(first.json()["accepted"], 2_990);
    assert_eq!(first.json()["rejected"], 10);
    let rejected = registry.read("night.csv.rejected.csv");
    assert!(rejected.starts_with("line,code,detail,id,type,number,effective_on\n"), "{rejected}");
    assert_eq!(rejected.lines().count(), 11);
    assert!(rejected.contains("\n301,number_malformed,"), "{rejected}");
    assert!(rejected.contains(",e-299,disconnected,01701231000299,2026-10-20\n"), "{rejected}");
    // Who reads `through` must be able to rely on it.
    assert_eq!(through(), "2000-01-01T00:00:00Z");

    registry.write("corrected.csv", &rejected.replace(",0170123", ",+4917"));
    let corrected = publish("corrected.csv");
    assert_eq!((corrected.code, corrected.json()["accepted"].as_u64()), (0, Some(10)));
    assert_eq!(through(), yesterday);
    assert!(!registry.has("corrected.csv.rejected.csv"));

    registry.write("night.csv", &events(LINES + 1));
    let again = publish("night.csv");
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(
        (again.json()["accepted"].as_u64(), again.json()["duplicate"].as_u64()),
        (Some(0), Some(3_000))
    );
    assert!(!registry.has("night.csv.rejected.csv"));
}

#[test]
fn lines_that_can_t_be_read_are_rejected_alone() {
    let registry = Registry::start();
    registry.set_up();
    let file = "\u{feff}account_ref,number,verified_at,proof\n\
        u-1,+491701234567,2026-02-14T21:20:00Z,\n\
        u-2,+491701234567\n\
        u-3,+491701234567,yesterday,\n\
        u-4,+491701234567,2026-02-14T21:20:00Z,sms\n\
        ,+491701234567,2026-02-14T21:20:00Z,\n\
        name@example.com,+491701234567,2026-02-14T21:20:00Z,\n\
        u-7,+491701234567,2026-02-14T21:20:00Z,passkey\n";
    let bound = registry.run_with(&["--key-file", "app.key", "bind", "-"], file);
    assert_eq!(bound.code, 3, "{}", bound.err);
    let accounts: Vec<&str> = bound.out.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(accounts, ["account_ref", "u-1", "u-7"]);
    let rejected = registry.read("stdin.rejected.csv");
    let reasons: Vec<String> = rejected
        .lines()
        .skip(1)
        .map(|line| line.split(',').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        reasons,
        [
            "3 body_malformed",
            "4 time_malformed",
            "5 value_not_allowed",
            "6 field_missing",
            "7 account_ref_personal",
        ]
    );
}

#[test]
fn a_night_without_events_moves_the_watermark_too() {
    let registry = Registry::start();
    registry.set_up();
    registry.write("night.csv", "id,type,number,effective_on\n");
    let publish = |through: &str, more: &[&str]| {
        let args = ["--key-file", "carrier.key", "publish", "night.csv", "--through", through];
        registry.try_run(&[&args[..], more].concat())
    };
    let (yesterday, tomorrow) = (registry.yesterday(), registry.in_seconds(86_400));
    let early = publish(&tomorrow, &[]);
    assert_eq!(early.code, 2);
    assert!(early.err.contains("in the future; nothing was sent"), "{}", early.err);
    let moved = publish(&yesterday, &[]);
    assert_eq!(moved.code, 0, "{}", moved.err);
    assert!(moved.err.contains(&format!("+49 is reported through {yesterday}")), "{}", moved.err);

    let base = ["participant", "add", "northtel", "--kind", "carrier"];
    registry.run(&[&base[..], &["--calling-code", "49", "--calling-code", "44"]].concat());
    let which = publish(&yesterday, &[]);
    assert_eq!(which.code, 2);
    assert!(which.err.contains("--calling-code"), "{}", which.err);
    let named = publish(&yesterday, &["--calling-code", "44"]);
    assert!(named.code == 0 && named.err.contains("+44 is reported"), "{}", named.err);
}

#[test]
fn a_quote_that_is_never_closed_stops_the_run() {
    let registry = Registry::start();
    registry.set_up();
    let file = "id,type,number,effective_on\n\
        e-1,disconnected,+491701234567,2026-10-20\n\
        e-2,disconnected,\"+491701234568,2026-10-20\n\
        e-3,disconnected,+491701234569,2026-10-20\n";
    registry.write("night.csv", file);
    let args =
        ["--key-file", "carrier.key", "publish", "night.csv", "--through", "2026-10-21T00:00:00Z"];
    let ran = registry.try_run(&args);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("night.csv: line 3: a quote is never closed"), "{}", ran.err);
    assert!(
        ran.err.contains("1 accepted, 0 known before, 0 rejected before it stopped"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("run it again") && !ran.err.contains("through"), "{}", ran.err);
}

#[test]
fn a_run_that_sends_nothing_leaves_the_rejected_lines_of_the_one_before() {
    let registry = Registry::start();
    registry.set_up();
    registry.write("night.csv", "id,type,number,effective_on\ne-1,disconnected,0170,2026-10-20\n");
    let publish = |key| registry.try_run(&["--key-file", key, "publish", "night.csv"]);
    assert_eq!(publish("carrier.key").code, 3);
    let rejected = registry.read("night.csv.rejected.csv");
    registry.write(
        "night.csv",
        "id,type,number,effective_on\ne-1,disconnected,+491701234567,2026-10-20\n",
    );
    assert_eq!(publish("app.key").code, 4);
    assert_eq!(registry.read("night.csv.rejected.csv"), rejected);
    assert_eq!(publish("carrier.key").code, 0);
    assert!(!registry.has("night.csv.rejected.csv"));
}

#[test]
fn whoever_waits_for_a_registry_is_told_and_can_stop_it() {
    let registry = Registry::start();
    registry.set_up();
    let digest =
        registry.run(&["--key-file", "carrier.key", "number", "digest", "+491701234567"]).out;
    registry.write(
        "night.csv",
        &format!("id,type,number,effective_on\ne-1,disconnected,{},2026-10-20\n", digest.trim()),
    );
    let away = ["--url", "http://127.0.0.1:9", "--key-file", "carrier.key", "publish", "night.csv"];
    let mut publishing = registry.spawn(&away);
    let waits = publishing.wait_for("trying again in");
    assert!(waits.contains("http://127.0.0.1:9: ") && waits.contains("(1 of 8 tries)"), "{waits}");
    publishing.interrupt();
    let counted = publishing.wait_for("run it again");
    assert_eq!(
        counted.trim(),
        "0 accepted, 0 known before, 0 rejected before it was interrupted; run it again"
    );
    assert_eq!(publishing.code(), Some(130));
}

#[test]
fn a_header_that_is_not_known_stops_before_anything_is_sent() {
    let registry = Registry::start();
    registry.set_up();
    for header in ["id,type", "id,type,number,effectve_at", "+491701234567,disconnected,x"] {
        registry.write("wrong.csv", &format!("{header}\n"));
        let ran = registry.try_run(&["--key-file", "carrier.key", "publish", "wrong.csv"]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(!ran.err.contains("+49170"), "{}", ran.err);
    }
    let missing = registry.try_run(&["--key-file", "carrier.key", "publish", "missing.csv"]);
    assert_eq!(missing.code, 1);
    let refused = registry.try_run(&["--key-file", "app.key", "publish", "wrong.csv"]);
    assert_eq!(refused.code, 2);
    registry.write("right.csv", &events(LINES));
    let refused = registry.try_run(&["--key-file", "app.key", "publish", "right.csv"]);
    assert_eq!(refused.code, 4, "{}", refused.err);
}

#[test]
fn a_column_of_numbers_is_hashed_on_this_machine() {
    let registry = Registry::start();
    registry.set_up();
    let one = registry.run(&["--key-file", "app.key", "number", "digest", "+491701234567"]).out;
    assert!(one.starts_with("vd1.49.") && one.trim_end().len() == 80, "{one}");
    registry.write("people.csv", "name,phone\nAnn,+491701234567\n\"Bo, jr.\",0170123456\nCy\n");
    let args =
        ["--key-file", "app.key", "number", "digest", "--csv", "people.csv", "--column", "phone"];
    let hashed = registry.try_run(&args);
    assert_eq!(hashed.code, 3);
    assert_eq!(
        hashed.out,
        format!("name,phone,digest\nAnn,+491701234567,{one}\"Bo, jr.\",0170123456,\nCy,\n")
    );
    assert!(hashed.err.contains("1 made, 2 rejected"), "{}", hashed.err);
    assert!(!hashed.err.contains("0170"), "{}", hashed.err);
    let rejected = registry.read("people.csv.rejected.csv");
    assert!(
        rejected.contains("3,number_malformed,") && rejected.contains("--region"),
        "{rejected}"
    );
    assert!(rejected.contains("4,body_malformed,"), "{rejected}");

    registry.write("people.csv", "name,phone\nAnn,+491701234567\nBo,0170123456\n");
    let regional = [&args[..], &["--region", "DE"]].concat();
    let hashed = registry.run(&regional).out;
    assert_eq!(hashed.lines().count(), 3);
    assert!(hashed.lines().skip(1).all(|line| line.contains(",vd1.49.")), "{hashed}");
    let wrong = registry.try_run(&["number", "digest", "0170123456", "--region", "Germany"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (2, ""));
    let handle = format!("vh1.49.80e27820.{}", "A".repeat(48));
    let hashed = registry.try_run(&["--key-file", "app.key", "number", "digest", &handle]);
    assert_eq!((hashed.code, hashed.out.as_str()), (2, ""), "a handle is no phone number");
}

#[test]
fn nobody_reading_any_more_is_no_failure() {
    let registry = Registry::start();
    registry.set_up();
    let people = (0..20_000).map(|n| format!("+49170{:07}\n", n)).collect::<String>();
    registry.write("people.csv", &format!("phone\n{people}"));
    let args =
        ["--key-file", "app.key", "number", "digest", "--csv", "people.csv", "--column", "phone"];
    let mut hashing = registry.spawn(&args);
    hashing.wait_for_output();
    hashing.stop_reading();
    assert_eq!(hashing.code(), Some(0));

    // But accounts that weren't bound are one.
    let line = |number: usize| format!("u-{number},+4917{:07},2026-02-14T21:20:00Z\n", number);
    let accounts: String = (0..20_000).map(line).collect();
    registry.write("accounts.csv", &format!("account_ref,number,verified_at\n{accounts}"));
    let mut binding = registry.spawn(&["--key-file", "app.key", "bind", "accounts.csv"]);
    binding.wait_for_output();
    binding.stop_reading();
    assert_eq!(binding.code(), Some(1));
}
