//! The oblivious path: points that their clients have blinded are multiplied by an epoch's key, so that
//! a token can be made of a number that is never shown.

use super::{Registry, Result};
use crate::domain::blinded::{Blinded, Proof};
use crate::domain::calling_code::CallingCode;
use crate::domain::number::KeyId;
use crate::domain::participant::Caller;
use crate::domain::rejection::{Code, Rejection};

/// What a client wants to have evaluated.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Which calling code's key is to be used.
    pub calling_code: CallingCode,
    /// Which epoch's.
    pub key_id: KeyId,
    /// The points.
    pub elements: Vec<Blinded>,
    /// Whether the key is proved.
    pub proof: Prove,
}

/// Whether an evaluation comes with a proof, which costs as much again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prove {
    /// It does.
    Key,
    /// It doesn't.
    Nothing,
}

/// Points times an epoch's key, in their order.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The points.
    pub elements: Vec<Blinded>,
    /// One for all of them, where it was asked for.
    pub proof: Option<Proof>,
}

impl Registry {
    /// Evaluates a batch, for whoever has a key that works.
    ///
    /// # Errors
    /// `items_out_of_range`, `key_id_unknown`, `budget_exhausted`, `element_invalid`.
    pub fn evaluate(&self, caller: &Caller, asked: &Evaluation) -> Result<Evaluated> {
        let (count, max) = (asked.elements.len(), self.settings.items_max);
        if !(1..=max).contains(&count) {
            let detail = format!("elements holds 1 to {max} of them.");
            return Err(Rejection::new(Code::ItemsOutOfRange, detail).at("/elements"));
        }
        let key = self
            .keys
            .ring()
            .epoch(asked.calling_code, asked.key_id, self.clock.now())
            .map_err(|refused| refused.at("/key_id"))?;
        self.spend_evaluations(&caller.participant, asked.calling_code, count)?;
        match asked.proof {
            Prove::Nothing => {
                Ok(Evaluated { elements: key.evaluate(&asked.elements)?, proof: None })
            }
            Prove::Key => {
                let (elements, proof) =
                    key.evaluate_and_prove(&asked.elements, &mut &self.entropy)?;
                Ok(Evaluated { elements, proof: Some(proof) })
            }
        }
    }
}
