//! The commands, by the real binary against a real registry.

mod files;
mod registry;
mod tokens;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use chrono::DateTime;
use registry::{Registry, failed_with, vacate};
use vacate::client::receiver::Receiver;
use vacate::clock::Clock;
use vacate::domain::signature::Secret;

#[test]
fn a_registry_is_set_up_and_an_account_frozen_by_commands_alone() {
    let registry = Registry::start();
    registry.set_up();
    let shown = registry.run(&["calling-code", "show", "49"]);
    assert!(shown.out.contains("northtel"), "{}", shown.out);

    registry.write(
        "accounts.csv",
        "account_ref,number,verified_at\nu-1,+491701234567,2026-02-14T21:20:00Z\n",
    );
    let bound = registry.run(&["--key-file", "app.key", "bind", "accounts.csv"]);
    let handle = bound.out.lines().nth(1).unwrap().strip_prefix("u-1,").unwrap();
    let handle = handle.strip_suffix(",none").unwrap().to_owned();
    assert!(bound.out.starts_with("account_ref,handle,demand\nu-1,vh1.49."), "{}", bound.out);

    let yesterday = registry.yesterday();
    let args = ["--key-file", "carrier.key", "coverage", "49", "--through", &yesterday];
    registry.run(&args);
    let allowed = registry.run(&["--key-file", "app.key", "check", &handle]);
    assert_eq!((allowed.code, allowed.out.as_str()), (0, "allow (unchanged, no_change)\n"));

    registry.write(
        "events.csv",
        "id,type,number,effective_on\ne-1,disconnected,+491701234567,2026-10-20\n",
    );
    registry.run(&["--key-file", "carrier.key", "publish", "events.csv"]);
    let frozen = registry.try_run(&["--key-file", "app.key", "check", &handle]);
    assert_eq!((frozen.code, frozen.out.as_str()), (11, "freeze (changed, disconnected)\n"));
    let json = registry.try_run(&["--key-file", "app.key", "--json", "check", &handle]);
    assert_eq!(json.json()["advice"], "freeze");

    // Whoever binds to a number that was lost is told at once.
    registry.write(
        "late.csv",
        "account_ref,number,verified_at\nu-2,+491701234567,2026-02-14T21:20:00Z\n",
    );
    let late = registry.run(&["--key-file", "app.key", "bind", "late.csv"]);
    assert!(late.out.trim_end().ends_with(",freeze"), "{}", late.out);
    assert!(late.err.contains("1: freeze or detach is demanded"), "{}", late.err);
    let dateless = registry.try_run(&["--key-file", "app.key", "check", "+9990000001"]);
    assert_eq!(dateless.code, 2);
    assert!(dateless.err.contains("--verified-at"), "{}", dateless.err);

    registry.write("did.csv", "account_ref,did,revision\nu-1,frozen,1\n");
    let acknowledged = registry.run(&["--key-file", "app.key", "--json", "ack", "did.csv"]);
    assert_eq!(acknowledged.json()["accepted"], 1);
    registry.write("late.csv", "account_ref,did,revision\nu-1,detached,0\n");
    let late = registry.try_run(&["--key-file", "app.key", "ack", "late.csv"]);
    assert_eq!(late.code, 3);
    assert!(registry.read("late.csv.rejected.csv").contains("2,revision_old,"));

    registry.write("reissue.csv", "number\n+491701234567\n");
    let cleared = registry.run(&["--key-file", "carrier.key", "clearance", "reissue.csv"]);
    assert!(cleared.out.starts_with("line,clearance,band,not_before\n2,too_early,,2027-"));
}

#[test]
fn a_check_ends_with_what_it_advises() {
    let registry = Registry::start();
    registry.set_up();
    let check = |number: &str| {
        let at = "2026-02-14T21:20:00Z";
        registry.try_run(&["--key-file", "app.key", "check", number, "--verified-at", at])
    };
    let codes = [("1", 0), ("3", 11), ("4", 10), ("5", 10), ("6", 5), ("7", 5)];
    for (last, code) in codes {
        assert_eq!(check(&format!("+999000000{last}")).code, code, "{last}");
    }
    // No number without a calling code, and none that isn't one.
    assert_eq!(check("0170123456").code, 2);
    assert_eq!(check("+49").code, 2);
    let refused = registry.try_run(&[
        "--key-file",
        "carrier.key",
        "check",
        "+9990000001",
        "--verified-at",
        "2026-02-14T21:20:00Z",
    ]);
    assert_eq!((refused.code, refused.out.as_str()), (4, "step_up (no answer)\n"));
    let unreachable =
        vacate(&["--url", "http://127.0.0.1:9", "--key-file", &registry.path("app.key"), "status"]);
    assert_eq!(unreachable.code, 5);
    let told = "can't be reached at http://127.0.0.1:9: ";
    assert!(
        unreachable.err.contains(told) && unreachable.err.contains("--url"),
        "{}",
        unreachable.err
    );
}

#[test]
fn a_key_is_shown_once_and_rotated() {
    let registry = Registry::start();
    registry.set_up();
    let issued = registry.run(&["key", "issue", "skyfare", "--permission", "check"]);
    assert!(
        issued.out.starts_with("vk1_app_") && issued.out.lines().count() == 1,
        "{}",
        issued.out
    );
    assert!(!issued.err.contains("vk1_"), "{}", issued.err);
    let id = issued.err.split(':').next().unwrap().to_owned();

    let rotated = registry.run(&["key", "rotate", "skyfare", &id, "--overlap", "90m"]);
    assert!(rotated.out.starts_with("vk1_app_") && rotated.out != issued.out);
    let keys = registry.run(&["--json", "key", "list", "skyfare"]).json();
    let old = keys.as_array().unwrap().iter().find(|key| key["id"] == *id).unwrap();
    assert!(old["expires_at"].is_string(), "{old}");

    let mode = std::fs::metadata(registry.path("app.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let there = registry.try_run(&["key", "issue", "skyfare", "--out", "app.key"]);
    assert_eq!(there.code, 2, "{}", there.err);
    let kept = registry.run(&["--json", "key", "issue", "skyfare", "--out", "another.key"]);
    assert!(kept.json().get("key").is_none() && kept.err.contains("another.key"), "{}", kept.err);
    let count =
        |who| registry.run(&["--json", "key", "list", who]).json().as_array().unwrap().len();
    assert_eq!(count("skyfare"), 4);

    let meant = registry.try_run(&["key", "revoke", "skyfare", &id]);
    assert_eq!(meant.code, 2);
    assert!(meant.err.contains("--yes"), "{}", meant.err);
    let revoked = registry.run(&["--json", "key", "revoke", "skyfare", &id, "--yes"]);
    assert_eq!(revoked.json()["id"], id);
    registry.write("old.key", &issued.out);
    let refused = registry.try_run(&["--key-file", "old.key", "participant", "show", "me"]);
    assert_eq!(refused.code, 4);
    assert!(
        refused.err.contains("old.key can be read by others; chmod 600 old.key"),
        "{}",
        refused.err
    );
}

#[test]
fn a_key_that_ends_is_rotated_into_one_that_ends() {
    let registry = Registry::start();
    registry.set_up();
    let soon = registry.in_seconds(3_600);
    let issued = registry.run(&["key", "issue", "skyfare", "--expires-at", &soon]);
    let id = issued.err.split(':').next().unwrap().to_owned();
    let ends = || {
        let keys = registry.run(&["--json", "key", "list", "skyfare"]).json();
        let ends = |key: &serde_json::Value| key["expires_at"].as_str().map(str::to_owned);
        keys.as_array().unwrap().iter().map(ends).collect::<Vec<_>>()
    };
    registry.run(&["key", "rotate", "skyfare", &id, "--overlap", "24h"]);
    assert_eq!(ends(), [Some(soon.clone()), Some(soon.clone()), None]);
    let later = registry.in_seconds(7_200);
    registry.run(&["key", "rotate", "skyfare", &id, "--expires-at", &later]);
    registry.run(&["key", "rotate", "skyfare", &id, "--expires-at", "none", "--overlap", "60s"]);
    let ends = ends();
    assert_eq!(ends[..3], [None, Some(later), Some(soon.clone())]);
    assert!(ends[3].as_ref().is_some_and(|end| *end < soon), "{ends:?}");
}

#[test]
fn a_participant_that_is_changed_keeps_what_was_not_named() {
    let registry = Registry::start();
    registry.set_up();
    let show = |name: &str| registry.run(&["--json", "participant", "show", name]).json();
    let (carrier, app) = (show("northtel"), show("skyfare"));
    let change =
        ["participant", "add", "northtel", "--kind", "carrier", "--display-name", "North Tel"];
    registry.run(&change);
    let changed = show("northtel");
    assert_eq!(changed["display_name"], "North Tel");
    assert_eq!(changed["calling_codes"], carrier["calling_codes"]);

    let url = "https://skyfare.example/help";
    let base = ["participant", "add", "skyfare", "--kind", "app"];
    registry.run(&[&base[..], &["--support-url", url, "--advice-not-covered", "allow"]].concat());
    registry.run(&[&base[..], &["--accounts", "3000000"]].concat());
    let changed = show("skyfare");
    assert_eq!(changed["accounts_declared"], 3_000_000);
    assert_eq!(changed["display_name"], app["display_name"]);
    assert_eq!(
        (changed["support_url"].as_str(), changed["advice_not_covered"].as_str()),
        (Some(url), Some("allow"))
    );
    let shown = registry.run(&["participant", "show", "skyfare"]).out;
    assert!(shown.lines().any(|line| line.starts_with("not covered ") && line.ends_with(" allow")));
    registry
        .run(&[&base[..], &["--support-url", "none", "--advice-not-covered", "step_up"]].concat());
    assert_eq!(
        (&show("skyfare")["support_url"], show("skyfare")["advice_not_covered"].as_str()),
        (&serde_json::Value::Null, Some("step_up"))
    );

    // What doesn't suit a kind is refused, and not left out silently.
    let misplaced = registry.try_run(&[&change[..], &["--accounts", "5"]].concat());
    assert_eq!(misplaced.code, 1, "{}", misplaced.err);
    assert!(misplaced.err.contains("accounts_declared"), "{}", misplaced.err);
    let resting = registry.try_run(&[&change[..], &["--calling-code", "44"]].concat());
    assert_eq!(resting.code, 1, "{}", resting.err);
    assert!(resting.err.contains("+49 rests on this carrier"), "{}", resting.err);
}

#[test]
fn an_audit_says_what_a_thief_needs_and_how_long_it_takes() {
    let registry = Registry::start();
    let told = registry.run(&["keys", "audit"]).out;
    assert!(
        told.contains("keys/vacate.keys: whole; keys: directory 1, epoch 1, element 1, server 1\n"),
        "{told}"
    );
    assert!(told.contains("no way: each try needs the key of the elements"), "{told}");
    let told = registry.run(&["--json", "keys", "audit", "--numbers", "1000000000"]).json();
    let rate = told["tries_per_second"].as_u64().unwrap();
    assert!(rate > 10, "{told}");
    let thieves = told["thieves"].as_array().unwrap();
    let able: Vec<&str> = thieves
        .iter()
        .filter(|thief| thief["seconds"] == 1_000_000_000_u64.div_ceil(rate))
        .map(|thief| thief["has"].as_str().unwrap())
        .collect();
    assert_eq!(able, ["the database and both halves", "the database and the whole key file"]);
    assert_eq!(thieves.len() - able.len(), 5);
}

#[test]
fn an_epoch_is_published_activated_and_retired() {
    let registry = Registry::start();
    let published = registry.run(&["epoch", "publish"]);
    assert_eq!(published.out, "2\n");
    let listed = registry.run(&["epoch", "list"]).out;
    let second = listed.lines().nth(1).unwrap();
    assert!(second.starts_with("2      published") && second.ends_with("yes"), "{listed}");
    let active = registry.run(&["--json", "epoch", "activate", "2"]).json();
    assert_eq!(active[0]["state"], "active");
    let meant = registry.try_run(&["epoch", "retire", "1"]);
    assert_eq!(meant.code, 2);
    let retired = registry.run(&["--json", "epoch", "retire", "1", "--yes"]).json();
    assert_eq!(retired[0]["state"], "retired");
    let file = std::path::Path::new(&registry.path("keys/vacate.keys")).to_owned();
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_participant_is_suspended_and_resumed() {
    let registry = Registry::start();
    registry.set_up();
    registry.run(&["participant", "suspend", "skyfare", "--why", "contract ended"]);
    let me = ["--key-file", "app.key", "participant", "show", "me"];
    assert_eq!(registry.try_run(&me).code, 4);
    registry.run(&["participant", "resume", "skyfare"]);
    assert!(registry.run(&me).out.contains("check bind act manage"));
    let unknown = registry.try_run(&["participant", "show", "nobody"]);
    assert_eq!(unknown.code, 1);
    let listed = registry.run(&["participant", "list"]);
    assert_eq!(listed.out.lines().count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_added_tried_turned_off_and_removed() {
    let receiver = Receiver::start(|| DateTime::from(Clock::System.now())).await.unwrap();
    let registry = Registry::start();
    registry.set_up();
    let app = |args: &[&str]| registry.try_run(&[&["--key-file", "app.key"], args].concat());
    let wanted = ["--type", "account.freeze_requested", "--type", "account.detach_requested"];
    let elsewhere = format!("{}/freezes", receiver.url());
    app(&[&["endpoint", "add", &elsewhere], &wanted[..]].concat());
    let typed = app(&["endpoint", "list"]).out;
    assert!(typed.contains("account.freeze_requested account.detach_requested"), "{typed}");
    let added = app(&["endpoint", "add", &receiver.url()]);
    receiver.trust(vec![Secret::parse(added.out.trim()).unwrap()]);
    let id = added.err.split(':').next().unwrap().to_owned();
    let tested = app(&["endpoint", "test", &id]);
    assert_eq!(tested.code, 0, "{}", tested.err);
    assert!(tested.out.starts_with("delivered: answered with 204"), "{}", tested.out);
    assert!(receiver.next(Duration::from_secs(5)).await.is_some());

    let rotated = app(&["endpoint", "rotate", &id]);
    assert!(rotated.out.starts_with("whsec_") && rotated.out != added.out);
    assert!(app(&["endpoint", "disable", &id]).out.contains("disabled"));
    assert!(app(&["endpoint", "enable", &id]).out.contains("enabled"));
    drop(receiver);
    let lost = app(&["endpoint", "test", &id]);
    assert_eq!(lost.code, 1, "{}", lost.out);
    assert_eq!(app(&["endpoint", "remove", &id]).code, 2);
    assert_eq!(app(&["endpoint", "remove", &id, "--yes"]).code, 0);
    assert_eq!(app(&["endpoint", "list"]).out.lines().count(), 2);
}

#[test]
fn the_state_of_a_registry_is_shown_until_it_is_interrupted() {
    let registry = Registry::start();
    let once = registry.run(&["--color", "always", "status"]);
    assert!(once.out.contains("\u{1b}[32mready\u{1b}[0m"), "{:?}", once.out);
    assert!(!registry.run(&["status"]).out.contains('\u{1b}'));
    let mut watching = registry.spawn(&["--json", "status", "--watch"]);
    watching.wait_for_output();
    watching.interrupt();
    assert_eq!(watching.code(), Some(130));
}

#[test]
fn a_backup_of_a_running_registry_holds_all_but_the_key_file_and_goes_over_nothing() {
    let registry = Registry::start();
    registry.set_up();
    let copied = registry.run(&["backup", "copy.db"]);
    assert!(copied.err.contains("the key file is not in the copy"), "{}", copied.err);
    let mode = std::fs::metadata(registry.path("copy.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir(other.path().join("data")).unwrap();
    std::fs::create_dir(other.path().join("keys")).unwrap();
    for (from, to) in [
        ("copy.db", "data/vacate.db"),
        ("keys/vacate.keys", "keys/vacate.keys"),
        ("keys/admin.key", "keys/admin.key"),
    ] {
        std::fs::copy(registry.path(from), other.path().join(to)).unwrap();
    }
    let restored = Registry::start_in(other);
    let all = restored.run(&["participant", "list"]).out;
    assert!(all.contains("northtel") && all.contains("skyfare"), "{all}");

    let before = std::fs::read(registry.path("copy.db")).unwrap();
    for target in ["copy.db", "keys/copy.db", "nowhere/copy.db"] {
        assert_eq!(registry.try_run(&["backup", target]).code, 1, "{target}");
    }
    assert_eq!(std::fs::read(registry.path("copy.db")).unwrap(), before);
    assert!(!registry.has("keys/copy.db"));

    registry.write("postgres.toml", "[database]\nurl = 'postgres://vacate:secret@db/vacate'");
    let elsewhere = registry.try_run(&["--config", "postgres.toml", "backup", "other.db"]);
    assert_eq!(elsewhere.code, 1);
    assert!(elsewhere.err.contains("pg_dump") && !elsewhere.err.contains("secret"));
    assert!(!registry.has("other.db"));
}

#[test]
fn doctor_and_migrate_look_without_making_anything() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| registry::vacate_in(folder.path(), args);
    let fresh = run(&["doctor"]);
    assert_eq!(fresh.out.matches("the first start makes it").count(), 2, "{}", fresh.out);
    assert_eq!(run(&["migrate", "--dry-run"]).code, 0);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());

    let migrated = run(&["migrate"]);
    assert_eq!((migrated.code, migrated.err.as_str()), (0, "these steps were taken\n"));
    assert_eq!(run(&["migrate"]).err, "the schema is up to date\n");

    std::fs::create_dir(folder.path().join("keys")).unwrap();
    std::fs::write(folder.path().join("keys/vacate.keys"), "no keys").unwrap();
    let open = run(&["doctor"]);
    assert_eq!(open.code, 1);
    assert!(open.out.contains("FAILS  keys"), "{}", open.out);
    assert!(open.out.contains("up to date"), "{}", open.out);

    std::fs::write(folder.path().join("bad.toml"), "[server]\nlistne = \"x\"\n").unwrap();
    let wrong = run(&["--config", "bad.toml", "doctor"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.out.contains("FAILS  settings"), "{}", wrong.out);
}

#[test]
fn a_key_file_that_is_gone_or_another_s_is_told_and_none_is_made() {
    let folder = Registry::start().stop();
    let run = |args: &[&str]| registry::vacate_in(folder.path(), args);
    let file = folder.path().join("keys/vacate.keys");
    let own = std::fs::read(&file).unwrap();
    assert_eq!(run(&["doctor"]).code, 0);
    std::fs::remove_file(&file).unwrap();
    for args in [&["serve", "--listen", "127.0.0.1:0"][..], &["doctor"]] {
        let ran = run(args);
        assert_eq!(ran.code, 1, "{args:?}");
        let told = ran.out + &ran.err;
        assert!(
            told.contains("keys/vacate.keys: it isn't there")
                && told.contains("restore its backup"),
            "{told}"
        );
        assert!(!file.exists());
    }
    // That of another registry, of the same mode.
    let other = Registry::start();
    std::fs::copy(other.path("keys/vacate.keys"), &file).unwrap();
    let ran = run(&["--json", "doctor"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    let findings = ran.json();
    let failed: Vec<_> =
        findings.as_array().unwrap().iter().filter(|one| one["ok"] == false).collect();
    assert_eq!(failed.len(), 1, "{findings}");
    assert!(failed[0]["told"].as_str().unwrap().contains("written with other keys"), "{findings}");
    std::fs::write(&file, own).unwrap();
    assert_eq!(run(&["doctor"]).code, 0);

    std::fs::write(folder.path().join("vacate.toml"), "[policy]\nfile = \"gone.toml\"\n").unwrap();
    let ran = run(&["--config", "vacate.toml", "doctor"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("FAILS  policies") && ran.out.contains("gone.toml"), "{}", ran.out);
}

#[test]
fn a_port_that_is_taken_is_found_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = registry::vacate_in(folder.path(), &["serve", "--listen", &address]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("server.listen: can't listen"), "{}", ran.err);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}

#[test]
fn a_command_line_that_is_wrong_ends_with_two() {
    for args in [
        &["publish"][..],
        &["nonsense"],
        &["check"],
        &["key", "issue"],
        &[],
        &["-q", "-v", "status"],
    ] {
        failed_with(2, args);
    }
    // What was typed isn't said again if it may be a number.
    for args in [
        &["check", "+9990000001", "--verified-at", "+491512345987"][..],
        &["+491512345987"],
        &["status", "0151 2345987"],
    ] {
        let ran = vacate(args);
        assert_eq!(ran.code, 2, "{args:?}");
        assert!(!ran.err.contains("2345987"), "{}", ran.err);
    }
    // Without a key nothing is asked.
    let folder = tempfile::tempdir().unwrap();
    let keyless = registry::vacate_in(folder.path(), &["status"]);
    assert_eq!(keyless.code, 2);
    assert!(keyless.err.contains("VACATE_KEY"), "{}", keyless.err);
}

#[test]
fn the_admin_s_key_stays_on_this_machine() {
    let registry = Registry::start();
    let elsewhere = registry.try_run(&["--url", "https://vacate.example.net", "status"]);
    assert_eq!(elsewhere.code, 2);
    assert!(elsewhere.err.contains("no key"), "{}", elsewhere.err);
    let plain = registry.try_run(&["--url", "http://vacate.example.net", "status"]);
    assert_eq!(plain.code, 2);
    assert!(plain.err.contains("in the clear"), "{}", plain.err);
}

#[test]
fn a_file_that_holds_no_key_is_not_sent() {
    let registry = Registry::start();
    registry.write("password.txt", "hunter2-hunter2-hunter2-hunter2\n");
    let ran = registry.try_run(&["--key-file", "password.txt", "status"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("password.txt: this is no API key"), "{}", ran.err);
    assert!(!ran.err.contains("hunter2-"), "{}", ran.err);
}

#[test]
fn a_flag_that_a_command_can_t_use_is_refused() {
    for args in [
        &["serve", "--key-file", "admin.key"][..],
        &["--key-file", "admin.key", "serve"],
        &["serve", "--url", "http://127.0.0.1:9"],
        &["--json", "serve"],
        &["demo", "--quiet"],
        &["--config", "vacate.toml", "demo"],
        &["completions", "bash", "--color", "never"],
        &["doctor", "--url", "http://127.0.0.1:9"],
        &["status", "--yes"],
    ] {
        failed_with(2, args);
    }
    let serve = vacate(&["serve", "--help"]).out;
    assert!(serve.contains("--config") && serve.contains("--keys-file"), "{serve}");
    assert!(!serve.contains("--key-file") && !serve.contains("--url"), "{serve}");
    assert!(vacate(&["status", "--help"]).out.contains("--key-file"));
}

#[test]
fn the_key_of_another_registry_s_admin_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("keys/admin.key");
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    std::fs::write(&kept, "the only copy").unwrap();
    let ran = registry::vacate_in(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("keys/admin.key") && ran.err.contains("move it away"), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "the only copy");
    // Nothing was half done: with the file away it starts.
    std::fs::remove_file(&kept).unwrap();
    Registry::start_in(folder).run(&["status"]);
}

#[test]
fn a_wrong_setting_is_told_and_not_that_there_is_no_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.toml"), "[server]\nlistne = \"x\"\n").unwrap();
    let wrong = registry::vacate_in(folder.path(), &["--config", "bad.toml", "status"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("server.listne"), "{}", wrong.err);
    let keyless = registry::vacate_in(folder.path(), &["status"]);
    assert_eq!(keyless.code, 2);
    assert!(keyless.err.contains("keys/admin.key"), "{}", keyless.err);
}

#[test]
fn every_command_s_help_has_an_example() {
    let commands = [
        "serve",
        "migrate",
        "backup",
        "doctor",
        "status",
        "participant add",
        "participant list",
        "participant show",
        "participant suspend",
        "participant resume",
        "key issue",
        "key list",
        "key revoke",
        "key rotate",
        "calling-code set",
        "calling-code show",
        "coverage",
        "epoch list",
        "epoch publish",
        "epoch activate",
        "epoch retire",
        "keys audit",
        "keys split",
        "number digest",
        "number token",
        "publish",
        "bind",
        "ack",
        "check",
        "clearance",
        "endpoint add",
        "endpoint list",
        "endpoint test",
        "endpoint rotate",
        "endpoint disable",
        "endpoint enable",
        "endpoint remove",
        "completions",
    ];
    for command in commands {
        let args: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = vacate(&args);
        assert_eq!(help.code, 0, "{command}");
        assert!(help.out.contains("Example"), "{command}: {}", help.out);
    }
    assert!(vacate(&["completions", "bash"]).out.contains("_vacate"));
    assert!(vacate(&["--version"]).out.starts_with("vacate "));
}
