//! Settings: where they come from, what they may be, and what an error about them says.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use vacate::config::{Config, DEFAULTS, Error, Flag, IndexMode, LogFormat, Mode};
use vacate::domain::role::Role;

fn load(file: Option<&Path>, variables: &[(&str, &str)], flags: &[Flag]) -> Result<Config, Error> {
    Config::load(file, variables.iter().map(|(name, value)| (name.into(), value.into())), flags)
}

fn with(name: &str, value: &str) -> Result<Config, Error> {
    load(None, &[(name, value)], &[])
}

/// A file of settings, in a folder that goes with it.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vacate.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn error_of_file(text: &str) -> String {
    let (_folder, path) = file(text);
    let error = load(Some(&path), &[], &[]).unwrap_err().to_string();
    error.replace(path.to_str().unwrap(), "FILE")
}

#[test]
fn without_anything_the_defaults_hold() {
    let config = load(None, &[], &[]).unwrap();
    assert_eq!((config.server.role, config.server.mode), (Role::All, Mode::Development));
    assert_eq!(config.server.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!((config.server.public_url, config.server.workers), (None, None));
    assert_eq!((config.server.body_bytes_max, config.server.body_seconds_max), (2_097_152, 15));
    assert_eq!(config.server.stop_seconds_max, 30);
    assert_eq!(config.server.trusted_proxies, []);
    assert_eq!(config.database.url.reveal(), "sqlite:data/vacate.db");
    assert_eq!((config.database.connections_max, config.database.wait_ms_max), (8, 1000));
    assert_eq!(config.database.waiting_max, 512);
    assert_eq!(config.keys.file, Path::new("keys/vacate.keys"));
    assert_eq!((config.keys.handle_overlap_days, config.keys.epoch_overlap_days), (90, 90));
    assert_eq!((config.index.mode, config.index.fresh_wait_ms_max), (IndexMode::Memory, 500));
    assert_eq!(config.limits.requests_per_second, 2000);
    assert_eq!(config.limits.unbound_numbers_per_day_percent, 5);
    assert_eq!(config.limits.unbound_numbers_per_90_days_percent, 150);
    assert_eq!((config.limits.items_max, config.limits.page_max), (1000, 1000));
    assert_eq!(config.limits.clock_skew_seconds_max, 300);
    assert_eq!(config.limits.bindings_per_app_and_number_max, 100);
    let webhooks = config.webhooks;
    assert_eq!((webhooks.attempt_seconds_max, webhooks.answer_bytes_max), (15, 65_536));
    assert_eq!((webhooks.retry_hours, webhooks.secret_overlap_hours), (75, 24));
    assert_eq!((webhooks.in_flight_max, webhooks.in_flight_per_endpoint_max), (256, 8));
    assert_eq!(webhooks.allowed_networks, []);
    let kept = config.retention;
    assert_eq!((kept.events_days, kept.deliveries_days), (1826, 90));
    assert_eq!((kept.duties_days, kept.removed_bindings_days), (180, 180));
    assert_eq!(config.policy.file, None);
    assert_eq!((config.log.level, config.log.format), (log::LevelFilter::Info, LogFormat::Text));
}

#[test]
fn a_flag_goes_over_the_environment_over_the_file_over_the_defaults() {
    let (_folder, path) =
        file("[server]\nlisten = '127.0.0.1:1'\nworkers = 1\nbody_seconds_max = 1");
    let flag = Flag { name: "--listen", setting: "server.listen", value: "127.0.0.1:3".into() };
    let variables = [("VACATE_SERVER_LISTEN", "127.0.0.1:2"), ("VACATE_SERVER_WORKERS", "2")];
    let server = load(Some(&path), &variables, &[flag]).unwrap().server;
    assert_eq!(server.listen.port(), 3);
    assert_eq!(server.workers, Some(2));
    assert_eq!(server.body_seconds_max, 1);
    assert_eq!(server.stop_seconds_max, 30);
}

#[test]
fn every_setting_is_read_and_every_error_names_it_and_its_origin() {
    let defaults: toml::Table = DEFAULTS.parse().unwrap();
    for (section, settings) in &defaults {
        for name in settings.as_table().unwrap().keys() {
            let setting = format!("{section}.{name}");
            if setting == "policy.file" {
                continue; // any text is the name of a file
            }
            let variable = format!("VACATE_{section}_{name}").to_uppercase();
            let wrong = if setting == "keys.file" { "" } else { "wr=ng" };
            let error = with(&variable, wrong).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{setting} ({variable}): ")), "{error}");
            assert!(!error.contains("wr=ng"), "{error}");
        }
    }
}

#[test]
fn a_number_has_bounds() {
    for (variable, lowest, highest) in [
        ("VACATE_SERVER_WORKERS", 0, 1024),
        ("VACATE_SERVER_BODY_BYTES_MAX", 65_536, 67_108_864),
        ("VACATE_SERVER_BODY_SECONDS_MAX", 1, 300),
        ("VACATE_SERVER_STOP_SECONDS_MAX", 1, 600),
        ("VACATE_DATABASE_CONNECTIONS_MAX", 1, 1000),
        ("VACATE_DATABASE_WAIT_MS_MAX", 1, 60_000),
        ("VACATE_DATABASE_WAITING_MAX", 1, 100_000),
        ("VACATE_KEYS_HANDLE_OVERLAP_DAYS", 1, 3650),
        ("VACATE_KEYS_EPOCH_OVERLAP_DAYS", 1, 3650),
        ("VACATE_INDEX_FRESH_WAIT_MS_MAX", 1, 10_000),
        ("VACATE_LIMITS_REQUESTS_PER_SECOND", 1, 1_000_000),
        ("VACATE_LIMITS_UNBOUND_NUMBERS_PER_DAY_PERCENT", 1, 1000),
        ("VACATE_LIMITS_UNBOUND_NUMBERS_PER_90_DAYS_PERCENT", 1, 10_000),
        ("VACATE_LIMITS_ITEMS_MAX", 1, 1000),
        ("VACATE_LIMITS_PAGE_MAX", 1, 1000),
        ("VACATE_LIMITS_CLOCK_SKEW_SECONDS_MAX", 0, 300),
        ("VACATE_LIMITS_BINDINGS_PER_APP_AND_NUMBER_MAX", 1, 1000),
        ("VACATE_WEBHOOKS_ATTEMPT_SECONDS_MAX", 1, 60),
        ("VACATE_WEBHOOKS_ANSWER_BYTES_MAX", 1024, 1_048_576),
        ("VACATE_WEBHOOKS_RETRY_HOURS", 72, 720),
        ("VACATE_WEBHOOKS_IN_FLIGHT_MAX", 8, 10_000),
        ("VACATE_WEBHOOKS_IN_FLIGHT_PER_ENDPOINT_MAX", 1, 256),
        ("VACATE_WEBHOOKS_SECRET_OVERLAP_HOURS", 1, 168),
        ("VACATE_RETENTION_EVENTS_DAYS", 730, 36_525),
        ("VACATE_RETENTION_DELIVERIES_DAYS", 7, 3650),
        ("VACATE_RETENTION_DUTIES_DAYS", 30, 3650),
        ("VACATE_RETENTION_REMOVED_BINDINGS_DAYS", 180, 3650),
    ] {
        for inside in [lowest, highest] {
            with(variable, &inside.to_string()).unwrap();
        }
        for outside in [lowest - 1, highest + 1, i64::MIN, i64::MAX] {
            with(variable, &outside.to_string()).unwrap_err();
        }
        for no_number in ["", "1.5", "1e3", "0x10", "9223372036854775808", "١"] {
            with(variable, no_number).unwrap_err();
        }
    }
}

#[test]
fn a_setting_that_does_not_exist_is_refused_wherever_it_stands() {
    assert_eq!(
        with("VACATE_INDEX_MOOD", "memory").unwrap_err().to_string(),
        "VACATE_INDEX_MOOD: there is no such setting; near it are \
         VACATE_INDEX_FRESH_WAIT_MS_MAX, VACATE_INDEX_MODE"
    );
    assert_eq!(
        with("VACATE_SECRET", "hunter2").unwrap_err().to_string(),
        "VACATE_SECRET: there is no such setting; take it out"
    );
    assert_eq!(
        error_of_file("[index]\nmood = 'memory'"),
        "index.mood (FILE): there is no such setting; near it are index.fresh_wait_ms_max, index.mode"
    );
    assert_eq!(
        error_of_file("[sms]\nsender = 'log'"),
        "sms.sender (FILE): there is no such setting; take it out"
    );
    assert_eq!(
        error_of_file("listen = '127.0.0.1:1'"),
        "listen (FILE): put it below the name of its section, such as [server]"
    );
}

#[test]
fn variables_of_the_client_and_of_others_are_left_alone() {
    for name in ["VACATE_URL", "VACATE_KEY", "VACATE_CONFIG", "RUST_LOG", "VACATED"] {
        with(name, "anything").unwrap();
    }
    for name in ["VACATE_KEY_FILE", "VACATE_EVALUATOR_KEY", "VACATE_EVALUATOR_KEY_FILE"] {
        with(name, "anything").unwrap();
    }
}

#[test]
fn a_secret_may_stand_in_a_file_and_is_never_repeated() {
    let (folder, path) = file("postgres://u:s3cr3t@h/d\n");
    let variable = "VACATE_DATABASE_URL_FILE";
    let from = |path: &Path| with(variable, path.to_str().unwrap());
    assert_eq!(from(&path).unwrap().database.url.reveal(), "postgres://u:s3cr3t@h/d");
    for (text, error) in [
        ("", "VACATE_DATABASE_URL_FILE: the file is empty"),
        ("s3cr3t\ns3cr3t\n", "VACATE_DATABASE_URL_FILE: give a file of one line"),
        (
            "mysql://u:s3cr3t@h/d",
            "database.url (VACATE_DATABASE_URL_FILE): give sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(from(&path).unwrap_err().to_string(), error);
    }
    let gone = from(&folder.path().join("gone")).unwrap_err().to_string();
    assert_eq!(gone, "VACATE_DATABASE_URL_FILE: the file can't be read: entity not found");
    let path = path.to_str().unwrap();
    for both in [
        [(variable, path), ("VACATE_DATABASE_URL", "postgres://h/d")],
        [("VACATE_DATABASE_URL", "postgres://h/d"), (variable, path)],
    ] {
        let error = load(None, &both, &[]).unwrap_err().to_string();
        let expected =
            "VACATE_DATABASE_URL_FILE: VACATE_DATABASE_URL is set too; take one of them out";
        assert_eq!(error, expected);
    }
    assert!(with("VACATE_SERVER_LISTEN_FILE", path).is_err(), "it holds no secret");
}

#[test]
fn data_below_the_folder_of_the_keys_is_told_of() {
    let below = |keys: &str, url: &str| {
        let settings = [("VACATE_KEYS_FILE", keys), ("VACATE_DATABASE_URL", url)];
        load(None, &settings, &[]).unwrap().data_is_below_the_keys()
    };
    assert!(below("vacate.keys", "sqlite:data/vacate.db"));
    assert!(below("keys/../vacate.keys", "sqlite:data/vacate.db"));
    assert!(!below("keys/vacate.keys", "sqlite:data/vacate.db"));
    assert!(!below("vacate.keys", "postgres://h/d"));
}

#[test]
fn an_error_never_repeats_a_value() {
    let secret = "hunter2-s3cr3t";
    let url = format!("mysql://vacate:{secret}@db/vacate");
    for error in [
        with("VACATE_DATABASE_URL", &url).unwrap_err().to_string(),
        error_of_file(&format!("[database]\nurl = '{url}'")),
        error_of_file(&format!("[database]\nurl = '{url}")),
        error_of_file(&format!("[database]\nurl = {url}")),
        error_of_file(&format!("[database]\nurl = 'x' '{url}'")),
        error_of_file(&format!("[database]\nurl = ['{secret}']")),
        error_of_file(&format!("[database]\nwait_ms_max = '{secret}'")),
        error_of_file(&format!("[database]\nurl = \"\\{secret}\"")),
        error_of_file(&format!("[webhooks]\nallowed_networks = ['{secret}', 1]")),
    ] {
        assert!(!error.contains("hunter2") && !error.contains("s3cr3t"), "{error}");
        assert!(
            error.contains("database") || error.contains("line 2") || error.contains("webhooks")
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_value_of_another_kind_is_refused() {
    assert_eq!(
        error_of_file("[server]\nworkers = '4'"),
        "server.workers (FILE): give a whole number"
    );
    assert_eq!(
        error_of_file("[server]\nlisten = 8080"),
        "server.listen (FILE): give text, in quotes"
    );
    assert_eq!(
        error_of_file("[server]\ntrusted_proxies = '10.0.0.0/8'"),
        "server.trusted_proxies (FILE): give a list"
    );
    assert_eq!(
        error_of_file("[server]\n\nlisten = 'a'\nlisten = 'b'"),
        "FILE, line 4: duplicate key"
    );
}

#[test]
fn a_file_that_is_not_there_and_text_that_is_not_utf8_are_refused() {
    let error = load(Some(Path::new("/nowhere/vacate.toml")), &[], &[]).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/vacate.toml: it can't be read: "), "{error}");
    let value = OsString::from_vec(vec![0xff]);
    let error = Config::load(None, [("VACATE_KEYS_FILE".into(), value)], &[]).unwrap_err();
    assert_eq!(error.to_string(), "VACATE_KEYS_FILE: give UTF-8");
}

#[test]
fn networks_are_cidrs_with_commas_or_in_a_list() {
    let name = "VACATE_WEBHOOKS_ALLOWED_NETWORKS";
    let networks = |value| with(name, value).map(|config| config.webhooks.allowed_networks);
    let expected = ["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    assert_eq!(networks("127.0.0.0/8, fd00::/8").unwrap(), expected);
    assert_eq!(networks("").unwrap(), []);
    assert_eq!(networks(" , ").unwrap(), []);
    for wrong in ["127.0.0.1", "10.0.0.0/33", "10.0/8", "localhost/8", "10.0.0.0/8;127.0.0.0/8"] {
        networks(wrong).unwrap_err();
    }
    let (_folder, path) = file("[webhooks]\nallowed_networks = ['127.0.0.0/8', 'fd00::/8']");
    assert_eq!(load(Some(&path), &[], &[]).unwrap().webhooks.allowed_networks, expected);
}

#[test]
fn production_listens_on_loopback_behind_an_https_url() {
    let load = |listen, url| {
        let mode = ("VACATE_SERVER_MODE", "production");
        let url = ("VACATE_SERVER_PUBLIC_URL", url);
        load(None, &[mode, ("VACATE_SERVER_LISTEN", listen), url], &[]).map_err(|e| e.to_string())
    };
    let url = "https://vacate.example.net";
    for loopback in ["127.0.0.1:8080", "127.9.9.9:1", "[::1]:8080"] {
        load(loopback, url).unwrap();
    }
    for open in ["0.0.0.0:8080", "192.0.2.1:8080", "[::]:8080"] {
        assert!(load(open, url).unwrap_err().starts_with("server.listen (VACATE_SERVER_LISTEN): "));
    }
    for url in ["", "http://vacate.example.net"] {
        assert!(load("127.0.0.1:8080", url).unwrap_err().starts_with("server.public_url ("));
    }
    with("VACATE_SERVER_LISTEN", "0.0.0.0:8080").unwrap();
}

#[test]
fn the_public_url_is_the_setting_or_made_from_the_bound_address() {
    let of = |url, bound: &str| {
        let server = with("VACATE_SERVER_PUBLIC_URL", url).unwrap().server;
        server.public_url(bound.parse().unwrap())
    };
    assert_eq!(of("", "127.0.0.1:8080"), "http://127.0.0.1:8080");
    assert_eq!(of("", "0.0.0.0:81"), "http://127.0.0.1:81");
    assert_eq!(of("", "[::]:81"), "http://[::1]:81");
    assert_eq!(of("https://vacate.example.net/", "127.0.0.1:8080"), "https://vacate.example.net");
    for wrong in [
        "vacate.example.net",
        "ftp://a",
        "https://",
        "https:///a",
        "https://u:p@a",
        "http://a b",
        "https://a?b",
        "https://a#b",
        "https://a\r\nb",
    ] {
        with("VACATE_SERVER_PUBLIC_URL", wrong).unwrap_err();
    }
}

#[test]
fn the_database_is_one_of_two_schemes() {
    for right in
        ["sqlite:data/a.db", "sqlite:/var/a.db", "postgres://h/d", "postgresql:///d?host=/run"]
    {
        with("VACATE_DATABASE_URL", right).unwrap();
    }
    for wrong in [
        "",
        "data/vacate.db",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:file:data/a.db",
        "mysql://h/d",
        "host=127.0.0.1 dbname=a",
        "POSTGRES://h/d",
        "postgres:h/d",
    ] {
        with("VACATE_DATABASE_URL", wrong).unwrap_err();
    }
}

#[test]
fn a_password_is_never_shown() {
    for (url, shown) in [
        ("sqlite:data/a.db", "sqlite:data/a.db"),
        ("postgres://h/d", "postgres://h/d"),
        ("postgres://u@h:5432/d", "postgres://h:5432/d"),
        ("postgres://u:hunter2@h1:1,h2:2/d?sslmode=require", "postgres://h1:1,h2:2/d"),
        ("postgresql:///d?host=/run/a&password=hunter2", "postgresql:///d"),
        ("postgres://u:hun@ter2@h/d", "postgres://h/d"),
        ("postgres://u:hun/ter2@h/d", "postgres://h/d"),
        ("postgres://u:hun?ter2@h/d", "postgres://…"),
        ("postgres://h/d?password=hun@ter2", "postgres://…"),
        ("postgres://u:hunter2", "postgres://u"),
    ] {
        let config = with("VACATE_DATABASE_URL", url).unwrap();
        assert_eq!(config.database.url.redacted(), shown);
        assert_eq!(config.database.url.reveal(), url);
        let debug = format!("{config:?}");
        assert!(!debug.contains("hun") && !debug.contains("ter2"), "{debug}");
    }
}

#[test]
fn the_key_file_lies_outside_the_folder_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir_all(root.join("data/old")).unwrap();
    std::os::unix::fs::symlink(root.join("data"), root.join("link")).unwrap();
    let load = |url: &str, keys: &str| {
        let url = url.replace("ROOT", root.to_str().unwrap());
        let keys = keys.replace("ROOT", root.to_str().unwrap());
        load(None, &[("VACATE_DATABASE_URL", &url), ("VACATE_KEYS_FILE", &keys)], &[])
    };
    for keys in ["ROOT/keys/a", "ROOT/data/../keys/a", "ROOT/database.keys", "ROOT/link/../keys/a"]
    {
        load("sqlite:ROOT/data/a.db", keys).unwrap();
    }
    for keys in [
        "ROOT/data/a",
        "ROOT/data/new/a",
        "ROOT/link/a",
        "ROOT/keys/../data/a",
        "ROOT/link/old/../a",
    ] {
        let error = load("sqlite:ROOT/data/a.db", keys).unwrap_err().to_string();
        assert!(error.starts_with("keys.file (VACATE_KEYS_FILE): keep it out of "), "{error}");
    }
    load("sqlite:vacate.db", "keys/vacate.keys").unwrap_err();
    load("sqlite:data/vacate.db", "data/vacate.keys").unwrap_err();
    load("postgres://h/d", "data/vacate.keys").unwrap();
}
