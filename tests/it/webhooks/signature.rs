//! Signatures, against the vector that the libraries of Standard Webhooks test with.

use chrono::{DateTime, TimeDelta, Utc};
use vacate::domain::signature::{Forged, Headers, Secret, sign, verify};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIMESTAMP: &str = "1614265330";
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

const RECEIVED: Headers<'_> = Headers { id: ID, timestamp: TIMESTAMP, signature: SIGNATURE };

fn secret() -> Secret {
    Secret::parse(SECRET).unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_614_265_330, 0).unwrap()
}

#[test]
fn we_sign_as_the_standards_libraries_do() {
    assert_eq!(sign(&[&secret()], ID, 1_614_265_330, BODY), SIGNATURE);
    assert_eq!(verify(&secret(), RECEIVED, BODY, now()), Ok(()));
}

#[test]
fn during_a_rotation_the_old_and_the_new_secret_both_verify() {
    let new = Secret::from_bytes([7; 32]).unwrap();
    let signature = sign(&[&new, &secret()], ID, 1_614_265_330, BODY);
    assert_eq!(signature.split(' ').count(), 2);
    let headers = Headers { signature: &signature, ..RECEIVED };
    assert_eq!(verify(&new, headers, BODY, now()), Ok(()));
    assert_eq!(verify(&secret(), headers, BODY, now()), Ok(()));
    let third = Secret::from_bytes([8; 32]).unwrap();
    assert_eq!(verify(&third, headers, BODY, now()), Err(Forged::NoMatch));
}

#[test]
fn signatures_of_other_versions_are_passed_over() {
    let signature = format!("v1a,hnO3f9T8Ytu9 nonsense v1 v1, v2,{} {SIGNATURE}", &SIGNATURE[3..]);
    assert_eq!(
        verify(&secret(), Headers { signature: &signature, ..RECEIVED }, BODY, now()),
        Ok(())
    );
}

#[test]
fn an_absent_or_short_signature_is_refused() {
    for signature in ["", " ", "v1", "v1,", "v1,,", "v1,AAAA", "v1,g0hM", &SIGNATURE[3..]] {
        let headers = Headers { signature, ..RECEIVED };
        assert_eq!(verify(&secret(), headers, BODY, now()), Err(Forged::NoMatch), "{signature}");
    }
}

#[test]
fn one_changed_bit_anywhere_in_the_body_or_signature_is_refused() {
    for bit in 0..BODY.len() * 8 {
        let mut body = BODY.to_vec();
        body[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verify(&secret(), RECEIVED, &body, now()), Err(Forged::NoMatch), "bit {bit}");
    }
    for place in 3..SIGNATURE.len() {
        for other in ["A", "B", "=", "-", ""] {
            let mut signature = SIGNATURE.to_owned();
            signature.replace_range(place..=place, other);
            if signature != SIGNATURE {
                let headers = Headers { signature: &signature, ..RECEIVED };
                assert_eq!(verify(&secret(), headers, BODY, now()), Err(Forged::NoMatch));
            }
        }
    }
}

#[test]
fn another_id_or_timestamp_is_refused() {
    let other_id = Headers { id: "msg_other", ..RECEIVED };
    assert_eq!(verify(&secret(), other_id, BODY, now()), Err(Forged::NoMatch));
    let other_time = Headers { timestamp: "1614265331", ..RECEIVED };
    assert_eq!(verify(&secret(), other_time, BODY, now()), Err(Forged::NoMatch));
    for (id, timestamp) in [("", TIMESTAMP), (ID, ""), (ID, "16e8"), (ID, "99999999999999999999")] {
        let headers = Headers { id, timestamp, ..RECEIVED };
        assert_eq!(verify(&secret(), headers, BODY, now()), Err(Forged::Malformed));
    }
}

#[test]
fn a_dot_cannot_be_moved_from_the_body_into_the_id() {
    let signature = sign(&[&secret()], "msg_1", 1_614_265_000, b"1614265330.{}");
    let moved = Headers { id: "msg_1.1614265000", timestamp: TIMESTAMP, signature: &signature };
    assert_eq!(verify(&secret(), moved, b"{}", now()), Err(Forged::Malformed));
}

#[test]
fn five_minutes_either_way_are_tolerated_and_no_second_more() {
    for (seconds, result) in [
        (300, Ok(())),
        (-300, Ok(())),
        (301, Err(Forged::OutOfTime)),
        (-301, Err(Forged::OutOfTime)),
    ] {
        let now = now() + TimeDelta::seconds(seconds);
        assert_eq!(verify(&secret(), RECEIVED, BODY, now), result, "{seconds} s");
    }
}

#[test]
fn a_secret_is_read_back_as_it_was_printed() {
    for length in 24..=64 {
        let secret = Secret::from_bytes(vec![0xa5; length]).unwrap();
        assert_eq!(Secret::parse(&secret.text()).unwrap().bytes(), secret.bytes());
    }
    assert_eq!(*secret().text(), SECRET);
}

#[test]
fn what_is_no_secret_is_refused() {
    for text in [
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_",
        "whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        // 23 bytes, and unused bits that are set.
        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB==",
    ] {
        assert!(Secret::parse(text).is_err(), "{text}");
    }
    assert!(Secret::from_bytes([0; 65]).is_err());
    assert!(Secret::from_bytes([0; 23]).is_err());
}

#[test]
fn a_secret_is_not_printed_by_debug() {
    assert_eq!(format!("{:?}", secret()), "Secret(…)");
}
