//! Which keys this node has, and whether they are those that the database goes by. A wrong key must never
//! look like a number to which nothing happened: it stops the start, or makes a running node refuse.

use std::sync::Arc;

use super::{Registry, Result};
use crate::domain::generation::{Generation, Generations, State};
use crate::domain::number::NumberText;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::time::Moment;
use crate::keys::{Elements, Ring, Secrets};
use crate::storage::generations::{self, KeyUse};
use crate::storage::{self, AnyConnection, Backend, Tx};

impl Registry {
    /// Compares the keys with what the database knows of them, and records those that are new.
    ///
    /// # Errors
    /// `key_id_unknown` when the key file isn't the one this database was written with: to go on would
    /// make every number look unknown, and to add keys to it would hide that.
    pub fn prove_keys(&self) -> Result<()> {
        let ring = self.keys.ring();
        let now = self.clock.now();
        let generations = self
            .storage
            .write(|tx| {
                generations::hold(tx, KeyUse::Change)?;
                if generations::recorded(tx)?.is_empty() {
                    let first = Generations::first(ring.secrets().fingerprints(), now);
                    let first = first.ok_or(storage::Error::Inconsistent("no keys"))?;
                    generations::record(tx, first.all())?;
                }
                compare(tx, ring.secrets(), now)
            })
            .map_err(|error| self.failed(error))?;
        self.keys.follow(generations);
        Ok(())
    }

    /// Goes by the key file as it is now, if it was written since it was read. One that can't be used
    /// changes nothing: this node goes on with the keys that it has, and says so each time.
    ///
    /// # Errors
    /// `unavailable`, `outcome_unknown`; `key_id_unknown` for a file that this node can't use.
    pub fn reread_keys(&self) -> Result<()> {
        let reread = match self.keys.reread() {
            Ok(None) => return Ok(()),
            Ok(Some(reread)) => reread,
            Err(error) => {
                ::log::error!("the key file can't be used: {error}");
                return Ok(());
            }
        };
        let now = self.clock.now();
        let compared = self.errands.write(|tx| {
            generations::hold(tx, KeyUse::Change)?;
            compare(tx, &reread.secrets, now)
        });
        let generations = compared.map_err(|error| {
            let refused = self.failed(error);
            ::log::error!("the key file can't be used: {}", refused.detail);
            refused
        })?;
        self.keys.adopt(reread);
        self.keys.follow(generations);
        ::log::info!("the key file was read again");
        Ok(())
    }

    /// The keys that this node can't work without, and hasn't.
    pub(super) fn lacked_keys(&self) -> Vec<String> {
        let (ring, now) = (self.keys.ring(), self.clock.now());
        ring.lacks(now).map(|one| format!("key file: {}", named(one))).collect()
    }

    /// Lets nobody go on where a key is missing that others may have used.
    pub(super) fn must_have_keys(&self) -> Result<()> {
        complete(&self.keys.ring(), self.clock.now())
    }

    /// The elements of a digest or a token. A key that isn't accepted may have come into force a moment
    /// ago on another node, so the log is pulled before a token is refused.
    pub(super) fn elements(&self, number: &NumberText) -> Result<Elements> {
        let now = self.clock.now();
        let known = self.keys.ring().elements(number, now);
        let refused = known.as_ref().is_err_and(|refused| refused.code == Code::KeyIdUnknown);
        let others_write = self.storage.backend() == Backend::Postgres;
        if !(refused && others_write && matches!(number, NumberText::Token { .. })) {
            return known;
        }
        self.catch_up_within(self.settings.fresh_wait_max)?;
        self.must_have_keys()?;
        self.keys.ring().elements(number, now)
    }

    /// The keys that hold until this transaction ends: for whoever stores, or looks up, what was made
    /// with them.
    pub(super) fn hold_keys(&self, tx: &mut Tx<'_>) -> storage::Result<Arc<Ring>> {
        generations::hold(tx, KeyUse::Store)?;
        self.ring_in(tx)
    }

    /// The keys that hold in the state of the database that `db` sees.
    pub(super) fn ring_in(&self, db: &mut AnyConnection) -> storage::Result<Arc<Ring>> {
        let ring = self.keys.ring_under(generations::all(db)?);
        complete(&ring, self.clock.now())?;
        Ok(ring)
    }
}

/// Records what is new in `secrets`; all generations after it.
fn compare(tx: &mut Tx<'_>, secrets: &Secrets, now: Moment) -> storage::Result<Generations> {
    let known = generations::all(tx)?;
    let ours = secrets.fingerprints();
    let is_another = |one: &&Generation| {
        ours.iter().any(|&(purpose, number, fingerprint)| {
            (purpose, number) == (one.purpose, one.number) && fingerprint != one.fingerprint
        })
    };
    let is_missing =
        |one: &&Generation| one.is_needed(now) && !secrets.has(one.purpose, one.number);
    if let Some(wrong) = known.all().iter().find(|one| is_another(one) || is_missing(one)) {
        let named = named(wrong);
        let detail = format!("The key file lacks the {named} that this database was written with.");
        return Err(Rejection::new(Code::KeyIdUnknown, detail).into());
    }
    let new =
        ours.into_iter().filter(|(purpose, number, _)| known.get(*purpose, *number).is_none());
    let new: Vec<Generation> = new
        .map(|(purpose, number, fingerprint)| {
            let state = State::Published;
            Generation { purpose, number, fingerprint, state, since: None, until: None }
        })
        .collect();
    generations::record(tx, &new)?;
    generations::all(tx)
}

fn complete(ring: &Ring, now: Moment) -> Result<()> {
    match ring.lacks(now).next() {
        None => Ok(()),
        Some(lacked) => {
            let detail = format!("This node lacks the {}.", named(lacked));
            Err(Rejection::new(Code::Unavailable, detail))
        }
    }
}

fn named(one: &Generation) -> String {
    format!("{} key {}", one.purpose.text(), one.number)
}
