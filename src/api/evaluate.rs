//! `POST /v1/evaluate`

use serde::{Deserialize, Serialize};

use super::answer::{self, Answer};
use crate::domain::blinded::{Blinded, Proof};
use crate::domain::calling_code::CallingCode;
use crate::domain::number::KeyId;
use crate::http::body::Body;
use crate::http::caller::Anyone;
use crate::http::shared_registry::SharedRegistry;
use crate::registry::{Evaluation, Prove};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    calling_code: CallingCode,
    key_id: KeyId,
    elements: Vec<Blinded>,
    #[serde(default)]
    proof: bool,
}

#[derive(Serialize)]
struct Evaluated {
    elements: Vec<Blinded>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<Proof>,
}

pub async fn evaluate(
    Anyone(caller): Anyone,
    Body(asked): Body<Evaluate>,
    registry: SharedRegistry,
) -> Answer {
    let Evaluate { calling_code, key_id, elements, proof } = asked;
    let proof = if proof { Prove::Key } else { Prove::Nothing };
    let asked = Evaluation { calling_code, key_id, elements, proof };
    let evaluated = registry.run(move |registry| registry.evaluate(&caller, &asked)).await?;
    let evaluated = Evaluated { elements: evaluated.elements, proof: evaluated.proof };
    answer::ok(&evaluated).map(answer::spent)
}
