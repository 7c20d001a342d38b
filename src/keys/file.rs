//! The key file: made at the first start, readable by its owner alone, never beside the data.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Keys, Secrets};
use crate::domain::generation::Purpose;
use crate::domain::oprf::{DirectoryKey, ElementSeed, EpochSeed};
use crate::domain::seal::ServerKey;
use crate::domain::secret::Secret;
use crate::domain::text;
use crate::entropy::Entropy;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It can't be read or made.
    #[error("{path}: {kind}")]
    Io {
        /// Which file.
        path: String,
        /// What the system says.
        kind: ErrorKind,
    },
    /// Others may read it.
    #[error("{0} can be read by others; make it yours alone: chmod 600 {0}")]
    Open(String),
    /// It is not a key file, or is damaged. Never says which text was there.
    #[error("{path}: {what}")]
    Malformed {
        /// Which file.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Whether the keys were there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// They were.
    Existing,
    /// They were made just now.
    Made,
}

impl Keys {
    /// Reads the key file, or makes one where there is none.
    ///
    /// # Errors
    /// When it can't be read or made, when others may read it, or when it is damaged.
    pub fn read_or_make(path: &Path, entropy: &Entropy) -> Result<(Keys, Found), KeyFileError> {
        let io = |error: std::io::Error| KeyFileError::Io {
            path: path.display().to_string(),
            kind: error.kind(),
        };
        let found = if path.exists() {
            Found::Existing
        } else {
            let secrets = Secrets::generate(entropy);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(io)?;
            }
            write_private(path, &print(&secrets)).map_err(io)?;
            Found::Made
        };
        let (secrets, stamp) = read(path)?;
        let file = KeyFile { path: path.to_owned(), adopted: Mutex::new(stamp) };
        Ok((Keys { file: Some(file), ..Keys::new(secrets) }, found))
    }

    /// What the key file holds now, if it was written since it was last adopted.
    ///
    /// # Errors
    /// When it can't be read, when others may read it, or when it is damaged.
    pub fn reread(&self) -> Result<Option<Reread>, KeyFileError> {
        let Some(file) = &self.file else { return Ok(None) };
        let adopted = *file.adopted.lock().unwrap_or_else(PoisonError::into_inner);
        if adopted == stamp(&file.path) {
            return Ok(None);
        }
        let (secrets, stamp) = read(&file.path)?;
        Ok(Some(Reread { secrets, stamp }))
    }

    /// Goes by a key file that was read again, from here on.
    pub fn adopt(&self, reread: Reread) {
        if let Some(file) = &self.file {
            *file.adopted.lock().unwrap_or_else(PoisonError::into_inner) = reread.stamp;
        }
        self.replace(reread.secrets);
    }
}

/// Adds a generation of a secret to the key file at `path`; its number.
///
/// # Errors
/// When the file isn't there, can't be read or written, or has no room for another.
pub fn add(path: &Path, purpose: Purpose, entropy: &Entropy) -> Result<u32, KeyFileError> {
    let malformed = |what| KeyFileError::Malformed { path: path.display().to_string(), what };
    let (mut secrets, _) = read(path)?;
    let newest = secrets.newest(purpose);
    let next = newest.map(|newest| newest + 1).filter(|next| *next <= GENERATION_MAX);
    let next = next.ok_or(malformed("no other generation of this key can be added"))?;
    let secret = entropy.secret();
    match purpose {
        Purpose::Directory => return Err(malformed("the directory key never changes")),
        Purpose::Epoch => drop(secrets.epochs.insert(next, EpochSeed(secret))),
        Purpose::Element => drop(secrets.elements.insert(next, ElementSeed(secret))),
        Purpose::Server => drop(secrets.servers.insert(next, ServerKey(secret))),
    }
    replace_private(path, &print(&secrets)).map_err(|error| KeyFileError::Io {
        path: path.display().to_string(),
        kind: error.kind(),
    })?;
    Ok(next)
}

/// A key file that was read again.
pub struct Reread {
    /// What it holds.
    pub secrets: Secrets,
    stamp: Stamp,
}

/// The file that keys came from.
pub(super) struct KeyFile {
    path: PathBuf,
    adopted: Mutex<Stamp>,
}

/// By what a file that was written anew can be told.
type Stamp = Option<(SystemTime, u64)>;

fn stamp(path: &Path) -> Stamp {
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

fn read(path: &Path) -> Result<(Secrets, Stamp), KeyFileError> {
    // Before the contents: what is written in between is then read once more.
    let stamp = stamp(path);
    let written = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
        KeyFileError::Io { path: path.display().to_string(), kind: error.kind() }
    })?;
    must_be_private(path)?;
    Ok((parse(&written, path)?, stamp))
}

/// Writes a new file that its owner alone may read, and has it on disk before it returns.
///
/// # Errors
/// When the file exists or can't be written.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
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

fn must_be_private(path: &Path) -> Result<(), KeyFileError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
        if open {
            return Err(KeyFileError::Open(path.display().to_string()));
        }
    }
    Ok(())
}

/// One table a kind; a generation's number is its key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    directory: BTreeMap<String, String>,
    epochs: BTreeMap<String, String>,
    elements: BTreeMap<String, String>,
    servers: BTreeMap<String, String>,
}

fn print(secrets: &Secrets) -> Zeroizing<String> {
    let mut text = String::from(
        "# Vacate's keys. Whoever has this file and the database can find every number in it.\n\
         # Keep it apart from the data, and its copies apart from the data's copies.\n\
         # Losing it is losing the data.\n",
    );
    let mut table = |name: &str, rows: &mut dyn Iterator<Item = (u32, &Secret)>| {
        text.push_str(&format!("\n[{name}]\n"));
        for (generation, secret) in rows {
            text.push_str(&format!("{generation} = \"{}\"\n", text::to_hex(secret.expose())));
        }
    };
    table("directory", &mut std::iter::once((1, &secrets.directory.0)));
    table("epochs", &mut secrets.epochs.iter().map(|(epoch, seed)| (*epoch, &seed.0)));
    table("elements", &mut secrets.elements.iter().map(|(number, seed)| (*number, &seed.0)));
    table("servers", &mut secrets.servers.iter().map(|(number, key)| (*number, &key.0)));
    Zeroizing::new(text)
}

fn parse(text: &str, path: &Path) -> Result<Secrets, KeyFileError> {
    let malformed = |what| KeyFileError::Malformed { path: path.display().to_string(), what };
    let written: Written =
        toml::from_str(text).map_err(|_| malformed("this is not a key file, or it is damaged"))?;
    let table = |rows: BTreeMap<String, String>| -> Result<BTreeMap<u32, Secret>, KeyFileError> {
        let read = rows.into_iter().map(|(generation, hex)| {
            let hex = Zeroizing::new(hex);
            let generation = generation
                .parse()
                .ok()
                .filter(|generation| (1..=GENERATION_MAX).contains(generation))
                .ok_or(malformed("a generation is a number from 1 to 255"))?;
            let bytes =
                text::from_hex(&hex).ok_or(malformed("a key is 64 lower-case hex digits"))?;
            Ok((generation, Secret::new(bytes)))
        });
        let all: BTreeMap<u32, Secret> = read.collect::<Result<_, _>>()?;
        if all.is_empty() { Err(malformed("a kind of key is missing")) } else { Ok(all) }
    };
    let mut directory = table(written.directory)?;
    Ok(Secrets {
        directory: DirectoryKey(
            directory.remove(&1).ok_or(malformed("directory key 1 is missing"))?,
        ),
        epochs: wrap(table(written.epochs)?, EpochSeed),
        elements: wrap(table(written.elements)?, ElementSeed),
        servers: wrap(table(written.servers)?, ServerKey),
    })
}

fn wrap<T>(all: BTreeMap<u32, Secret>, kind: fn(Secret) -> T) -> BTreeMap<u32, T> {
    all.into_iter().map(|(generation, secret)| (generation, kind(secret))).collect()
}

/// One byte in front of each sealed text tells its generation.
const GENERATION_MAX: u32 = 255;
