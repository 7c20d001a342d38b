//! A copy of an SQLite database while a registry serves it, or doesn't.

use std::fs::{File, OpenOptions};
use std::path::Path;

use super::dialect::{self, Backend, Purpose};
use super::{Error, Result};

/// Copies the SQLite database at `path` to the new file `target`, for its owner alone: one state of it,
/// with all that was committed, and nothing of what was deleted.
///
/// # Errors
/// `Unusable` when there is no database, when `target` exists or can't be made, or when the copy fails;
/// nothing is left of it then.
pub fn copy(path: &str, target: &Path) -> Result<()> {
    if !Path::new(path).exists() {
        return Err(Error::Unusable(format!("there is no database at {path}")));
    }
    let unusable = |error: std::io::Error| {
        Error::Unusable(format!("can't write {}: {}", target.display(), error.kind()))
    };
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(target).map_err(unusable)?;
    let copied = fill(path, target, &file);
    if copied.is_err() {
        std::fs::remove_file(target).map_err(unusable)?;
    }
    copied
}

fn fill(path: &str, target: &Path, file: &File) -> Result<()> {
    let name = target.to_str().ok_or_else(|| Error::Unusable("the path isn't UTF-8".into()))?;
    // The statement only reads the database, but a connection that may not write can't run it.
    let mut connection = dialect::connect(Backend::Sqlite, path, Purpose::ReadAndWrite)?;
    dialect::execute(&mut connection, &format!("VACUUM INTO '{}'", name.replace('\'', "''")))?;
    file.sync_all().map_err(|error| Error::Unusable(format!("the copy: {}", error.kind())))
}
