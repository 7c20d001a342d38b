//! Randomness, handed in. Only this file asks the machine for it.

use std::sync::Mutex;
use std::sync::PoisonError;

use rand_core::{CryptoRng, RngCore};
use sha2::{Digest, Sha256};

use crate::domain::id::{self, Prefix};
use crate::domain::number::Guard;
use crate::domain::secret::Secret;

/// Where random bytes come from.
#[derive(Debug)]
pub enum Entropy {
    /// The operating system.
    System,
    /// The same bytes in each run: tests only. Holds a seed and how often it was asked.
    Repeatable(Mutex<(u64, u64)>),
}

impl Entropy {
    /// Bytes that are the same in each run.
    pub fn repeatable(seed: u64) -> Entropy {
        Entropy::Repeatable(Mutex::new((seed, 0)))
    }

    /// `N` random bytes.
    ///
    /// # Panics
    /// When the operating system has no randomness: nothing may go on without.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the one place")]
            Entropy::System => getrandom::fill(&mut bytes).expect("the system has randomness"),
            Entropy::Repeatable(state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                for block in bytes.chunks_mut(32) {
                    state.1 += 1;
                    let hash = Sha256::new()
                        .chain_update(state.0.to_be_bytes())
                        .chain_update(state.1.to_be_bytes())
                        .finalize();
                    block.copy_from_slice(&hash[..block.len()]);
                }
            }
        }
        bytes
    }

    /// A secret of 32 bytes.
    pub fn secret(&self) -> Secret {
        Secret::new(self.bytes())
    }

    /// A guard for a new number.
    pub fn guard(&self) -> Guard {
        Guard(self.bytes())
    }

    /// A public id that sorts by time.
    pub fn id(&self, prefix: Prefix, now_ms: i64) -> String {
        id::new(prefix, now_ms, &self.bytes())
    }
}

/// For whoever draws scalars itself.
impl RngCore for &Entropy {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for block in bytes.chunks_mut(32) {
            block.copy_from_slice(&self.bytes::<32>()[..block.len()]);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for &Entropy {}
