//! What is logged: the section `[log]` of the settings.

use log::LevelFilter;

use super::settings::{Result, Settings};

/// `[log]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/default.toml explains every setting")]
pub struct Log {
    pub level: LevelFilter,
    pub format: LogFormat,
}

/// `log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `key=value …`
    Text,
    /// One object a line.
    Json,
}

impl Log {
    pub(super) fn read(settings: &Settings) -> Result<Log> {
        let levels = "give off, error, warn, info, debug or trace";
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        Ok(Log {
            level: settings.parsed("log.level", levels)?,
            format: settings.one_of("log.format", &formats)?,
        })
    }
}
