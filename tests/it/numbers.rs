//! The number layer against `tests/vectors/numbers.json`, which two independent implementations
//! made and checked: every number, key, handle and refusal. How a token is made without showing the
//! number is tested in `oblivious`.
//!
//! A secret scalar has no door out, so it is compared by its product with a point of prime order,
//! which no other scalar has.

mod inputs;
pub mod vectors;

use std::fmt::Debug;

use aes_siv::KeyInit;
use aes_siv::siv::Aes128Siv;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use proptest::prelude::*;
use vacate::domain::calling_code::CallingCode;
use vacate::domain::number::{E164, Element, KeyId, NumberText};
use vacate::domain::oprf::token_kid;
use vacate::domain::rejection::{Code, Rejection};
use vacate::domain::text;
use vectors::{BOTH, Vectors};

#[test]
fn a_number_has_the_digest_of_the_vectors() {
    let vectors = Vectors::read();
    assert_eq!(vectors.numbers.len(), 79);
    for number in &vectors.numbers {
        let e164 = number.e164();
        assert_eq!(e164.as_str(), number.e164);
        assert_eq!(e164.calling_code(), number.calling_code);
        assert_eq!(vectors.directory_key().nd(&e164), number.nd.0);
        assert_eq!(vectors.directory_key().digest(&e164).text(), number.digest);
    }
}

#[test]
fn the_digest_and_the_token_of_either_epoch_reach_one_element() {
    let vectors = Vectors::read();
    for number in &vectors.numbers {
        for generation in BOTH {
            let expected = Ok(Element::from_bytes(number.elements[&generation].0));
            assert_eq!(vectors.element(&number.digest, generation), expected);
            for epoch in BOTH {
                assert_eq!(vectors.element(&number.tokens[&epoch].text, generation), expected);
            }
        }
    }
}

#[test]
fn a_handle_is_sealed_and_opened() {
    let vectors = Vectors::read();
    for number in &vectors.numbers {
        assert_eq!(number.handles.len(), 4);
        for vector in &number.handles {
            let handle = vector.contents();
            let key = vectors.app_key(&vector.app, vector.generation);
            assert_eq!(handle.seal(&key, number.calling_code).text(), vector.text);
            assert_eq!(vectors.open(&vector.text, &vector.app), Ok(handle));
        }
    }
}

#[test]
fn every_text_is_written_as_it_was_read() {
    for text in Vectors::read().texts() {
        let number: NumberText = text.parse().expect(&text);
        assert_eq!(number.text(), text);
        let json = serde_json::to_string(&number).expect("a string");
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<NumberText>(&json).expect("its own text"), number);
    }
}

#[test]
fn keys_are_derived_from_their_seeds() {
    let vectors = Vectors::read();
    assert_eq!(vectors.keys.len(), 65);
    for (&calling_code, keys) in &vectors.keys {
        for epoch in BOTH {
            let (key, vector) = (vectors.epoch_key(calling_code, epoch), &keys.epochs[&epoch]);
            assert_eq!(key.public_key(), vector.pk.0);
            assert_eq!(RistrettoPoint::mul_base(&vector.k.scalar()), vector.pk.point(), "k");
            assert_eq!((key.kid(), token_kid(&vector.pk.0)), (vector.kid, vector.kid));
        }
    }
}

#[test]
fn derived_keys_multiply_as_the_scalars_of_the_vectors() {
    let vectors = Vectors::read();
    for number in &vectors.numbers {
        let (code, keys) = (number.calling_code, &vectors.keys[&number.calling_code]);
        for generation in BOTH {
            let kappa = keys.element_keys[&generation].kappa.scalar();
            let element = vectors.element_key(code, generation).element(&number.nd.0);
            assert_eq!(element, product(kappa, number.hash_to_group.point()), "kappa");
            for epoch in BOTH {
                let z = &number.tokens[&epoch].z;
                assert_eq!(
                    z.point(),
                    number.hash_to_group.point() * keys.epochs[&epoch].k.scalar()
                );
                let u = keys.u(generation, epoch);
                let element = vectors.token_key(code, generation, epoch).element(&z.0);
                assert_eq!(element, Ok(product(u, z.point())), "u");
            }
        }
    }
}

/// The vectors' `delta_1_to_2` belongs to the epochs, k₁/k₂. It carries u of epoch 1 to u of epoch
/// 2, and isn't the factor κ₂/κ₁ that re-keys stored elements from generation 1 to 2.
#[test]
fn an_epoch_moves_by_its_delta_and_a_generation_by_the_ratio_of_its_keys() {
    let vectors = Vectors::read();
    for number in &vectors.numbers {
        let keys = &vectors.keys[&number.calling_code];
        for generation in BOTH {
            let [old, new] = BOTH.map(|epoch| keys.u(generation, epoch));
            assert_eq!(old * keys.delta_1_to_2.scalar(), new);
        }
        let [old, new] = BOTH.map(|generation| keys.element_keys[&generation].kappa.scalar());
        let rekeyed = product(new * old.invert(), number.elements[&1].point());
        assert_eq!(vectors.element(&number.digest, 2), Ok(rekeyed));
    }
}

#[test]
fn key_ids_and_owner_keys_are_those_of_the_vectors() {
    let vectors = Vectors::read();
    assert_eq!(vectors.directory_key().kid(), vectors.kids.directory);
    for generation in BOTH {
        assert_eq!(vectors.server_key(generation).kid(), vectors.kids.server[&generation]);
    }
    for (app, keys) in &vectors.app_keys {
        for generation in BOTH {
            let sealed = vectors.app_key(app, generation).seal(b"ad", b"contents");
            assert_eq!(sealed, seal_with(&keys[&generation].0, b"ad", b"contents"));
        }
    }
}

#[test]
fn the_worked_example_of_a_handle_holds() {
    let vectors = Vectors::read();
    let example = &vectors.handle_worked_example;
    let contents: [u8; 20] = text::from_hex(&example.plaintext).expect("20 bytes");
    let ad = example.associated_data_ascii.as_bytes();
    let key = vectors.app_key(&example.app, example.generation);
    let sealed = key.seal(ad, &contents);
    assert_eq!(text::to_hex(&sealed), example.siv_and_ciphertext);
    assert_eq!(sealed, seal_with(&example.key_aes_siv_256.0, ad, &contents));
    assert_eq!(key.open(ad, &sealed), Some(contents.to_vec()));
    assert_eq!(key.open(b"", &sealed), None);
    assert_eq!(key.open(ad, &sealed[..15]), None);
}

#[test]
fn a_bad_text_is_refused_with_its_code_and_an_undetectable_lie_reaches_another_element() {
    let vectors = Vectors::read();
    assert_eq!(vectors.negative.len(), 32);
    for case in &vectors.negative {
        let outcome = match &case.app {
            Some(app) => vectors.open(&case.text, app).and_then(|h| vectors.known(h)).map(|_| None),
            None => vectors.element(&case.text, 1).map(Some),
        };
        if let Some(code) = &case.refuse {
            assert_eq!(outcome.map_err(|r| r.code.text()), Err(code.as_str()), "{}", case.what);
        } else {
            let lie = Element::from_bytes(case.element_g1.as_ref().expect("its element").0);
            let truth =
                Element::from_bytes(case.must_differ_from.as_ref().expect("the true one").0);
            assert_ne!(lie, truth);
            assert_eq!(outcome, Ok(Some(lie)), "{}", case.what);
        }
    }
}

#[test]
fn what_is_not_e164_to_the_letter_is_refused() {
    for text in Vectors::read().e164_refused {
        let outcome = text.parse::<E164>().map_err(|rejection| rejection.code);
        assert_eq!(outcome, Err(Code::NumberMalformed), "{text:?}");
    }
    for (digits, code) in [
        ("491701", Some(Code::NumberMalformed)),
        ("4917012", None),
        ("491701234567890", None),
        ("4917012345678901", Some(Code::NumberMalformed)),
        ("2101234567", Some(Code::CallingCodeUnknown)),
    ] {
        let refusal = format!("+{digits}").parse::<E164>().err().map(|rejection| rejection.code);
        assert_eq!(refusal, code, "{digits}");
    }
}

#[test]
fn the_calling_code_of_a_number_is_the_assigned_one_it_begins_with() {
    for (number, code) in Vectors::read().calling_code_of {
        assert_eq!(CallingCode::of_e164(&number), Ok(code), "{number}");
    }
    for refused in ["+2101234567", "+0", "+", "", "491701234567", "++4917012345"] {
        assert!(CallingCode::of_e164(refused).is_err(), "{refused:?}");
    }
}

#[test]
fn no_calling_code_is_the_beginning_of_another() {
    let codes: Vec<String> = CallingCode::all().map(|code| code.to_string()).collect();
    assert_eq!(codes.len(), 217);
    for code in &codes {
        assert_eq!(code.parse::<CallingCode>().map(|code| code.to_string()).as_ref(), Ok(code));
        assert_eq!(codes.iter().filter(|other| other.starts_with(code)).count(), 1, "{code}");
    }
    assert_eq!("999".parse(), Ok(CallingCode::TEST));
    for global in ["800", "808", "870", "878", "881", "882", "883", "888", "979"] {
        assert!(codes.iter().any(|code| code == global));
    }
}

#[test]
fn a_calling_code_has_one_text() {
    for (text, code) in [
        ("", Code::NumberMalformed),
        ("0", Code::NumberMalformed),
        ("049", Code::NumberMalformed),
        ("+49", Code::NumberMalformed),
        ("4９", Code::NumberMalformed),
        ("210", Code::CallingCodeUnknown),
        ("1242", Code::CallingCodeUnknown),
        ("99999999999", Code::CallingCodeUnknown),
    ] {
        assert_eq!(text.parse::<CallingCode>().map_err(|r| r.code), Err(code), "{text:?}");
    }
    assert_eq!(serde_json::from_str::<CallingCode>("\"49\"").expect("a code").to_string(), "49");
    assert_eq!(serde_json::to_string(&CallingCode::TEST).expect("a string"), "\"999\"");
}

#[test]
fn what_looks_like_a_phone_number_is_told_apart_from_what_is_malformed() {
    let plain = [
        "+491701234567",
        "+49 170 1234567",
        "0049 170/1234567",
        "(0170) 123-45.67",
        "12345",
        "tel:+491701234567",
        "TEL:0170",
        " 491701234567\n",
        "+49170123456７",
        "+4917012345;ext=1",
    ];
    let malformed = ["", "1234", "49 170 call me", "vd1", "vd1.49.d07c4d5f", "vd1.49.d07c4d5f.x.y"];
    for (texts, code) in [(&plain[..], Code::NumberPlain), (&malformed[..], Code::NumberMalformed)]
    {
        for text in texts {
            assert_eq!(text.parse::<NumberText>().map_err(|r| r.code), Err(code), "{text:?}");
        }
    }
}

#[test]
fn no_refusal_repeats_what_it_refuses() {
    let vectors = Vectors::read();
    let refused = vectors.negative.iter().map(|case| &case.text).chain(&vectors.e164_refused);
    for text in refused.filter(|text| !text.is_empty()) {
        let json = serde_json::to_string(text).expect("a string");
        let serde = serde_json::from_str::<NumberText>(&json).map_err(|error| error.to_string());
        let by_keys = vectors.element(text, 1).map_err(|rejection| rejection.to_string());
        let by_seal = vectors.open(text, "chatly").map_err(|rejection| rejection.to_string());
        assert_hidden(text, &serde);
        assert_hidden(text, &text.parse::<NumberText>());
        assert_hidden(text, &text.parse::<E164>());
        assert_hidden(text, &text.parse::<CallingCode>());
        assert_hidden(text, &text.parse::<KeyId>());
        assert_hidden(text, &(by_keys, by_seal));
    }
}

#[test]
fn a_number_sent_as_a_json_number_is_refused_without_being_repeated() {
    for json in ["491701234567", "-491701234567", "491701234567.5", "4917012345670000000000"] {
        for error in [
            serde_json::from_str::<NumberText>(json).expect_err("not a string").to_string(),
            serde_json::from_str::<CallingCode>(json).expect_err("not a string").to_string(),
        ] {
            assert!(!error.contains("4917") && !error.contains("4.917"), "{json}");
            let code = Rejection::from_serde(&error).map(|rejection| rejection.code);
            assert_eq!(code, Some(Code::FieldWrongType));
        }
    }
}

#[test]
fn debug_shows_neither_numbers_nor_secrets() {
    let vectors = Vectors::read();
    let (number, secrets) = (&vectors.numbers[0], &vectors.secrets);
    let code = number.calling_code;
    for text in vectors.texts() {
        assert_hidden(&text, &text.parse::<NumberText>());
    }
    assert_eq!(format!("{:?}", number.e164()), "E164(…)");
    assert_eq!(format!("{:?}", vectors.element(&number.digest, 1)), "Ok(Element(…))");
    assert_eq!(format!("{:?}", secrets.directory_key.secret()), "Secret(…)");
    assert_eq!(format!("{:?}", vectors.server_key(1)), "ServerKey(Secret(…))");
    assert_eq!(format!("{:?}", vectors.epoch_key(code, 1)), "EpochKey(…)");
    assert_eq!(format!("{:?}", vectors.element_key(code, 1)), "ElementKey(…)");
    assert_eq!(format!("{:?}", vectors.token_key(code, 1, 1)), "TokenKey(…)");
    assert_eq!(format!("{:?}", vectors.app_key("skyfare", 1)), "SealKey(80e27820, …)");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn either_way_in_reaches_the_same_row(number in any_number()) {
        let vectors = Vectors::read();
        let digest = vectors.directory_key().digest(&number).text();
        let element = vectors.element(&digest, 1);
        prop_assert!(element.is_ok());
        for epoch in BOTH {
            let token = vectors.oblivious_token(&number, epoch).text();
            prop_assert_eq!(vectors.element(&token, 1), element.clone());
        }
    }

    #[test]
    fn no_value_has_a_second_text(text in "v[th]1\\.49\\.[0-9a-f]{8}\\.[A-Za-z0-9_-]{43,48}") {
        if let Ok(number) = text.parse::<NumberText>() {
            prop_assert_eq!(number.text(), text);
        }
    }
}

fn any_number() -> impl Strategy<Value = E164> {
    let codes: Vec<CallingCode> = CallingCode::all().collect();
    (proptest::sample::select(codes), "[0-9]{6,12}")
        .prop_map(|(code, rest)| format!("+{code}{rest}").parse().expect("E.164"))
}

/// Asserts that `shown` holds neither `text` nor the long pieces of it.
fn assert_hidden(text: &str, shown: &impl Debug) {
    let shown = format!("{shown:?}");
    for piece in text.split('.').chain([text, text.trim()]) {
        assert!(piece.len() < 10 || !shown.contains(piece), "{text:?} is repeated");
    }
}

fn product(scalar: Scalar, point: RistrettoPoint) -> Element {
    Element::from_bytes((point * scalar).compress().to_bytes())
}

/// AES-SIV-CMAC-256 by the crate itself, under a key of the vectors.
fn seal_with(key: &[u8; 32], ad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut contents = plaintext.to_vec();
    let tag = Aes128Siv::new(key.into()).encrypt_in_place_detached([ad], &mut contents);
    [&tag.expect("one component"), &contents[..]].concat()
}
