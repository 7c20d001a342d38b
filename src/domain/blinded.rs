//! What goes to an evaluator and comes back: a number's point that its client has blinded, and the
//! proof that the right key was used. Neither tells anything of the number; the blind, which leads
//! back, never leaves its client.

use std::fmt;
use std::str::FromStr;

use curve25519_dalek::scalar::Scalar;
use rand_core::{CryptoRng, RngCore};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use voprf::{EvaluationElement, Group, Ristretto255, VoprfClient};
use zeroize::Zeroizing;

use super::number;
use super::rejection::{Code, Rejection};
use super::text;

/// A blinded point, evaluated or not: 43 characters of base64url, a ristretto255 encoding (RFC 9496)
/// as it was sent. `oprf` decodes it, once, and refuses what isn't canonical or is the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blinded([u8; 32]);

impl Blinded {
    /// The point with this encoding.
    pub fn from_bytes(bytes: [u8; 32]) -> Blinded {
        Blinded(bytes)
    }

    /// The encoding.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// # Errors
///
/// `number_plain` for what looks like a phone number; `element_invalid`.
impl FromStr for Blinded {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Blinded, Rejection> {
        number::must_not_be_plain(text)?;
        let detail = "A blinded element is 43 characters of base64url, to the letter.";
        let malformed = || Rejection::new(Code::ElementInvalid, detail);
        text::from_base64url(text).map(Blinded).ok_or_else(malformed)
    }
}

/// The proof that all points of a batch were multiplied by the key behind one public key (RFC 9497,
/// section 2.2): 86 characters of base64url, two scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof([u8; 64]);

impl Proof {
    /// The proof with this encoding.
    pub fn from_bytes(bytes: [u8; 64]) -> Proof {
        Proof(bytes)
    }

    /// The encoding.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

/// # Errors
///
/// `value_not_allowed` for anything else than two encoded scalars.
impl FromStr for Proof {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Proof, Rejection> {
        let detail = "A proof is 86 characters of base64url, to the letter.";
        let malformed = || Rejection::new(Code::ValueNotAllowed, detail);
        text::from_base64url(text).map(Proof).ok_or_else(malformed)
    }
}

/// A client's half of a batch: the blinds, wiped when dropped.
pub struct Blinding(Vec<VoprfClient<Ristretto255>>);

impl Blinding {
    /// Blinds the point of each input, each by a scalar of its own. About 40 µs each.
    ///
    /// # Panics
    ///
    /// For an input that is empty or longer than 65,535 bytes.
    pub fn new(
        inputs: &[impl AsRef<[u8]>],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> (Blinding, Vec<Blinded>) {
        let blind = |input: &[u8]| {
            let blinded = VoprfClient::blind(input, rng).expect("an input of fitting size");
            (blinded.state, Blinded(blinded.message.serialize().into()))
        };
        let (clients, points) = inputs.iter().map(AsRef::as_ref).map(blind).unzip();
        (Blinding(clients), points)
    }

    /// What the evaluated points are without their blinds: RFC 9497 up to its `Finalize`, which would
    /// make a hash of a point that must stay one.
    ///
    /// # Errors
    ///
    /// [`Unproven`] unless `proof` shows that all of them, in this order, were multiplied by the key
    /// behind `public_key`.
    pub fn unblind(
        &self,
        evaluated: &[Blinded],
        proof: &Proof,
        public_key: &[u8; 32],
    ) -> Result<Vec<[u8; 32]>, Unproven> {
        let evaluated = evaluated.iter().map(|point| EvaluationElement::deserialize(&point.0));
        let evaluated = evaluated.collect::<Result<Vec<_>, _>>().map_err(|_| Unproven)?;
        let proof = voprf::Proof::deserialize(&proof.0).map_err(|_| Unproven)?;
        let public_key = Ristretto255::deserialize_elem(public_key).map_err(|_| Unproven)?;
        let no_inputs: Vec<[u8; 0]> = Vec::new();
        // The proof is verified here; what would be hashed is an iterator that nobody asks.
        VoprfClient::batch_finalize(&no_inputs, &self.0, &evaluated, &proof, public_key)
            .map(drop)
            .map_err(|_| Unproven)?;

        let mut inverses: Zeroizing<Vec<Scalar>> =
            Zeroizing::new(self.0.iter().map(blind).collect());
        Scalar::batch_invert(&mut inverses);
        let unblinded = evaluated.iter().zip(inverses.iter()).map(|(point, inverse)| {
            let point = Ristretto255::deserialize_elem(&point.serialize())
                .expect("what was decoded once is decoded again");
            (point * inverse).compress().to_bytes()
        });
        Ok(unblinded.collect())
    }
}

impl fmt::Debug for Blinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blinding({} blinds, …)", self.0.len())
    }
}

/// What came back was not made with the key that it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the evaluator did not prove that it used the right key")]
pub struct Unproven;

/// The blind, which `voprf` hands out only in its serialization.
fn blind(client: &VoprfClient<Ristretto255>) -> Scalar {
    let bytes: Zeroizing<[u8; 64]> = Zeroizing::new(client.serialize().into());
    Ristretto255::deserialize_scalar(&bytes[..32]).expect("a blind is a canonical scalar")
}

/// Both are written in base64url and read by their `FromStr`.
macro_rules! as_text {
    ($($kind:ident)*) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&text::to_base64url(&self.0))
            }
        }

        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$kind, D::Error> {
                text::deserialize(deserializer)
            }
        }
    )*};
}

as_text! { Blinded Proof }
