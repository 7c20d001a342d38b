//! From phone numbers to tokens, on this side of the wire: blinded here, evaluated there, unblinded
//! here. The registry sees no digest, and every evaluation is proved.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::Method;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::connection::Server;
use super::error::Error;
use super::number::{Directory, Known, PublicEpoch};
use super::{Client, with_body};
use crate::domain::blinded::{Blinded, Blinding, Proof};
use crate::domain::calling_code::CallingCode;
use crate::domain::number::{E164, KeyId, NumberText};
use crate::entropy::Entropy;

/// Numbers of one call.
pub const BATCH_NUMBERS_MAX: usize = 1_000;

/// Blinded points to be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evaluation {
    /// Of one calling code.
    pub calling_code: CallingCode,
    /// With the key of this epoch.
    pub key_id: KeyId,
    /// 1 to 1,000 of them.
    pub elements: Vec<Blinded>,
    /// Whether the key is to be proved.
    pub proof: bool,
}

/// Points that were evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Evaluated {
    /// As many as were sent, in their order; still blinded.
    pub elements: Vec<Blinded>,
    /// One for all of them, where it was asked for.
    pub proof: Option<Proof>,
}

impl Client {
    /// Has blinded points evaluated. Any key can ask. [`Directory::tokens`] does all that belongs to it.
    ///
    /// # Errors
    /// `items_out_of_range`, `key_id_unknown`, `element_invalid`, and those of every call.
    pub async fn evaluate(&self, evaluation: &Evaluation) -> Result<Evaluated, Error> {
        let answer = self.raw(with_body(Method::POST, "/v1/evaluate", evaluation)).await?;
        let sent = evaluation.elements.len();
        answer.json_of(sent, |evaluated: &Evaluated| &evaluated.elements)
    }

    /// Has digests made into tokens by whoever may see them. Any key can ask.
    ///
    /// # Errors
    /// `items_out_of_range`, `key_id_unknown`, `calling_codes_mixed`, `test_number_unknown`, and those of
    /// every call.
    pub async fn evaluate_digests(
        &self,
        calling_code: CallingCode,
        key_id: KeyId,
        numbers: &[NumberText],
    ) -> Result<Vec<NumberText>, Error> {
        let body = DigestEvaluation { calling_code, key_id, numbers };
        let answer = self.raw(with_body(Method::POST, "/v1/evaluate", &body)).await?;
        Ok(answer.json_of(numbers.len(), |made: &TokensMade| &made.tokens)?.tokens)
    }

    /// The evaluator apart that the registry names. The digests of canaries and the key for it are as
    /// private there as here.
    pub(super) fn evaluator(&self, url: &str) -> Result<Client, Error> {
        let server = Server::parse(url).ok().filter(|other| other.is_as_private_as(&self.server));
        let why = || "evaluator is no URL that a key may be sent to".to_owned();
        let server = server.ok_or_else(|| Error::NotOurs { status: 200, why: why() })?;
        let key = self.evaluator_key.clone().ok_or(Error::NoEvaluatorKey)?;
        Ok(Client { server: Arc::new(server), key: Some(key), ..self.clone() })
    }
}

#[derive(Serialize)]
struct DigestEvaluation<'a> {
    calling_code: CallingCode,
    key_id: KeyId,
    numbers: &'a [NumberText],
}

#[derive(Deserialize)]
struct TokensMade {
    tokens: Vec<NumberText>,
}

impl Directory {
    /// The token of a number.
    ///
    /// # Errors
    /// As [`Directory::tokens`].
    pub async fn token(&self, number: &E164) -> Result<NumberText, Error> {
        let tokens = self.tokens(std::slice::from_ref(number)).await?;
        Ok(tokens[0])
    }

    /// The tokens of numbers, in their order, each under its calling code's newest key. One call for
    /// each calling code and [`BATCH_NUMBERS_MAX`] numbers of it.
    ///
    /// # Errors
    /// [`Error::Unproven`] when the evaluator did not use the key that the directory names; those of
    /// [`Directory::digest`] and [`Client::evaluate`]. There are no tokens then for any of them.
    pub async fn tokens(&self, numbers: &[E164]) -> Result<Vec<NumberText>, Error> {
        let mut by_code: BTreeMap<CallingCode, Vec<usize>> = BTreeMap::new();
        for (place, number) in numbers.iter().enumerate() {
            by_code.entry(number.calling_code()).or_default().push(place);
        }
        let mut tokens = vec![None; numbers.len()];
        for (calling_code, places) in by_code {
            for places in places.chunks(BATCH_NUMBERS_MAX) {
                let batch: Vec<&E164> = places.iter().map(|&place| &numbers[place]).collect();
                for (&place, token) in places.iter().zip(self.batch(calling_code, &batch).await?) {
                    tokens[place] = Some(token);
                }
            }
        }
        Ok(tokens.into_iter().flatten().collect())
    }

    /// A key that is no longer accepted may be one that was kept for too long.
    async fn batch(
        &self,
        calling_code: CallingCode,
        numbers: &[&E164],
    ) -> Result<Vec<NumberText>, Error> {
        let known = self.known(calling_code).await?;
        match self.evaluated(calling_code, &known, numbers).await {
            Err(error) if error.code() == Some("key_id_unknown") => {
                self.forget(calling_code);
                let known = self.known(calling_code).await?;
                self.evaluated(calling_code, &known, numbers).await
            }
            outcome => outcome,
        }
    }

    async fn evaluated(
        &self,
        calling_code: CallingCode,
        known: &Known,
        numbers: &[&E164],
    ) -> Result<Vec<NumberText>, Error> {
        let PublicEpoch { key_id: kid, public_key, .. } = *known.epoch()?;
        let digests: Zeroizing<Vec<[u8; 32]>> =
            Zeroizing::new(numbers.iter().map(|number| known.directory_key.nd(number)).collect());
        let (blinding, elements) =
            aside(move || Blinding::new(&digests, &mut &Entropy::System)).await;
        let evaluation = Evaluation { calling_code, key_id: kid, elements, proof: true };
        let evaluated = known.evaluator.evaluate(&evaluation).await?;
        let proof = evaluated.proof.ok_or(Error::Unproven)?;
        let points =
            aside(move || blinding.unblind(&evaluated.elements, &proof, &public_key)).await;
        let points = points.map_err(|_| Error::Unproven)?;
        let token = |point| NumberText::Token { calling_code, kid, point };
        Ok(points.into_iter().map(token).collect())
    }
}

/// A thousand numbers take a tenth of a second of arithmetic, in which others want to go on.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}
