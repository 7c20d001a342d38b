//! An app reads what it has bound and what it owes.

use serde::Serialize;

use super::{Registry, Result, internal};
use crate::domain::account_ref::AccountRef;
use crate::domain::binding::Holder;
use crate::domain::duty::{Demand, Duty, Response};
use crate::domain::event::ParticipantId;
use crate::domain::participant::{App, Name};
use crate::domain::time::Moment;
use crate::domain::unsaid::unsaid;
use crate::keys::Sealed;
use crate::storage::bindings::{self, BindingId, Bound, Move, Shown, Writer};
use crate::storage::numbers::Number;
use crate::storage::{log, numbers};

/// Lines of a duty's history that are shown.
const HISTORY_SHOWN_MAX: i64 = 100;

/// A row of a list, with the id that the next page begins after.
#[derive(Debug)]
pub struct Row<T> {
    /// Internal.
    pub id: i64,
    /// What is shown.
    pub state: T,
}

/// Which duties a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DutyFilter {
    /// Those whose demand or response isn't `none`.
    WithDuty,
    /// Those that the app still owes something.
    Open,
    /// Those past one of their dates.
    Overdue,
    /// Both.
    OpenAndOverdue,
}

/// A duty: the same here, in a webhook, and in the pull feed.
#[derive(Clone, Serialize)]
pub struct DutyView {
    account_ref: String,
    #[serde(flatten)]
    duty: Duty,
    position: String,
}

/// A binding with its duty.
#[derive(Clone, Serialize)]
pub struct BindingView {
    account_ref: String,
    handle: String,
    verified_at: Moment,
    bound_at: Moment,
    holder: Holder,
    #[serde(flatten)]
    duty: Duty,
    position: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<MoveView>>,
}

/// A line of a duty's history.
#[derive(Clone, Debug, Serialize)]
pub struct MoveView {
    at: Moment,
    by: &'static str,
    revision: u32,
    demand: Demand,
    response: Response,
}

impl Registry {
    /// An app's duties, newest binding first.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn duties(
        &self,
        app: &App,
        filter: DutyFilter,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Row<DutyView>>> {
        let now = self.clock.now();
        let shown = match filter {
            DutyFilter::WithDuty => Shown::WithDuty,
            DutyFilter::Open => Shown::Open,
            DutyFilter::Overdue => Shown::Overdue(now),
            DutyFilter::OpenAndOverdue => Shown::OpenAndOverdue(now),
        };
        let (page, head) = self
            .storage
            .read(|db| {
                let page = bindings::page(db, app.id(), shown, before.map(BindingId), limit)?;
                Ok((page, log::head(db)?))
            })
            .map_err(|error| self.failed(error))?;
        let position = self.position_text(head);
        page.iter()
            .map(|bound| Ok(Row { id: bound.id.0, state: self.duty_view(bound, &position)? }))
            .collect()
    }

    /// An app's bindings, newest first.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn bindings(
        &self,
        app: &App,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Row<BindingView>>> {
        let (page, rows, head) = self
            .storage
            .read(|db| {
                let page = bindings::page(db, app.id(), Shown::Live, before.map(BindingId), limit)?;
                let ids: Vec<_> = page.iter().map(|bound| bound.number).collect();
                Ok((page, numbers::load(db, &ids)?, log::head(db)?))
            })
            .map_err(|error| self.failed(error))?;
        let position = self.position_text(head);
        page.iter()
            .map(|bound| {
                let number = rows.get(&bound.number).ok_or_else(numberless)?;
                let state = self.binding_view(app, bound, number, &position)?;
                Ok(Row { id: bound.id.0, state })
            })
            .collect()
    }

    /// One binding with its history, if there is one.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn binding(&self, app: &App, account: &AccountRef) -> Result<Option<BindingView>> {
        let sealed = self.sealed_ref(app, account);
        let found = self
            .storage
            .read(|db| {
                let mut all = bindings::by_refs(db, app.id(), std::slice::from_ref(&sealed))?;
                let live = all.remove(&sealed).filter(|bound| bound.removed_at.is_none());
                let Some(bound) = live else { return Ok(None) };
                let rows = numbers::load(db, &[bound.number])?;
                let history = bindings::history(db, bound.id, HISTORY_SHOWN_MAX)?;
                Ok(Some((bound, rows, history, log::head(db)?)))
            })
            .map_err(|error| self.failed(error))?;
        let Some((bound, rows, history, head)) = found else { return Ok(None) };
        let number = rows.get(&bound.number).ok_or_else(numberless)?;
        let view = self.binding_view(app, &bound, number, &self.position_text(head))?;
        let history = history.into_iter().map(move_view).collect();
        Ok(Some(BindingView { history: Some(history), ..view }))
    }

    /// A duty as it is shown and told.
    pub(super) fn duty_view(&self, bound: &Bound, position: &str) -> Result<DutyView> {
        Ok(DutyView {
            account_ref: self.account_ref(bound)?,
            duty: bound.binding.duty,
            position: position.to_owned(),
        })
    }

    fn binding_view(
        &self,
        app: &App,
        bound: &Bound,
        number: &Number,
        position: &str,
    ) -> Result<BindingView> {
        Ok(BindingView {
            account_ref: self.account_ref(bound)?,
            handle: self.handle_of(app, number, bound.binding.verified_at),
            verified_at: bound.binding.verified_at,
            bound_at: bound.bound_at,
            holder: bound.binding.holder,
            duty: bound.binding.duty,
            position: position.to_owned(),
            history: None,
        })
    }

    /// The app's own name of an account, unsealed for it.
    fn account_ref(&self, bound: &Bound) -> Result<String> {
        let owner = self.name_of(bound.app)?;
        self.keys
            .ring()
            .open(Sealed::AccountRef, owner.as_str(), &bound.account_ref.0)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| internal("an account_ref that can't be opened"))
    }

    /// A participant's name, which keys are derived from.
    pub(super) fn name_of(&self, id: ParticipantId) -> Result<Name> {
        let known = self.index.contents().participant(id).map(|one| one.name.clone());
        known.ok_or_else(|| internal("a participant that isn't known"))
    }
}

fn move_view(one: Move) -> MoveView {
    MoveView {
        at: one.at,
        by: match one.by {
            Writer::Registry => "registry",
            Writer::App => "app",
        },
        revision: one.revision,
        demand: one.demand,
        response: one.response,
    }
}

fn numberless() -> crate::domain::rejection::Rejection {
    internal("a binding to a number that doesn't exist")
}

unsaid! { DutyView BindingView }
