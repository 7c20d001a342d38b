//! What every command has: where the registry is, which key to use, how to speak.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use zeroize::Zeroizing;

use super::Failure;
use super::say::{Form, Paint, Say, Talk, tell};
use crate::client::{ApiKey, Client};
use crate::config::{self, Config};

/// What stands before or after any command.
#[derive(Debug, Args)]
pub struct Global {
    /// Settings that differ from the built-in ones (TOML).
    #[arg(long, global = true, value_name = "FILE", env = "VACATE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where the registry is.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "VACATE_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    url: String,
    /// A file that holds the API key; else `VACATE_KEY` or `VACATE_KEY_FILE`, else the admin's key of a
    /// registry on this machine. For an evaluator apart: `VACATE_EVALUATOR_KEY`.
    #[arg(long, global = true, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Show data as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Tell nothing but failures.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Tell more.
    #[arg(short, long, global = true)]
    verbose: bool,
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Colour,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

/// One command's way to a registry.
pub struct Session {
    /// Its calls.
    pub client: Client,
    /// How to speak.
    pub say: Say,
}

/// Whether somebody knows what they do.
#[derive(Clone, Copy, Debug, Args)]
pub struct Meant {
    /// Do what can't be undone.
    #[arg(long)]
    yes: bool,
}

impl Global {
    /// How to speak.
    pub fn say(&self) -> Say {
        let talk = match (self.quiet, self.verbose) {
            (true, _) => Talk::Quiet,
            (false, false) => Talk::Normal,
            (false, true) => Talk::Verbose,
        };
        let wanted = match self.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                // https://no-color.org: whatever its value is, unless empty.
                let refused = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
                std::io::stdout().is_terminal() && !refused
            }
        };
        Say {
            talk,
            form: if self.json { Form::Json } else { Form::Text },
            paint: if wanted { Paint::Colours } else { Paint::Plain },
        }
    }

    /// The settings.
    ///
    /// # Errors
    /// Says which setting is wrong.
    pub fn settings(&self) -> Result<Config, Failure> {
        Config::load(self.config.as_deref(), config::environment(), &[])
            .map_err(|error| Failure::Failed(error.to_string()))
    }
}

impl Session {
    /// Finds the key. Nothing is asked yet.
    ///
    /// # Errors
    /// When there is no key, or the URL is none.
    pub fn new(global: &Global) -> Result<Session, Failure> {
        let say = global.say();
        let client = Client::new(&global.url)
            .map_err(|error| Failure::Usage(format!("--url or VACATE_URL: {error}")))?;
        let (key, from) = key(global, &client)?;
        say.detail(&format!("{} with the key of {from}", global.url));
        let client = client.with_key(key);
        let client = match key_in("VACATE_EVALUATOR_KEY")? {
            Some((key, _)) => client.with_evaluator_key(key),
            None => client,
        };
        Ok(Session { client, say })
    }
}

impl Meant {
    /// Lets only those go on who said so.
    ///
    /// # Errors
    /// Without `--yes`: says what would happen.
    pub fn must_be(self, what: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        Err(Failure::Usage(format!("{what} This can't be undone; say --yes if you mean it.")))
    }
}

fn key(global: &Global, client: &Client) -> Result<(ApiKey, String), Failure> {
    if let Some(file) = &global.key_file {
        return Ok((read_key(file)?, file.display().to_string()));
    }
    if let Some(found) = key_in("VACATE_KEY")? {
        return Ok(found);
    }
    let remedy = "no key: set VACATE_KEY, or give --key-file FILE";
    // Only to this machine: the admin's key must not go wherever a mistyped URL leads.
    if !client.is_on_this_machine() {
        return Err(Failure::Usage(remedy.to_owned()));
    }
    let file = global.settings()?.keys.file.with_file_name("admin.key");
    if !file.exists() {
        return Err(Failure::Usage(format!("{remedy}; there is no {} either", file.display())));
    }
    Ok((read_key(&file)?, file.display().to_string()))
}

/// The key in a variable, or in the file that the variable with `_FILE` at its end names; and which it was.
fn key_in(name: &str) -> Result<Option<(ApiKey, String)>, Failure> {
    let in_a_file = format!("{name}_FILE");
    match (variable(name), variable(&in_a_file)) {
        (Some(_), Some(_)) => {
            Err(Failure::Usage(format!("{in_a_file}: {name} is set too; take one of them out")))
        }
        (Some(text), None) => Ok(Some((parse_key(&text, name)?, name.to_owned()))),
        (None, Some(file)) => Ok(Some((read_key(Path::new(file.as_str()))?, file.to_string()))),
        (None, None) => Ok(None),
    }
}

fn read_key(file: &Path) -> Result<ApiKey, Failure> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new).map_err(|error| {
        Failure::Failed(format!("{}: the key can't be read: {error}", file.display()))
    })?;
    if is_open(file) {
        tell(&format!("vacate: {0} can be read by others; chmod 600 {0}", file.display()));
    }
    parse_key(&text, &file.display().to_string())
}

#[cfg(unix)]
fn is_open(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

fn parse_key(text: &str, from: &str) -> Result<ApiKey, Failure> {
    ApiKey::parse(text.trim()).map_err(|error| Failure::Usage(format!("{from}: {error}")))
}

fn variable(name: &str) -> Option<Zeroizing<String>> {
    let (_, value) = config::environment().find(|(known, _)| known == OsStr::new(name))?;
    value.into_string().ok().map(Zeroizing::new)
}
