//! Settings before they are typed: each by its name, with its value and where that came from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

use crate::domain::unsaid::unsaid;
use ipnet::IpNet;
use toml::{Table, Value};
use zeroize::Zeroizing;

/// Variables that begin like settings, but tell the command line how to reach a registry.
const CLIENT_VARIABLES: [&str; 6] = [
    "VACATE_URL",
    "VACATE_KEY",
    "VACATE_KEY_FILE",
    "VACATE_EVALUATOR_KEY",
    "VACATE_EVALUATOR_KEY_FILE",
    "VACATE_CONFIG",
];
/// Settings that hold a secret. Each may come from a file, which the variable with this end names:
/// other processes of the same user can read variables.
const SECRETS: [&str; 1] = ["database.url"];
const IN_A_FILE: &str = "_FILE";

/// Why the settings can't be used: what is wrong and what to do, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{subject}: {remedy}")]
pub struct Error {
    subject: String,
    remedy: String,
}

pub(super) type Result<T> = std::result::Result<T, Error>;

/// A flag of the command line that sets a setting.
#[derive(Clone)]
pub struct Flag {
    /// As it is written: `--listen`.
    pub name: &'static str,
    /// What it sets: `server.listen`.
    pub setting: &'static str,
    /// To what.
    pub value: String,
}

/// Every setting that there is, by its name: `server.listen`.
pub(super) struct Settings(BTreeMap<String, Setting>);

struct Setting {
    value: Value,
    /// A file, a variable, a flag.
    origin: String,
}

impl Settings {
    /// The settings that there are, with their defaults.
    pub(super) fn parse(defaults: &str) -> Result<Settings> {
        let origin = "default";
        let settings = entries(origin, defaults)?.into_iter();
        let with_origin = |(name, value)| (name, Setting { value, origin: origin.to_owned() });
        Ok(Settings(settings.map(with_origin).collect()))
    }

    pub(super) fn overlay_file(&mut self, path: &Path) -> Result<()> {
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::new(&origin, format!("it can't be read: {error}")))?;
        for (name, value) in entries(&origin, &text)? {
            self.set(&name, value, &origin)?;
        }
        Ok(())
    }

    pub(super) fn overlay_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<()> {
        let mut in_files = Vec::new();
        for (variable, text) in environment {
            let Some(variable) = variable
                .to_str()
                .filter(|name| name.starts_with("VACATE_") && !CLIENT_VARIABLES.contains(name))
            else {
                continue;
            };
            if let Some(name) = SECRETS.iter().find(|name| file_variable_of(name) == variable) {
                in_files.push((*name, text));
                continue;
            }
            let Some(name) = self.0.keys().find(|name| variable_of(name) == variable).cloned()
            else {
                let section = variable.split('_').nth(1).unwrap_or_default();
                let beginning = format!("VACATE_{section}_");
                return Err(unknown(
                    variable,
                    &beginning,
                    self.0.keys().map(|name| variable_of(name)),
                ));
            };
            let text = text.to_str().ok_or_else(|| Error::new(variable, "give UTF-8"))?;
            self.set_text(&name, text, variable)?;
        }
        in_files.into_iter().try_for_each(|(name, path)| self.set_from_file(name, Path::new(&path)))
    }

    /// Sets a secret to what stands in a file: its first line, so that an editor may end it.
    fn set_from_file(&mut self, name: &str, path: &Path) -> Result<()> {
        let (variable, plain) = (file_variable_of(name), variable_of(name));
        if self.0.get(name).is_some_and(|setting| setting.origin == plain) {
            return Err(Error::new(variable, format!("{plain} is set too; take one of them out")));
        }
        let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            Error::new(&variable, format!("the file can't be read: {}", error.kind()))
        })?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(Error::new(variable, "the file is empty")),
            line if line.contains('\n') => Err(Error::new(variable, "give a file of one line")),
            line => self.set_text(name, line, &variable),
        }
    }

    pub(super) fn overlay_flags(&mut self, flags: &[Flag]) -> Result<()> {
        flags.iter().try_for_each(|flag| self.set_text(flag.setting, &flag.value, flag.name))
    }

    /// Sets what is written as text: a list has commas between its items.
    fn set_text(&mut self, name: &str, text: &str, origin: &str) -> Result<()> {
        let default = self.0.get(name).map(|setting| &setting.value);
        let value = if default.is_some_and(Value::is_array) {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(Value::from).collect())
        } else if default.is_some_and(Value::is_integer) {
            text.trim().parse().map_or_else(|_| Value::from(text), Value::Integer)
        } else {
            Value::from(text)
        };
        self.set(name, value, origin)
    }

    fn set(&mut self, name: &str, value: Value, origin: &str) -> Result<()> {
        let subject = format!("{name} ({origin})");
        let Some(setting) = self.0.get_mut(name) else {
            let section = name.split('.').next().unwrap_or_default();
            return Err(unknown(&subject, &format!("{section}."), self.0.keys().cloned()));
        };
        if !value.same_type(&setting.value) {
            let kind = match setting.value.type_str() {
                "integer" => "a whole number",
                "array" => "a list",
                _ => "text, in quotes",
            };
            return Err(Error::new(subject, format!("give {kind}")));
        }
        *setting = Setting { value, origin: origin.to_owned() };
        Ok(())
    }

    /// An error about what a setting says.
    pub(super) fn wrong(&self, name: &str, remedy: impl Into<String>) -> Error {
        Error::new(format!("{name} ({})", self.0[name].origin), remedy)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.0[name].value.as_str().unwrap_or_default()
    }

    /// The text, or `None` when it is empty: not set.
    pub(super) fn optional(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    pub(super) fn parsed<T: FromStr>(&self, name: &str, remedy: &str) -> Result<T> {
        self.text(name).parse().map_err(|_| self.wrong(name, remedy))
    }

    pub(super) fn one_of<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T> {
        let chosen = choices.iter().find(|(text, _)| *text == self.text(name));
        chosen.map(|&(_, choice)| choice).ok_or_else(|| {
            let texts: Vec<&str> = choices.iter().map(|&(text, _)| text).collect();
            self.wrong(name, format!("give {}", texts.join(" or ")))
        })
    }

    pub(super) fn number<N: TryFrom<i64>>(
        &self,
        name: &str,
        bounds: RangeInclusive<i64>,
    ) -> Result<N> {
        let number = self.0[name].value.as_integer().filter(|number| bounds.contains(number));
        number.and_then(|number| N::try_from(number).ok()).ok_or_else(|| {
            self.wrong(name, format!("give a number from {} to {}", bounds.start(), bounds.end()))
        })
    }

    pub(super) fn networks(&self, name: &str) -> Result<Vec<IpNet>> {
        let items = self.0[name].value.as_array().into_iter().flatten();
        let network = |item: &Value| item.as_str()?.parse().ok();
        items.map(network).collect::<Option<_>>().ok_or_else(|| {
            self.wrong(name, "give networks such as 10.0.0.0/8 or fd00::/8, a single one with /32")
        })
    }
}

impl Error {
    fn new(subject: impl Into<String>, remedy: impl Into<String>) -> Error {
        Error { subject: subject.into(), remedy: remedy.into() }
    }
}

/// What a file sets: `[server]` and below it `listen = …` is `server.listen`.
fn entries(origin: &str, text: &str) -> Result<Vec<(String, Value)>> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        // Its Display quotes the line, which may be the one with a password.
        Error::new(format!("{origin}, line {line}"), error.message())
    })?;
    let mut entries = Vec::new();
    for (section, value) in table {
        let Value::Table(settings) = value else {
            let remedy = "put it below the name of its section, such as [server]";
            return Err(Error::new(format!("{section} ({origin})"), remedy));
        };
        entries
            .extend(settings.into_iter().map(|(name, value)| (format!("{section}.{name}"), value)));
    }
    Ok(entries)
}

/// The variable that names the file in which a secret stands.
fn file_variable_of(name: &str) -> String {
    variable_of(name) + IN_A_FILE
}

fn variable_of(name: &str) -> String {
    format!("VACATE_{}", name.replace('.', "_").to_uppercase())
}

/// There is no such setting. Those whose names begin alike are listed.
fn unknown(subject: &str, beginning: &str, names: impl Iterator<Item = String>) -> Error {
    let alike: Vec<String> = names.filter(|name| name.starts_with(beginning)).collect();
    let remedy = match alike.as_slice() {
        [] => "take it out".to_owned(),
        alike => format!("near it are {}", alike.join(", ")),
    };
    Error::new(subject, format!("there is no such setting; {remedy}"))
}

unsaid! { Flag }
