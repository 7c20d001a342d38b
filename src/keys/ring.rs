//! The keys as they are at one moment: what this node has, and what holds of it.

use std::fmt;
use std::sync::Arc;

use super::derived::{CodeKeys, Derived, EpochKeys, PublicEpoch};
use super::{Sealed, Secrets};
use crate::domain::calling_code::CallingCode;
use crate::domain::event::SealedId;
use crate::domain::generation::{Generation, Generations, Purpose, State};
use crate::domain::number::{E164, Element, KeyId, NumberText};
use crate::domain::oprf::{ElementKey, EpochKey};
use crate::domain::position::Position;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::seal::Handle;
use crate::domain::secret::Secret;
use crate::domain::text;
use crate::domain::time::Moment;

/// The secrets of this node, and what the database says holds of each.
pub struct Ring {
    derived: Arc<Derived>,
    generations: Generations,
    element: u32,
    next: Option<u32>,
    sealing: u32,
}

/// What stands for one number in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elements {
    /// Under the generation in force.
    pub in_force: Element,
    /// Under the one that elements are being copied to, while they are.
    pub next: Option<Element>,
}

impl Ring {
    pub(super) fn new(derived: Arc<Derived>, generations: Generations) -> Ring {
        let in_force = |purpose| generations.in_state(purpose, State::InForce);
        let newest = derived.secrets.servers.last_key_value().map(|(number, _)| *number);
        // A node that lacks the newest server key stores nothing, and seals what it may still say.
        let sealing = in_force(Purpose::Server)
            .filter(|number| derived.secrets.servers.contains_key(number))
            .or(newest);
        Ring {
            element: in_force(Purpose::Element).expect("a generation of elements is in force"),
            next: generations.in_state(Purpose::Element, State::Next),
            sealing: sealing.expect("a key file holds a server key"),
            derived,
            generations,
        }
    }

    pub(super) fn under(&self, generations: Generations) -> Ring {
        Ring::new(Arc::clone(&self.derived), generations)
    }

    /// The secrets, for their fingerprints.
    pub fn secrets(&self) -> &Secrets {
        &self.derived.secrets
    }

    /// What holds of each generation.
    pub fn generations(&self) -> &Generations {
        &self.generations
    }

    /// The generations that this node can't work without at `now`, and hasn't.
    pub fn lacks(&self, now: Moment) -> impl Iterator<Item = &Generation> {
        let all = self.generations.all().iter();
        all.filter(move |one| {
            one.is_needed(now) && !self.derived.secrets.has(one.purpose, one.number)
        })
    }

    /// Whether both store the same thing for the same number, account or id.
    pub fn stores_like(&self, other: &Ring) -> bool {
        (self.element, self.next, self.sealing) == (other.element, other.next, other.sealing)
    }

    /// The generation of elements in force.
    pub fn element_generation(&self) -> u32 {
        self.element
    }

    /// The generation that elements are being copied to, while they are.
    pub fn next_generation(&self) -> Option<u32> {
        self.next
    }

    /// Whether a digest or a token was made with a key that is accepted at `now`.
    ///
    /// # Errors
    /// `key_id_unknown`, never "unknown number": a wrong key must not look like a number to which
    /// nothing happened. `handle_invalid` for a handle, which only an app's own calls take.
    pub fn accept(&self, number: &NumberText, now: Moment) -> Result<(), Rejection> {
        match number {
            NumberText::Digest { kid, .. } if *kid != self.derived.directory_kid => {
                Err(key_id_unknown())
            }
            NumberText::Digest { .. } => self.evaluator().map_or(Ok(()), |url| Err(apart(url))),
            NumberText::Token { calling_code, kid, .. } => {
                let keys = self.derived.of_code(*calling_code);
                self.accepted(&keys, *kid, now).map(drop)
            }
            NumberText::Handle { .. } => Err(Rejection::new(
                Code::HandleInvalid,
                "A handle is an app's own; this call takes a digest or a token.",
            )),
        }
    }

    /// The elements of a digest or token of an accepted key.
    ///
    /// # Errors
    /// As [`Ring::accept`]; `element_invalid` for a token that is no element, `unavailable` where this
    /// node lacks a key.
    pub fn elements(&self, number: &NumberText, now: Moment) -> Result<Elements, Rejection> {
        self.accept(number, now)?;
        Ok(Elements {
            in_force: self.element(number, self.element)?,
            next: self.next.map(|next| self.element(number, next)).transpose()?,
        })
    }

    /// The element of a digest or token under one generation. Whether its key is accepted was asked
    /// before.
    ///
    /// # Errors
    /// `key_id_unknown`, `element_invalid`, `unavailable`.
    pub fn element(&self, number: &NumberText, generation: u32) -> Result<Element, Rejection> {
        let keys = self.derived.of_code(number.calling_code());
        match number {
            NumberText::Digest { nd, .. } => {
                Ok(keys.elements.get(&generation).ok_or_else(lacking)?.element(nd))
            }
            NumberText::Token { kid, point, .. } => {
                let mut epochs = keys.epochs.iter();
                let epoch = epochs.find(|one| one.kid == *kid).ok_or_else(key_id_unknown)?;
                epoch.tokens.get(&generation).ok_or_else(lacking)?.element(point)
            }
            NumberText::Handle { .. } => Err(Handle::invalid()),
        }
    }

    /// The element of a plain number that this process itself knows: the test numbers, and an
    /// account's name that may be the number being bound.
    ///
    /// # Errors
    /// `unavailable` where this node lacks the key.
    pub fn element_of(&self, number: &E164, generation: u32) -> Result<Element, Rejection> {
        if let Some(apart) = self.derived.secrets.part.apart() {
            return apart.element_of_test(number, generation).ok_or_else(lacking);
        }
        let nd = self.derived.secrets.directory.nd(number);
        Ok(self.element_key(number.calling_code(), generation)?.element(&nd))
    }

    /// The database's key under `code`.
    ///
    /// # Errors
    /// `unavailable` where this node lacks it.
    pub fn element_key(&self, code: CallingCode, generation: u32) -> Result<ElementKey, Rejection> {
        let keys = self.derived.of_code(code);
        keys.elements.get(&generation).cloned().ok_or_else(lacking)
    }

    /// The key of an epoch whose tokens are accepted at `now`.
    ///
    /// # Errors
    /// `key_id_unknown`; `unavailable` where the evaluator runs apart.
    pub fn epoch(&self, code: CallingCode, kid: KeyId, now: Moment) -> Result<EpochKey, Rejection> {
        let keys = self.derived.of_code(code);
        self.accepted(&keys, kid, now)?.key.clone().ok_or_else(lacking)
    }

    /// Where tokens are made, if not here. Then no number can be hashed here.
    pub fn evaluator(&self) -> Option<&str> {
        self.derived.secrets.part.apart().map(|apart| apart.evaluator.as_str())
    }

    /// The epochs whose tokens are accepted at `now`.
    pub fn public_epochs(&self, code: CallingCode, now: Moment) -> Vec<PublicEpoch> {
        let keys = self.derived.of_code(code);
        let accepted = keys.epochs.iter().filter(|one| self.accepts(one, now));
        let public = accepted.map(|one| PublicEpoch {
            epoch: one.epoch,
            public_key: one.public_key,
            kid: one.kid,
            accepted_until: self
                .generations
                .get(Purpose::Epoch, one.epoch)
                .and_then(|known| known.until),
        });
        public.collect()
    }

    fn accepted<'a>(
        &self,
        keys: &'a CodeKeys,
        kid: KeyId,
        now: Moment,
    ) -> Result<&'a EpochKeys, Rejection> {
        let found = keys.epochs.iter().find(|one| one.kid == kid);
        found.filter(|one| self.accepts(one, now)).ok_or_else(key_id_unknown)
    }

    fn accepts(&self, epoch: &EpochKeys, now: Moment) -> bool {
        let known = self.generations.get(Purpose::Epoch, epoch.epoch);
        known.is_some_and(|known| known.is_accepted(now))
    }

    /// The handle's text for `app`.
    pub fn seal_handle(&self, app: &str, calling_code: CallingCode, handle: &Handle) -> String {
        let keys = self.derived.handle_keys(app);
        let (_, key) = keys
            .iter()
            .find(|(number, _)| *number == self.sealing)
            .expect("it seals with one it has");
        handle.seal(key, calling_code).text()
    }

    /// What a handle of `app` holds.
    ///
    /// # Errors
    /// `handle_invalid` when it is another app's, damaged, or of a key that isn't accepted.
    pub fn open_handle(&self, app: &str, number: &NumberText) -> Result<Handle, Rejection> {
        let NumberText::Handle { calling_code, kid, sealed } = number else {
            return Err(Handle::invalid());
        };
        let keys = self.derived.handle_keys(app);
        let mut live = keys.iter().filter(|(number, _)| self.opens(*number));
        let (_, key) = live.find(|(_, key)| key.kid() == *kid).ok_or_else(Handle::invalid)?;
        Handle::open(key, *calling_code, sealed)
    }

    /// What the numbers that `organisation` names are hashed with, to be counted.
    pub fn budget_key(&self, organisation: &str) -> Secret {
        let key = &self.derived.secrets.servers[&self.sealing];
        Secret::new(key.0.mac(&[b"vacate/v1/budget:", organisation.as_bytes()]))
    }

    /// The server key that seals.
    pub fn sealing_generation(&self) -> u32 {
        self.sealing
    }

    /// Seals `plaintext` for `owner`; equal texts seal to equal bytes, so that they can be looked up.
    pub fn seal(&self, what: Sealed, owner: &str, plaintext: &[u8]) -> SealedId {
        self.seal_under(self.sealing, what, owner, plaintext)
    }

    fn seal_under(&self, number: u32, what: Sealed, owner: &str, plaintext: &[u8]) -> SealedId {
        let key = &self.derived.secrets.servers[&number];
        let sealed = key.owner_key(what.purpose(), owner).seal(b"", plaintext);
        let generation = u8::try_from(number).expect("the key file bounds generations");
        SealedId([&[generation], sealed.as_slice()].concat())
    }

    /// What was sealed for `owner`; `None` when it is another's, damaged, or of a key that is gone.
    pub fn open(&self, what: Sealed, owner: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (generation, sealed) = sealed.split_first()?;
        let number = u32::from(*generation);
        let key = self.derived.secrets.servers.get(&number).filter(|_| self.opens(number))?;
        key.owner_key(what.purpose(), owner).open(b"", sealed)
    }

    /// A position's text, which any participant may hand back.
    pub fn seal_position(&self, position: Position) -> String {
        let mut keys = self.derived.positions.iter();
        let (_, key) =
            keys.find(|(number, _)| *number == self.sealing).expect("it seals with one it has");
        let sealed = key.seal(POSITION_PREFIX.as_bytes(), &position.0.to_be_bytes());
        format!("{POSITION_PREFIX}{}", text::to_base64url(&sealed))
    }

    /// The position of a text that this registry has made.
    ///
    /// # Errors
    /// `position_invalid` for any other.
    pub fn open_position(&self, given: &str) -> Result<Position, Rejection> {
        let sealed: Option<[u8; 24]> =
            given.strip_prefix(POSITION_PREFIX).and_then(text::from_base64url);
        let live = self.derived.positions.iter().filter(|(number, _)| self.opens(*number));
        let opened = sealed.and_then(|sealed| {
            live.map(|(_, key)| key.open(POSITION_PREFIX.as_bytes(), &sealed)).find_map(|one| one)
        });
        opened
            .and_then(|bytes| bytes.try_into().ok())
            .map(|bytes| Position(i64::from_be_bytes(bytes)))
            .ok_or_else(|| {
                Rejection::new(Code::PositionInvalid, "This position is not of this registry.")
            })
    }

    /// Whether a server key still opens what it has sealed.
    fn opens(&self, number: u32) -> bool {
        let known = self.generations.get(Purpose::Server, number);
        known.is_some_and(|known| matches!(known.state, State::InForce | State::Past))
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({}, …)", self.derived.directory_kid)
    }
}

const POSITION_PREFIX: &str = "p1.";

fn key_id_unknown() -> Rejection {
    Rejection::new(
        Code::KeyIdUnknown,
        "The number was made with a key that isn't, or is no longer, accepted here.",
    )
}

fn apart(evaluator: &str) -> Rejection {
    let detail = format!("Digests aren't taken here: have a token made at {evaluator}");
    Rejection::new(Code::DigestNotAccepted, detail)
}

fn lacking() -> Rejection {
    Rejection::new(Code::Unavailable, "This node lacks a key that is in force.")
}
