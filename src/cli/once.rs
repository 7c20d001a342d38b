//! Secrets that are told once: on stdout, or in a file that its owner alone may read.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::Failure;
use super::say::{Form, Say};

/// Where a secret goes.
#[derive(Debug, Args)]
pub struct Once {
    /// Write it to a new file that its owner alone may read, and not to stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Where a secret will go for certain.
pub struct Place<'a>(Option<(&'a Path, NamedTempFile)>);

impl Once {
    /// Makes the file before the secret is made: one that can't be put down would be lost.
    ///
    /// # Errors
    /// When the file exists, or there can't be one.
    pub fn place(&self) -> Result<Place<'_>, Failure> {
        let Some(path) = &self.out else { return Ok(Place(None)) };
        if path.exists() {
            return Err(Failure::Usage(format!("--out: {} exists", path.display())));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let draft = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
        Ok(Place(Some((path, draft.map_err(|error| cannot_write(path, &error))?))))
    }
}

impl Place<'_> {
    /// Puts a secret down; `value` is what else is told, and `name` the secret's among it.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn put(self, say: Say, secret: (&str, &str), mut value: Value) -> Result<(), Failure> {
        let (name, text) = secret;
        let Some((path, mut draft)) = self.0 else {
            value[name] = json!(text);
            return say.show(&value, || text.to_owned());
        };
        writeln!(draft, "{text}").map_err(|error| cannot_write(path, &error))?;
        draft.persist_noclobber(path).map_err(|error| cannot_write(path, &error.error))?;
        if say.form == Form::Json {
            say.show(&value, String::new)?;
        }
        say.tell(&format!("written to {}", path.display()));
        Ok(())
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("{}: {error}", path.display()))
}
