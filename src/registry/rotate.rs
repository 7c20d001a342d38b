//! Epochs: the keys of tokens come into force and go, by a row that all nodes follow. No number's row is
//! touched. It ends the life of tokens and of a key that leaked, and nothing more.

use super::{Registry, Result};
use crate::domain::generation::{Generation, Generations, Purpose, State};
use crate::domain::participant::Admin;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::time::{DAY, Moment};
use crate::storage::generations::{self, KeyUse};
use crate::storage::log::{self, Change};
use crate::storage::{self, Tx};

/// An epoch as the admin sees it.
#[derive(Clone, Debug)]
pub struct EpochView {
    /// Counted from 1.
    pub number: u32,
    /// What holds of it, on every node.
    pub state: State,
    /// When it came into force.
    pub active_since: Option<Moment>,
    /// Until when its tokens are accepted, where that is known.
    pub accepted_until: Option<Moment>,
    /// Whether this node has its key.
    pub held: Held,
}

/// Whether the node that was asked has a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It does.
    Here,
    /// It doesn't.
    Missing,
}

impl Registry {
    /// Every epoch of which a node has told, the newest first.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn epochs(&self, _: &Admin) -> Result<Vec<EpochView>> {
        self.reread_keys()?;
        let all = self.storage.read(generations::all).map_err(|error| self.failed(error))?;
        let mut epochs: Vec<EpochView> =
            all.of(Purpose::Epoch).map(|one| self.epoch_view(one)).collect();
        epochs.reverse();
        Ok(epochs)
    }

    /// Brings an epoch into force on all nodes at once. Tokens of the one before are accepted for as long
    /// as the settings say. To say it again changes nothing.
    ///
    /// # Errors
    /// `not_found` while no node has told of its key; `value_not_allowed` while this node hasn't the key,
    /// and for an epoch that isn't newer than the one in force.
    pub fn activate_epoch(&self, _: &Admin, number: u32) -> Result<EpochView> {
        self.reread_keys()?;
        if !self.keys.ring().secrets().has(Purpose::Epoch, number) {
            let detail = "This node's key file lacks the epoch; distribute the file first.";
            return Err(self.no_epoch_unless(number, detail));
        }
        let now = self.clock.now();
        let overlap = self.settings.epoch_overlap_days.saturating_mul(DAY);
        self.change_epoch(number, |tx, known, epoch| {
            if epoch.state == State::InForce {
                return Ok(None);
            }
            let newest = known.in_state(Purpose::Epoch, State::InForce);
            if epoch.state != State::Published || newest >= Some(number) {
                let detail = "Only an epoch that is newer than the one in force can be activated.";
                return Err(not_allowed(detail).into());
            }
            for older in known.of(Purpose::Epoch).filter(|one| one.state == State::InForce) {
                let until = Some(now.plus(overlap));
                generations::update(
                    tx,
                    &Generation { state: State::Past, until, ..older.clone() },
                )?;
            }
            let since = Some(now);
            Ok(Some(Generation { state: State::InForce, since, ..epoch.clone() }))
        })
    }

    /// Ends an epoch on all nodes at once: its tokens are refused from here on. To say it again changes
    /// nothing.
    ///
    /// # Errors
    /// `not_found`; `value_not_allowed` for the epoch in force.
    pub fn retire_epoch(&self, _: &Admin, number: u32) -> Result<EpochView> {
        let now = self.clock.now();
        self.change_epoch(number, |_, _, epoch| match epoch.state {
            State::Retired => Ok(None),
            State::InForce => {
                let detail = "It is in force; activate a newer one first.";
                Err(not_allowed(detail).into())
            }
            State::Published | State::Next | State::Past => {
                let until = epoch.until.map_or(now, |until| until.min(now));
                Ok(Some(Generation { state: State::Retired, until: Some(until), ..epoch.clone() }))
            }
        })
    }

    /// Writes what `change` makes of an epoch, and tells the log.
    fn change_epoch(
        &self,
        number: u32,
        change: impl Fn(&mut Tx<'_>, &Generations, &Generation) -> storage::Result<Option<Generation>>,
    ) -> Result<EpochView> {
        let (epoch, head) = self
            .storage
            .write(|tx| {
                generations::hold(tx, KeyUse::Change)?;
                let known = generations::all(tx)?;
                let epoch = known.get(Purpose::Epoch, number).ok_or_else(no_epoch)?;
                let Some(changed) = change(tx, &known, epoch)? else {
                    return Ok((epoch.clone(), log::head(tx)?));
                };
                generations::update(tx, &changed)?;
                let head = log::append(tx, &[Change::Keys], self.stamp())?;
                Ok((changed, head))
            })
            .map_err(|error| self.failed(error))?;
        self.committed(head);
        Ok(self.epoch_view(&epoch))
    }

    fn epoch_view(&self, epoch: &Generation) -> EpochView {
        let here = self.keys.ring().secrets().has(Purpose::Epoch, epoch.number);
        let is_over = epoch.state == State::Past && !epoch.is_accepted(self.clock.now());
        EpochView {
            number: epoch.number,
            state: if is_over { State::Retired } else { epoch.state },
            active_since: epoch.since,
            accepted_until: epoch.until,
            held: if here { Held::Here } else { Held::Missing },
        }
    }

    fn no_epoch_unless(&self, number: u32, detail: &'static str) -> Rejection {
        let known = self.storage.read(generations::all);
        match known {
            Ok(known) if known.get(Purpose::Epoch, number).is_some() => not_allowed(detail),
            Ok(_) => no_epoch(),
            Err(error) => self.failed(error),
        }
    }
}

fn no_epoch() -> Rejection {
    let detail =
        "No node has told of a key of this epoch: publish it, and distribute the key file.";
    Rejection::new(Code::NotFound, detail).at("epoch")
}

fn not_allowed(detail: &'static str) -> Rejection {
    Rejection::new(Code::ValueNotAllowed, detail).at("epoch")
}
