//! A carrier publishes events. What is known of a number changes, and with it, in the same
//! transaction, what is demanded of the apps and what they are told.
//!
//! The order of a part, each step a reason: the arithmetic before any lock; numbers that are missing
//! are made; their rows are locked, ascending; only then are the carrier's ids looked up (so that the
//! same event posted fifty times at once finds itself), and events and bindings read; summaries and
//! demands are derived and written; the log's head is taken, last; the events are numbered; commit.

use std::collections::HashMap;

use serde::Deserialize;

use super::demand::{self, Consequences};
use super::{
    Batch, Item, Keyed, Outcome, Registry, Result, batch, follow, test_numbers, turn_away,
};
use crate::domain::acceptance::{Admission, Used};
use crate::domain::calling_code::CallingCode;
use crate::domain::coverage::Standing;
use crate::domain::event::{EventId, EventType, Note, ParticipantId, Says, SealedId, Statement};
use crate::domain::number::{Element, NumberId, NumberText};
use crate::domain::participant::Carrier;
use crate::domain::position::Position;
use crate::domain::reading::Reading;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::summary::{self, Summary};
use crate::domain::time::{Day, Moment, Span, Stated};
use crate::keys::Sealed;
use crate::storage::events::{self, Event};
use crate::storage::numbers::{self, NewNumber, Number};
use crate::storage::{self, Tx, bindings, log};

/// Bindings that one commit touches, at most, unless a single number has more: a transaction must not
/// hold the log's head for long.
const BINDINGS_PER_PART_MAX: i64 = 2_000;

/// An event as a carrier reports it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The carrier's own id of it.
    pub id: EventId,
    /// What is said.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// Of which number: a digest or a token.
    pub number: NumberText,
    /// When it took effect, to the second.
    #[serde(default)]
    pub effective_at: Option<Moment>,
    /// When it took effect, to the day.
    #[serde(default)]
    pub effective_on: Option<Day>,
    /// Which own event it undoes.
    #[serde(default)]
    pub undoes: Option<EventId>,
}

impl Keyed for Report {
    const KEY: &'static str = "id";

    fn is_key(key: &str) -> bool {
        key.parse::<EventId>().is_ok()
    }
}

/// A batch of reports.
#[derive(Debug)]
pub struct Publication {
    /// The carrier's watermark, to be moved when every item stands.
    pub through: Option<Moment>,
    /// The reports.
    pub items: Vec<Item<Report>>,
}

/// What became of a publication.
#[derive(Debug)]
pub struct Receipt {
    /// The log's head after it.
    pub position: Position,
    /// The carrier's watermark in the batch's calling code, where `through` was sent.
    pub through: Option<Moment>,
    /// What became of each item, with its notes.
    pub batch: Batch<Vec<Note>>,
}

/// A report that can be accepted, if its id is free.
pub(super) struct Examined {
    element: Element,
    pub calling_code: CallingCode,
    pub id: SealedId,
    pub says: Says,
}

/// What became of the report at a place in its batch.
type Placed = (usize, Outcome<Vec<Note>>);

impl Registry {
    /// Publishes a batch: each event commits whole with all that follows from it, or not at all.
    ///
    /// # Errors
    /// `items_out_of_range`, `calling_codes_mixed`; `unavailable`, `outcome_unknown`. What is wrong with
    /// one item is that item's rejection.
    pub fn publish(&self, carrier: &Carrier, publication: Publication) -> Result<Receipt> {
        batch::must_fit(publication.items.len(), self.settings.items_max)?;
        let code = self.watermark_code(carrier, &publication)?;

        let now = self.clock.now();
        if let Some(through) = publication.through {
            Span::from(through)
                .check(now, self.settings.clock_skew_seconds_max)
                .map_err(|refused| refused.at("/through"))?;
        }
        let mut examined = Vec::new();
        let mut outcomes: Vec<(Option<String>, Outcome<Vec<Note>>)> = Vec::new();
        for (place, item) in publication.items.into_iter().enumerate() {
            match item.value.and_then(|report| self.examine(carrier, report, now)) {
                Ok(report) => {
                    examined.push((place, report));
                    outcomes.push((item.key, Outcome::Duplicate(None)));
                }
                Err(rejection) => outcomes.push((item.key, Outcome::Rejected(rejection))),
            }
        }
        self.turn_away(carrier, &mut examined, &mut outcomes)?;
        for (number, part) in self.parts(&examined)?.into_iter().enumerate() {
            // Once something was stored, a failure can't say any more that nothing was.
            let done = self.publish_part(carrier, part);
            let done = if number == 0 { done? } else { done.map_err(partly_stored)? };
            for (place, outcome) in done {
                outcomes[place].1 = outcome;
            }
        }
        let batch = Batch { items: outcomes };
        let through = match (code, publication.through) {
            (Some(code), Some(through)) => {
                let all_stand = batch.summary().2 == 0;
                self.report_through(carrier, code, all_stand.then_some(through))
                    .map_err(partly_stored)?
            }
            _ => None,
        };
        let position = self.catch_up().map_err(partly_stored)?;
        // A part whose commit was told to nobody, and that the rerun met, has rung no bell.
        self.bell.notify_waiters();
        Ok(Receipt { position, through, batch })
    }

    /// The one calling code that `through` is about.
    fn watermark_code(
        &self,
        carrier: &Carrier,
        publication: &Publication,
    ) -> Result<Option<CallingCode>> {
        if publication.through.is_none() {
            return Ok(None);
        }
        let readable = publication.items.iter().filter_map(|item| item.value.as_ref().ok());
        let mut codes: Vec<_> = readable.map(|report| report.number.calling_code()).collect();
        codes.sort_unstable();
        codes.dedup();
        match codes.as_slice() {
            [] => Ok(None),
            [code] if carrier.must_speak_of(*code).is_err() => Ok(None),
            [code] => Ok(Some(*code)),
            _ => Err(Rejection::new(
                Code::CallingCodesMixed,
                "through is about one calling code, and the items are about several.",
            )
            .at("/through")),
        }
    }

    /// Everything that can be said of a report without looking at what is stored. Acceptance never
    /// depends on other events, carriers, or the order of arrival.
    fn examine(&self, carrier: &Carrier, report: Report, now: Moment) -> Result<Examined> {
        let code = report.number.calling_code();
        if matches!(report.number, NumberText::Handle { .. }) {
            let detail = "A handle is an app's own; carriers send digests or tokens.";
            return Err(Rejection::new(Code::HandleInvalid, detail).at("/number"));
        }
        carrier.must_speak_of(code).map_err(|refused| refused.at("/number"))?;
        if test_numbers::is_test(code) {
            let detail = "Nothing is published about test numbers.";
            return Err(Rejection::new(Code::CallingCodeNotGranted, detail).at("/number"));
        }
        let stated = self.stated(&report, now)?;
        let ring = self.keys.ring();
        let seal = |id: &EventId| {
            ring.seal(Sealed::EventId, carrier.name().as_str(), id.as_str().as_bytes())
        };
        let undoes = report.undoes.as_ref().map(seal);
        let says =
            Says::from_parts(report.event_type, stated, undoes).ok_or_else(|| misfit(&report))?;
        let elements = self.elements(&report.number);
        let element = elements.map_err(|refused| refused.at("/number"))?.in_force;
        Ok(Examined { element, calling_code: code, id: seal(&report.id), says })
    }

    fn stated(&self, report: &Report, now: Moment) -> Result<Option<Stated>> {
        let stated = match (report.effective_at, report.effective_on) {
            (None, None) => return Ok(None),
            (Some(at), None) => Stated::At(at),
            (None, Some(day)) => Stated::On(day),
            (Some(_), Some(_)) => {
                let detail = "Send effective_at or effective_on, not both.";
                return Err(Rejection::new(Code::TimeMalformed, detail).at("/effective_on"));
            }
        };
        let policy = self.policy_in_memory(report.number.calling_code());
        let span = policy.span(stated);
        span.check(now, self.settings.clock_skew_seconds_max)
            .map_err(|refused| refused.at(stated.field()))?;
        Ok(Some(stated))
    }

    /// Cuts a batch so that no commit touches too many bindings.
    fn parts<'a>(&self, examined: &'a [(usize, Examined)]) -> Result<Vec<&'a [(usize, Examined)]>> {
        if examined.is_empty() {
            return Ok(Vec::new());
        }
        let elements: Vec<Element> = examined.iter().map(|(_, one)| one.element).collect();
        let weights = self
            .storage
            .read(|db| {
                let ids = numbers::find(db, &elements)?;
                let counts = bindings::count(db, &ids.values().copied().collect::<Vec<_>>())?;
                let weight = |element| ids.get(element).and_then(|id| counts.get(id)).copied();
                Ok(elements.iter().map(|one| weight(one).unwrap_or(0)).collect::<Vec<i64>>())
            })
            .map_err(|error| self.failed(error))?;

        let mut parts = Vec::new();
        let (mut from, mut sum) = (0, 0);
        for (place, weight) in weights.iter().enumerate() {
            if place > from && sum + weight > BINDINGS_PER_PART_MAX {
                parts.push(&examined[from..place]);
                (from, sum) = (place, 0);
            }
            sum += weight;
        }
        parts.push(&examined[from..]);
        Ok(parts)
    }

    fn publish_part(&self, carrier: &Carrier, part: &[(usize, Examined)]) -> Result<Vec<Placed>> {
        let (outcomes, head) = self
            .storage
            .write(|tx| Part::open(self, tx, carrier.id(), part)?.publish(self, tx))
            .map_err(|error| self.failed(error))?;
        if let Some(head) = head {
            self.committed(head);
        }
        Ok(outcomes)
    }
}

/// One part of a batch inside its transaction: the numbers are locked, and what is needed is read.
struct Part<'a> {
    carrier: ParticipantId,
    reports: &'a [(usize, Examined)],
    ids: HashMap<Element, NumberId>,
    numbers: HashMap<NumberId, Number>,
    known: HashMap<SealedId, Used>,
    statements: HashMap<NumberId, Vec<Statement>>,
    standings: HashMap<CallingCode, Standing>,
    new: Vec<Event>,
}

impl<'a> Part<'a> {
    fn open(
        registry: &Registry,
        tx: &mut Tx<'_>,
        carrier: ParticipantId,
        reports: &'a [(usize, Examined)],
    ) -> storage::Result<Part<'a>> {
        registry.hold_keys(tx)?;
        let wanted: Vec<NewNumber> = reports
            .iter()
            .map(|(_, report)| NewNumber {
                element: report.element,
                calling_code: report.calling_code,
                guard: registry.entropy.guard(),
                summary: Summary::default(),
            })
            .collect();
        let ids = numbers::find_or_make(tx, &wanted)?;
        let numbers = numbers::lock(tx, ids.values().copied())?;
        let known = events::known(tx, carrier, &turn_away::ids_in(reports))?;
        let locked: Vec<NumberId> = numbers.keys().copied().collect();
        let statements = events::of_numbers(tx, &locked)?;
        let standings = follow::standings_of(tx, numbers.values(), &registry.settings.policies)?;
        let new = Vec::new();
        Ok(Part { carrier, reports, ids, numbers, known, statements, standings, new })
    }

    /// What became of each report, and the log's head if anything was written.
    fn publish(
        mut self,
        registry: &Registry,
        tx: &mut Tx<'_>,
    ) -> storage::Result<(Vec<Placed>, Option<Position>)> {
        let mut outcomes = Vec::with_capacity(self.reports.len());
        for (place, report) in self.reports {
            outcomes.push((*place, self.admit(report)?));
        }
        if self.new.is_empty() {
            return Ok((outcomes, None));
        }
        self.settle(registry, tx)?;
        self.annotate(&mut outcomes);
        let stamp = registry.stamp();
        let first = log::advance(tx, self.new.len(), stamp)?;
        events::append(tx, first, &self.new, stamp)?;
        let count = i64::try_from(self.new.len()).unwrap_or(0);
        Ok((outcomes, Some(Position(first.0 + count - 1))))
    }

    /// Takes a report in, unless its id was used before, or the book of its time is closed.
    fn admit(&mut self, report: &Examined) -> storage::Result<Outcome<Vec<Note>>> {
        let number = *self
            .ids
            .get(&report.element)
            .ok_or(storage::Error::Inconsistent("a number that was made is missing"))?;
        let (carrier, id, says) = (self.carrier, report.id.clone(), report.says.clone());
        let undone = says.undoes().and_then(|undone| self.known.get(undone));
        let book = self.standings[&report.calling_code].book();
        match book.admit(number, &says, self.known.get(&id), undone) {
            Ok(Admission::New) => {}
            Ok(Admission::Duplicate) => return Ok(Outcome::Duplicate(None)),
            Err(rejection) => return Ok(Outcome::Rejected(rejection)),
        }
        self.known.insert(id.clone(), Used::Kept { number, says: says.clone() });
        let statement = Statement { carrier, id, says };
        self.statements.entry(number).or_default().push(statement.clone());
        self.new.push(Event { number, statement });
        Ok(Outcome::Accepted(Vec::new()))
    }

    /// Folds each number that has something new, and derives what follows.
    fn settle(&self, registry: &Registry, tx: &mut Tx<'_>) -> storage::Result<()> {
        let now = registry.clock.now();
        let mut touched: Vec<NumberId> = self.new.iter().map(|event| event.number).collect();
        touched.sort_unstable();
        touched.dedup();
        let mut bound = bindings::of_numbers(tx, &touched)?;
        let mut consequences = Consequences::default();
        for id in touched {
            let (number, said) = (&self.numbers[&id], &self.statements[&id]);
            let standing = &self.standings[&number.calling_code];
            let summary =
                summary::fold(said, &standing.policy).kept_since(number.summary.kept_since);
            numbers::write_summary(tx, id, &summary)?;
            let facts = demand::facts(&summary, standing, now);
            for one in bound.remove(&id).unwrap_or_default() {
                consequences.recompute(one, &facts);
            }
        }
        consequences.write(registry, tx)
    }

    /// Adds to each accepted item what is worth knowing about it.
    fn annotate(&self, outcomes: &mut [Placed]) {
        let mut readings: HashMap<NumberId, Reading<'_>> = HashMap::new();
        for ((_, report), (_, outcome)) in self.reports.iter().zip(outcomes) {
            let Outcome::Accepted(notes) = outcome else { continue };
            let number = &self.numbers[&self.ids[&report.element]];
            let said = &self.statements[&number.id];
            let policy = &self.standings[&number.calling_code].policy;
            let reading = readings.entry(number.id).or_insert_with(|| Reading::of(said, policy));
            notes.extend(reading.note(self.carrier, &report.id));
        }
    }
}

/// Nobody may conclude from this failure that nothing was stored; sending the same again is safe.
fn partly_stored(failure: Rejection) -> Rejection {
    ::log::warn!("a batch was stored in part: {}", failure.code.text());
    Rejection::new(Code::OutcomeUnknown, "A part of the batch was stored; send the same again.")
}

/// A member that the type carries is missing, or there is one that it doesn't carry.
fn misfit(report: &Report) -> Rejection {
    let time = if report.effective_at.is_some() { "/effective_at" } else { "/effective_on" };
    let (code, field) = match (report.event_type, &report.undoes) {
        (EventType::Reinstated | EventType::Retracted, None) => (Code::FieldMissing, "/undoes"),
        (EventType::Reinstated | EventType::Retracted, Some(_)) => (Code::TimeMalformed, time),
        (_, Some(_)) => (Code::FieldUnknown, "/undoes"),
        (_, None) => (Code::TimeMalformed, "/effective_at"),
    };
    let detail = "reinstated and retracted carry undoes and no time; every other type carries exactly \
                  one of effective_at and effective_on, and no undoes.";
    Rejection::new(code, detail).at(field)
}
