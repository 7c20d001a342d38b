//! Whether a carrier's event is taken in, where form and grant are right: its own time decides, and what
//! its id was used for before. Never what other events or carriers say, nor the order in which they came.

use super::event::{EventType, Says};
use super::number::NumberId;
use super::policy::Policy;
use super::rejection::{Code, Rejection};
use super::time::Moment;

/// What a carrier has used an id for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Used {
    /// For an event that is kept.
    Kept {
        /// About whom.
        number: NumberId,
        /// What it says.
        says: Says,
    },
    /// For one of which no more is known than this.
    Forgotten {
        /// Its type.
        event_type: EventType,
        /// It took effect before then.
        before: Moment,
    },
}

/// What comes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is new.
    New,
    /// It was sent before.
    Duplicate,
}

/// What is known when an event comes in.
pub struct Book<'a> {
    /// The policy of its calling code.
    pub policy: &'a Policy,
    /// The book of what took effect before then is closed.
    pub closed_until: Moment,
}

impl Book<'_> {
    /// Decides on an event about `number`. `used` is what its id was used for, `undone` what the id was
    /// used for that it undoes.
    ///
    /// Where the book is closed nothing depends on what is kept of it: a carrier must not learn why an
    /// event of that time is, which may be that some app has the number bound.
    ///
    /// # Errors
    /// `event_id_reused`; `time_too_old` for what took effect, or undoes what did, before the book was
    /// closed.
    pub fn admit(
        &self,
        number: NumberId,
        says: &Says,
        used: Option<&Used>,
        undone: Option<&Used>,
    ) -> Result<Admission, Rejection> {
        match used {
            Some(used) if self.is_same(number, says, used) => Ok(Admission::Duplicate),
            Some(_) => Err(reused()),
            None if self.begins_too_early(says) => Err(self.too_old(says)),
            None if undone.is_some_and(|undone| self.is_closed_over(undone)) => {
                Err(self.too_old(says))
            }
            None => Ok(Admission::New),
        }
    }

    /// Whether some of when it took effect lies where the book is closed.
    pub fn begins_too_early(&self, says: &Says) -> bool {
        let stated = says.stated();
        stated.is_some_and(|stated| self.policy.span(stated).lo < self.closed_until.on_axis())
    }

    /// The refusal of what took effect too early, or undoes what did.
    pub fn too_old(&self, says: &Says) -> Rejection {
        let until = self.closed_until;
        let (field, detail) = match says.stated() {
            Some(stated) => (stated.field(), format!("Nothing before {until} is taken any more.")),
            None => (
                "/undoes",
                format!(
                    "Nothing before {until} is undone any more; say by a new event what holds."
                ),
            ),
        };
        Rejection::new(Code::TimeTooOld, detail).at(field)
    }

    /// Whether it is the same event, as far as that can still be told.
    fn is_same(&self, number: NumberId, says: &Says, used: &Used) -> bool {
        match used {
            Used::Kept { number: before, says: said } if !self.is_closed_over(used) => {
                *before == number && said == says
            }
            Used::Kept { says: said, .. } => {
                self.may_be(said.event_type(), self.closed_until, says)
            }
            Used::Forgotten { event_type, before } => {
                self.may_be(*event_type, self.closed_until.max(*before), says)
            }
        }
    }

    fn may_be(&self, event_type: EventType, before: Moment, says: &Says) -> bool {
        let stated = says.stated();
        let early = stated.is_none_or(|at| self.policy.span(at).hi < before.on_axis());
        says.event_type() == event_type && early
    }

    /// Whether an event took effect wholly where the book is closed. One that undoes has no time.
    fn is_closed_over(&self, used: &Used) -> bool {
        match used {
            Used::Kept { says, .. } => says
                .stated()
                .is_some_and(|at| self.policy.span(at).hi < self.closed_until.on_axis()),
            Used::Forgotten { event_type, before } => {
                !event_type.undoes() && *before <= self.closed_until
            }
        }
    }
}

fn reused() -> Rejection {
    Rejection::new(Code::EventIdReused, "This id was accepted before with other content.").at("/id")
}
