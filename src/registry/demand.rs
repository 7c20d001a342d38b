//! What follows from a number's new summary: changed demands, and the messages that tell about them.
//! Publishing, timers, policies and bindings all come through here, so that a demand is derived in one
//! way whatever caused it.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{Registry, test_numbers};
use crate::domain::binding::Binding;
use crate::domain::calling_code::CallingCode;
use crate::domain::coverage::Standing;
use crate::domain::duty::{self, MessageType, Recomputed};
use crate::domain::event::ParticipantId;
use crate::domain::id::Prefix;
use crate::domain::number::NumberId;
use crate::domain::summary::Summary;
use crate::domain::time::Moment;
use crate::domain::verdict::Facts;
use crate::storage::bindings::{BindingId, Bound, Move, Writer};
use crate::storage::deliveries::{Delivery, DeliveryId, State};
use crate::storage::numbers::Number;
use crate::storage::{Result, Tx, bindings, deliveries, endpoints};

/// What an app may be asked about at one moment.
pub(super) fn facts<'a>(summary: &'a Summary, standing: &'a Standing, now: Moment) -> Facts<'a> {
    Facts {
        summary,
        coverage: standing.coverage_of(summary.holder),
        dispute: None,
        policy: &standing.policy,
        now,
    }
}

/// The standing that a locked number is judged under: a test number has one of its own.
pub(super) fn standing_of<'a>(
    number: &Number,
    standings: &'a HashMap<CallingCode, Standing>,
    now: Moment,
) -> Cow<'a, Standing> {
    if test_numbers::is_test(number.calling_code) {
        Cow::Owned(test_numbers::standing(&number.summary, now))
    } else {
        Cow::Borrowed(&standings[&number.calling_code])
    }
}

/// A message to be told to all endpoints of an app.
pub(super) struct Message {
    pub app: ParticipantId,
    pub number: NumberId,
    pub binding: BindingId,
    pub revision: u32,
    pub kind: MessageType,
}

/// Changed bindings and what is told about them, gathered to be written in bulk.
#[derive(Default)]
pub(super) struct Consequences {
    changed: Vec<Bound>,
    history: Vec<(BindingId, Move)>,
    messages: Vec<Message>,
}

impl Consequences {
    /// Derives the demand of one binding anew.
    pub fn recompute(&mut self, bound: Bound, facts: &Facts<'_>) {
        let verified = bound.binding.verified_at.into();
        let Recomputed { duty, message } = bound.binding.duty.recomputed(facts, verified);
        let recompute_at = duty::recompute_at(facts, verified);
        if duty == bound.binding.duty && recompute_at == bound.recompute_at {
            return;
        }
        let binding = Binding { duty, ..bound.binding };
        self.change(Bound { binding, recompute_at, ..bound }, message, Writer::Registry, facts.now);
    }

    /// Notes a binding that changed, who changed it, and what is told.
    pub fn change(&mut self, bound: Bound, message: Option<MessageType>, by: Writer, now: Moment) {
        if message.is_some() || by == Writer::App {
            self.history.push((bound.id, line(&bound, by, now)));
        }
        if let Some(kind) = message {
            self.tell(&bound, kind);
        }
        self.changed.push(bound);
    }

    /// Notes a binding that was written already.
    pub fn tell(&mut self, bound: &Bound, kind: MessageType) {
        self.messages.push(Message {
            app: bound.app,
            number: bound.number,
            binding: bound.id,
            revision: bound.binding.duty.revision,
            kind,
        });
    }

    /// Notes a line of history of a binding that was written already.
    pub fn remember(&mut self, bound: &Bound, by: Writer, now: Moment) {
        self.history.push((bound.id, line(bound, by, now)));
    }

    /// Writes all of it.
    pub fn write(self, registry: &Registry, tx: &mut Tx<'_>) -> Result<()> {
        for bound in &self.changed {
            bindings::update(tx, bound)?;
        }
        bindings::record(tx, &self.history)?;
        let gone_on: Vec<BindingId> = self.messages.iter().map(|one| one.binding).collect();
        let removed = self.changed.iter().filter(|bound| bound.removed_at.is_some());
        let gone_on = gone_on.into_iter().chain(removed.map(|bound| bound.id)).collect::<Vec<_>>();
        deliveries::supersede(tx, &gone_on, registry.clock.now_ms())?;
        registry.deliver(tx, &self.messages)
    }
}

fn line(bound: &Bound, by: Writer, at: Moment) -> Move {
    let duty = &bound.binding.duty;
    Move { at, by, revision: duty.revision, demand: duty.demand, response: duty.response }
}

impl Registry {
    /// Puts a delivery of each message on its way to each endpoint of its app. A disabled endpoint gets
    /// its own too: disabled means kept, never dropped.
    fn deliver(&self, tx: &mut Tx<'_>, messages: &[Message]) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let mut apps: Vec<ParticipantId> = messages.iter().map(|message| message.app).collect();
        apps.sort_unstable();
        apps.dedup();
        let mut by_app: HashMap<ParticipantId, Vec<endpoints::Endpoint>> = HashMap::new();
        for endpoint in endpoints::of_apps(tx, &apps)? {
            by_app.entry(endpoint.app).or_default().push(endpoint);
        }

        let now_ms = self.clock.now_ms();
        let mut all = Vec::new();
        for message in messages {
            let message_id = self.entropy.id(Prefix::Message, now_ms);
            for endpoint in by_app.get(&message.app).into_iter().flatten() {
                if endpoint.wants(message.kind) {
                    all.push(self.delivery(message, &message_id, endpoint, now_ms));
                }
            }
        }
        deliveries::insert(tx, &all)
    }

    fn delivery(
        &self,
        message: &Message,
        message_id: &str,
        endpoint: &endpoints::Endpoint,
        now_ms: i64,
    ) -> Delivery {
        Delivery {
            id: DeliveryId(0),
            public_id: self.entropy.id(Prefix::Delivery, now_ms),
            message_id: message_id.to_owned(),
            app: message.app,
            endpoint: endpoint.id,
            number: Some(message.number),
            binding: Some(message.binding),
            revision: message.revision,
            kind: message.kind,
            state: State::Pending,
            tries: 0,
            next_attempt_at: Some(now_ms),
            created_at: now_ms,
            settled_at: None,
        }
    }
}
