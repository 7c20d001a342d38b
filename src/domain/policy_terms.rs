//! A policy as people write it: in days, hours and minutes, each member optional. The admin sets them
//! for a calling code, and `config/policies.toml` for those that nobody has set.

use serde::{Deserialize, Serialize};

use super::policy::{Policy, Zone};
use super::rejection::{Code, Rejection};
use super::time::{DAY, HOUR, MINUTE};

/// The members of a policy that were given; the others come from a base.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyTerms {
    /// [`Policy::aging`], at least 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aging_days: Option<u32>,
    /// [`Policy::max_lag`], less than `aging_days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lag_days: Option<u32>,
    /// [`Policy::tolerance`], less than a quarter of the aging.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_minutes: Option<u32>,
    /// [`Policy::detach_after`], at least `aging_days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detach_after_days: Option<u32>,
    /// [`Policy::freeze_within`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze_within_hours: Option<u32>,
    /// [`Policy::detach_within`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detach_within_hours: Option<u32>,
    /// [`Policy::zone_first`], as `+14:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_first: Option<Zone>,
    /// [`Policy::zone_last`], as `-12:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_last: Option<Zone>,
    /// The zone that dates are shown in, between the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
}

impl PolicyTerms {
    /// The policy that these terms make of `base`.
    ///
    /// # Errors
    /// `value_not_allowed`, at the member that breaks a rule.
    pub fn over(&self, base: &Policy) -> Result<Policy, Rejection> {
        let aging = seconds(self.aging_days, DAY, base.aging, "/aging_days")?;
        // Whoever changes the aging alone means the dates that hang on it too.
        let follows = |kept: u32| if self.aging_days.is_some() { kept.max(aging) } else { kept };
        let lag =
            if self.aging_days.is_some() { base.max_lag.min(aging - DAY) } else { base.max_lag };
        let policy = Policy {
            aging,
            max_lag: seconds(self.max_lag_days, DAY, lag, "/max_lag_days")?,
            tolerance: seconds(
                self.tolerance_minutes,
                MINUTE,
                base.tolerance,
                "/tolerance_minutes",
            )?,
            detach_after: seconds(
                self.detach_after_days,
                DAY,
                follows(base.detach_after),
                "/detach_after_days",
            )?,
            freeze_within: seconds(
                self.freeze_within_hours,
                HOUR,
                base.freeze_within,
                "/freeze_within_hours",
            )?,
            detach_within: seconds(
                self.detach_within_hours,
                HOUR,
                base.detach_within,
                "/detach_within_hours",
            )?,
            zone_first: self.zone_first.unwrap_or(base.zone_first),
            zone_last: self.zone_last.unwrap_or(base.zone_last),
            own_only: base.own_only.clone(),
        };
        policy.validate()?;
        let between = |zone: Zone| (policy.zone_last..=policy.zone_first).contains(&zone);
        if !self.zone.is_none_or(between) {
            let detail = "zone must lie between zone_first and zone_last.";
            return Err(Rejection::new(Code::ValueNotAllowed, detail).at("/zone"));
        }
        Ok(policy)
    }
}

fn seconds(given: Option<u32>, unit: u32, base: u32, field: &str) -> Result<u32, Rejection> {
    match given {
        None => Ok(base),
        Some(0) if unit == DAY => Err(out_of_bounds(field)),
        Some(count) => count.checked_mul(unit).ok_or_else(|| out_of_bounds(field)),
    }
}

fn out_of_bounds(field: &str) -> Rejection {
    Rejection::new(Code::ValueNotAllowed, "This is outside the bounds of the setting.").at(field)
}
