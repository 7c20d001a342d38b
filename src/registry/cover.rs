//! Coverage: carriers move their watermarks, the admin declares what rests on them and the policy, and
//! everybody reads what must be known before a number is hashed.

use super::{Registry, Result, follow};
use crate::domain::calling_code::CallingCode;
use crate::domain::coverage::{Reported, Standing};
use crate::domain::event::ParticipantId;
use crate::domain::number::NumberId;
use crate::domain::participant::{Admin, Carrier, Kind, Name};
use crate::domain::policy::Policy;
use crate::domain::policy_terms::PolicyTerms;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::time::{Moment, Span};
use crate::keys::PublicEpoch;
use crate::storage::coverage::Declared;
use crate::storage::log::Change;
use crate::storage::{self, PolicyUse, Tx, coverage, log, participants};

/// A member that may be left out, or be null: the two mean different things.
pub type Given<T> = Option<Option<T>>;

/// How far a carrier has reported.
#[derive(Clone, Copy, Debug)]
pub struct Coverage {
    /// Which calling code.
    pub calling_code: CallingCode,
    /// All that took effect until then has been sent. An older one changes nothing.
    pub through: Option<Moment>,
    /// Since when every end of a `held` has been reported; left out: stays as it was.
    pub holds_since: Given<Moment>,
}

/// What the admin declares of a calling code. What is left out takes its default.
#[derive(Clone, Debug, Default)]
pub struct Declaration {
    /// All the carriers report completely since then.
    pub complete_since: Option<Moment>,
    /// The carriers that this rests on.
    pub carriers: Vec<Name>,
    /// The carriers whose disconnects count only after a begin of their own.
    pub own_only: Vec<Name>,
    /// The policy.
    pub policy: PolicyTerms,
}

/// A calling code as the admin sees it.
#[derive(Clone, Debug)]
pub struct CallingCodeView {
    /// Which.
    pub calling_code: CallingCode,
    /// Coverage and policy.
    pub standing: Standing,
    /// The names of the carriers that coverage rests on.
    pub carriers: Vec<Name>,
    /// The names of those with `own_only`.
    pub own_only: Vec<Name>,
}

/// What a client must know of a calling code.
#[derive(Clone, Debug)]
pub struct DirectoryEntry {
    /// Which.
    pub calling_code: CallingCode,
    /// Coverage and policy.
    pub standing: Standing,
    /// The keys that tokens may be made with.
    pub epochs: Vec<PublicEpoch>,
}

impl Registry {
    /// Moves a carrier's watermark, or changes its promise.
    ///
    /// # Errors
    /// `calling_code_not_granted`, `time_in_future`, `unavailable`, `outcome_unknown`.
    pub fn cover(&self, carrier: &Carrier, said: Coverage) -> Result<Reported> {
        let now = self.clock.now();
        let skew = self.settings.clock_skew_seconds_max;
        carrier.must_speak_of(said.calling_code).map_err(|refused| refused.at("/calling_code"))?;
        for (given, field) in
            [(said.through, "/through"), (said.holds_since.flatten(), "/holds_since")]
        {
            if let Some(time) = given {
                Span::from(time).check(now, skew).map_err(|refused| refused.at(field))?;
            }
        }
        // What lies ahead within the skew counts as now: nobody can have sent more than that.
        let through = said.through.map(|through| through.min(now));
        let (reported, moved) = self
            .storage
            .write(|tx| {
                participants::lock(tx, carrier.id())?;
                let before = coverage::reported(tx, said.calling_code)?
                    .remove(&carrier.id())
                    .unwrap_or_default();
                let after = Reported {
                    through: before.through.max(through),
                    holds_since: said.holds_since.unwrap_or(before.holds_since),
                };
                if after == before {
                    return Ok((after, None));
                }
                coverage::report(tx, carrier.id(), said.calling_code, after)?;
                let change = Change::CallingCode(said.calling_code);
                Ok((after, Some(log::append(tx, &[change], self.stamp())?)))
            })
            .map_err(|error| self.failed(error))?;
        if let Some(head) = moved {
            self.committed(head);
        }
        Ok(reported)
    }

    /// Moves the watermark that came with a batch, where every item of it stands; what now holds.
    pub(super) fn report_through(
        &self,
        carrier: &Carrier,
        calling_code: CallingCode,
        through: Option<Moment>,
    ) -> Result<Option<Moment>> {
        let said = Coverage { calling_code, through, holds_since: None };
        let reported = self.cover(carrier, said).map_err(|refused| refused.at("/through"))?;
        Ok(reported.through)
    }

    /// Declares a calling code: it replaces what was declared.
    ///
    /// # Errors
    /// `value_not_allowed` for a carrier that doesn't exist or has no grant, for coverage that rests on
    /// nobody, and for a policy that breaks a rule.
    pub fn declare(
        &self,
        _: &Admin,
        code: CallingCode,
        declaration: &Declaration,
    ) -> Result<CallingCodeView> {
        if code == CallingCode::TEST {
            let detail = "The test calling code answers the same on every registry.";
            return Err(Rejection::new(Code::ValueNotAllowed, detail).at("code"));
        }
        let policies = &self.settings.policies;
        declaration.policy.over(policies.of(code))?;
        if let Some(since) = declaration.complete_since {
            let (now, skew) = (self.clock.now(), self.settings.clock_skew_seconds_max);
            Span::from(since).check(now, skew).map_err(|refused| refused.at("/complete_since"))?;
            if declaration.carriers.is_empty() {
                let detail = "Complete coverage rests on at least one carrier.";
                return Err(Rejection::new(Code::ValueNotAllowed, detail).at("/carriers"));
            }
        }
        let terms = serde_json::to_string(&declaration.policy)
            .map_err(|_| super::internal("a policy that can't be written"))?;
        let (view, head) = self
            .storage
            .write(|tx| {
                coverage::hold_policy(tx, code, PolicyUse::Change)?;
                let carriers = granted(tx, code, &declaration.carriers, "/carriers")?;
                let own_only = granted(tx, code, &declaration.own_only, "/own_only")?;
                let before = follow::standing(tx, code, policies)?;
                let mut declared = Declared {
                    complete_since: declaration.complete_since,
                    carriers,
                    own_only,
                    policy: terms.clone(),
                    ..Declared::default()
                };
                coverage::declare(tx, code, &declared)?;
                let after = follow::standing(tx, code, policies)?;
                let folded = follow::fingerprint(&after.policy);
                coverage::fold_under(tx, code, &folded)?;
                if before.recomputing || folded != follow::fingerprint(&before.policy) {
                    declared.recompute_after = Some(NumberId(0));
                    coverage::declare(tx, code, &declared)?;
                }
                let head = log::append(tx, &[Change::CallingCode(code)], self.stamp())?;
                Ok((self.view(tx, code)?, head))
            })
            .map_err(|error| self.failed(error))?;
        self.committed(head);
        Ok(view)
    }

    /// A calling code as the admin sees it.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn calling_code(&self, _: &Admin, code: CallingCode) -> Result<CallingCodeView> {
        self.storage.read(|db| self.view(db, code)).map_err(|error| self.failed(error))
    }

    /// What a client must know, of one calling code or of all that anything is known of.
    pub fn directory(&self, only: Option<CallingCode>) -> Vec<DirectoryEntry> {
        let (ring, now) = (self.keys.ring(), self.clock.now());
        let contents = self.index.contents();
        let mut codes: Vec<CallingCode> = match only {
            Some(code) => vec![code],
            None => contents.calling_codes().map(|(code, _)| *code).collect(),
        };
        codes.sort_unstable();
        codes
            .into_iter()
            .map(|code| DirectoryEntry {
                calling_code: code,
                standing: contents.standing(code).cloned().unwrap_or_else(|| Standing {
                    policy: self.settings.policies.of(code).clone(),
                    ..Standing::default()
                }),
                epochs: ring.public_epochs(code, now),
            })
            .collect()
    }

    /// The policy of a calling code as the index has it.
    pub(super) fn policy_in_memory(&self, code: CallingCode) -> Policy {
        let contents = self.index.contents();
        contents
            .standing(code)
            .map_or_else(|| self.settings.policies.of(code), |standing| &standing.policy)
            .clone()
    }

    fn view(
        &self,
        db: &mut storage::AnyConnection,
        code: CallingCode,
    ) -> storage::Result<CallingCodeView> {
        let standing = follow::standing(db, code, &self.settings.policies)?;
        let own: Vec<ParticipantId> = standing.policy.own_only.iter().copied().collect();
        let mut name = |ids: &[ParticipantId]| {
            let names = ids.iter().map(|id| {
                participants::by_id(db, *id)?
                    .map(|carrier| carrier.name)
                    .ok_or(storage::Error::Inconsistent("a carrier that doesn't exist"))
            });
            names.collect::<storage::Result<Vec<Name>>>()
        };
        let (carriers, own_only) = (name(&standing.carriers)?, name(&own)?);
        Ok(CallingCodeView { calling_code: code, standing, carriers, own_only })
    }
}

/// The ids of carriers that may speak of `code`.
fn granted(
    tx: &mut Tx<'_>,
    code: CallingCode,
    names: &[Name],
    field: &str,
) -> storage::Result<Vec<ParticipantId>> {
    let mut ids = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let carrier = participants::by_name(tx, name)?
            .filter(|one| one.kind == Kind::Carrier && one.calling_codes.contains(&code))
            .ok_or_else(|| {
                let detail = "This is no carrier with a grant for the calling code.";
                Rejection::new(Code::ValueNotAllowed, detail).at(format!("{field}/{place}"))
            })?;
        ids.push(carrier.id);
    }
    Ok(ids)
}
