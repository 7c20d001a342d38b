//! How what was committed becomes what is answered: the index is loaded once, then pulled from the
//! log. One call, `catch_up`, serves start, follower and every commit of this node.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::{Policies, Registry, Result};
use crate::domain::calling_code::CallingCode;
use crate::domain::coverage::Standing;
use crate::domain::event::ParticipantId;
use crate::domain::number::NumberId;
use crate::domain::policy_terms::PolicyTerms;
use crate::domain::position::Position;
use crate::domain::rejection::{Code, Rejection};
use crate::index::{KnownKey, NumberEntry, Pulled};
use crate::storage::participants::ApiKey;
use crate::storage::{
    self, AnyConnection, Error, coverage, fingerprints, log, numbers, participants,
};

/// Numbers that one query of the load brings.
const PAGE_LEN: i64 = 20_000;
/// New numbers that one pull brings at most; the next brings the rest.
const NEW_NUMBERS_PER_PULL_MAX: i64 = 20_000;

impl Registry {
    /// Compares the keys with what the database knows of them, and records those that are new.
    ///
    /// # Errors
    /// `key_id_unknown` when the key file isn't the one this database was written with: to go on would
    /// make every number look unknown, and to add keys to it would hide that.
    pub fn prove_keys(&self) -> Result<()> {
        let ours: Vec<fingerprints::Fingerprint> = (self.keys.secrets().fingerprints())
            .into_iter()
            .map(|(purpose, generation, fingerprint)| fingerprints::Fingerprint {
                purpose: purpose.to_owned(),
                generation: i32::try_from(generation).unwrap_or(i32::MAX),
                fingerprint: fingerprint.to_vec(),
            })
            .collect();
        let known = self.storage.read(fingerprints::all).map_err(|error| self.failed(error))?;
        let missing = known.iter().find(|known| !ours.contains(known));
        if let Some(missing) = missing {
            return Err(Rejection::new(
                Code::KeyIdUnknown,
                format!(
                    "The key file lacks the {} key {} that this database was written with.",
                    missing.purpose, missing.generation
                ),
            ));
        }
        self.storage.write(|tx| fingerprints::record(tx, &ours)).map_err(|error| self.failed(error))
    }

    /// Loads the index.
    ///
    /// The head is read before the rows: what changes meanwhile is followed afterwards, and a row that
    /// the log names is read again.
    pub fn load_index(&self) -> Result<()> {
        self.index
            .load(|contents| -> storage::Result<Position> {
                let head = self.storage.read(log::head)?;
                loop {
                    let after = contents.newest();
                    let page = self.storage.read(|db| numbers::page(db, after, PAGE_LEN))?;
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
                let everything = self.storage.read(|db| {
                    let codes = coverage::known(db)?;
                    let people = participants::all(db)?.into_iter().map(|one| one.id).collect();
                    standings_and_people(db, codes, people, &self.settings.policies)
                })?;
                contents.apply(everything);
                Ok(head)
            })
            .map_err(|error| self.failed(error))?;
        self.catch_up().map(drop)
    }

    /// Brings the index up to the log's head; how far that is. Log and rows are read as one state.
    pub fn catch_up(&self) -> Result<Position> {
        let pulled = self.index.catch_up(|applied, contents| {
            let newest = contents.newest();
            self.storage.read(|db| pull(db, applied, newest, &self.settings.policies))
        });
        pulled.map_err(|error| self.failed(error))
    }
}

fn pull(
    db: &mut AnyConnection,
    applied: Position,
    newest: NumberId,
    policies: &Policies,
) -> storage::Result<Pulled> {
    let entries = log::since(db, applied)?;
    let mut pulled =
        standings_and_people(db, entries.calling_codes, entries.participants, policies)?;
    pulled.through = entries.through;

    let mut ids = entries.numbers;
    ids.extend(numbers::ids_after(db, newest, NEW_NUMBERS_PER_PULL_MAX)?);
    ids.sort_unstable();
    ids.dedup();
    pulled.elements = numbers::elements_of(db, &ids)?;
    pulled.numbers =
        numbers::load(db, &ids)?.into_iter().map(|(id, number)| (id, entry(number))).collect();
    Ok(pulled)
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
    })
}

/// The standings of the calling codes of `numbers`.
pub(super) fn standings_of<'a>(
    db: &mut AnyConnection,
    numbers: impl IntoIterator<Item = &'a numbers::Number>,
    policies: &Policies,
) -> storage::Result<HashMap<CallingCode, Standing>> {
    let mut all = HashMap::new();
    for number in numbers {
        if let std::collections::hash_map::Entry::Vacant(entry) = all.entry(number.calling_code) {
            entry.insert(standing(db, number.calling_code, policies)?);
        }
    }
    Ok(all)
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
