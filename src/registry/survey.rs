//! How the registry is: what the admin must look at, without an account, a number or a URL.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{Registry, Result};
use crate::domain::calling_code::CallingCode;
use crate::domain::event::ParticipantId;
use crate::domain::participant::{Admin, Kind};
use crate::domain::position::Position;
use crate::domain::time::{DAY, Moment};
use crate::storage::endpoints::Endpoint;
use crate::storage::retention::{Gone, Run};
use crate::storage::{bindings, deliveries, endpoints, events, log, retention};

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
    /// Each app that has an endpoint or is late, by name.
    pub apps: Vec<AppStanding>,
    /// How far each carrier has reported each calling code, by name.
    pub carriers: Vec<CarrierStanding>,
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

/// What is on its way to one app, and what it hasn't done in time.
#[derive(Debug, Serialize)]
pub struct AppStanding {
    /// Its name.
    pub name: String,
    /// Deliveries that will be tried.
    pub pending: i64,
    /// Those that are tried once a day.
    pub dead: i64,
    /// Duties past their date.
    pub overdue: i64,
}

/// What one carrier said of one calling code.
#[derive(Debug, Serialize)]
pub struct CarrierStanding {
    /// Its name.
    pub name: String,
    /// The calling code.
    pub calling_code: CallingCode,
    /// Its watermark: all that took effect before then was reported.
    pub through: Option<Moment>,
    /// When its last event, of whichever calling code, was stored.
    pub last_event_at: Option<Moment>,
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
        let now = self.clock.now();
        let carriers = self.carrier_ids();
        let found = self
            .storage
            .read(|db| {
                let (head, moved_at) = log::head_and_time(db)?;
                let mut endpoints_of = Vec::new();
                for endpoint in endpoints::all(db)? {
                    let unsettled = deliveries::unsettled(db, endpoint.id)?;
                    endpoints_of.push((endpoint, unsettled));
                }
                let mut last_events = HashMap::new();
                for carrier in &carriers {
                    let last = events::last_of(db, *carrier)?;
                    last_events.extend(last.map(|at| (*carrier, at)));
                }
                Ok(Found {
                    head,
                    moved_at,
                    endpoints: endpoints_of,
                    oldest_due: endpoints::oldest_due(db)?,
                    overdue: bindings::overdue_by_app(db, now)?,
                    last_events,
                    run: retention::run(db)?,
                })
            })
            .map_err(|error| self.failed(error))?;

        let apps = self.apps(&found)?;
        let mut attention = self.endpoints_to_look_at(&found)?;
        for (app, count, since) in &found.overdue {
            let (who, since, count) = (self.who(*app)?, *since, *count);
            attention.push(Attention { what: "duties_overdue", who, since, count });
        }
        attention.extend(self.reports_to_look_at(now));
        Ok(Status {
            ready: self.waiting_for().is_empty(),
            nodes: vec![Node {
                name: node_name(),
                index_behind: (found.head.0 - self.index.applied().0).max(0),
                version: env!("CARGO_PKG_VERSION"),
            }],
            head_at: (found.moved_at > 0).then(|| Moment::from_unix_ms(found.moved_at)),
            deliveries: Deliveries {
                pending: apps.iter().map(|app| app.pending).sum(),
                oldest_due_at: found
                    .oldest_due
                    .filter(|due| *due <= self.clock.now_ms())
                    .map(Moment::from_unix_ms),
                dead: apps.iter().map(|app| app.dead).sum(),
            },
            apps,
            carriers: self.carriers(&found.last_events),
            retention: shown(found.run),
            attention,
        })
    }

    fn carrier_ids(&self) -> Vec<ParticipantId> {
        let contents = self.index.contents();
        let carriers = contents.participants().filter(|one| one.kind == Kind::Carrier);
        carriers.map(|one| one.id).collect()
    }

    fn who(&self, participant: ParticipantId) -> Result<String> {
        Ok(self.name_of(participant)?.as_str().to_owned())
    }

    fn apps(&self, found: &Found) -> Result<Vec<AppStanding>> {
        let mut counts: BTreeMap<String, [i64; 3]> = BTreeMap::new();
        for (endpoint, (pending, dead)) in &found.endpoints {
            let of = counts.entry(self.who(endpoint.app)?).or_default();
            of[0] += pending;
            of[1] += dead;
        }
        for (app, overdue, _) in &found.overdue {
            counts.entry(self.who(*app)?).or_default()[2] += overdue;
        }
        let standing = |(name, [pending, dead, overdue]): (String, [i64; 3])| AppStanding {
            name,
            pending,
            dead,
            overdue,
        };
        Ok(counts.into_iter().map(standing).collect())
    }

    fn carriers(&self, last_events: &HashMap<ParticipantId, i64>) -> Vec<CarrierStanding> {
        let contents = self.index.contents();
        let mut all = Vec::new();
        for (code, standing) in contents.calling_codes() {
            let silent = standing.carriers.iter().filter(|id| !standing.reported.contains_key(id));
            for id in standing.reported.keys().chain(silent) {
                let Some(carrier) = contents.participant(*id) else { continue };
                all.push(CarrierStanding {
                    name: carrier.name.as_str().to_owned(),
                    calling_code: *code,
                    through: standing.reported.get(id).and_then(|reported| reported.through),
                    last_event_at: last_events.get(id).copied().map(Moment::from_unix_ms),
                });
            }
        }
        all.sort_by(|a, b| (&a.name, a.calling_code).cmp(&(&b.name, b.calling_code)));
        all
    }

    /// Endpoints that nothing gets through to.
    fn endpoints_to_look_at(&self, found: &Found) -> Result<Vec<Attention>> {
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        let mut all = Vec::new();
        for (endpoint, (pending, dead)) in &found.endpoints {
            let who = self.who(endpoint.app)?;
            let failing = endpoint.failing_since.filter(|since| now_ms - since >= FAILING_MS);
            if let Some(since) = failing {
                let (since, what) = (Moment::from_unix_ms(since), "endpoint_failing");
                all.push(Attention { what, who: who.clone(), since, count: *pending });
            }
            if *dead > 0 {
                let since = endpoint.failing_since.map_or(now, Moment::from_unix_ms);
                all.push(Attention { what: "deliveries_dead", who, since, count: *dead });
            }
        }
        Ok(all)
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

/// What one look at the database finds.
struct Found {
    head: Position,
    moved_at: i64,
    endpoints: Vec<(Endpoint, (i64, i64))>,
    oldest_due: Option<i64>,
    overdue: Vec<(ParticipantId, i64, Moment)>,
    last_events: HashMap<ParticipantId, i64>,
    run: Run,
}

/// What this machine is called.
fn node_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn shown(Run { began_at, ended_at, gone, .. }: Run) -> Option<Retention> {
    let Gone { events, deliveries, history, bindings } = gone;
    let run = Retention { began_at, ended_at, events, deliveries, history, bindings };
    (began_at != Moment::ZERO).then_some(run)
}
