//! What must be in a whole key file's process alone: seeds, and the scalars that come of them.

use std::collections::BTreeMap;
use std::path::Path;

use vacate::domain::text;
use voprf::{Ristretto255, VoprfServer};

/// The seeds of epochs and elements in a whole key file, and k and κ under +49: as bytes, and in hex.
pub fn secrets(path: &Path) -> Vec<Vec<u8>> {
    let written: BTreeMap<String, BTreeMap<String, String>> =
        toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let seed = |table: &str| -> [u8; 32] { text::from_hex(&written[table]["1"]).unwrap() };
    let scalar = |seed: &[u8; 32], info: &str| -> [u8; 32] {
        let pair = VoprfServer::<Ristretto255>::new_from_seed(seed, info.as_bytes()).unwrap();
        *pair.serialize().first_chunk().unwrap()
    };
    let (epoch, element) = (seed("epochs"), seed("elements"));
    let all = [
        epoch,
        element,
        scalar(&epoch, "vacate/v1/oprf;calling_code=49;epoch=1"),
        scalar(&element, "vacate/v1/element;calling_code=49"),
    ];
    all.iter().flat_map(|bytes| [bytes.to_vec(), text::to_hex(bytes).into_bytes()]).collect()
}

/// How many of the secrets are in there.
pub fn found(secrets: &[Vec<u8>], place: &[u8]) -> usize {
    // Millions of bytes: most of them begin nothing.
    let mut begins = [false; 256];
    secrets.iter().for_each(|secret| begins[usize::from(secret[0])] = true);
    let mut found = vec![false; secrets.len()];
    for (at, byte) in place.iter().enumerate() {
        if begins[usize::from(*byte)] {
            for (found, secret) in found.iter_mut().zip(secrets) {
                *found |= place[at..].starts_with(secret);
            }
        }
    }
    found.into_iter().filter(|found| *found).count()
}

/// Fails if one of the secrets is in there.
pub fn must_not_be_in(secrets: &[Vec<u8>], place: &[u8]) {
    assert!(place.len() > 1_000);
    assert_eq!(found(secrets, place), 0);
}
