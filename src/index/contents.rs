//! What the index holds: numbers by id and by element, calling codes, and who may call.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::calling_code::CallingCode;
use crate::domain::coverage::Standing;
use crate::domain::event::ParticipantId;
use crate::domain::number::{Element, Guard, NumberId};
use crate::domain::participant::{Participant, Permissions};
use crate::domain::position::Place;
use crate::domain::summary::Summary;
use crate::domain::time::Moment;

/// SHA-256 of an API key's text.
pub type KeyHash = [u8; 32];

/// A number as a check needs it.
#[derive(Clone, Debug)]
pub struct NumberEntry {
    /// Must equal the handle's.
    pub guard: Guard,
    /// What the fold made of its events.
    pub summary: Summary,
}

/// An API key as a request needs it.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// Its public id.
    pub id: String,
    /// Whose.
    pub participant: ParticipantId,
    /// What it may do.
    pub permissions: Permissions,
    /// When it ends, if it does.
    pub expires_at: Option<Moment>,
    /// When it was revoked: known, so that the caller is told so.
    pub revoked_at: Option<Moment>,
}

/// What one pull brought: rows that replace what the index held.
#[derive(Debug, Default)]
pub struct Pulled {
    /// The last place that it covers.
    pub through: Place,
    /// Numbers, new or changed.
    pub numbers: Vec<(NumberId, NumberEntry)>,
    /// Elements of new numbers.
    pub elements: Vec<(Element, NumberId)>,
    /// Calling codes that changed.
    pub calling_codes: Vec<(CallingCode, Standing)>,
    /// Participants that changed, each with all its keys.
    pub participants: Vec<(Participant, Vec<(KeyHash, KnownKey)>)>,
}

/// The contents of the index. A map each; to be replaced by a compact table where memory counts.
#[derive(Debug, Default)]
pub struct Contents {
    numbers: HashMap<NumberId, NumberEntry>,
    elements: HashMap<Element, NumberId>,
    newest: NumberId,
    calling_codes: HashMap<CallingCode, Standing>,
    participants: HashMap<ParticipantId, Arc<Participant>>,
    declared: HashMap<String, u64>,
    keys: HashMap<KeyHash, KnownKey>,
}

impl Contents {
    /// The number with this id, if the index has it. That it hasn't decides nothing: the row does.
    pub fn number(&self, id: NumberId) -> Option<&NumberEntry> {
        self.numbers.get(&id)
    }

    /// The number with this element. One that the index hasn't has no events.
    pub fn number_by_element(&self, element: &Element) -> Option<&NumberEntry> {
        self.numbers.get(self.elements.get(element)?)
    }

    /// The newest number that was pulled.
    pub fn newest(&self) -> NumberId {
        self.newest
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.numbers.len()
    }

    /// What is known of a calling code; `None` where nobody has said anything.
    pub fn standing(&self, code: CallingCode) -> Option<&Standing> {
        self.calling_codes.get(&code)
    }

    /// The calling codes that anything is known of.
    pub fn calling_codes(&self) -> impl Iterator<Item = (&CallingCode, &Standing)> {
        self.calling_codes.iter()
    }

    /// The key with this hash, and whose it is.
    pub fn key(&self, hash: &KeyHash) -> Option<(&KnownKey, &Arc<Participant>)> {
        let key = self.keys.get(hash)?;
        Some((key, self.participants.get(&key.participant)?))
    }

    /// A participant.
    pub fn participant(&self, id: ParticipantId) -> Option<&Arc<Participant>> {
        self.participants.get(&id)
    }

    /// Every participant.
    pub fn participants(&self) -> impl Iterator<Item = &Arc<Participant>> {
        self.participants.values()
    }

    /// The accounts that an organisation's apps have declared together; `None` where none of them did.
    pub fn accounts_declared(&self, organisation: &str) -> Option<u64> {
        self.declared.get(organisation).copied()
    }

    /// Participants with a live key that ends after `from` and not after `to`, and when.
    pub fn keys_ending(
        &self,
        from: Moment,
        to: Moment,
    ) -> impl Iterator<Item = (&Arc<Participant>, Moment)> {
        self.keys.values().filter_map(move |key| {
            let end = key.expires_at.filter(|end| *end > from && *end <= to)?;
            Some((self.participants.get(&key.participant)?, end))
        })
    }

    /// Puts in what was pulled, in place of what was there.
    pub fn apply(&mut self, pulled: Pulled) {
        for (id, entry) in pulled.numbers {
            self.newest = self.newest.max(id);
            self.numbers.insert(id, entry);
        }
        self.elements.extend(pulled.elements);
        self.calling_codes.extend(pulled.calling_codes);
        let somebody = !pulled.participants.is_empty();
        for (participant, keys) in pulled.participants {
            self.keys.retain(|_, key| key.participant != participant.id);
            self.keys.extend(keys);
            self.participants.insert(participant.id, Arc::new(participant));
        }
        if somebody {
            self.add_up_accounts();
        }
    }

    fn add_up_accounts(&mut self) {
        self.declared.clear();
        for participant in self.participants.values() {
            if let Some(accounts) = participant.accounts_declared {
                let sum = self.declared.entry(participant.organisation.clone()).or_default();
                *sum = sum.saturating_add(accounts);
            }
        }
    }
}
