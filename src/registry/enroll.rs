//! The admin enrols participants, suspends them and lets them go on. Each change is an entry of the log,
//! so that every node knows it within two seconds.

use super::issue::{self, must_leave_an_admin};
use super::{Registry, Result};
use crate::domain::calling_code::CallingCode;
use crate::domain::enrolment::{Enrolment, KeyWish};
use crate::domain::event::ParticipantId;
use crate::domain::participant::{Admin, Kind, Name, Participant, State};
use crate::domain::rejection::{Code, Rejection};
use crate::domain::text;
use crate::storage::log::Change;
use crate::storage::participants::{self, ApiKey};
use crate::storage::{self, PolicyUse, Tx, coverage, log};

/// Characters of a text that people read, at most.
const TEXT_CHARS_MAX: usize = 200;
/// More than there are people with phones; most phone numbers are larger still.
const ACCOUNTS_DECLARED_MAX: u64 = 10_000_000_000;

/// Whether a participant is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolled {
    /// It is.
    Created,
    /// It was there, and was changed.
    Updated,
}

impl Registry {
    /// Enrols a participant, or changes one of the same kind.
    ///
    /// # Errors
    /// `value_not_allowed`, `field_missing`, `field_unknown` by what a kind takes; `value_not_allowed`
    /// for a grant taken away that complete coverage rests on.
    pub fn enroll(
        &self,
        _: &Admin,
        name: &Name,
        wish: &Enrolment,
    ) -> Result<(Participant, Enrolled)> {
        let wanted = self.participant(name, wish)?;
        let ((participant, enrolled), head) = self
            .storage
            .write(|tx| {
                let before = locked_with_grants(tx, name, &wanted.calling_codes)?;
                let enrolled = match before {
                    None => {
                        let id = participants::insert(tx, &wanted)?;
                        (Participant { id, ..wanted.clone() }, Enrolled::Created)
                    }
                    Some(before) if before.kind != wanted.kind => {
                        let detail = "A participant of another kind has this name.";
                        return Err(Rejection::new(Code::ValueNotAllowed, detail)
                            .at("/kind")
                            .into());
                    }
                    Some(before) => {
                        let after = Participant {
                            id: before.id,
                            state: before.state,
                            state_why: before.state_why,
                            created_at: before.created_at,
                            ..wanted.clone()
                        };
                        participants::update(tx, &after)?;
                        (after, Enrolled::Updated)
                    }
                };
                let change = Change::Participant(enrolled.0.id);
                let head = log::append(tx, &[change], self.stamp())?;
                Ok((enrolled, head))
            })
            .map_err(|error| self.failed(error))?;
        self.committed(head);
        Ok((participant, enrolled))
    }

    fn participant(&self, name: &Name, wish: &Enrolment) -> Result<Participant> {
        for (text, field) in [
            (Some(&wish.display_name), "/display_name"),
            (wish.organisation.as_ref(), "/organisation"),
            (wish.close_account_url.as_ref(), "/close_account_url"),
            (wish.recover_url.as_ref(), "/recover_url"),
            (wish.support_url.as_ref(), "/support_url"),
        ] {
            must_be_readable(text, field)?;
        }
        for (url, field) in [
            (&wish.close_account_url, "/close_account_url"),
            (&wish.recover_url, "/recover_url"),
            (&wish.support_url, "/support_url"),
        ] {
            if url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
                let detail = "This must begin with https://";
                return Err(Rejection::new(Code::ValueNotAllowed, detail).at(field));
            }
        }
        if wish.accounts_declared.is_some_and(|declared| declared > ACCOUNTS_DECLARED_MAX) {
            let detail = format!("An app has at most {ACCOUNTS_DECLARED_MAX} accounts.");
            return Err(Rejection::new(Code::ValueNotAllowed, detail).at("/accounts_declared"));
        }
        must_suit_its_kind(wish)?;
        let mut calling_codes = wish.calling_codes.clone().unwrap_or_default();
        calling_codes.sort_unstable();
        calling_codes.dedup();
        Ok(Participant {
            id: ParticipantId(0),
            name: name.clone(),
            kind: wish.kind,
            organisation: wish.organisation.clone().unwrap_or_else(|| name.as_str().to_owned()),
            display_name: wish.display_name.clone(),
            state: State::Active,
            state_why: None,
            accounts_declared: wish.accounts_declared,
            close_account_url: wish.close_account_url.clone(),
            recover_url: wish.recover_url.clone(),
            support_url: wish.support_url.clone(),
            advice_not_covered: wish.advice_not_covered.unwrap_or_default(),
            calling_codes,
            created_at: self.clock.now(),
        })
    }

    /// Suspends a participant, or lets it go on.
    ///
    /// # Errors
    /// `not_found`, `value_not_allowed`; `last_admin` for the only one whose keys work.
    pub fn set_state(
        &self,
        _: &Admin,
        name: &Name,
        state: State,
        why: Option<&str>,
    ) -> Result<Participant> {
        must_be_readable(why.map(str::to_owned).as_ref(), "/why")?;
        let (participant, head) = self
            .storage
            .write(|tx| {
                let before = locked(tx, name)?.ok_or_else(no_participant)?;
                if before.kind == Kind::Admin && state == State::Suspended {
                    must_leave_an_admin(tx, self.clock.now(), |key| key.participant == before.id)?;
                }
                let state_why = why.map(str::to_owned).filter(|_| state == State::Suspended);
                let after = Participant { state, state_why, ..before };
                participants::update(tx, &after)?;
                let change = Change::Participant(after.id);
                let head = log::append(tx, &[change], self.stamp())?;
                Ok((after, head))
            })
            .map_err(|error| self.failed(error))?;
        self.committed(head);
        Ok(participant)
    }

    /// Participants, newest first.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn participants(
        &self,
        _: &Admin,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Participant>> {
        let page = self.storage.read(|db| participants::page(db, before, limit));
        page.map_err(|error| self.failed(error))
    }

    /// One participant.
    ///
    /// # Errors
    /// `not_found`, `unavailable`.
    pub fn participant_named(&self, _: &Admin, name: &Name) -> Result<Participant> {
        let found = self.storage.read(|db| participants::by_name(db, name));
        found.map_err(|error| self.failed(error))?.ok_or_else(no_participant)
    }

    /// Makes the first admin and its key where there is no admin: the first start. The key's text is
    /// kept by `keep` before anything is stored, since nobody could read it afterwards.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn first_admin(
        &self,
        keep: impl FnOnce(&str) -> std::io::Result<()>,
    ) -> Result<FirstAdmin> {
        let admins = self.storage.read(participants::all).map_err(|error| self.failed(error))?;
        if admins.iter().any(|participant| participant.kind == Kind::Admin) {
            return Ok(FirstAdmin::NotNeeded);
        }
        let name = Name::parse("admin")?;
        let wanted = self.participant(&name, &Enrolment::admin("Admin"))?;
        let issued = self.new_key(&wanted, &KeyWish::new("first start"))?;
        if let Err(error) = keep(&issued.text) {
            return Ok(FirstAdmin::NotKept(error));
        }
        let head = self.storage.write(|tx| {
            let participant = participants::insert(tx, &wanted)?;
            participants::insert_key(tx, &ApiKey { participant, ..issued.key.clone() })?;
            log::append(tx, &[Change::Participant(participant)], self.stamp())
        });
        match head {
            Ok(head) => {
                self.committed(head);
                Ok(FirstAdmin::Made)
            }
            // Another node started at the same moment, and was first.
            Err(storage::Error::Taken) => Ok(FirstAdmin::NotNeeded),
            Err(error) => Err(self.failed(error)),
        }
    }
}

/// Whether a start made an admin.
#[derive(Debug)]
pub enum FirstAdmin {
    /// It did.
    Made,
    /// There was one.
    NotNeeded,
    /// Its key couldn't be kept, so nothing was stored.
    NotKept(std::io::Error),
}

fn must_suit_its_kind(wish: &Enrolment) -> Result<()> {
    let app_members = [
        (wish.accounts_declared.is_some(), "/accounts_declared"),
        (wish.close_account_url.is_some(), "/close_account_url"),
        (wish.recover_url.is_some(), "/recover_url"),
        (wish.support_url.is_some(), "/support_url"),
        (wish.advice_not_covered.is_some(), "/advice_not_covered"),
    ];
    let misplaced = match wish.kind {
        Kind::App => wish.calling_codes.is_some().then_some("/calling_codes"),
        Kind::Carrier | Kind::Admin => {
            app_members.into_iter().find(|(given, _)| *given).map(|(_, field)| field)
        }
    };
    if let Some(field) = misplaced {
        let detail = format!("A participant of the kind {} doesn't have this.", wish.kind.text());
        return Err(Rejection::new(Code::FieldUnknown, detail).at(field));
    }
    match wish.kind {
        Kind::Carrier if wish.calling_codes.is_none() => {
            let detail = "A carrier has calling_codes: what it may speak of.";
            Err(Rejection::new(Code::FieldMissing, detail).at("/calling_codes"))
        }
        Kind::App if wish.accounts_declared.is_none() => {
            let detail = "An app has accounts_declared: how many of its accounts have a number.";
            Err(Rejection::new(Code::FieldMissing, detail).at("/accounts_declared"))
        }
        Kind::Carrier | Kind::App | Kind::Admin => Ok(()),
    }
}

pub(super) fn must_be_readable(text: Option<&String>, field: &str) -> Result<()> {
    let Some(text) = text else { return Ok(()) };
    let fits = (1..=TEXT_CHARS_MAX).contains(&text.chars().count());
    if fits && text.trim() == text && !text.chars().any(char::is_control) {
        return text::must_hold_no_phone_number(text).map_err(|refused| refused.at(field));
    }
    let detail = format!(
        "This is 1 to {TEXT_CHARS_MAX} characters without control characters or outer blanks."
    );
    Err(Rejection::new(Code::ValueNotAllowed, detail).at(field))
}

/// A participant as it is when nobody else can change it, if it may do without the grants that are not
/// in `kept`. Coverage that rests on a carrier would go on as if it still reported.
fn locked_with_grants(
    tx: &mut Tx<'_>,
    name: &Name,
    kept: &[CallingCode],
) -> storage::Result<Option<Participant>> {
    let Some(found) = participants::by_name(tx, name)? else { return Ok(None) };
    for code in found.calling_codes.iter().filter(|code| !kept.contains(code)) {
        // Before the participant is locked, as declaring does it.
        coverage::hold_policy(tx, *code, PolicyUse::Change)?;
        let declared = coverage::declared(tx, *code)?.unwrap_or_default();
        if declared.complete_since.is_some() && declared.carriers.contains(&found.id) {
            let detail = format!(
                "The coverage of +{code} rests on this carrier. Declare the calling code without it \
                 first: PUT /v1/calling-codes/{code}."
            );
            return Err(Rejection::new(Code::ValueNotAllowed, detail).at("/calling_codes").into());
        }
    }
    locked(tx, name)
}

/// A participant as it is when nobody else can change it.
fn locked(tx: &mut Tx<'_>, name: &Name) -> storage::Result<Option<Participant>> {
    let Some(found) = participants::by_name(tx, name)? else { return Ok(None) };
    issue::lock(tx, &found)?;
    participants::by_id(tx, found.id)
}

fn no_participant() -> Rejection {
    Rejection::new(Code::NotFound, "There is no participant of this name.")
}
