//! A copy of the database, and of nothing else.

use std::path::Path;

use super::StartError;
use crate::config::Config;
use crate::storage::{self, Backend};

/// What came of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backup {
    /// The database was copied.
    Copied,
    /// PostgreSQL has its own tools for that.
    NotHere,
}

/// Copies the database to the new file `target`, whether or not a registry serves it.
///
/// # Errors
/// When `target` exists, can't be written, or lies in the key file's folder.
pub fn backup(config: &Config, target: &Path) -> Result<Backup, StartError> {
    let Some((Backend::Sqlite, path)) = Backend::of(config.database.url.reveal()) else {
        return Ok(Backup::NotHere);
    };
    if folder(target).is_some_and(|there| Some(there) == folder(&config.keys.file)) {
        let detail = "the key file lies in that folder; the two must never lie together";
        return Err(StartError::Refused(detail.to_owned()));
    }
    Ok(storage::backup::copy(path, target).map(|()| Backup::Copied)?)
}

fn folder(file: &Path) -> Option<std::path::PathBuf> {
    std::path::absolute(file).ok()?.parent()?.canonicalize().ok()
}
