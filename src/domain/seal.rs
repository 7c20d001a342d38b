//! Sealing: AES-SIV-CMAC-256 (RFC 5297) under a key of one purpose and one owner.
//!
//! Deterministic, without a nonce: equal contents seal to equal bytes, so that sealed references
//! can be looked up, and there is no randomness to get wrong. Exactly one associated-data
//! component.

use std::fmt;

use aes_siv::siv::Aes128Siv;
use aes_siv::{KeyInit, Tag};

use super::calling_code::CallingCode;
use super::number::{self, Guard, KeyId, NumberId, NumberText};
use super::rejection::{Code, Rejection};
use super::secret::Secret;
use super::time::Moment;

/// The root of every seal of one generation.
#[derive(Clone, Debug)]
pub struct ServerKey(pub Secret);

impl ServerKey {
    /// The key id in a handle's text; it tells the generation.
    pub fn kid(&self) -> KeyId {
        KeyId::of_hash(self.0.mac(&[b"vacate/v1/kid"]))
    }

    /// The key of what is sealed for one `purpose` and one `owner` (a participant's name, or
    /// empty).
    pub fn owner_key(&self, purpose: &'static str, owner: &str) -> SealKey {
        let name = [b"vacate/v1/", purpose.as_bytes(), b":", owner.as_bytes()];
        SealKey { kid: self.kid(), key: Secret::new(self.0.mac(&name)) }
    }
}

/// The bytes by which sealed data is longer than its contents.
pub const SEAL_BYTES: usize = 16;

/// Seals and opens for one purpose and owner.
#[derive(Clone)]
pub struct SealKey {
    kid: KeyId,
    key: Secret,
}

impl SealKey {
    /// The id of the server key it was derived from.
    pub fn kid(&self) -> KeyId {
        self.kid
    }

    /// V || C of `plaintext`, authenticated together with `ad`.
    pub fn seal(&self, ad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut sealed = [&[0; SEAL_BYTES], plaintext].concat();
        let (tag, contents) = sealed.split_at_mut(SEAL_BYTES);
        let v = self.cipher().encrypt_in_place_detached([ad], contents);
        tag.copy_from_slice(&v.expect("one associated-data component is not too many"));
        sealed
    }

    /// What was sealed, or `None` unless this key sealed it with the same `ad`.
    pub fn open(&self, ad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (tag, contents) = sealed.split_first_chunk::<SEAL_BYTES>()?;
        let mut contents = contents.to_vec();
        let tag = Tag::from(*tag);
        self.cipher().decrypt_in_place_detached([ad], &mut contents, &tag).ok()?;
        Some(contents)
    }

    fn cipher(&self) -> Aes128Siv {
        Aes128Siv::new(self.key.expose().into())
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({}, …)", self.kid)
    }
}

/// What a handle holds: which number, and since when the app knows its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// The number's row.
    pub number_id: NumberId,
    /// The row's guard when the handle was made.
    pub guard: Guard,
    /// Unix seconds.
    pub verified_at: i64,
}

impl Handle {
    /// The purpose of the keys that seal handles; their owner is the app's name.
    pub const PURPOSE: &'static str = "handle";

    /// `verified_at` on the axis of the rules.
    pub fn verified(&self) -> Moment {
        Moment::from_unix_ms(self.verified_at.saturating_mul(1_000))
    }

    /// The handle's text for the app whose `key` this is.
    pub fn seal(&self, key: &SealKey, calling_code: CallingCode) -> NumberText {
        let prefix = number::handle_prefix(calling_code, key.kid);
        let sealed = key.seal(prefix.as_bytes(), &self.to_bytes());
        let sealed = sealed.try_into().expect("a seal adds its own size to that of its contents");
        NumberText::Handle { calling_code, kid: key.kid, sealed }
    }

    /// Opens what was sent under `calling_code` and the id of `key`, which is the asking app's own.
    ///
    /// # Errors
    ///
    /// `handle_invalid`: another app's, damaged, or moved to another calling code or key.
    pub fn open(
        key: &SealKey,
        calling_code: CallingCode,
        sealed: &[u8; SEAL_BYTES + HANDLE_BYTES],
    ) -> Result<Handle, Rejection> {
        let prefix = number::handle_prefix(calling_code, key.kid);
        let contents = key.open(prefix.as_bytes(), sealed);
        contents.as_deref().and_then(Handle::from_bytes).ok_or_else(Handle::invalid)
    }

    /// The refusal of a handle that no key of the asking app opens, whatever the cause.
    pub fn invalid() -> Rejection {
        let detail = "This handle is another app's, damaged, or of a key that is not accepted.";
        Rejection::new(Code::HandleInvalid, detail)
    }

    fn to_bytes(self) -> [u8; HANDLE_BYTES] {
        let mut bytes = [0; HANDLE_BYTES];
        bytes[..8].copy_from_slice(&self.number_id.0.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.guard.0);
        bytes[12..].copy_from_slice(&self.verified_at.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Handle> {
        let (number_id, rest) = bytes.split_first_chunk()?;
        let (guard, rest) = rest.split_first_chunk()?;
        Some(Handle {
            number_id: NumberId(i64::from_be_bytes(*number_id)),
            guard: Guard(*guard),
            verified_at: i64::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

/// Number id 8 bytes, guard 4, verified_at 8, all big-endian.
const HANDLE_BYTES: usize = 20;
