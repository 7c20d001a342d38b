//! How what was committed becomes what is answered: the index is loaded once, then pulled from the
//! log. One call, `catch_up`, serves start, follower and every commit of this node.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Policies, Registry, Result};
use crate::domain::calling_code::CallingCode;
use crate::domain::coverage::Standing;
use crate::domain::event::ParticipantId;
use crate::domain::generation::Generations;
use crate::domain::number::NumberId;
use crate::domain::policy::Policy;
use crate::domain::policy_terms::PolicyTerms;
use crate::domain::position::{Place, Position};
use crate::domain::rejection::{Code, Rejection};
use crate::index::{KnownKey, NumberEntry, PATIENCE_OF_COMMITS, Pulled};
use crate::storage::coverage::Declared;
use crate::storage::participants::ApiKey;
use crate::storage::{
    self, AnyConnection, Error, PolicyUse, Tx, coverage, generations, log, numbers, participants,
};

/// Numbers that one query of the load brings.
const PAGE_LEN: i64 = 20_000;
/// New numbers that one pull brings at most. A number that is left out is read from its row.
const NEW_NUMBERS_PER_PULL_MAX: i64 = 20_000;

impl Registry {
    /// Has the numbers of each calling code folded anew whose policy is another than the one that they
    /// were folded under: the policy file, or the one that is built in, may have changed since.
    ///
    /// One calling code a transaction: whoever publishes holds the policies of several.
    ///
    /// # Errors
    /// `unavailable`, `outcome_unknown`.
    pub fn prove_policies(&self) -> Result<()> {
        let policies = &self.settings.policies;
        let compare = || {
            let compared = self.storage.read(|db| compare_policies(db, policies));
            compared.map_err(|error| self.failed(error))
        };
        let unknown = compare()?.unknown;
        if !unknown.is_empty() {
            self.storage
                .write(|tx| coverage::first_fold_under(tx, &unknown))
                .map_err(|error| self.failed(error))?;
        }
        for code in compare()?.changed {
            self.storage
                .write(|tx| fold_anew(tx, code, policies))
                .map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Loads the index.
    ///
    /// The head is read before the rows: what changes meanwhile is followed afterwards, and a row that
    /// the log names is read again.
    pub fn load_index(&self) -> Result<()> {
        self.index
            .load(|contents| -> storage::Result<Place> {
                let (head, generations) =
                    self.follower.read(|db| Ok((log::end(db)?, generations::all(db)?)))?;
                self.keys.follow(generations);
                loop {
                    let after = contents.newest();
                    let page = self.follower.read(|db| numbers::page(db, after, PAGE_LEN))?;
                    let Some((_, last)) = page.last() else { break };
                    let more = last.id > after;
                    let mut pulled = Pulled::default();
                    for (element, number) in page {
                        pulled.elements.push((element, number.id));
                        pulled.numbers.push((number.id, entry(number)));
                    }
                    contents.apply(pulled);
                    self.loaded.store(contents.count(), Ordering::Relaxed);
                    if !more {
                        break;
                    }
                }
                let everything = self.follower.read(|db| {
                    let codes = coverage::known(db)?;
                    let people = participants::all(db)?.into_iter().map(|one| one.id).collect();
                    standings_and_people(db, codes, people, &self.settings.policies)
                })?;
                contents.apply(everything);
                Ok(head)
            })
            .map_err(|error| self.failed(error))?;
        self.catch_up()?;
        self.load_budgets()?;
        self.index.become_ready();
        Ok(())
    }

    /// Whether the index was loaded, and the log is still the one that it follows.
    pub fn is_ready(&self) -> bool {
        self.index.is_ready()
    }

    /// Brings the index up to the log's head; how far that is. Log and rows are read as one state.
    pub fn catch_up(&self) -> Result<Position> {
        self.catch_up_within(PATIENCE_OF_COMMITS)
    }

    /// The same, for whoever can't wait long for the turn to pull.
    pub(super) fn catch_up_within(&self, patience: Duration) -> Result<Position> {
        let pulled = self.index.catch_up(patience, |applied, contents| {
            let new = New { after: contents.newest(), missed: self.index.take_missed() };
            let (pulled, generations) =
                self.follower.read(|db| pull(db, applied, new, &self.settings.policies))?;
            // Before the position that tells of them can be seen.
            if let Some(generations) = generations {
                self.keys.follow(generations);
            }
            Ok(pulled)
        });
        match pulled {
            Ok(Some(through)) => Ok(through),
            Ok(None) => Err(Rejection::new(Code::Unavailable, "The log can't be followed now.")),
            Err(error) => {
                if matches!(error, Error::Rewound) {
                    ::log::error!("the log is another than it was: a failover lost its end");
                    self.index.lose();
                }
                Err(self.failed(error))
            }
        }
    }
}

/// How the policies of all calling codes are to those that their numbers were folded under.
#[derive(Default)]
struct Compared {
    /// Those without any, and what they are folded under from now on. They have no numbers yet.
    unknown: Vec<(CallingCode, Vec<u8>)>,
    /// Those that were folded under another.
    changed: Vec<CallingCode>,
}

fn compare_policies(db: &mut AnyConnection, policies: &Policies) -> storage::Result<Compared> {
    let before = coverage::folded_under(db)?;
    let mut compared = Compared::default();
    for code in CallingCode::all() {
        let now = fingerprint(&standing(db, code, policies)?.policy);
        match before.get(&code) {
            None => compared.unknown.push((code, now)),
            Some(before) if *before != now => compared.changed.push(code),
            Some(_) => {}
        }
    }
    Ok(compared)
}

fn fold_anew(tx: &mut Tx<'_>, code: CallingCode, policies: &Policies) -> storage::Result<()> {
    coverage::hold_policy(tx, code, PolicyUse::Change)?;
    let now = fingerprint(&standing(tx, code, policies)?.policy);
    coverage::fold_under(tx, code, &now)?;
    let undeclared = || Declared { policy: "{}".to_owned(), ..Declared::default() };
    let mut declared = coverage::declared(tx, code)?.unwrap_or_else(undeclared);
    declared.recompute_after = Some(NumberId(0));
    coverage::declare(tx, code, &declared)
}

/// Numbers that the index lacks, whether or not the log names them.
struct New {
    after: NumberId,
    missed: BTreeSet<NumberId>,
}

fn pull(
    db: &mut AnyConnection,
    applied: Place,
    new: New,
    policies: &Policies,
) -> storage::Result<(Pulled, Option<Generations>)> {
    let entries = log::since(db, applied)?;
    let generations = if entries.key_changes > 0 { Some(generations::all(db)?) } else { None };
    let mut pulled =
        standings_and_people(db, entries.calling_codes, entries.participants, policies)?;
    pulled.through = entries.through;

    let mut ids = entries.numbers;
    ids.extend(numbers::ids_after(db, new.after, NEW_NUMBERS_PER_PULL_MAX)?);
    ids.extend(new.missed);
    ids.sort_unstable();
    ids.dedup();
    pulled.elements = numbers::elements_of(db, &ids)?;
    pulled.numbers =
        numbers::load(db, &ids)?.into_iter().map(|(id, number)| (id, entry(number))).collect();
    Ok((pulled, generations))
}

fn standings_and_people(
    db: &mut AnyConnection,
    mut codes: Vec<CallingCode>,
    mut people: Vec<ParticipantId>,
    policies: &Policies,
) -> storage::Result<Pulled> {
    codes.sort_unstable();
    codes.dedup();
    people.sort_unstable();
    people.dedup();
    let mut pulled = Pulled::default();
    for code in codes {
        pulled.calling_codes.push((code, standing(db, code, policies)?));
    }
    for id in people {
        let participant = participants::by_id(db, id)?
            .ok_or(Error::Inconsistent("the log names a participant that doesn't exist"))?;
        let keys = participants::keys_of(db, id)?.into_iter().map(known_key);
        pulled.participants.push((participant, keys.collect::<storage::Result<_>>()?));
    }
    Ok(pulled)
}

/// All that is known of a calling code, as the database has it now.
pub(super) fn standing(
    db: &mut AnyConnection,
    code: CallingCode,
    policies: &Policies,
) -> storage::Result<Standing> {
    let reported = coverage::reported(db, code)?;
    let base = policies.of(code);
    let Some(declared) = coverage::declared(db, code)? else {
        return Ok(Standing { policy: base.clone(), reported, ..Standing::default() });
    };
    let terms: PolicyTerms = serde_json::from_str(&declared.policy)
        .map_err(|_| Error::Inconsistent("a policy that can't be read"))?;
    let mut policy =
        terms.over(base).map_err(|_| Error::Inconsistent("a policy that breaks its own rules"))?;
    policy.own_only = declared.own_only.into_iter().collect();
    Ok(Standing {
        policy,
        complete_since: declared.complete_since,
        carriers: declared.carriers,
        reported,
        recomputing: declared.recompute_after.is_some(),
        retained_since: declared.retained_since,
    })
}

/// The standings of the calling codes of locked `numbers`, whose policies stay what they are until the
/// transaction ends.
pub(super) fn standings_of<'a>(
    tx: &mut Tx<'_>,
    numbers: impl IntoIterator<Item = &'a numbers::Number>,
    policies: &Policies,
) -> storage::Result<HashMap<CallingCode, Standing>> {
    // In one order, as all locks.
    let codes: BTreeSet<CallingCode> = numbers.into_iter().map(|one| one.calling_code).collect();
    let mut all = HashMap::with_capacity(codes.len());
    for code in codes {
        coverage::hold_policy(tx, code, PolicyUse::Fold)?;
        all.insert(code, standing(tx, code, policies)?);
    }
    Ok(all)
}

/// What of a policy goes into summaries and demands; deadlines and lateness don't.
pub(super) fn fingerprint(policy: &Policy) -> Vec<u8> {
    let Policy { aging, tolerance, detach_after, zone_first, zone_last, own_only, .. } = policy;
    let own_only: Vec<i32> = own_only.iter().map(|carrier| carrier.0).collect();
    let text = format!("{aging} {tolerance} {detach_after} {zone_first} {zone_last} {own_only:?}");
    Sha256::digest(text.as_bytes()).to_vec()
}

fn entry(number: numbers::Number) -> NumberEntry {
    NumberEntry { guard: number.guard, summary: number.summary }
}

fn known_key(key: ApiKey) -> storage::Result<(crate::index::KeyHash, KnownKey)> {
    let hash = key
        .secret_hash
        .try_into()
        .map_err(|_| Error::Inconsistent("a key's hash that isn't 32 bytes"))?;
    let known = KnownKey {
        id: key.id,
        participant: key.participant,
        permissions: key.permissions,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
    };
    Ok((hash, known))
}
