//! The key file of this machine, changed by whoever runs the registry. A registry that runs reads it again
//! by itself.

use std::path::Path;

use super::StartError;
use crate::config::Config;
use crate::domain::generation::Purpose;
use crate::domain::role::Role;
use crate::entropy::Entropy;
use crate::keys::{self, Found, Halves, KeyFileError, Keys};

/// Adds a generation of a secret; its number. The file is replaced whole, or not at all.
///
/// # Errors
/// When there is no key file yet, or it can't be read or written.
pub fn add(config: &Config, purpose: Purpose) -> Result<u32, KeyFileError> {
    keys::add(&config.keys.file, purpose, &Entropy::System)
}

/// Makes of the key file one for an evaluator, whom clients find at `evaluator_url`, and one for a
/// registry. Those that are there are replaced; the key file stays as it is.
///
/// # Errors
/// When there is no key file, it is a half itself, or one can't be read or written.
pub fn split(
    config: &Config,
    evaluator_url: &str,
    evaluator: &Path,
    registry: &Path,
) -> Result<(), KeyFileError> {
    let halves = Halves { evaluator, registry, evaluator_url };
    keys::split(&config.keys.file, halves, &Entropy::System)
}

/// The keys of the role. Only a registry that does everything makes them for itself.
pub(super) fn open(
    config: &Config,
    entropy: &Entropy,
    told: &mut Vec<String>,
) -> Result<Keys, StartError> {
    let (path, file) = (&config.keys.file, config.keys.file.display());
    if !path.exists() {
        must_be_for(config, Role::All)?;
    }
    let (keys, found) = Keys::read_or_make(path, entropy)?;
    must_be_for(config, keys.ring().secrets().part.role())?;
    if found == Found::Made {
        told.push(format!("key file made: {file} (back it up, apart from the database)"));
    }
    if config.data_is_below_the_keys() {
        told.push(format!(
            "warning: keys.file: {file}: the database lies below its folder, whose copy would take both; \
             give each a folder of its own"
        ));
    }
    Ok(keys)
}

/// Lets a key file of the role `of` be used by the role of the settings alone.
pub(super) fn must_be_for(config: &Config, of: Role) -> Result<(), StartError> {
    let asked = config.server.role;
    if of == asked {
        return Ok(());
    }
    let file = config.keys.file.display().to_string();
    Err(StartError::OtherRole { file, of: of.text(), asked: asked.text() })
}
