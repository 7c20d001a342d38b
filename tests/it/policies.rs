//! The policy file: what is built in, and what a file may say.

use std::path::Path;

use vacate::policies::{BUILT_IN, Policies, Policy};

fn load(text: &str) -> Result<Policies, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policies.toml");
    std::fs::write(&path, text).unwrap();
    let place = path.to_str().unwrap();
    Policies::load(Some(&path)).map_err(|error| error.to_string().replace(place, "FILE"))
}

fn zones(policy: &Policy) -> [String; 3] {
    [policy.zone_first, policy.zone_last, policy.zone].map(|zone| zone.to_string())
}

#[test]
fn the_built_in_policies_keep_the_rules_and_the_legal_minimums() {
    let policies = Policies::load(None).unwrap();
    let codes: Vec<u16> = policies.calling_codes().collect();
    assert_eq!(codes, [1, 41, 44, 49, 61, 86, 91, 234]);
    let aging = |code| policies.of(code).aging_days;
    assert_eq!((aging(1), aging(86), aging(91), aging(61), aging(41)), (45, 90, 90, 180, 180));
    assert_eq!((aging(44), aging(49), aging(234), aging(33)), (30, 90, 30, 30));
    assert_eq!(zones(policies.of(1)), ["+12:00", "-11:00", "-05:00"]);
    assert_eq!(zones(policies.of(61)), ["+11:00", "+06:30", "+10:00"]);
    assert_eq!(zones(policies.of(33)), ["+14:00", "-12:00", "+00:00"]);
    let own = policies.of(49);
    assert_eq!((own.max_lag_days, own.tolerance_minutes, own.detach_after_days), (40, 60, 90));
    assert_eq!((own.freeze_within_hours, own.detach_within_hours), (24, 120));
}

#[test]
fn a_file_stands_in_place_of_all_of_the_built_in_policies() {
    let default = BUILT_IN.split("[1]").next().unwrap();
    let policies = load(&format!("{default}\n[49]\naging_days = 10\nmax_lag_days = 9")).unwrap();
    assert_eq!(policies.calling_codes().collect::<Vec<_>>(), [49]);
    assert_eq!((policies.of(49).aging_days, policies.of(49).detach_after_days), (10, 30));
    assert_eq!(policies.of(1), policies.of(33));
}

#[test]
fn a_policy_that_breaks_a_rule_is_refused_and_named() {
    for (section, members, reason) in [
        ("49", "aging_days = 6", "aging_days is at least 7"),
        ("49", "aging_days = 31", "detach_after_days is at least aging_days"),
        ("49", "max_lag_days = 30", "max_lag_days is less than aging_days"),
        ("49", "max_lag_days = 0", "max_lag_days is at least 1"),
        (
            "49",
            "tolerance_minutes = 10800",
            "tolerance_minutes is less than a quarter of aging_days",
        ),
        ("49", "detach_after_days = 3651", "detach_after_days is at most 3650"),
        ("49", "freeze_within_hours = 0", "freeze_within_hours is 1 to 8760"),
        ("49", "detach_within_hours = 8761", "detach_within_hours is 1 to 8760"),
        ("49", "zone_first = '-13:00'", "a zone is written +05:30, from -12:00 to +14:00"),
        ("49", "zone = '+0530'", "a zone is written +05:30"),
        ("49", "zone_last = '+14:30'", "a zone is written +05:30"),
        ("49", "zone_first = '-12:00'", "zone_first is the easternmost"),
        ("49", "zone_last = '+01:00'", "zone_first is the easternmost, zone_last the westernmost"),
        ("49", "aging = 90", "unknown field `aging`"),
        ("49", "own_only = true", "unknown field `own_only`"),
        ("49", "aging_days = -1", "invalid value: integer `-1`"),
        ("49", "aging_days = '90'", "invalid type"),
        ("049", "aging_days = 90", "name it by a calling code"),
        ("1000", "aging_days = 90", "name it by a calling code"),
        ("de", "aging_days = 90", "name it by a calling code"),
    ] {
        let default = BUILT_IN.split("[1]").next().unwrap();
        let error = load(&format!("{default}\n[{section}]\n{members}")).unwrap_err();
        assert!(error.starts_with(&format!("FILE [{section}]: {reason}")), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_file_without_a_whole_default_is_refused() {
    assert_eq!(load("").unwrap_err(), "FILE [default]: it is missing");
    let error = load("[default]\naging_days = 90").unwrap_err();
    assert!(error.starts_with("FILE [default]: missing field `max_lag_days`"), "{error}");
    assert!(load("[default").unwrap_err().starts_with("FILE: "));
    let error = Policies::load(Some(Path::new("/nowhere"))).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere: it can't be read: "), "{error}");
}
