//! What a start would meet, looked at without making anything: for `vacate migrate` and `vacate doctor`.

use std::path::Path;

use super::StartError;
use super::key_file::must_be_for;
use crate::config::Config;
use crate::domain::generation::Generation;
use crate::domain::role::Role;
use crate::keys::Keys;
use crate::storage::{self, Storage, generations};

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

/// How the key file is, and whether it is the one of the database, where that can be looked at.
///
/// # Errors
/// When it can't be read, is damaged, others may read it, or the database was written with another.
pub fn key_file(config: &Config) -> Result<KeyFile, StartError> {
    let recorded = match database(config) {
        Ok(Database::UpToDate) => open(config)?.read(generations::recorded)?,
        // What is wrong there is told elsewhere.
        Ok(Database::NotMade | Database::InUse | Database::Behind(_)) | Err(_) => Vec::new(),
    };
    let path = || config.keys.file.display().to_string();
    if !config.keys.file.exists() {
        let lost = !recorded.is_empty();
        if lost {
            return Err(StartError::KeysLost(path()));
        }
        return must_be_for(config, Role::All).map(|()| KeyFile::NotMade);
    }
    let keys = Keys::read(&config.keys.file)?;
    must_be_for(config, keys.ring().secrets().part.role())?;
    let ours = keys.ring().secrets().fingerprints();
    let other = |one: &Generation| {
        let same = ours.iter().find(|own| (own.0, own.1) == (one.purpose, one.number));
        same.is_some_and(|own| own.2 != one.fingerprint)
    };
    if recorded.iter().any(other) { Err(StartError::OtherKeys(path())) } else { Ok(KeyFile::Whole) }
}

fn open(config: &Config) -> Result<Storage, StartError> {
    let limits = storage::Limits {
        connections_max: config.database.connections_max,
        wait_ms_max: config.database.wait_ms_max,
    };
    Ok(Storage::open(config.database.url.reveal(), limits)?)
}
