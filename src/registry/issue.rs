//! Keys are issued, end, and are revoked: a participant looks after its own, the admin after everybody's.
//! Each change is an entry of the log, so that every node knows it within two seconds.

use sha2::{Digest, Sha256};

use super::enroll::must_be_readable;
use super::{Registry, Result};
use crate::domain::enrolment::KeyWish;
use crate::domain::id::Prefix;
use crate::domain::participant::{Kind, Participant, Permissions};
use crate::domain::rejection::{Code, Rejection};
use crate::domain::text;
use crate::domain::time::Moment;
use crate::domain::unsaid::unsaid;
use crate::storage::log::{self, Change};
use crate::storage::participants::{self, ApiKey};
use crate::storage::{self, Tx};

/// Keys of a participant that aren't revoked, at most.
const KEYS_MAX: usize = 100;

/// A key that was just made: the only time that its text is there.
pub struct IssuedKey {
    /// All else about it.
    pub key: ApiKey,
    /// `vk1_<role>_<32 characters>`.
    pub text: String,
}

impl Registry {
    /// Issues a key.
    ///
    /// # Errors
    /// `value_not_allowed` for a permission that the kind doesn't have, or one key too many.
    pub fn issue_key(&self, owner: &Participant, wish: &KeyWish) -> Result<IssuedKey> {
        let issued = self.new_key(owner, wish)?;
        let key = &issued.key;
        let head = self
            .storage
            .write(|tx| {
                lock(tx, owner)?;
                let live = participants::keys_of(tx, owner.id)?;
                if live.iter().any(|one| one.id == key.id) {
                    return log::head(tx);
                }
                if live.iter().filter(|one| one.revoked_at.is_none()).count() >= KEYS_MAX {
                    let detail = "There are too many keys; revoke some.";
                    return Err(Rejection::new(Code::ValueNotAllowed, detail).into());
                }
                participants::insert_key(tx, key)?;
                log::append(tx, &[Change::Participant(owner.id)], self.stamp())
            })
            .map_err(|error| self.failed(error))?;
        self.committed(head);
        Ok(issued)
    }

    pub(super) fn new_key(&self, owner: &Participant, wish: &KeyWish) -> Result<IssuedKey> {
        must_be_readable(Some(&wish.label), "/label")?;
        let all = owner.kind.permissions();
        let permissions: Permissions = match &wish.permissions {
            None => all,
            Some(some) => some.iter().copied().collect(),
        };
        if !permissions.are_within(all) || permissions == Permissions::default() {
            let detail =
                format!("A key of a participant of the kind {} can't be so.", owner.kind.text());
            return Err(Rejection::new(Code::ValueNotAllowed, detail).at("/permissions"));
        }
        let now = self.clock.now();
        if wish.expires_at.is_some_and(|end| end <= now) {
            let detail = "The key would have ended already.";
            return Err(Rejection::new(Code::ValueNotAllowed, detail).at("/expires_at"));
        }
        let random: [u8; 24] = self.entropy.bytes();
        let text = format!("vk1_{}_{}", owner.kind.text(), text::to_base64url(&random));
        let key = ApiKey {
            id: self.entropy.id(Prefix::Key, self.clock.now_ms()),
            participant: owner.id,
            label: wish.label.clone(),
            permissions,
            secret_hash: Sha256::digest(text.as_bytes()).to_vec(),
            created_at: now,
            expires_at: wish.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        Ok(IssuedKey { key, text })
    }

    /// A participant's keys, newest first, without those revoked.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn keys_of(&self, owner: &Participant) -> Result<Vec<ApiKey>> {
        let mut keys = self
            .storage
            .read(|db| participants::keys_of(db, owner.id))
            .map_err(|error| self.failed(error))?;
        keys.retain(|key| key.revoked_at.is_none());
        Ok(keys)
    }

    /// Sets when a key ends.
    ///
    /// # Errors
    /// `not_found`; `last_admin` where no other admin's key would work then.
    pub fn expire_key(
        &self,
        owner: &Participant,
        id: &str,
        expires_at: Option<Moment>,
    ) -> Result<ApiKey> {
        self.change_key(owner, id, |tx, key| {
            if key.revoked_at.is_some() {
                return Err(no_key().into());
            }
            if let (Kind::Admin, Some(end)) = (owner.kind, expires_at)
                && key.expires_at.is_none_or(|before| end < before)
            {
                must_leave_an_admin(tx, end, |one| one.id == key.id)?;
            }
            key.expires_at = expires_at;
            Ok(())
        })
    }

    /// Ends a key at once. To say it again changes nothing.
    ///
    /// # Errors
    /// `not_found`; `last_admin` where no other admin's key works.
    pub fn revoke_key(&self, owner: &Participant, id: &str) -> Result<()> {
        let now = self.clock.now();
        let revoke = |tx: &mut Tx<'_>, key: &mut ApiKey| {
            if owner.kind == Kind::Admin && key.revoked_at.is_none() {
                must_leave_an_admin(tx, now, |one| one.id == key.id)?;
            }
            key.revoked_at.get_or_insert(now);
            Ok(())
        };
        self.change_key(owner, id, revoke).map(drop)
    }

    fn change_key(
        &self,
        owner: &Participant,
        id: &str,
        change: impl Fn(&mut Tx<'_>, &mut ApiKey) -> storage::Result<()>,
    ) -> Result<ApiKey> {
        let (key, head) = self
            .storage
            .write(|tx| {
                lock(tx, owner)?;
                let keys = participants::keys_of(tx, owner.id)?;
                let mut key = keys.into_iter().find(|key| key.id == id).ok_or_else(no_key)?;
                change(tx, &mut key)?;
                participants::update_key(tx, &key)?;
                let head = log::append(tx, &[Change::Participant(owner.id)], self.stamp())?;
                Ok((key, head))
            })
            .map_err(|error| self.failed(error))?;
        self.committed(head);
        Ok(key)
    }
}

/// Locks who a participant's keys are changed of. Admins are locked together: two of them that end each
/// other's last key at once would otherwise both find that one is left.
pub(super) fn lock(tx: &mut Tx<'_>, owner: &Participant) -> storage::Result<()> {
    match owner.kind {
        Kind::Admin => participants::lock_admins(tx),
        Kind::Carrier | Kind::App => participants::lock(tx, owner.id),
    }
}

/// Refuses what would leave nobody who can undo it: `at` that moment some admin's key that doesn't go
/// must work. The admins are locked.
pub(super) fn must_leave_an_admin(
    tx: &mut Tx<'_>,
    at: Moment,
    goes: impl Fn(&ApiKey) -> bool,
) -> storage::Result<()> {
    let works = |key: &ApiKey| key.expires_at.is_none_or(|end| end > at) && !goes(key);
    if participants::keys_of_admins(tx)?.iter().any(works) {
        return Ok(());
    }
    let detail = "No key of an admin would be left that works then.";
    Err(Rejection::new(Code::LastAdmin, detail).into())
}

fn no_key() -> Rejection {
    Rejection::new(Code::NotFound, "There is no live key of this participant under this id.")
}

unsaid! { IssuedKey }
