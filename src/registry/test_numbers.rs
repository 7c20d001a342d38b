//! The eight numbers of calling code 999, which answer the same on every registry, so that an app can
//! try every answer before any carrier joins. They need no carrier and write nothing but the app's own
//! bindings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::calling_code::CallingCode;
use crate::domain::coverage::Standing;
use crate::domain::number::{E164, Element};
use crate::domain::oprf::DirectoryKey;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::summary::{Occupancy, Summary};
use crate::domain::time::Moment;
use crate::domain::verdict::Reason;
use crate::keys::Ring;

/// What a test number does beside answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It answers.
    Plain,
    /// 503, always.
    Unavailable,
    /// 429, always.
    RateLimited,
    /// It answers late.
    Slow,
}

/// The elements of the test numbers, each with its last digit: by generation, when first asked for.
#[derive(Default)]
pub(super) struct TestNumbers(Mutex<HashMap<u32, Arc<HashMap<Element, u32>>>>);

impl TestNumbers {
    fn of(&self, ring: &Ring, generation: u32) -> Result<Arc<HashMap<Element, u32>>, Rejection> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&generation) {
            return Ok(Arc::clone(known));
        }
        let elements = E164::of_tests()
            .map(|(digit, number)| Ok((ring.element_of(&number, generation)?, digit)));
        let made = Arc::new(elements.collect::<Result<_, Rejection>>()?);
        all.insert(generation, Arc::clone(&made));
        Ok(made)
    }

    /// The summary that the number with this element of `generation` has for ever.
    ///
    /// # Errors
    /// `test_number_unknown` for an element that is none of the eight: most often a wrong key.
    /// `unavailable` where this node lacks the generation.
    pub(super) fn summary(
        &self,
        ring: &Ring,
        generation: u32,
        element: &Element,
    ) -> Result<Summary, Rejection> {
        let digit = self.of(ring, generation)?.get(element).copied().ok_or_else(unknown)?;
        Ok(constant(digit))
    }
}

/// Whether a digest's body is that of a test number.
///
/// # Errors
/// `test_number_unknown`
pub(super) fn must_be_one(directory: &DirectoryKey, nd: &[u8; 32]) -> Result<(), Rejection> {
    let is_one = E164::of_tests().any(|(_, number)| directory.nd(&number) == *nd);
    if is_one { Ok(()) } else { Err(unknown()) }
}

fn unknown() -> Rejection {
    let detail = "Calling code 999 has eight numbers, and this is none of them.";
    Rejection::new(Code::TestNumberUnknown, detail)
}

/// Its version is the number's last digit: a number to which nothing can happen needs no other.
fn constant(digit: u32) -> Summary {
    let plain = Summary { version: digit, ..Summary::default() };
    match digit {
        2 | 3 => Summary {
            freeze_before: Moment::MAX,
            changed_before: Moment::MAX,
            clear_from: Moment::MAX,
            detach_before: if digit == 2 { Moment::MAX } else { Moment::ZERO },
            occupancy: if digit == 3 { Occupancy::Vacant } else { Occupancy::InService },
            ..plain
        },
        4 => Summary {
            changed_before: Moment::MAX,
            clear_from: Moment::MAX,
            changed_reason: Some(Reason::Uncorroborated),
            clear_reason: Some(Reason::Uncorroborated),
            ..plain
        },
        _ => plain,
    }
}

/// How the test number with this summary behaves.
pub(super) fn manner(summary: &Summary) -> Manner {
    match summary.version {
        6 => Manner::Unavailable,
        7 => Manner::RateLimited,
        8 => Manner::Slow,
        _ => Manner::Plain,
    }
}

/// Complete and fresh, but for the number that isn't covered.
pub(super) fn standing(summary: &Summary, now: Moment) -> Standing {
    let complete_since = (summary.version != 5).then_some(Moment::ZERO);
    let mut standing = Standing { complete_since, ..Standing::default() };
    let nobody = crate::domain::event::ParticipantId(0);
    standing.carriers.push(nobody);
    standing.reported.insert(
        nobody,
        crate::domain::coverage::Reported { through: Some(now), holds_since: None },
    );
    standing
}

/// Whether `code` is the test calling code.
pub(super) fn is_test(code: CallingCode) -> bool {
    code == CallingCode::TEST
}
