//! The calls about many, cut into batches.

use std::collections::{HashMap, HashSet};

use indicatif::ProgressBar;

use super::super::cast::{Answered, App, Cast, Participant};
use super::super::{Failed, must};
use super::{Account, Result};
use crate::client::app::ToBind;
use crate::client::batches::{self, BATCH_ITEMS_MAX};
use crate::client::carrier::{Clearance, Event};
use crate::client::check::Question;
use crate::domain::binding::Did;
use crate::domain::duty::{Demand, MessageType};
use crate::domain::number::NumberText;
use crate::domain::verdict::Advice;

/// Binds accounts, and keeps their handles. Nothing is demanded of any.
pub(super) async fn bind(
    app: &App,
    accounts: &mut [Account],
    digests: &[NumberText],
    bar: &ProgressBar,
) -> Result<()> {
    let wanted = accounts.iter().map(|account| {
        ToBind::new(account.account_ref.clone(), digests[account.number], account.verified_at)
    });
    let wanted: Vec<ToBind> = wanted.collect();
    let mut handles = HashMap::with_capacity(wanted.len());
    let mut demanded = 0;
    let send = async |batch: &[ToBind]| app.client.bind(batch).await.map(|bound| bound.items);
    let report = batches::send(wanted, send, |batch, told| {
        for bound in told.iter().flat_map(|item| item.told()) {
            demanded += usize::from(bound.demand != Demand::None);
            handles.insert(bound.account_ref.clone(), bound.handle);
        }
        bar.inc(batch.len().try_into().unwrap_or(u64::MAX));
    });
    let report = report.await.map_err(|stopped| stopped.error)?;
    all_stand(accounts.len(), report.accepted, "binding")?;
    must(demanded == 0, || format!("nothing is demanded of {demanded} new accounts"))?;
    for account in accounts {
        account.handle = handles.get(&account.account_ref).copied();
    }
    Ok(())
}

/// Publishes what each carrier has to say; how much it was.
pub(super) async fn publish(cast: &Cast, events: [Vec<Event>; 2]) -> Result<[usize; 2]> {
    let [first, second] = events;
    let (one, other) = tokio::try_join!(
        publish_one(&cast.carriers[0], first),
        publish_one(&cast.carriers[1], second)
    )?;
    Ok([one, other])
}

async fn publish_one(carrier: &Participant, events: Vec<Event>) -> Result<usize> {
    let count = events.len();
    let send = async |batch: &[Event]| {
        carrier.client.publish(batch, None).await.map(|published| published.items)
    };
    let report = batches::send(events, send, |_, _| {}).await.map_err(|stopped| stopped.error)?;
    all_stand(count, report.accepted, "event")?;
    Ok(count)
}

/// Each app answers the messages about its own of these accounts.
pub(super) async fn answer(
    cast: &Cast,
    accounts: [HashSet<String>; 3],
    what: MessageType,
    did: Did,
) -> Result<[Answered; 3]> {
    let [first, second, third] = accounts;
    let (one, other, last) = tokio::try_join!(
        cast.apps[0].answer(first, what, did),
        cast.apps[1].answer(second, what, did),
        cast.apps[2].answer(third, what, did)
    )?;
    Ok([one, other, last])
}

/// What is advised for each account, by its handle alone.
pub(super) async fn check(
    app: &App,
    accounts: &[Account],
    bar: &ProgressBar,
) -> Result<Vec<Advice>> {
    let mut advised = Vec::with_capacity(accounts.len());
    for part in accounts.chunks(BATCH_ITEMS_MAX) {
        let handles = part.iter().filter_map(|account| account.handle);
        let questions: Vec<Question> = handles.map(Question::from).collect();
        must(questions.len() == part.len(), || "every bound account has a handle".to_owned())?;
        let checks = app.client.checks(&questions, None).await?;
        advised.extend(checks.items.into_iter().map(|checked| checked.advice));
        bar.inc(part.len().try_into().unwrap_or(u64::MAX));
    }
    Ok(advised)
}

/// Whether each number may be given on.
pub(super) async fn clear(carrier: &Participant, numbers: &[NumberText]) -> Result<Vec<Clearance>> {
    let mut cleared = Vec::with_capacity(numbers.len());
    for part in numbers.chunks(BATCH_ITEMS_MAX) {
        let answer = carrier.client.clearance(part, None).await?;
        cleared.extend(answer.items.into_iter().map(|item| item.clearance));
    }
    Ok(cleared)
}

fn all_stand(sent: usize, accepted: u64, what: &str) -> Result<()> {
    if u64::try_from(sent) == Ok(accepted) {
        return Ok(());
    }
    Err(Failed::Otherwise(format!("each {what} is accepted: {accepted} of {sent} were")))
}
