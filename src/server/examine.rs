//! What a start would meet, looked at without making anything: for `vacate migrate` and `vacate doctor`.

use std::path::Path;

use super::StartError;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::keys::Keys;
use crate::storage::{self, Storage};

/// How the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// It isn't there; the first start makes it.
    NotMade,
    /// Another process of this machine serves it.
    InUse,
    /// Its schema lacks these steps.
    Behind(Vec<String>),
    /// A start changes nothing.
    UpToDate,
}

/// How the key file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFile {
    /// It isn't there; the first start makes it.
    NotMade,
    /// It can be read, by its owner alone.
    Whole,
}

/// Whether `migrate` changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apply {
    /// It does.
    Steps,
    /// It only tells.
    Nothing,
}

/// Brings the schema up to date, or tells what that would take; the names of the steps. A database
/// that isn't there is made.
///
/// # Errors
/// When the database can't be reached, or, on SQLite, when a registry serves it.
pub fn migrate(config: &Config, apply: Apply) -> Result<Vec<String>, StartError> {
    let storage = open(config)?;
    let steps = match apply {
        Apply::Steps => storage.migrate(),
        Apply::Nothing => storage.pending_migrations(),
    };
    Ok(steps?)
}

/// How the database is.
///
/// # Errors
/// When it can't be reached.
pub fn database(config: &Config) -> Result<Database, StartError> {
    let file = config.database.url.reveal().strip_prefix("sqlite:");
    if file.is_some_and(|file| !Path::new(file).exists()) {
        return Ok(Database::NotMade);
    }
    match migrate(config, Apply::Nothing) {
        Ok(steps) if steps.is_empty() => Ok(Database::UpToDate),
        Ok(steps) => Ok(Database::Behind(steps)),
        Err(StartError::Storage(storage::Error::Locked(_))) => Ok(Database::InUse),
        Err(error) => Err(error),
    }
}

/// How the key file is.
///
/// # Errors
/// When it can't be read, is damaged, or others may read it.
pub fn key_file(config: &Config) -> Result<KeyFile, StartError> {
    if !config.keys.file.exists() {
        return Ok(KeyFile::NotMade);
    }
    Keys::read_or_make(&config.keys.file, &Entropy::System)?;
    Ok(KeyFile::Whole)
}

fn open(config: &Config) -> Result<Storage, StartError> {
    let limits = storage::Limits {
        connections_max: config.database.connections_max,
        wait_ms_max: config.database.wait_ms_max,
    };
    Ok(Storage::open(config.database.url.reveal(), limits)?)
}
