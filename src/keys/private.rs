//! Files that their owner alone may read, written whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::domain::text;
use crate::entropy::Entropy;

/// Makes a file that its owner alone may read: the whole of it or none, and never in place of another.
///
/// # Errors
/// `AlreadyExists`, and when it can't be written.
pub(super) fn make_private(path: &Path, text: &str, entropy: &Entropy) -> std::io::Result<()> {
    let draft = draft_of(path, entropy);
    write_private(&draft, text)?;
    let made = put_in_place(&draft, path);
    if made.is_err() {
        std::fs::remove_file(&draft)?;
    }
    made
}

/// Where a file is written before it has its name: nowhere that another start may write.
pub fn draft_of(path: &Path, entropy: &Entropy) -> PathBuf {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", text::to_hex(&entropy.bytes::<8>())));
    PathBuf::from(draft)
}

/// Gives a draft its name, unless something has that name already.
///
/// # Errors
/// `AlreadyExists`, and when it can't be done.
pub fn put_in_place(draft: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::hard_link(draft, path)?;
    std::fs::remove_file(draft)?;
    keep_name(path)
}

/// Writes a new file that its owner alone may read, and has it on disk before it returns.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    keep_name(path)
}

/// Has the folder on disk too: otherwise a file's new name may be gone after a power loss.
fn keep_name(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes a file that its owner alone may read, in place of one that may be there.
///
/// # Errors
/// When it can't be written.
pub fn replace_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    match std::fs::remove_file(beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    write_private(beside, text)?;
    std::fs::rename(beside, path)?;
    keep_name(path)
}
