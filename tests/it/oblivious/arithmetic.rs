//! Our use of RFC 9497 against its own vectors (appendix A.1.2) and against `numbers.json`.

use rand_core::{CryptoRng, RngCore};
use serde::Deserialize;
use sha2::{Digest, Sha512};
use vacate::domain::blinded::{Blinded, Blinding, Proof, Unproven};
use vacate::domain::number::NumberText;
use vacate::domain::oprf::EpochKey;
use vacate::domain::rejection::Code;
use vacate::domain::secret::Secret;
use vacate::domain::text;
use vacate::entropy::Entropy;

use crate::numbers::vectors::{BOTH, Vectors};
use crate::support::document::document;

#[derive(Deserialize)]
struct Rfc {
    seed: String,
    key_info: String,
    #[serde(rename = "pkSm")]
    public_key: String,
    vectors: Vec<Batch>,
}

#[derive(Deserialize)]
struct Batch {
    name: String,
    input: Vec<String>,
    blind: Vec<String>,
    blinded_element: Vec<String>,
    evaluation_element: Vec<String>,
    proof: String,
    proof_random_scalar: String,
    output: Vec<String>,
}

#[test]
fn the_rfc_s_vectors_hold_up_to_their_finalize() {
    let rfc: Rfc = serde_json::from_str(include_str!("../../vectors/rfc9497.json")).unwrap();
    let key = EpochKey::derive(&Secret::new(bytes(&rfc.seed)), &rfc.key_info);
    assert_eq!(key.public_key(), bytes(&rfc.public_key));
    assert_eq!(rfc.vectors.len(), 3);
    for batch in rfc.vectors {
        let inputs: Vec<Vec<u8>> = batch.input.iter().map(|input| any_bytes(input)).collect();
        let mut blinds = Chosen::new(&batch.blind);
        let (blinding, blinded) = Blinding::new(&inputs, &mut blinds);
        assert_eq!(blinded, points(&batch.blinded_element), "{}", batch.name);

        let mut random = Chosen::new(&[batch.proof_random_scalar]);
        let (evaluated, proof) = key.evaluate_and_prove(&blinded, &mut random).unwrap();
        assert_eq!(evaluated, points(&batch.evaluation_element), "{}", batch.name);
        assert_eq!(proof, Proof::from_bytes(bytes(&batch.proof)), "{}", batch.name);
        assert_eq!(key.evaluate(&blinded), Ok(evaluated.clone()), "{}", batch.name);

        let unblinded = blinding.unblind(&evaluated, &proof, &key.public_key()).unwrap();
        let outputs: Vec<String> =
            inputs.iter().zip(&unblinded).map(|(input, point)| finalized(input, point)).collect();
        assert_eq!(outputs, batch.output, "{}", batch.name);
    }
}

#[test]
fn the_vectors_blinded_points_are_evaluated_to_theirs_and_unblinded_to_their_tokens() {
    let vectors = Vectors::read();
    for number in &vectors.numbers {
        for epoch in BOTH {
            let (key, token) =
                (vectors.epoch_key(number.calling_code, epoch), &number.tokens[&epoch]);
            let mut blind = Chosen(vec![vectors.blind.0]);
            let (blinding, blinded) = Blinding::new(&[number.nd.0], &mut blind);
            assert_eq!(blinded, [Blinded::from_bytes(token.blinded.0)]);
            let (evaluated, proof) =
                key.evaluate_and_prove(&blinded, &mut &Entropy::System).unwrap();
            assert_eq!(evaluated, [Blinded::from_bytes(token.evaluated.0)]);
            let unblinded = blinding.unblind(&evaluated, &proof, &key.public_key()).unwrap();
            let text = NumberText::Token {
                calling_code: number.calling_code,
                kid: key.kid(),
                point: unblinded[0],
            };
            assert_eq!(text.text(), token.text);
        }
    }
}

/// The example of the API document is one that a client can follow.
#[test]
fn the_documented_example_is_proved_and_unblinded() {
    let vectors = Vectors::read();
    let (number, post) = (&vectors.numbers[0], &document()["paths"]["/v1/evaluate"]["post"]);
    let asked = &post["requestBody"]["content"]["application/json"]["example"];
    let told = &post["responses"]["200"]["content"]["application/json"]["example"];
    let points = |of: &serde_json::Value| -> Vec<Blinded> {
        serde_json::from_value(of["elements"].clone()).unwrap()
    };
    let (blinding, blinded) = Blinding::new(&[number.nd.0], &mut Chosen(vec![vectors.blind.0]));
    assert_eq!(blinded, points(asked));
    let proof: Proof = serde_json::from_value(told["proof"].clone()).unwrap();
    let public_key = vectors.keys[&number.calling_code].epochs[&2].pk.0;
    let unblinded = blinding.unblind(&points(told), &proof, &public_key).unwrap();
    assert_eq!(unblinded, [number.tokens[&2].z.0]);
}

#[test]
fn every_blind_is_another() {
    let nd = [[1; 32]; 3];
    let (_, blinded) = Blinding::new(&nd, &mut &Entropy::System);
    assert!(blinded[0] != blinded[1] && blinded[1] != blinded[2] && blinded[0] != blinded[2]);
}

/// Each lie that an evaluator can tell, one at a time.
#[test]
fn what_was_not_made_with_the_key_is_not_unblinded() {
    let vectors = Vectors::read();
    let [key, other] = BOTH.map(|epoch| vectors.epoch_key(vectors.numbers[0].calling_code, epoch));
    let inputs: Vec<[u8; 32]> = vectors.numbers.iter().map(|number| number.nd.0).collect();
    let mut rng = &Entropy::System;
    let (blinding, blinded) = Blinding::new(&inputs, &mut rng);
    let (evaluated, proof) = key.evaluate_and_prove(&blinded, &mut rng).unwrap();
    let pk = key.public_key();
    assert!(blinding.unblind(&evaluated, &proof, &pk).is_ok());

    let (others, others_proof) = other.evaluate_and_prove(&blinded, &mut rng).unwrap();
    let unproven = |points: &[Blinded], proof: &Proof, pk: &[u8; 32]| {
        assert_eq!(blinding.unblind(points, proof, pk), Err(Unproven));
    };
    unproven(&others, &others_proof, &pk);
    unproven(&evaluated, &others_proof, &pk);
    unproven(&evaluated, &proof, &other.public_key());
    unproven(&evaluated[1..], &proof, &pk);
    let mut one = evaluated.clone();
    one[7] = others[7];
    unproven(&one, &proof, &pk);
    let mut swapped = evaluated.clone();
    swapped.swap(0, 1);
    unproven(&swapped, &proof, &pk);
    let mut identity = evaluated.clone();
    identity[0] = Blinded::from_bytes([0; 32]);
    unproven(&identity, &proof, &pk);
    unproven(&evaluated, &Proof::from_bytes([0xff; 64]), &pk);
    unproven(&evaluated, &proof, &[0; 32]);
    for place in 0..64 {
        let mut bytes = *proof.as_bytes();
        bytes[place] ^= 1;
        unproven(&evaluated, &Proof::from_bytes(bytes), &pk);
    }
}

/// Every bad encoding of a point that the vectors know, in the middle of a batch, with proof and without.
#[test]
fn a_point_that_is_none_is_refused_at_its_place() {
    let vectors = Vectors::read();
    let key = vectors.epoch_key(vectors.numbers[0].calling_code, 1);
    let good = Blinded::from_bytes(vectors.numbers[0].tokens[&1].blinded.0);
    let mut refused = 0;
    for case in &vectors.negative {
        if case.refuse.as_deref() != Some("element_invalid") {
            continue;
        }
        let bad: Blinded = case.text.rsplit('.').next().unwrap().parse().unwrap();
        let batch = [good, bad, good];
        for outcome in [
            key.evaluate(&batch).unwrap_err(),
            key.evaluate_and_prove(&batch, &mut &Entropy::System).unwrap_err(),
        ] {
            assert_eq!(outcome.code, Code::ElementInvalid, "{}", case.what);
            assert_eq!(outcome.field.as_deref(), Some("/elements/1"), "{}", case.what);
        }
        refused += 1;
    }
    assert_eq!(refused, 8);
}

/// RFC 9497, section 3.3.2, which Vacate leaves out.
fn finalized(input: &[u8], point: &[u8; 32]) -> String {
    let length = u16::try_from(input.len()).unwrap().to_be_bytes();
    let hash = Sha512::new()
        .chain_update(length)
        .chain_update(input)
        .chain_update([0, 32])
        .chain_update(point)
        .chain_update(b"Finalize");
    text::to_hex(&hash.finalize())
}

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    text::from_hex(hex).unwrap()
}

fn any_bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| bytes::<1>(&hex[at..at + 2])[0]).collect()
}

fn points(hex: &[String]) -> Vec<Blinded> {
    hex.iter().map(|point| Blinded::from_bytes(bytes(point))).collect()
}

/// Scalars that a test has chosen, one after another.
struct Chosen(Vec<[u8; 32]>);

impl Chosen {
    fn new(hex: &[String]) -> Chosen {
        Chosen(hex.iter().map(|scalar| bytes(scalar)).collect())
    }
}

impl RngCore for Chosen {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
        bytes[..32].copy_from_slice(&self.0.remove(0));
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Chosen {}
