//! An app's account, bound to a number since `verified_at`: what the app may do with it.
//!
//! One rule stands behind all of them: a code sent to the number proves nothing about who it was
//! yesterday. If it moved `verified_at` past a change, the new owner's first login would wash the
//! old owner's account clean. So a later date counts only with a proof that is not the number, or
//! while nothing is demanded and the old date is still answered `unchanged`.

use super::duty::{Demand, Duty, MessageType, Recomputed, Response, demand};
use super::enumeration::enumeration;
use super::rejection::{Code, Rejection};
use super::time::Moment;
use super::verdict::{Answer, Facts, NotCovered, Reason, judge};

enumeration! {
    /// Whose account it is.
    #[derive(Default)]
    Holder {
        /// A person's.
        #[default]
        Person = 0 "person",
        /// An organisation's: the dispute of a person never detaches it.
        Organisation = 1 "organisation",
    }
}

enumeration! {
    /// How the account's owner was proved. A code to the number is not among them.
    Proof {
        /// A password.
        Password = 1 "password",
        /// A passkey.
        Passkey = 2 "passkey",
        /// An identity document.
        Document = 3 "document",
        /// In person.
        InPerson = 4 "in_person",
        /// A contact other than the number.
        OtherContact = 5 "other_contact",
    }
}

enumeration! {
    /// What an app says that it did.
    Did {
        /// Sessions ended, no login by code, no changes.
        Frozen = 1 "frozen",
        /// The number no longer opens the account.
        Detached = 2 "detached",
        /// What was done is undone.
        Released = 3 "released",
        /// The same person still holds account and number.
        Verified = 4 "verified",
    }
}

enumeration! {
    /// What putting a binding changed.
    Change {
        /// There was none.
        Bound = 1 "bound",
        /// It had another number.
        Rebound = 2 "rebound",
        /// It had an older date.
        Refreshed = 3 "refreshed",
    }
}

/// A binding, as far as the rules look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// When the app last knew, by something else than a code, that its user held the number.
    pub verified_at: Moment,
    /// Whose account it is.
    pub holder: Holder,
    /// What is demanded of the app.
    pub duty: Duty,
}

/// What stands under an `account_ref` when it is put.
#[derive(Clone, Copy, Debug)]
pub enum Stored {
    /// Nothing.
    Nothing,
    /// A binding that was removed and is kept for its revision.
    Removed(Duty),
    /// A binding to the number that is put now.
    SameNumber(Binding),
    /// A binding to another.
    OtherNumber(Binding),
}

/// A binding as the app puts it.
#[derive(Clone, Copy, Debug)]
pub struct Put {
    /// Since when.
    pub verified_at: Moment,
    /// Whose account it is; as before where nothing is said, and a person's at first.
    pub holder: Option<Holder>,
    /// How it was proved, other than by the number.
    pub proof: Option<Proof>,
}

/// What the app did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// [`Did::Frozen`]
    Frozen,
    /// [`Did::Detached`]
    Detached,
    /// [`Did::Released`]
    Released,
    /// [`Did::Verified`]
    Verified {
        /// When.
        at: Moment,
        /// How, other than by the number.
        proof: Option<Proof>,
    },
}

/// A binding after a move, and the message that is due in the same transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What to store. If `verified_at` is a new one, a new handle goes with it.
    pub binding: Binding,
    /// What to tell.
    pub message: Option<MessageType>,
}

/// What comes of putting a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// What is stored stays, and comes back.
    Duplicate,
    /// It was stored.
    Accepted(Change, Moved),
}

/// What comes of saying what was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// It was so already.
    Duplicate,
    /// It was stored.
    Accepted(Moved),
}

/// Decides on a binding that is put; `facts` are those of the number that is put.
///
/// # Errors
/// `binding_newer` for another number and a date that is not later: an old file sent again undoes
/// nothing. `proof_missing` and `still_changed` as `verified` in [`Binding::acknowledge`].
pub fn put(stored: Stored, put: Put, facts: &Facts) -> Result<Placed, Rejection> {
    let Put { verified_at, holder, proof } = put;
    let begin = |change: Change, last: Duty, before: Holder| {
        let Recomputed { duty, message } = last.begun_anew(facts, verified_at.into());
        let binding = Binding { verified_at, holder: holder.unwrap_or(before), duty };
        Ok(Placed::Accepted(change, Moved { binding, message }))
    };
    match stored {
        Stored::Nothing => begin(Change::Bound, Duty::default(), Holder::default()),
        Stored::Removed(last) => begin(Change::Bound, last, Holder::default()),
        Stored::OtherNumber(binding) if verified_at > binding.verified_at => {
            begin(Change::Rebound, binding.duty, binding.holder)
        }
        Stored::OtherNumber(_) => Err(Rejection::new(
            Code::BindingNewer,
            "The account is bound to another number, since this date or a later one.",
        )),
        Stored::SameNumber(binding) if verified_at > binding.verified_at => {
            let holder = holder.unwrap_or(binding.holder);
            let moved = Binding { holder, ..binding }.verified(verified_at, proof, facts)?;
            Ok(Placed::Accepted(Change::Refreshed, moved))
        }
        Stored::SameNumber(_) => Ok(Placed::Duplicate),
    }
}

impl Move {
    /// Puts the members of an acknowledgement together.
    ///
    /// # Errors
    /// `proof_missing` for `verified` without a date; `field_unknown` for a date or a proof beside
    /// anything else.
    pub fn from_parts(
        did: Did,
        verified_at: Option<Moment>,
        proof: Option<Proof>,
    ) -> Result<Move, Rejection> {
        match (did, verified_at, proof) {
            (Did::Verified, Some(at), proof) => Ok(Move::Verified { at, proof }),
            (Did::Verified, None, _) => {
                Err(Rejection::new(Code::ProofMissing, "verified needs verified_at."))
            }
            (Did::Frozen, None, None) => Ok(Move::Frozen),
            (Did::Detached, None, None) => Ok(Move::Detached),
            (Did::Released, None, None) => Ok(Move::Released),
            (Did::Frozen | Did::Detached | Did::Released, ..) => Err(Rejection::new(
                Code::FieldUnknown,
                "verified_at and proof go with verified alone.",
            )),
        }
    }
}

impl Binding {
    /// Decides on what the app says it did. `guard` is the revision that it acted on, if it says.
    ///
    /// Whatever is so already is a duplicate, whatever the guard: a move that was accepted may have
    /// raised the revision itself, and must still be safe to send again.
    ///
    /// # Errors
    /// `revision_old` if the registry has gone on since `guard`; `already_detached` for `frozen`
    /// after `detached`; `holder_is_organisation` for `detached` where a dispute is all that asks;
    /// `still_demanded` for `released` under `freeze` or `detach`; for `verified`, `proof_missing`
    /// if nothing but a code can be behind it and the old date does not stand by itself, and
    /// `still_changed` if even the new date is demanded `freeze` or `detach`.
    pub fn acknowledge(
        &self,
        did: Move,
        guard: Option<u32>,
        facts: &Facts,
    ) -> Result<Acknowledged, Rejection> {
        let Duty { demand, reason, response, revision, .. } = self.duty;
        let held = demand >= Demand::Freeze;
        let already = match did {
            Move::Frozen => response == Response::Frozen,
            Move::Detached => response == Response::Detached,
            Move::Released => response == Response::None && !held,
            Move::Verified { at, .. } => at <= self.verified_at,
        };
        if already {
            return Ok(Acknowledged::Duplicate);
        }
        if guard.is_some_and(|guard| guard < revision) {
            let detail = "The duty has changed since this revision.";
            return Err(Rejection::new(Code::RevisionOld, detail));
        }
        let disputed = demand == Demand::StepUp && reason == Some(Reason::Disputed);
        let moved = match did {
            Move::Frozen if response == Response::Detached => Err(Rejection::new(
                Code::AlreadyDetached,
                "The number was taken off this account already.",
            )),
            Move::Detached if disputed && self.holder == Holder::Organisation => Err(
                Rejection::new(Code::HolderIsOrganisation, "Nothing but a dispute asks for it."),
            ),
            Move::Released if held => Err(Rejection::new(
                Code::StillDemanded,
                format!("The demand is {}.", demand.text()),
            )),
            Move::Frozen => Ok(self.responded(Response::Frozen, facts)),
            Move::Detached => Ok(self.responded(Response::Detached, facts)),
            Move::Released => Ok(self.responded(Response::None, facts)),
            Move::Verified { at, proof } => self.verified(at, proof, facts),
        };
        moved.map(Acknowledged::Accepted)
    }

    fn responded(&self, response: Response, facts: &Facts) -> Moved {
        let duty = self.duty.responded(response, facts, self.verified_at.into());
        Moved { binding: Binding { duty, ..*self }, message: None }
    }

    /// Moves `verified_at` to a later date. What was done is undone with it: the owner has the
    /// account back.
    fn verified(
        &self,
        at: Moment,
        proof: Option<Proof>,
        facts: &Facts,
    ) -> Result<Moved, Rejection> {
        let stands = || {
            let verdict = judge(facts, self.verified_at.into(), NotCovered::StepUp);
            self.duty.demand == Demand::None && verdict.answer == Answer::Unchanged
        };
        if proof.is_none() && !stands() {
            let detail = "A later date needs a proof other than a code to the number.";
            return Err(Rejection::new(Code::ProofMissing, detail));
        }
        if demand(facts, at.into()).0 >= Demand::Freeze {
            let detail = "The number changed hands after this date too.";
            return Err(Rejection::new(Code::StillChanged, detail));
        }
        let done = Duty { response: Response::None, ..self.duty };
        let Recomputed { duty, message } = done.recomputed(facts, at.into());
        Ok(Moved { binding: Binding { verified_at: at, duty, ..*self }, message })
    }
}
