//! The key file: made at the first start, readable by its owner alone, never beside the data.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::apart::{self, Apart};
use super::private::{make_private, replace_private};
use super::{Keys, Part, Secrets};
use crate::domain::generation::Purpose;
use crate::domain::oprf::{DirectoryKey, ElementSeed, EpochSeed};
use crate::domain::role::Role;
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
            match make_private(path, &print(&secrets), entropy) {
                Ok(()) => Found::Made,
                // Another start was first.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Found::Existing,
                Err(error) => return Err(io(error)),
            }
        };
        Ok((Keys::read(path)?, found))
    }

    /// Reads the key file.
    ///
    /// # Errors
    /// When it can't be read, when others may read it, or when it is damaged.
    pub fn read(path: &Path) -> Result<Keys, KeyFileError> {
        let (secrets, stamp) = read(path)?;
        let file = KeyFile { path: path.to_owned(), adopted: Mutex::new(stamp) };
        Ok(Keys { file: Some(file), ..Keys::new(secrets) })
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
        if secrets.part.role() != self.ring().secrets().part.role() {
            let what = "it is for another role than this process has";
            return Err(KeyFileError::Malformed { path: file.path.display().to_string(), what });
        }
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
    if !matches!(secrets.part, Part::Whole) {
        return Err(malformed("this is a half; add to the whole file, and split that again"));
    }
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

/// Writes the two halves of the whole key file at `path`, over those that may be there: an evaluator keeps
/// the secrets that are its own.
///
/// # Errors
/// When one of the files can't be read or written, or isn't what it should be.
pub fn split(path: &Path, halves: Halves<'_>, entropy: &Entropy) -> Result<(), KeyFileError> {
    let of_role = |path: &Path, role: Role| {
        let (secrets, _) = read(path)?;
        if secrets.part.role() == role {
            return Ok(secrets);
        }
        let what = "this is not the kind of key file that belongs here";
        Err(KeyFileError::Malformed { path: path.display().to_string(), what })
    };
    let Halves { evaluator, registry, evaluator_url } = halves;
    let whole = of_role(path, Role::All)?;
    let own = if evaluator.exists() {
        of_role(evaluator, Role::Evaluator)?
    } else {
        Secrets::generate(entropy)
    };
    if registry.exists() {
        of_role(registry, Role::Registry)?;
    }
    let apart = apart::print(&whole, &Apart::of(&whole, evaluator_url));
    let tokens =
        Secrets { directory: whole.directory, epochs: whole.epochs, part: Part::Evaluator, ..own };
    for (path, text) in [(evaluator, print(&tokens)), (registry, apart)] {
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        written.and_then(|()| replace_private(path, &text)).map_err(|error| KeyFileError::Io {
            path: path.display().to_string(),
            kind: error.kind(),
        })?;
    }
    Ok(())
}

/// Where the halves of a key file go.
#[derive(Clone, Copy, Debug)]
pub struct Halves<'a> {
    /// The evaluator's file.
    pub evaluator: &'a Path,
    /// The registry's.
    pub registry: &'a Path,
    /// Where the registry's clients find the evaluator.
    pub evaluator_url: &'a str,
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

/// Which kind of key file it is; a whole one doesn't say.
#[derive(Deserialize)]
struct Kind {
    role: Option<String>,
}

/// Keys in hex by the number of a generation.
pub(super) type Table = BTreeMap<String, String>;

/// One table a kind; a generation's number is its key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, rename = "role")]
    _role: Option<String>,
    directory: Table,
    epochs: Table,
    elements: Table,
    servers: Table,
}

fn print(secrets: &Secrets) -> Zeroizing<String> {
    let about = match secrets.part {
        Part::Evaluator => EVALUATOR,
        Part::Whole | Part::Registry(_) => WHOLE,
    };
    let mut text = String::from(about);
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

const WHOLE: &str = "\
# Vacate's keys. Whoever has this file and the database can find every number in it.
# Keep it apart from the data, and its copies apart from the data's copies.
# Losing it is losing the data.
";

const EVALUATOR: &str = "\
# Vacate's keys, the evaluator's half: tokens are made with it. The registry has the other half.
# Its elements and servers are its own, and open nothing of the registry's.
role = \"evaluator\"
";

fn parse(text: &str, path: &Path) -> Result<Secrets, KeyFileError> {
    let malformed = |what| KeyFileError::Malformed { path: path.display().to_string(), what };
    secrets(text).map_err(malformed)
}

fn secrets(text: &str) -> Result<Secrets, &'static str> {
    const DAMAGED: &str = "this is not a key file, or it is damaged";
    let kind: Kind = toml::from_str(text).map_err(|_| DAMAGED)?;
    let part = match kind.role.as_deref() {
        None => Part::Whole,
        Some("evaluator") => Part::Evaluator,
        Some("registry") => return apart::parse(text),
        Some(_) => return Err("its role is neither evaluator nor registry"),
    };
    let written: Written = toml::from_str(text).map_err(|_| DAMAGED)?;
    let secret = |all: Table| -> Result<BTreeMap<u32, Secret>, &'static str> {
        let all = table(all)?.into_iter();
        Ok(all.map(|(generation, bytes)| (generation, Secret::new(bytes))).collect())
    };
    let directory = secret(written.directory)?.remove(&1);
    Ok(Secrets {
        directory: DirectoryKey(directory.ok_or("directory key 1 is missing")?),
        epochs: wrap(secret(written.epochs)?, EpochSeed),
        elements: wrap(secret(written.elements)?, ElementSeed),
        servers: wrap(secret(written.servers)?, ServerKey),
        part,
    })
}

/// What a table says.
///
/// # Errors
/// What is wrong with it.
pub(super) fn table(all: Table) -> Result<BTreeMap<u32, [u8; 32]>, &'static str> {
    let read = all.into_iter().map(|(generation, hex)| -> Result<_, &'static str> {
        let hex = Zeroizing::new(hex);
        let generation: u32 = generation
            .parse()
            .ok()
            .filter(|generation| (1..=GENERATION_MAX).contains(generation))
            .ok_or("a generation is a number from 1 to 255")?;
        Ok((generation, text::from_hex(&hex).ok_or("a key is 64 lower-case hex digits")?))
    });
    let all: BTreeMap<u32, [u8; 32]> = read.collect::<Result<_, _>>()?;
    if all.is_empty() { Err("a kind of key is missing") } else { Ok(all) }
}

fn wrap<T>(all: BTreeMap<u32, Secret>, kind: fn(Secret) -> T) -> BTreeMap<u32, T> {
    all.into_iter().map(|(generation, secret)| (generation, kind(secret))).collect()
}

/// One byte in front of each sealed text tells its generation.
const GENERATION_MAX: u32 = 255;
