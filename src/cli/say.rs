//! The only place that writes to the terminal. Data goes to stdout, talk to stderr.

use std::io::{ErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::Failure;
use crate::domain::time::Moment;

/// Tells the person at the terminal something, on stderr. Nobody may be there to read it.
pub fn tell(line: &str) {
    if writeln!(std::io::stderr().lock(), "{}", harmless(line)).is_err() {
        log::debug!("stderr is closed");
    }
}

/// How much is told beside the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Talk {
    /// Failures alone.
    Quiet,
    /// What was done.
    Normal,
    /// How it was done, too.
    Verbose,
}

/// In which form data is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Whether colours may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// They may.
    Colours,
    /// They may not.
    Plain,
}

/// What a word means, where it may have a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// Look at it.
    Doubtful,
    /// It is not.
    Bad,
}

/// How a command speaks.
#[derive(Clone, Copy, Debug)]
pub struct Say {
    /// How much.
    pub talk: Talk,
    /// In which form.
    pub form: Form,
    /// In which colours.
    pub paint: Paint,
}

impl Say {
    /// Tells what was done.
    pub fn tell(&self, line: &str) {
        if self.talk > Talk::Quiet {
            tell(line);
        }
    }

    /// Tells how it was done.
    pub fn detail(&self, line: &str) {
        if self.talk == Talk::Verbose {
            tell(line);
        }
    }

    /// Shows data: `text` for people, `value` for programs.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn show(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.form {
            Form::Text => print(&harmless(&text())),
            Form::Json => print(&serde_json::to_string(value).unwrap_or_default()),
        }
    }

    /// A word in the colour of its meaning.
    pub fn paint(&self, tone: Tone, word: &str) -> String {
        let colour = match tone {
            Tone::Good => 32,
            Tone::Doubtful => 33,
            Tone::Bad => 31,
        };
        match self.paint {
            Paint::Colours => format!("{ESCAPE}[{colour}m{word}{ESCAPE}[0m"),
            Paint::Plain => word.to_owned(),
        }
    }

    /// Whether somebody watches stderr, and wants to.
    pub fn is_watched(&self) -> bool {
        self.talk > Talk::Quiet && std::io::stderr().is_terminal()
    }
}

/// A line of data.
///
/// # Errors
/// When nobody reads any more.
pub fn print(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(output)
}

/// Why nothing more could be written. That the reader went away is no failure of ours.
pub fn output(error: std::io::Error) -> Failure {
    if error.kind() == ErrorKind::BrokenPipe {
        return Failure::NobodyReads;
    }
    Failure::Failed(format!("the output can't be written: {}", error.kind()))
}

/// The same, of a CSV writer's error.
pub fn csv_output(error: csv::Error) -> Failure {
    if let csv::ErrorKind::Io(error) = error.into_kind() {
        return output(error);
    }
    Failure::Failed("the output can't be written".to_owned())
}

/// Rows under one another, columns aligned.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A date, or that there is none.
pub fn when(moment: Option<Moment>) -> String {
    moment.map_or_else(|| "–".to_owned(), |at| at.to_string())
}

const ESCAPE: char = '\u{1b}';

/// What came from elsewhere must not move the cursor. Colours of ours, and line breaks, stay.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let ours = [32, 33, 31, 0].map(|colour| format!("{ESCAPE}[{colour}m"));
        if let Some(colour) = ours.iter().find(|colour| rest.starts_with(colour.as_str())) {
            safe.push_str(colour);
            rest = &rest[colour.len()..];
            continue;
        }
        let kept = !c.is_control() || matches!(c, '\n' | '\t');
        safe.push(if kept { c } else { '\u{fffd}' });
        rest = &rest[c.len_utf8()..];
    }
    safe
}
