//! The policy file: what is built in, and what a file may say.

use std::path::Path;

use vacate::config::policies::{BUILT_IN, Policies};
use vacate::domain::policy::Policy;
use vacate::domain::time::{DAY, HOUR, MINUTE};

fn load(text: &str) -> Result<Policies, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policies.toml");
    std::fs::write(&path, text).unwrap();
    let place = path.to_str().unwrap();
    Policies::load(Some(&path)).map_err(|error| error.to_string().replace(place, "FILE"))
}

fn of(policies: &Policies, code: &str) -> Policy {
    let code = code.parse().unwrap();
    policies.by_code.get(&code).unwrap_or(&policies.default).clone()
}

fn zones(policy: &Policy) -> [String; 2] {
    [policy.zone_first, policy.zone_last].map(|zone| zone.to_string())
}

fn codes(policies: &Policies) -> Vec<String> {
    let mut codes: Vec<_> = policies.by_code.keys().copied().collect();
    codes.sort_unstable();
    codes.into_iter().map(|code| code.to_string()).collect()
}

#[test]
fn the_built_in_policies_keep_the_rules_and_the_legal_minimums() {
    let policies = Policies::load(None).unwrap();
    assert_eq!(codes(&policies), ["1", "41", "44", "49", "61", "86", "91", "234"]);
    let aging = |code| of(&policies, code).aging / DAY;
    let required = (aging("1"), aging("86"), aging("91"), aging("61"), aging("41"));
    assert_eq!(required, (45, 90, 90, 180, 180));
    assert_eq!((aging("44"), aging("49"), aging("234"), aging("33")), (30, 90, 30, 30));
    assert_eq!(zones(&of(&policies, "1")), ["+12:00", "-11:00"]);
    assert_eq!(zones(&of(&policies, "61")), ["+11:00", "+06:30"]);
    assert_eq!(zones(&of(&policies, "33")), ["+14:00", "-12:00"]);
    let own = of(&policies, "49");
    let days = (own.max_lag / DAY, own.tolerance / MINUTE, own.detach_after / DAY);
    assert_eq!(days, (40, 60, 90));
    assert_eq!((own.freeze_within / HOUR, own.detach_within / HOUR), (24, 120));
}

#[test]
fn a_file_stands_in_place_of_all_of_the_built_in_policies() {
    let default = BUILT_IN.split("[1]").next().unwrap();
    let policies = load(&format!("{default}\n[49]\naging_days = 10\nmax_lag_days = 9")).unwrap();
    assert_eq!(codes(&policies), ["49"]);
    let own = of(&policies, "49");
    assert_eq!((own.aging / DAY, own.detach_after / DAY), (10, 30));
    assert_eq!(of(&policies, "1"), of(&policies, "33"));
}

#[test]
fn a_policy_that_breaks_a_rule_is_refused_and_named() {
    for (section, members, reason) in [
        ("49", "aging_days = 6", "aging_days must be 7 to 730"),
        ("49", "max_lag_days = 30", "max_lag_days must be at least 1 and less than aging_days"),
        ("49", "max_lag_days = 0", "This is outside the bounds"),
        ("49", "tolerance_minutes = 10800", "tolerance_minutes must be less than a quarter"),
        ("49", "detach_after_days = 3651", "detach_after_days must be at least aging_days"),
        ("49", "detach_after_days = 29", "detach_after_days must be at least aging_days"),
        ("49", "freeze_within_hours = 0", "freeze_within_hours must be 1 to 2160"),
        ("49", "detach_within_hours = 8761", "detach_within_hours must be 1 to 2160"),
        ("49", "zone_first = '-13:00'", "A zone must be -12:00 to +14:00"),
        ("49", "zone_first = '+01:00'\nzone_last = '+02:00'", "zone_last must not lie east of"),
        (
            "49",
            "zone_last = '+01:00'\nzone = '+00:00'",
            "zone must lie between zone_first and zone_last",
        ),
        ("49", "aging = 90", "unknown field `aging`"),
        ("49", "own_only = true", "unknown field `own_only`"),
        ("49", "aging_days = -1", "invalid value: integer `-1`"),
        ("49", "aging_days = '90'", "invalid type"),
        ("049", "aging_days = 90", "name it by an assigned calling code"),
        ("1000", "aging_days = 90", "name it by an assigned calling code"),
        ("de", "aging_days = 90", "name it by an assigned calling code"),
    ] {
        let default = BUILT_IN.split("[1]").next().unwrap();
        let error = load(&format!("{default}\n[{section}]\n{members}")).unwrap_err();
        assert!(error.starts_with(&format!("FILE [{section}]: {reason}")), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_file_without_a_default_is_refused() {
    assert_eq!(load("").unwrap_err(), "FILE [default]: it is missing");
    assert!(load("[default").unwrap_err().starts_with("FILE: "));
    let error = Policies::load(Some(Path::new("/nowhere"))).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere: it can't be read: "), "{error}");
}
