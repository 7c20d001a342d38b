//! Tokens: points that their clients have blinded are multiplied by an epoch's key, so that a token can be
//! made of a number that is never shown; and digests are, for a client that can't blind.

use super::{Registry, Result, test_numbers};
use crate::domain::blinded::{Blinded, Proof};
use crate::domain::calling_code::CallingCode;
use crate::domain::number::{KeyId, NumberText};
use crate::domain::oprf;
use crate::domain::participant::Caller;
use crate::domain::rejection::{Code, Rejection};

/// What a client wants to have evaluated.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Which calling code's key is to be used.
    pub calling_code: CallingCode,
    /// Which epoch's.
    pub key_id: KeyId,
    /// What with.
    pub given: Unevaluated,
    /// Whether the key is proved.
    pub proof: Prove,
}

/// What is to be evaluated, one or the other.
#[derive(Clone, Debug)]
pub enum Unevaluated {
    /// Blinded points, which show nothing.
    Elements(Vec<Blinded>),
    /// Digests, which show their numbers to whoever evaluates them.
    Numbers(Vec<NumberText>),
}

/// Whether an evaluation comes with a proof, which costs as much again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prove {
    /// It does.
    Key,
    /// It doesn't.
    Nothing,
}

/// What was made of a batch, in its order.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// Still blinded points, or tokens, as points or digests were given.
    pub made: Made,
    /// One for all of them, where it was asked for.
    pub proof: Option<Proof>,
}

/// What was made.
#[derive(Clone, Debug)]
pub enum Made {
    /// Of points.
    Elements(Vec<Blinded>),
    /// Of digests.
    Tokens(Vec<NumberText>),
}

impl Registry {
    /// Evaluates a batch, for whoever has a key that works.
    ///
    /// # Errors
    /// `items_out_of_range`, `key_id_unknown`, `budget_exhausted`, `element_invalid`; of a digest,
    /// `calling_codes_mixed`, and `test_number_unknown` under the test calling code; `not_found` where the
    /// evaluator runs apart.
    pub fn evaluate(&self, caller: &Caller, asked: &Evaluation) -> Result<Evaluated> {
        let (count, member) = match &asked.given {
            Unevaluated::Elements(elements) => (elements.len(), "elements"),
            Unevaluated::Numbers(numbers) => (numbers.len(), "numbers"),
        };
        let max = self.settings.items_max;
        if !(1..=max).contains(&count) {
            let detail = format!("{member} holds 1 to {max} of them.");
            return Err(Rejection::new(Code::ItemsOutOfRange, detail).at(format!("/{member}")));
        }
        let (calling_code, kid) = (asked.calling_code, asked.key_id);
        let ring = self.keys.ring();
        if let Some(evaluator) = ring.evaluator() {
            let detail = format!("Tokens aren't made here, but at {evaluator}");
            return Err(Rejection::new(Code::NotFound, detail));
        }
        let epoch = ring.epoch(calling_code, kid, self.clock.now());
        let key = epoch.map_err(|refused| refused.at("/key_id"))?;
        let points = match &asked.given {
            Unevaluated::Elements(elements) => elements.clone(),
            Unevaluated::Numbers(numbers) => self.points(calling_code, numbers)?,
        };
        self.spend_evaluations(&caller.participant, calling_code, count)?;
        let (evaluated, proof) = match asked.proof {
            Prove::Nothing => (key.evaluate(&points)?, None),
            Prove::Key => {
                let (evaluated, proof) = key.evaluate_and_prove(&points, &mut &self.entropy)?;
                (evaluated, Some(proof))
            }
        };
        let token =
            |point: Blinded| NumberText::Token { calling_code, kid, point: *point.as_bytes() };
        let made = match &asked.given {
            Unevaluated::Elements(_) => Made::Elements(evaluated),
            Unevaluated::Numbers(_) => Made::Tokens(evaluated.into_iter().map(token).collect()),
        };
        Ok(Evaluated { made, proof })
    }

    /// The points of digests, each of which must have been made for `calling_code` with the directory's
    /// key. Of test numbers that can be told for sure: they are how a client finds out that it hashes
    /// as the registry does.
    fn points(&self, calling_code: CallingCode, numbers: &[NumberText]) -> Result<Vec<Blinded>> {
        let directory = self.keys.directory();
        let point = |number: &NumberText| match number {
            NumberText::Digest { kid, .. } if *kid != directory.kid() => Err(Rejection::new(
                Code::KeyIdUnknown,
                "The digest was not made with the key of this directory.",
            )),
            NumberText::Digest { calling_code: own, .. } if *own != calling_code => {
                let detail = "All numbers must be of calling_code.";
                Err(Rejection::new(Code::CallingCodesMixed, detail))
            }
            NumberText::Digest { nd, .. } => {
                if test_numbers::is_test(calling_code) {
                    test_numbers::must_be_one(directory, nd)?;
                }
                Ok(oprf::unblinded(nd))
            }
            NumberText::Token { .. } | NumberText::Handle { .. } => Err(Rejection::new(
                Code::NumberMalformed,
                "Only a digest becomes a token; this is one of the other forms.",
            )),
        };
        let place = |(place, number)| {
            point(number).map_err(|refused| refused.at(format!("/numbers/{place}")))
        };
        numbers.iter().enumerate().map(place).collect()
    }
}
