//! `POST /v1/evaluate`

use serde::{Deserialize, Serialize};

use super::answer::{self, Answer};
use crate::domain::blinded::{Blinded, Proof};
use crate::domain::calling_code::CallingCode;
use crate::domain::number::{KeyId, NumberText};
use crate::domain::rejection::{Code, Rejection};
use crate::http::body::Body;
use crate::http::caller::Anyone;
use crate::http::shared_registry::SharedRegistry;
use crate::registry::{Evaluation, Made, Prove, Unevaluated};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    calling_code: CallingCode,
    key_id: KeyId,
    #[serde(default)]
    elements: Option<Vec<Blinded>>,
    #[serde(default)]
    numbers: Option<Vec<NumberText>>,
    #[serde(default)]
    proof: bool,
}

#[derive(Default, Serialize)]
struct Evaluated {
    #[serde(skip_serializing_if = "Option::is_none")]
    elements: Option<Vec<Blinded>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<NumberText>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<Proof>,
}

pub async fn evaluate(
    Anyone(caller): Anyone,
    Body(asked): Body<Evaluate>,
    registry: SharedRegistry,
) -> Answer {
    let Evaluate { calling_code, key_id, elements, numbers, proof } = asked;
    let given = match (elements, numbers) {
        (Some(elements), None) => Unevaluated::Elements(elements),
        (None, Some(numbers)) => Unevaluated::Numbers(numbers),
        (None, None) => {
            let detail = "elements is required, or numbers.";
            return Err(Rejection::new(Code::FieldMissing, detail).at("/elements").into());
        }
        (Some(_), Some(_)) => {
            let detail = "A call evaluates elements or numbers, not both.";
            return Err(Rejection::new(Code::FieldUnknown, detail).at("/numbers").into());
        }
    };
    let proof = if proof { Prove::Key } else { Prove::Nothing };
    let asked = Evaluation { calling_code, key_id, given, proof };
    let evaluated = registry.run(move |registry| registry.evaluate(&caller, &asked)).await?;
    let made = match evaluated.made {
        Made::Elements(elements) => Evaluated { elements: Some(elements), ..Evaluated::default() },
        Made::Tokens(tokens) => Evaluated { tokens: Some(tokens), ..Evaluated::default() },
    };
    answer::ok(&Evaluated { proof: evaluated.proof, ..made }).map(answer::spent)
}
