//! From a number to the database's element, by digest or by token, and the keys on the way.
//!
//! RFC 9497, suite ristretto255-SHA512, always mode 0x01, without its `Finalize`: what is stored
//! must stay a point, so that rows can be re-keyed. With P = HashToGroup(digest), a token is k·P
//! and the element κ·P; from a digest it is one multiplication by κ, from a token one by u = κ/k.
//!
//! Deriving a key costs about as much as using it: whoever asks often keeps the derived keys.

use std::fmt;

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rand_core::{CryptoRng, RngCore};
use sha2::{Digest, Sha256, Sha512};
use voprf::{BlindedElement, Group, Ristretto255, VoprfServer};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::blinded::{Blinded, Proof};
use super::calling_code::CallingCode;
use super::number::{E164, Element, KeyId, NumberText};
use super::rejection::{Code, Rejection};
use super::secret::Secret;

/// K_dir. Every participant has it: it keeps numbers out of transcripts, and nothing rests on it.
#[derive(Clone, Debug)]
pub struct DirectoryKey(pub Secret);

impl DirectoryKey {
    /// The key id in a digest's text.
    pub fn kid(&self) -> KeyId {
        KeyId::of_hash(self.0.mac(&[b"vacate/v1/kid"]))
    }

    /// HMAC-SHA-256 of the number: the digest's body, and what a client blinds for a token.
    pub fn nd(&self, number: &E164) -> [u8; 32] {
        self.0.mac(&[b"vacate/v1/number:", number.as_str().as_bytes()])
    }

    /// The number's digest text.
    pub fn digest(&self, number: &E164) -> NumberText {
        let (calling_code, kid, nd) = (number.calling_code(), self.kid(), self.nd(number));
        NumberText::Digest { calling_code, kid, nd }
    }
}

/// Where the token keys of one epoch come from.
#[derive(Clone, Debug)]
pub struct EpochSeed(pub Secret);

impl EpochSeed {
    /// The key of tokens under `calling_code` in this seed's `epoch`, counted from 1.
    pub fn key(&self, calling_code: CallingCode, epoch: u32) -> EpochKey {
        let info = format!("vacate/v1/oprf;calling_code={calling_code};epoch={epoch}");
        EpochKey::derive(&self.0, &info)
    }
}

/// k, which makes tokens of digests without seeing them.
#[derive(Clone)]
pub struct EpochKey(VoprfServer<Ristretto255>);

impl EpochKey {
    /// RFC 9497's DeriveKeyPair.
    pub fn derive(seed: &Secret, info: &str) -> EpochKey {
        EpochKey(derive_key_pair(seed, info))
    }

    /// k·G in its ristretto255 encoding, for clients to verify proofs against.
    pub fn public_key(&self) -> [u8; 32] {
        self.0.get_public_key().compress().to_bytes()
    }

    /// The key id in a token's text.
    pub fn kid(&self) -> KeyId {
        token_kid(&self.public_key())
    }

    /// Each point times k, still blinded: RFC 9497's BlindEvaluate without its proof. About 40 µs each.
    ///
    /// # Errors
    ///
    /// `element_invalid`, at its place, for one that is not a canonical ristretto255 encoding or is
    /// the identity.
    pub fn evaluate(&self, points: &[Blinded]) -> Result<Vec<Blinded>, Rejection> {
        let k = Zeroizing::new(secret_scalar(&self.0));
        let evaluated = points.iter().enumerate().map(|(place, blinded)| {
            let point = point(blinded.as_bytes()).map_err(|refused| at(refused, place))?;
            Ok(Blinded::from_bytes((point * *k).compress().to_bytes()))
        });
        evaluated.collect()
    }

    /// The same with RFC 9497's proof, one for all of them, that the key is the one behind
    /// [`EpochKey::public_key`]. About 90 µs each from ten on.
    ///
    /// A `rng` that ever repeats itself gives k away.
    ///
    /// # Errors
    ///
    /// As [`EpochKey::evaluate`].
    pub fn evaluate_and_prove(
        &self,
        points: &[Blinded],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<(Vec<Blinded>, Proof), Rejection> {
        let points = points.iter().enumerate().map(|(place, blinded)| {
            BlindedElement::<Ristretto255>::deserialize(blinded.as_bytes())
                .map_err(|_| at(element_invalid(), place))
        });
        let points = points.collect::<Result<Vec<_>, Rejection>>()?;
        let done = self
            .0
            .batch_blind_evaluate(rng, &points)
            .expect("a batch has fewer points than RFC 9497 allows");
        let evaluated =
            done.messages.iter().map(|point| Blinded::from_bytes(point.serialize().into()));
        Ok((evaluated.collect(), Proof::from_bytes(done.proof.serialize().into())))
    }
}

/// The key id of tokens that `public_key` stands for.
pub fn token_kid(public_key: &[u8; 32]) -> KeyId {
    KeyId::of_hash(
        Sha256::new().chain_update(b"vacate/v1/kid:").chain_update(public_key).finalize().into(),
    )
}

/// Where the database's keys of one generation come from.
#[derive(Clone, Debug)]
pub struct ElementSeed(pub Secret);

impl ElementSeed {
    /// The database's key under `calling_code`.
    pub fn key(&self, calling_code: CallingCode) -> ElementKey {
        let info = format!("vacate/v1/element;calling_code={calling_code}");
        ElementKey(secret_scalar(&derive_key_pair(&self.0, &info)))
    }
}

/// κ, the database's key. It alone protects stored elements.
#[derive(Clone, ZeroizeOnDrop)]
pub struct ElementKey(Scalar);

impl ElementKey {
    /// The element of a digest's body: κ·HashToGroup(nd). About 45 µs.
    pub fn element(&self, nd: &[u8; 32]) -> Element {
        Element::from_bytes((hash_to_group(nd) * self.0).compress().to_bytes())
    }

    /// κ·G in its ristretto255 encoding: where every [`TokenKey`] leads that belongs to this key.
    pub fn public_key(&self) -> [u8; 32] {
        RistrettoPoint::mul_base(&self.0).compress().to_bytes()
    }
}

/// u = κ/k, which carries a token of one epoch into the database.
#[derive(Clone, ZeroizeOnDrop)]
pub struct TokenKey(Scalar);

impl TokenKey {
    /// From tokens of `epoch_key` to elements of `element_key`; both of one calling code.
    pub fn new(element_key: &ElementKey, epoch_key: &EpochKey) -> TokenKey {
        let k = Zeroizing::new(secret_scalar(&epoch_key.0));
        let inverse = Zeroizing::new(k.invert());
        TokenKey(element_key.0 * *inverse)
    }

    /// One that was written down; `None` unless it is a canonical scalar other than zero.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<TokenKey> {
        Ristretto255::deserialize_scalar(bytes).ok().map(TokenKey)
    }

    /// To be written down.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// Whether it carries tokens of the epoch with `public_key` to elements of the key whose own public
    /// key is `element_key`: u·(k·G) = κ·G, which shows neither k nor κ.
    pub fn leads(&self, public_key: &[u8; 32], element_key: &[u8; 32]) -> bool {
        self.element(public_key).is_ok_and(|reached| reached.as_bytes() == element_key)
    }

    /// The element of a token's point: u·Z. About 40 µs.
    ///
    /// # Errors
    ///
    /// `element_invalid` when `token` is not a canonical ristretto255 encoding or is the identity.
    pub fn element(&self, token: &[u8; 32]) -> Result<Element, Rejection> {
        Ok(Element::from_bytes((point(token)? * self.0).compress().to_bytes()))
    }
}

/// RFC 9497, section 3.1 and 4.1: "HashToGroup-" and the context string of mode 0x01.
const HASH_TO_GROUP_DST: &[u8] = b"HashToGroup-OPRFV1-\x01-ristretto255-SHA512";

/// The point of a digest's body without a blind, for an evaluator that is shown it: evaluated, it is
/// the token's.
pub fn unblinded(nd: &[u8; 32]) -> Blinded {
    Blinded::from_bytes(hash_to_group(nd).compress().to_bytes())
}

/// RFC 9497 refuses an input that hashes to the identity; none is known or can be searched for.
fn hash_to_group(nd: &[u8; 32]) -> RistrettoPoint {
    Ristretto255::hash_to_curve::<Sha512>(&[nd], &[HASH_TO_GROUP_DST])
        .expect("32 bytes are an input of fitting size")
}

/// The point of an encoding that somebody sent.
fn point(encoding: &[u8; 32]) -> Result<RistrettoPoint, Rejection> {
    Ristretto255::deserialize_elem(encoding).map_err(|_| element_invalid())
}

fn element_invalid() -> Rejection {
    let detail = "This is not a canonical ristretto255 element, or is the identity.";
    Rejection::new(Code::ElementInvalid, detail)
}

fn at(refused: Rejection, place: usize) -> Rejection {
    refused.at(format!("/elements/{place}"))
}

/// RFC 9497's DeriveKeyPair in mode 0x01.
fn derive_key_pair(seed: &Secret, info: &str) -> VoprfServer<Ristretto255> {
    VoprfServer::new_from_seed(seed.expose(), info.as_bytes())
        .expect("a seed of 32 bytes and a short info have a key pair")
}

/// The private half of a key pair, which `voprf` hands out only in its serialization.
fn secret_scalar(key_pair: &VoprfServer<Ristretto255>) -> Scalar {
    let bytes: Zeroizing<[u8; 64]> = Zeroizing::new(key_pair.serialize().into());
    Ristretto255::deserialize_scalar(&bytes[..32]).expect("a private key is a canonical scalar")
}

/// Keys that hold scalars say only what they are.
macro_rules! redacted {
    ($($key:ident)*) => {$(
        impl fmt::Debug for $key {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($key), "(…)"))
            }
        }
    )*};
}

redacted! { EpochKey ElementKey TokenKey }
