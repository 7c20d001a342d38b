//! How long things are kept: the section `[retention]` of the settings.

use super::settings::{Result, Settings};

/// `[retention]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/default.toml explains every setting")]
pub struct Retention {
    pub events_days: u32,
    pub deliveries_days: u32,
    pub duties_days: u32,
    pub removed_bindings_days: u32,
}

impl Retention {
    pub(super) fn read(settings: &Settings) -> Result<Retention> {
        let bindings = "retention.removed_bindings_days";
        Ok(Retention {
            events_days: settings.number("retention.events_days", 730..=36_525)?,
            deliveries_days: settings.number("retention.deliveries_days", 7..=3650)?,
            duties_days: settings.number("retention.duties_days", 30..=3650)?,
            removed_bindings_days: settings.number(bindings, 180..=3650)?,
        })
    }
}
