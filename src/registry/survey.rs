//! How the registry is: what the admin must look at, without an account, a number or a URL.

use serde::Serialize;

use super::{Registry, Result};
use crate::domain::participant::Admin;
use crate::domain::time::{DAY, Moment};
use crate::storage::retention::{Gone, Run};
use crate::storage::{bindings, deliveries, endpoints, log, retention};

/// A carrier that was quiet for so many seconds is worth a look.
const SILENT_SECONDS: u32 = 2 * DAY;
/// An endpoint that fails for so long is worth a look, in milliseconds.
const FAILING_MS: i64 = 60 * 60 * 1_000;
/// A key that ends within so many seconds is worth a look.
const EXPIRING_SECONDS: u32 = 14 * DAY;

/// What the 3 a.m. page shows.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Whether requests are answered.
    pub ready: bool,
    /// The nodes, this one at least.
    pub nodes: Vec<Node>,
    /// When the log last moved.
    pub head_at: Option<Moment>,
    /// What is on its way out.
    pub deliveries: Deliveries,
    /// The last run of what deletes what is no longer needed.
    pub retention: Option<Retention>,
    /// What somebody should look at.
    pub attention: Vec<Attention>,
}

/// One node.
#[derive(Debug, Serialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Entries of the log that it has still to read.
    pub index_behind: i64,
    /// Its version.
    pub version: &'static str,
}

/// What is on its way out.
#[derive(Debug, Default, Serialize)]
pub struct Deliveries {
    /// Will be tried.
    pub pending: i64,
    /// When the one that waits longest was due.
    pub oldest_due_at: Option<Moment>,
    /// Tried once a day.
    pub dead: i64,
}

/// What a run deleted, or has deleted so far.
#[derive(Debug, Serialize)]
pub struct Retention {
    /// When it began.
    pub began_at: Moment,
    /// When it ended.
    pub ended_at: Option<Moment>,
    /// Events.
    pub events: i64,
    /// Deliveries, with their tries.
    pub deliveries: i64,
    /// Lines of histories of duties.
    pub history: i64,
    /// Bindings that were removed long ago.
    pub bindings: i64,
}

/// One thing to look at.
#[derive(Debug, Serialize)]
pub struct Attention {
    /// What.
    pub what: &'static str,
    /// Whose: a participant's name, or a calling code.
    pub who: String,
    /// Since when.
    pub since: Moment,
    /// How many.
    pub count: i64,
}

impl Registry {
    /// Whether requests are answered, and if not, what is waited for.
    pub fn waiting_for(&self) -> Vec<String> {
        let mut all = self.lacked_keys();
        if !self.index.is_ready() {
            all.push(format!("index: {} numbers loaded", self.loaded()));
        }
        all
    }

    /// How the registry is.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn survey(&self, _: &Admin) -> Result<Status> {
        let now_ms = self.clock.now_ms();
        let now = self.clock.now();
        let (head, moved_at, all, oldest, overdue, run) = self
            .storage
            .read(|db| {
                let (head, moved_at) = log::head_and_time(db)?;
                let mut all = Vec::new();
                for endpoint in endpoints::all(db)? {
                    let unsettled = deliveries::unsettled(db, endpoint.id)?;
                    all.push((endpoint, unsettled));
                }
                let oldest = endpoints::oldest_due(db)?;
                let overdue = bindings::overdue_by_app(db, now)?;
                Ok((head, moved_at, all, oldest, overdue, retention::run(db)?))
            })
            .map_err(|error| self.failed(error))?;

        let mut attention = Vec::new();
        let mut totals = Deliveries {
            oldest_due_at: oldest.filter(|due| *due <= now_ms).map(Moment::from_unix_ms),
            ..Deliveries::default()
        };
        for (endpoint, (pending, dead)) in &all {
            totals.pending += pending;
            totals.dead += dead;
            let who = self.name_of(endpoint.app)?.as_str().to_owned();
            let failing = endpoint.failing_since.filter(|since| now_ms - since >= FAILING_MS);
            if let Some(since) = failing {
                let since = Moment::from_unix_ms(since);
                let what = "endpoint_failing";
                attention.push(Attention { what, who: who.clone(), since, count: *pending });
            }
            if *dead > 0 {
                let since = endpoint.failing_since.map_or(now, Moment::from_unix_ms);
                attention.push(Attention { what: "deliveries_dead", who, since, count: *dead });
            }
        }
        for (app, count, since) in overdue {
            let who = self.name_of(app)?.as_str().to_owned();
            attention.push(Attention { what: "duties_overdue", who, since, count });
        }
        attention.extend(self.reports_to_look_at(now));
        Ok(Status {
            ready: self.waiting_for().is_empty(),
            nodes: vec![Node {
                name: "n1".to_owned(),
                index_behind: (head.0 - self.index.applied().0).max(0),
                version: env!("CARGO_PKG_VERSION"),
            }],
            head_at: (moved_at > 0).then(|| Moment::from_unix_ms(moved_at)),
            deliveries: totals,
            retention: shown(run),
            attention,
        })
    }

    /// Carriers that fell silent, and calling codes that are therefore about to be unanswerable.
    fn reports_to_look_at(&self, now: Moment) -> Vec<Attention> {
        let contents = self.index.contents();
        let mut all = Vec::new();
        for (code, standing) in contents.calling_codes() {
            if standing.complete_since.is_none() {
                continue;
            }
            let through = standing.through();
            // Half of what may pass is the alarm: there is still time to telephone.
            if now.since(through) > standing.policy.max_lag / 2 {
                let who = code.to_string();
                all.push(Attention { what: "reports_late", who, since: through, count: 1 });
            }
            for carrier in &standing.carriers {
                let reported = standing.reported.get(carrier).and_then(|one| one.through);
                let since = reported.unwrap_or(Moment::ZERO);
                if let Some(carrier) = contents.participant(*carrier)
                    && now.since(since) > SILENT_SECONDS
                {
                    let who = carrier.name.as_str().to_owned();
                    all.push(Attention { what: "carrier_silent", who, since, count: 1 });
                }
            }
        }
        for (participant, end) in contents.keys_ending(now, now.plus(EXPIRING_SECONDS)) {
            let who = participant.name.as_str().to_owned();
            all.push(Attention { what: "key_expiring", who, since: end, count: 1 });
        }
        all
    }
}

fn shown(Run { began_at, ended_at, gone, .. }: Run) -> Option<Retention> {
    let Gone { events, deliveries, history, bindings } = gone;
    let run = Retention { began_at, ended_at, events, deliveries, history, bindings };
    (began_at != Moment::ZERO).then_some(run)
}
