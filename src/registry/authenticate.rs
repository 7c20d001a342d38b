//! Who calls. A key is known by its hash, from memory; one that isn't known may have been issued on
//! another node a moment ago, so the log is pulled before it is refused.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Registry, Result};
use crate::domain::participant::{Caller, State};
use crate::domain::rejection::{Code, Rejection};

impl Registry {
    /// The caller with this key, if memory has it. `None`: ask [`Registry::authenticate`].
    ///
    /// # Errors
    /// `key_unknown` for what can't be a key, `key_revoked`, `key_expired`, `participant_suspended`.
    pub fn authenticate_now(&self, key: &str) -> Option<Result<Caller>> {
        if !has_the_form_of_a_key(key) {
            return Some(Err(unknown()));
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
        self.catch_up()?;
        self.authenticate_now(key).unwrap_or_else(|| Err(unknown()))
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
