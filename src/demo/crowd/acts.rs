//! What happens to the crowd, in the order in which it does. Nothing stops at a wrong answer or a lost
//! message: they are counted, and the count decides at the end.

use std::time::Instant;

use super::super::cast::{AGING_DAYS, Answered, Cast};
use super::super::screen::{Line, Screen, grouped, short};
use super::{Account, Crowd, Fate, Result, apps_of, calls, fate};
use crate::client::carrier::{Clearance, Event};
use crate::domain::binding::Did;
use crate::domain::duty::MessageType;
use crate::domain::event::EventType;
use crate::domain::number::NumberText;
use crate::domain::time::Stated;
use crate::domain::verdict::Advice;

/// Checks that are asked one by one, to see how long one takes.
const SINGLE_CHECKS: usize = 2_000;

impl Crowd {
    /// Plays all acts.
    pub async fn play(&mut self, cast: &Cast, screen: &mut Screen<'_>) -> Result<()> {
        let count = grouped(self.numbers.len());
        screen.heading(&format!("Now {count} fictitious numbers, of which 4 % are given up."));
        self.sign_up(cast, screen).await?;
        self.check_all(cast, screen, "everybody signs in").await?;
        self.lose(cast, screen).await?;
        self.check_all(cast, screen, "whoever has the number signs in").await?;
        self.give_back(cast, screen).await?;
        self.let_go(cast, screen).await?;
        self.give_on(cast, screen).await?;
        self.check_all(cast, screen, "old accounts and new ones").await?;
        self.check_singly(cast, screen).await
    }

    async fn sign_up(&mut self, cast: &Cast, screen: &mut Screen<'_>) -> Result<()> {
        let bar = screen.bar("accounts are bound", self.accounts.iter().map(Vec::len).sum());
        for (app, accounts) in cast.apps.iter().zip(&mut self.accounts) {
            calls::bind(app, accounts, &self.digests, &bar).await?;
            self.tally.accounts += accounts.len();
            let what = format!("{:>6} accounts", grouped(accounts.len()));
            bar.suspend(|| screen.line(&line(app.name, "binds", &what, "bound")));
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Carriers report numbers that were given up; apps freeze what is on them.
    async fn lose(&mut self, cast: &Cast, screen: &mut Screen<'_>) -> Result<()> {
        let at = Stated::At(cast.now());
        let events = self.events(|fate, number, digest| {
            let event = Event::new(loss(number), EventType::Disconnected, digest, at);
            (fate != Fate::Kept).then_some(event)
        });
        self.expect(Advice::Freeze, |fate| fate != Fate::Kept);
        let (what, did) = (MessageType::FreezeRequested, Did::Frozen);
        let told = self.accounts_of(|fate| fate != Fate::Kept);
        let (published, answered) =
            tokio::try_join!(calls::publish(cast, events), calls::answer(cast, told, what, did))?;
        self.publication(cast, screen, "disconnected", published);
        self.tally.first = answered.iter().filter_map(|one| one.first).min();
        self.answers(cast, screen, (what, did), answered);
        Ok(())
    }

    /// Some subscribers take their number back, some reports were a mistake; apps undo what they did.
    async fn give_back(&mut self, cast: &Cast, screen: &mut Screen<'_>) -> Result<()> {
        let events = self.events(|fate, number, digest| {
            let says = match fate {
                Fate::Reinstated => EventType::Reinstated,
                Fate::Retracted => EventType::Retracted,
                Fate::Kept | Fate::GivenOn => return None,
            };
            Some(Event::undoing(format!("back/{number}"), says, digest, loss(number)))
        });
        let comes_back = |fate| matches!(fate, Fate::Reinstated | Fate::Retracted);
        self.expect(Advice::Allow, comes_back);
        let (what, did) = (MessageType::ReleaseRequested, Did::Released);
        let told = self.accounts_of(comes_back);
        let (published, answered) =
            tokio::try_join!(calls::publish(cast, events), calls::answer(cast, told, what, did))?;
        self.publication(cast, screen, "reinstated, retracted", published);
        self.answers(cast, screen, (what, did), answered);
        Ok(())
    }

    /// The numbers have rested: by time alone, apps must let go. Then they may be given on.
    async fn let_go(&mut self, cast: &Cast, screen: &mut Screen<'_>) -> Result<()> {
        cast.let_days_pass(AGING_DAYS + 1).await?;
        screen.aside(&format!("{} days later: the numbers have rested", AGING_DAYS + 1));
        let (what, did) = (MessageType::DetachRequested, Did::Detached);
        let told = self.accounts_of(|fate| fate == Fate::GivenOn);
        let answered = calls::answer(cast, told, what, did).await?;
        self.answers(cast, screen, (what, did), answered);

        for (place, carrier) in cast.carriers.iter().enumerate() {
            let own = self.of_carrier(place, |fate| fate == Fate::GivenOn);
            let digests: Vec<NumberText> = own.map(|number| self.digests[number]).collect();
            let cleared = calls::clear(carrier, &digests).await?;
            let clear = cleared.iter().filter(|one| **one == Clearance::Clear).count();
            self.tally.clearances += cleared.len();
            self.tally.wrong += cleared.len() - clear;
            let result = format!("{} clear", grouped(clear));
            let what = format!("{:>6} clearances", grouped(cleared.len()));
            screen.line(&line(carrier.name, "asks", &what, &result));
        }
        Ok(())
    }

    /// The numbers go to other people, who sign up with the same apps.
    async fn give_on(&mut self, cast: &Cast, screen: &mut Screen<'_>) -> Result<()> {
        let at = Stated::At(cast.now());
        let events = self.events(|fate, number, digest| {
            let event = Event::new(format!("new/{number}"), EventType::Reassigned, digest, at);
            (fate == Fate::GivenOn).then_some(event)
        });
        let published = calls::publish(cast, events).await?;
        self.publication(cast, screen, "reassigned", published);
        cast.let_days_pass(1).await?;

        let now = cast.now();
        for (place, (app, accounts)) in cast.apps.iter().zip(&mut self.accounts).enumerate() {
            let on = |number: &usize| fate(*number) == Fate::GivenOn;
            let numbers = (0..self.numbers.len()).filter(on);
            let mut new: Vec<Account> = numbers
                .filter(|number| apps_of(*number).any(|app| app == place))
                .map(|number| Account::new(format!("n-{number}"), number, now))
                .collect();
            let bar = screen.bar("accounts are bound", new.len());
            calls::bind(app, &mut new, &self.digests, &bar).await?;
            bar.finish_and_clear();
            let what = format!("{:>6} new owners' own accounts", grouped(new.len()));
            screen.line(&line(app.name, "binds", &what, "bound"));
            self.tally.accounts += new.len();
            accounts.append(&mut new);
        }
        Ok(())
    }

    /// Every account of every app is asked about, and each answer compared with what it must be.
    async fn check_all(&mut self, cast: &Cast, screen: &mut Screen<'_>, who: &str) -> Result<()> {
        let bar = screen.bar("checks", self.accounts.iter().map(Vec::len).sum());
        let mut advised = [0; 3];
        let (mut asked, mut wrong) = (0, 0);
        for (app, accounts) in cast.apps.iter().zip(&self.accounts) {
            let advice = calls::check(app, accounts, &bar).await?;
            asked += advice.len();
            for (account, advice) in accounts.iter().zip(advice) {
                advised[place_of(advice)] += 1;
                wrong += usize::from(advice != account.expected);
            }
        }
        bar.finish_and_clear();
        self.tally.checks += asked;
        self.tally.wrong += wrong;
        let [allow, step_up, freeze] = advised.map(|count: usize| grouped(count));
        let mut result = format!("→ allow {allow}, freeze {freeze}");
        if advised[place_of(Advice::StepUp)] > 0 {
            result += &format!(", step_up {step_up}");
        }
        let judged = if wrong == 0 { "all right".to_owned() } else { format!("{wrong} wrong") };
        let what = format!("{:>6} accounts: {who}", grouped(asked));
        screen.line(&line("all three", "check", &what, &format!("{result}: {judged}")));
        Ok(())
    }

    /// One check after the other, as a login asks.
    async fn check_singly(&mut self, cast: &Cast, screen: &mut Screen<'_>) -> Result<()> {
        let (app, accounts) = (&cast.apps[0], &self.accounts[0]);
        let every = accounts.len().div_ceil(SINGLE_CHECKS);
        for account in accounts.iter().step_by(every) {
            let Some(handle) = account.handle else { continue };
            let began = Instant::now();
            let advice = app.client.check(handle, None).await.advice;
            self.tally.single.push(began.elapsed());
            self.tally.checks += 1;
            self.tally.wrong += usize::from(advice != account.expected);
        }
        self.tally.single.sort_unstable();
        let what = format!("{:>6} one after the other", grouped(self.tally.single.len()));
        let result = format!("half within {}", short(self.tally.within(50)));
        screen.line(&line(app.name, "checks", &what, &result));
        Ok(())
    }

    fn publication(
        &mut self,
        cast: &Cast,
        screen: &mut Screen<'_>,
        says: &str,
        counts: [usize; 2],
    ) {
        for (carrier, count) in cast.carriers.iter().zip(counts) {
            self.tally.events += count;
            let what = format!("{:>6} {says}", grouped(count));
            screen.line(&line(carrier.name, "publishes", &what, "accepted"));
        }
    }

    fn answers(
        &mut self,
        cast: &Cast,
        screen: &mut Screen<'_>,
        (told, did): (MessageType, Did),
        answered: [Answered; 3],
    ) {
        for (app, answered) in cast.apps.iter().zip(answered) {
            self.tally.messages += answered.messages;
            self.tally.lost += answered.lost;
            self.tally.unexpected += answered.unexpected;
            let first = answered.first.filter(|_| told != MessageType::DetachRequested);
            let after = first.map(|first| format!(", first after {}", short(first)));
            let what = format!("{:>6} {}", grouped(answered.messages), told.text());
            let result = format!("answered {}{}", did.text(), after.unwrap_or_default());
            screen.line(&line(app.name, "is told", &what, &result));
        }
    }
}

/// A line about a count.
fn line<'a>(who: &'a str, does: &'a str, what: &'a str, result: &'a str) -> Line<'a> {
    Line { who, does, what, result }
}

/// The carrier's id of the report that a number was lost.
fn loss(number: usize) -> String {
    format!("lost/{number}")
}

fn place_of(advice: Advice) -> usize {
    match advice {
        Advice::Allow => 0,
        Advice::StepUp => 1,
        Advice::Freeze => 2,
    }
}
