//! Who calls. A key is known by its hash, from memory; one that isn't known may have been issued on
//! another node a moment ago, so the log is pulled before it is refused.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use sha2::{Digest, Sha256};

use super::{Registry, Result};
use crate::domain::participant::{Caller, State};
use crate::domain::rejection::{Code, Rejection};
use crate::storage::participants;

/// How often an unknown key may make this node look into the log again.
const LOOK_AGAIN_MS: i64 = 1_000;
/// How often it is written when keys were last used.
const KEEP_USES_EVERY_MS: i64 = 60_000;

impl Registry {
    /// The caller with this key, if memory has it. `None`: ask [`Registry::authenticate`].
    ///
    /// # Errors
    /// `key_unknown` for what can't be a key, `key_revoked`, `key_expired`, `participant_suspended`;
    /// `unavailable` where this node lacks a secret that the others use.
    pub fn authenticate_now(&self, key: &str) -> Option<Result<Caller>> {
        if !has_the_form_of_a_key(key) {
            return Some(Err(unknown()));
        }
        if let Err(lacking) = self.must_have_keys() {
            return Some(Err(lacking));
        }
        let hash = Sha256::digest(key.as_bytes()).into();
        let contents = self.index.contents();
        let (known, participant) = contents.key(&hash)?;
        let refuse = |code, detail| Some(Err(Rejection::new(code, detail).at("Authorization")));
        if known.revoked_at.is_some() {
            return refuse(Code::KeyRevoked, "This key was revoked.");
        }
        if known.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return refuse(Code::KeyExpired, "This key's time is over.");
        }
        if participant.state == State::Suspended {
            return refuse(Code::ParticipantSuspended, "The admin has suspended this participant.");
        }
        self.note_use(&known.id);
        Some(Ok(Caller {
            participant: Arc::clone(participant),
            key_id: known.id.clone(),
            permissions: known.permissions,
            expires_at: known.expires_at,
        }))
    }

    /// The caller with this key.
    ///
    /// # Errors
    /// As [`Registry::authenticate_now`]; `starting` before the keys are loaded.
    pub fn authenticate(&self, key: &str) -> Result<Caller> {
        if !self.index.is_ready() {
            return Err(Rejection::new(Code::Starting, "The keys are being loaded."));
        }
        if let Some(known) = self.authenticate_now(key) {
            return known;
        }
        // Whoever tries keys at random must not make everybody else wait for the log.
        if !self.look_again() {
            return Err(unknown());
        }
        self.catch_up()?;
        self.authenticate_now(key).unwrap_or_else(|| Err(unknown()))
    }
}

impl Registry {
    /// Whether the log was not pulled for the sake of an unknown key within the last moments.
    fn look_again(&self) -> bool {
        let now = self.clock.now_ms();
        let before = self.looked_at_ms.load(Ordering::SeqCst);
        now - before >= LOOK_AGAIN_MS
            && self
                .looked_at_ms
                .compare_exchange(before, now, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
    }

    fn note_use(&self, key: &str) {
        let now = self.clock.now();
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        match uses.get_mut(key) {
            Some(at) => *at = now,
            None => {
                uses.insert(key.to_owned(), now);
            }
        }
    }

    /// Writes when keys were last used, if that wasn't done within the last minute.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn keep_uses_now_and_then(&self) -> Result<()> {
        let now = self.clock.now_ms();
        if now - self.uses_kept_at_ms.load(Ordering::SeqCst) < KEEP_USES_EVERY_MS {
            return Ok(());
        }
        self.keep_uses()
    }

    /// Writes when keys were last used.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn keep_uses(&self) -> Result<()> {
        self.uses_kept_at_ms.store(self.clock.now_ms(), Ordering::SeqCst);
        let uses = std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        if uses.is_empty() {
            return Ok(());
        }
        self.errands
            .write(|tx| participants::note_use(tx, &uses))
            .map_err(|error| self.failed(error))
    }
}

/// `vk1_<role>_<32 characters>`.
fn has_the_form_of_a_key(key: &str) -> bool {
    let mut parts = key.splitn(3, '_');
    let role = |role: &str| matches!(role, "carrier" | "app" | "admin");
    parts.next() == Some("vk1")
        && parts.next().is_some_and(role)
        && parts.next().is_some_and(|rest| rest.len() == 32)
}

fn unknown() -> Rejection {
    Rejection::new(Code::KeyUnknown, "This key is not one of this registry's.").at("Authorization")
}
