//! `vacate keys`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::say::table;
use super::session::Global;
use super::{Ended, Failure, Outcome};
use crate::domain::role::Role;
use crate::domain::time::{DAY, HOUR};
use crate::server::audit::{Audit, audit};
use crate::server::{key_file, memory};

/// Look at the key file of this machine, or make the halves of it for two processes.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Measure what a thief would need to find the numbers, and how long that would take on this machine.
    ///
    /// Example: vacate keys audit --numbers 100000000
    Audit {
        /// How many numbers the calling code has, as far as the thief can't tell: 1 followed by as many zeros
        /// as they have digits.
        #[arg(long, value_name = "COUNT", default_value_t = 10_000_000_000)]
        numbers: u64,
    },
    /// Make of the whole key file one for an evaluator and one for a registry.
    ///
    /// Afterwards nothing needs the whole one but its backup, the next epoch and the next split: keep it
    /// off both machines.
    ///
    /// Example: vacate keys split --evaluator-url https://tokens.example.net --evaluator evaluator.keys --registry registry.keys
    Split(Split),
}

/// Where the halves go.
#[derive(Debug, Args)]
pub struct Split {
    /// Where clients find the evaluator.
    #[arg(long, value_name = "URL")]
    evaluator_url: String,
    /// The evaluator's file. One that is there keeps what is its own.
    #[arg(long, value_name = "FILE")]
    evaluator: PathBuf,
    /// The registry's file.
    #[arg(long, value_name = "FILE")]
    registry: PathBuf,
}

impl Keys {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        memory::keep_in()
            .map_err(|error| Failure::Failed(format!("core dumps can't be turned off: {error}")))?;
        match self {
            Keys::Audit { numbers } => tell_of_thieves(global, *numbers),
            Keys::Split(split) => split.run(global),
        }
    }
}

impl Split {
    fn run(&self, global: &Global) -> Outcome {
        crate::client::Client::new(&self.evaluator_url)
            .map_err(|error| Failure::Usage(format!("--evaluator-url: {error}")))?;
        let (say, config) = (global.say(), global.settings()?);
        let url = self.evaluator_url.trim_end_matches('/');
        key_file::split(&config, url, &self.evaluator, &self.registry)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let (evaluator, registry) = (self.evaluator.display(), self.registry.display());
        say.tell(&format!(
            "{evaluator} is for vacate serve --role evaluator, {registry} for vacate serve --role registry\n\
             take {} off both machines, and keep it: the next epoch is added to it",
            config.keys.file.display()
        ));
        Ok(Ended::Done)
    }
}

/// Something that a thief may have, and the seconds it takes with that, or why it doesn't help.
type Case = (&'static str, Result<u64, &'static str>);

fn tell_of_thieves(global: &Global, numbers: u64) -> Outcome {
    let (say, config) = (global.say(), global.settings()?);
    let found = audit(&config).map_err(|error| Failure::Failed(format!("keys.file: {error}")))?;
    let seconds = numbers.div_ceil(found.tries_per_second.max(1));
    let cases = cases(seconds);
    let Audit { role, keys, tries_per_second, cores } = found;
    let value = json!({
        "file": config.keys.file.display().to_string(),
        "role": role.text(),
        "keys": keys.iter().map(|(purpose, count)| json!({
            "purpose": purpose.text(), "count": count,
        })).collect::<Vec<_>>(),
        "tries_per_second": tries_per_second, "cores": cores, "numbers": numbers,
        "thieves": cases.iter().map(|(has, takes)| json!({
            "has": has, "seconds": takes.ok(), "why_not": takes.err(),
        })).collect::<Vec<_>>(),
    });
    let rows = cases.iter().map(|(has, takes)| {
        let takes = takes.map_or_else(|why| format!("no way: {why}"), lasting);
        vec![(*has).to_owned(), takes]
    });
    let header = vec!["A THIEF OF".to_owned(), format!("TRIES {numbers} NUMBERS IN")];
    say.show(&value, || {
        let kind = match role {
            Role::All => "whole",
            Role::Registry => "the registry's half",
            Role::Evaluator => "the evaluator's half",
        };
        let keys = keys.iter().map(|(purpose, count)| format!("{} {count}", purpose.text()));
        let about = format!(
            "{}: {kind}; keys: {}\n\
             this machine tries {tries_per_second} numbers a second on {cores} cores",
            config.keys.file.display(),
            keys.collect::<Vec<_>>().join(", ")
        );
        let rows: Vec<_> = [header].into_iter().chain(rows).collect();
        format!("{about}\n\n{}", table(&rows))
    })?;
    Ok(Ended::Done)
}

fn cases(seconds: u64) -> Vec<Case> {
    let no_key = "each try needs the key of the elements, a scalar of 252 bits";
    let asks = "each try must be asked of the evaluator, within the budgets";
    vec![
        ("the database, its backups, the logs", Err(no_key)),
        ("the same, and a participant's directory key", Err(no_key)),
        ("the database and the evaluator's half", Err(no_key)),
        ("the database and the registry's half", Err(asks)),
        ("the database and both halves", Ok(seconds)),
        ("the database and the whole key file", Ok(seconds)),
        ("the key file, whole, without the database", Err("no number is in it")),
    ]
}

fn lasting(seconds: u64) -> String {
    const YEAR: u64 = 365 * 24 * 60 * 60;
    let of = |unit: u64, name: &str| format!("{} {name}", seconds.div_ceil(unit));
    match seconds {
        0..=7_199 => of(60, "minutes"),
        7_200..=172_799 => of(u64::from(HOUR), "hours"),
        _ if seconds < 2 * YEAR => of(u64::from(DAY), "days"),
        _ => of(YEAR, "years"),
    }
}
