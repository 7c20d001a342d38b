//! The key file of this machine, changed by whoever runs the registry. A registry that runs reads it again
//! by itself.

use crate::config::Config;
use crate::domain::generation::Purpose;
use crate::entropy::Entropy;
use crate::keys::{self, KeyFileError};

/// Adds a generation of a secret; its number. The file is replaced whole, or not at all.
///
/// # Errors
/// When there is no key file yet, or it can't be read or written.
pub fn add(config: &Config, purpose: Purpose) -> Result<u32, KeyFileError> {
    keys::add(&config.keys.file, purpose, &Entropy::System)
}
