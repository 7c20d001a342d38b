//! The generations of each secret in the key file, and what holds of each. The rows are in the
//! database and all nodes go by them, so that a key comes into use, and out of it, everywhere at once.

use super::enumeration::enumeration;
use super::time::Moment;

enumeration! {
    /// What a secret is for.
    Purpose {
        /// Hashes numbers into digests. Every participant has it, and it never changes.
        Directory = 1 "directory",
        /// Makes tokens.
        Epoch = 2 "epoch",
        /// Makes the database's elements.
        Element = 3 "element",
        /// Seals handles and what is stored sealed.
        Server = 4 "server",
    }
}

enumeration! {
    /// What holds of one generation of a secret.
    State {
        /// It is in a key file, and nothing uses it yet.
        Published = 1 "published",
        /// Elements are being copied to it.
        Next = 2 "next",
        /// It is what things are made with.
        InForce = 3 "active",
        /// What was made with it is still accepted; of elements: what was made with it is being wiped.
        Past = 4 "accepted",
        /// It is gone.
        Retired = 5 "retired",
    }
}

/// One generation of one secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// What the secret is for.
    pub purpose: Purpose,
    /// Counted from 1.
    pub number: u32,
    /// SHA-256 of the secret.
    pub fingerprint: [u8; 32],
    /// What holds of it.
    pub state: State,
    /// When it came into force, if it did.
    pub since: Option<Moment>,
    /// Until when what was made with it is accepted, where that is known.
    pub until: Option<Moment>,
}

impl Generation {
    /// Whether what was made with it is accepted at `now`.
    pub fn is_accepted(&self, now: Moment) -> bool {
        match self.state {
            State::InForce => true,
            State::Past => {
                self.purpose != Purpose::Element && self.until.is_none_or(|until| now < until)
            }
            State::Published | State::Next | State::Retired => false,
        }
    }

    /// Whether a node can't work without it at `now`.
    pub fn is_needed(&self, now: Moment) -> bool {
        self.is_accepted(now) || self.state == State::Next
    }
}

/// All generations, by purpose and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generations(Vec<Generation>);

impl Generations {
    /// `None` unless exactly one element generation and one server key are in force.
    pub fn new(mut all: Vec<Generation>) -> Option<Generations> {
        all.sort_by_key(|one| (one.purpose, one.number));
        let all = Generations(all);
        let one_of =
            |purpose| all.of(purpose).filter(|one| one.state == State::InForce).count() == 1;
        (one_of(Purpose::Element) && one_of(Purpose::Server)).then_some(all)
    }

    /// Those of a database that has none yet: the newest of each purpose is in force. What older ones
    /// made is accepted, but for elements, of which there are none.
    pub fn first(secrets: Vec<(Purpose, u32, [u8; 32])>, now: Moment) -> Option<Generations> {
        let newest = |purpose| {
            let numbers = secrets.iter().filter(move |(other, ..)| *other == purpose);
            numbers.map(|(_, number, _)| *number).max()
        };
        let all = secrets.iter().map(|&(purpose, number, fingerprint)| {
            let state = match purpose {
                _ if newest(purpose) == Some(number) => State::InForce,
                Purpose::Element => State::Retired,
                Purpose::Directory | Purpose::Epoch | Purpose::Server => State::Past,
            };
            Generation { purpose, number, fingerprint, state, since: Some(now), until: None }
        });
        Generations::new(all.collect())
    }

    /// All of them.
    pub fn all(&self) -> &[Generation] {
        &self.0
    }

    /// Those of one purpose, the oldest first.
    pub fn of(&self, purpose: Purpose) -> impl Iterator<Item = &Generation> {
        self.0.iter().filter(move |one| one.purpose == purpose)
    }

    /// One of them.
    pub fn get(&self, purpose: Purpose, number: u32) -> Option<&Generation> {
        self.of(purpose).find(|one| one.number == number)
    }

    /// The number of the one that is in this state; the newest, where there are several.
    pub fn in_state(&self, purpose: Purpose, state: State) -> Option<u32> {
        self.of(purpose).filter(|one| one.state == state).map(|one| one.number).last()
    }
}
