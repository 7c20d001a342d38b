//! One number: Wang gives it up, Miss Zhou gets it. Each line was asked of the registry, and its
//! answer is the one that the story tells; else the demo ends there.

use std::time::Instant;

use super::cast::{AGING_DAYS, App, Cast, Participant};
use super::numbers;
use super::screen::{Line, Screen, short};
use super::{Failed, Result, must};
use crate::client::app::ToBind;
use crate::client::carrier::{Clearance, Event};
use crate::domain::binding::Did;
use crate::domain::duty::MessageType;
use crate::domain::event::EventType;
use crate::domain::number::NumberText;
use crate::domain::time::{Moment, Stated};
use crate::domain::verdict::Advice;

const OLD_ACCOUNT: &str = "wang";
const NEW_ACCOUNT: &str = "zhou";
/// How long Wang had the number.
const WANG_DAYS: u32 = 400;

/// Who and what one scene is about.
struct Scene<'a, 's> {
    cast: &'a Cast,
    screen: &'a mut Screen<'s>,
    app: &'a App,
    carrier: &'a Participant,
    number: NumberText,
}

/// Plays it.
pub(super) async fn play(cast: &Cast, screen: &mut Screen<'_>) -> Result<()> {
    screen.heading(&format!("One number, {}: kept for films, and nobody's.", numbers::STORY));
    let number = cast.digest(&numbers::story()).await?;
    let (app, carrier) = (&cast.apps[0], &cast.carriers[0]);
    let mut scene = Scene { cast, screen, app, carrier, number };
    let old = scene.wang_has_it().await?;
    scene.wang_gives_it_up(old).await?;
    scene.it_rests().await?;
    scene.miss_zhou_gets_it(old).await
}

impl Scene<'_, '_> {
    async fn wang_has_it(&mut self) -> Result<NumberText> {
        let old = self.bind(OLD_ACCOUNT, self.cast.days_ago(WANG_DAYS)).await?;
        self.shows(self.app.name, "binds", "Wang's account to the number", "bound");
        self.checks(old, Advice::Allow, "Wang signs in: the right code").await?;
        Ok(old)
    }

    async fn wang_gives_it_up(&mut self, old: NumberText) -> Result<()> {
        let began = Instant::now();
        self.publish("wang/1", EventType::Disconnected).await?;
        let what = "disconnected: Wang gave the number up";
        self.shows(self.carrier.name, "publishes", what, "accepted");
        self.told(MessageType::FreezeRequested, Some(began)).await?;
        let what = "a stranger wants into Wang's account: the right code";
        self.checks(old, Advice::Freeze, what).await?;
        self.answers(Did::Frozen).await?;
        self.clears(Clearance::TooEarly, "clearance, a moment later", "too early: it rests").await
    }

    async fn it_rests(&mut self) -> Result<()> {
        self.cast.let_days_pass(AGING_DAYS + 1).await?;
        self.screen.aside(&format!("{} days later: the number has rested", AGING_DAYS + 1));
        self.told(MessageType::DetachRequested, None).await?;
        self.answers(Did::Detached).await?;
        self.clears(Clearance::Clear, "clearance, before it is sold again", "clear").await
    }

    async fn miss_zhou_gets_it(&mut self, old: NumberText) -> Result<()> {
        self.publish("zhou/1", EventType::Reassigned).await?;
        let what = "reassigned: Miss Zhou has the number now";
        self.shows(self.carrier.name, "publishes", what, "accepted");
        self.cast.let_days_pass(1).await?;
        let what = "Miss Zhou's code is right, the account Wang's";
        self.checks(old, Advice::Freeze, what).await?;
        self.screen.aside("without Vacate she would now be inside Wang's account");
        let new = self.bind(NEW_ACCOUNT, self.cast.now()).await?;
        self.shows(self.app.name, "binds", "Miss Zhou's own new account", "bound");
        self.checks(new, Advice::Allow, "Miss Zhou signs in: the right code").await
    }

    async fn bind(&self, account_ref: &str, verified_at: Moment) -> Result<NumberText> {
        let wanted = ToBind::new(account_ref, self.number, verified_at);
        let bound = self.app.client.bind(&[wanted]).await?;
        let told = bound.items[0].told();
        Ok(told.map_err(|problem| Failed::Otherwise(problem.to_string()))?.handle)
    }

    async fn publish(&self, id: &str, says: EventType) -> Result<()> {
        let event = Event::new(id, says, self.number, Stated::At(self.cast.now()));
        let published = self.carrier.client.publish(&[event], None).await?;
        must(published.summary.accepted == 1, || format!("{} is accepted", says.text()))
    }

    async fn checks(&mut self, handle: NumberText, advice: Advice, what: &str) -> Result<()> {
        let checked = self.app.client.check(handle, None).await;
        let got = checked.advice;
        must(got == advice, || format!("{what}: {}, not {}", advice.text(), got.text()))?;
        self.shows(self.app.name, "checks", what, &format!("→ {}", got.text()));
        Ok(())
    }

    async fn told(&mut self, what: MessageType, since: Option<Instant>) -> Result<()> {
        self.app.told(what, OLD_ACCOUNT).await?;
        let after = since.map(|since| format!("after {}", short(since.elapsed())));
        let result = after.unwrap_or_else(|| "by time alone".to_owned());
        self.shows(self.app.name, "is told", what.text(), &result);
        Ok(())
    }

    async fn answers(&mut self, did: Did) -> Result<()> {
        self.app.did(OLD_ACCOUNT, did).await?;
        self.shows(self.app.name, "answers", did.text(), "accepted");
        Ok(())
    }

    async fn clears(&mut self, clearance: Clearance, what: &str, result: &str) -> Result<()> {
        let cleared = self.carrier.client.clearance(&[self.number], None).await?;
        must(cleared.items[0].clearance == clearance, || format!("{what}: {result}"))?;
        self.shows(self.carrier.name, "asks", what, result);
        Ok(())
    }

    fn shows(&mut self, who: &str, does: &str, what: &str, result: &str) {
        self.screen.line(&Line { who, does, what, result });
    }
}
