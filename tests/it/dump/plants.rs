//! One number in every way in which a store could hold it, written by other code than that which
//! looks for it: the scanner proves itself with them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use vacate::domain::number::NumberText;

use super::needles::hashes;
use super::subjects::Subject;

/// Bytes to be planted, and what they are.
pub struct Plant {
    pub form: String,
    pub bytes: Vec<u8>,
}

impl Plant {
    fn new(form: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Plant {
        Plant { form: form.into(), bytes: bytes.into() }
    }
}

/// Every form of a number.
pub fn of(subject: &Subject) -> Vec<Plant> {
    let mut all = texts(subject);
    let mut binary = integers(subject);
    binary.extend(derived(subject));
    binary.extend(unkeyed(subject));
    for plant in binary {
        all.extend(written(&plant));
        all.push(plant);
    }
    all
}

/// What a person or a program writes.
fn texts(subject: &Subject) -> Vec<Plant> {
    let (digits, national) = (subject.digits(), subject.national.as_str());
    let code = &digits[..digits.len() - national.len()];
    let pairs: Vec<String> =
        national.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into()).collect();
    let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let plus = format!("+{digits}");
    let utf16: Vec<u16> = plus.encode_utf16().collect();
    let backwards: String = digits.chars().rev().collect();
    let mut all = vec![
        Plant::new("with +", plus.as_str()),
        Plant::new("bare", digits),
        Plant::new("with 00", format!("00{digits}")),
        Plant::new("with a trunk 0", format!("0{national}")),
        Plant::new("national", national),
        Plant::new("spaced", format!("+{code} {}", pairs.join(" "))),
        Plant::new("national, spaced", format!("0{}", pairs.join(" "))),
        Plant::new("dashed", format!("+{code}-{}", pairs.join("-"))),
        Plant::new("bracketed", format!("+{code} (0) {}", pairs.join(" "))),
        Plant::new("dotted", format!("{code}.{}", pairs.join("."))),
        Plant::new(
            "with blanks that don't break",
            format!("+{code}\u{a0}{}", pairs.join("\u{202f}")),
        ),
        Plant::new("backwards", backwards),
        Plant::new(
            "UTF-16LE",
            utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<u8>>(),
        ),
        Plant::new(
            "UTF-16BE",
            utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect::<Vec<u8>>(),
        ),
        Plant::new("percent-encoded", format!("%2B{digits}")),
        Plant::new("percent-encoded to the last letter", escaped(&plus)),
        Plant::new("spaced and percent-encoded", format!("%2B{code}%20{}", pairs.join("%20"))),
    ];
    all.extend(written(&Plant::new("text", plus.as_str())));
    all
}

fn integers(subject: &Subject) -> Vec<Plant> {
    let digits = subject.digits();
    let value: u64 = digits.parse().expect("digits");
    let mut even = format!("{digits}f");
    if digits.len().is_multiple_of(2) {
        even.truncate(digits.len());
    }
    let swapped: String = even
        .as_bytes()
        .chunks(2)
        .map(|pair| format!("{}{}", pair[1] as char, pair[0] as char))
        .collect();
    let mut groups = Vec::new();
    let mut rest = value;
    while rest > 0 {
        groups.push(u16::try_from(rest % 10_000).expect("four digits"));
        rest /= 10_000;
    }
    groups.reverse();
    let numeric = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        groups.iter().flat_map(|group| bytes(*group)).collect()
    };
    let signed = i64::try_from(value).expect("15 digits");
    vec![
        Plant::new("u64, little-endian", value.to_le_bytes()),
        Plant::new("u64, big-endian", value.to_be_bytes()),
        Plant::new("i64, little-endian", signed.to_le_bytes()),
        Plant::new("i64, big-endian", signed.to_be_bytes()),
        Plant::new(
            "a float",
            serde_json::Number::from_f64(digits.parse().expect("a float"))
                .map_or_else(Vec::new, |number| {
                    number.as_f64().unwrap_or_default().to_le_bytes().to_vec()
                }),
        ),
        Plant::new("packed decimal", from_hex(&even)),
        Plant::new("packed decimal, nibbles swapped", from_hex(&swapped)),
        Plant::new("numeric on disk", numeric(u16::to_le_bytes)),
        Plant::new("numeric on the wire", numeric(u16::to_be_bytes)),
    ]
}

/// What keys make of it, without the database's.
fn derived(subject: &Subject) -> Vec<Plant> {
    let token = |n: usize| match &subject.tokens[n] {
        NumberText::Token { point, .. } => *point,
        NumberText::Digest { .. } | NumberText::Handle { .. } => [0; 32],
    };
    vec![
        Plant::new("digest", subject.nd),
        Plant::new("point", subject.point),
        Plant::new("token of epoch 1", token(0)),
        Plant::new("token of epoch 2", token(1)),
        Plant::new("element", subject.element),
    ]
}

/// Fingerprints.
fn unkeyed(subject: &Subject) -> Vec<Plant> {
    let plus = subject.e164.as_str();
    let of_number = hashes(plus.as_bytes()).into_iter().map(|(name, hash)| (name, "number", hash));
    let of_digest = hashes(subject.digest.text().as_bytes())
        .into_iter()
        .map(|(name, hash)| (name, "digest", hash));
    let line = Sha256::digest(format!("{plus}\n")).to_vec();
    let all = of_number.chain(of_digest).chain([("SHA-256", "line", line)]);
    all.map(|(name, of, hash)| Plant::new(format!("{name} of the {of}"), hash)).collect()
}

/// Bytes as text.
fn written(plant: &Plant) -> Vec<Plant> {
    let Plant { form, bytes } = plant;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![
        Plant::new(format!("{form}, upper hex"), hex.to_uppercase()),
        Plant::new(format!("{form}, odd hex"), format!("a{hex}")),
        Plant::new(format!("{form}, derived Debug"), format!("{bytes:?}")),
        Plant::new(format!("{form}, pretty Debug"), format!("{bytes:#?}").replace('\n', "\\n")),
        Plant::new(format!("{form}, hex"), hex),
    ];
    for skip in 0..3 {
        let shifted = [&b"abc"[..skip], bytes].concat();
        all.push(Plant::new(format!("{form}, base64 at {skip}"), STANDARD.encode(&shifted)));
        all.push(Plant::new(format!("{form}, base64url at {skip}"), URL_SAFE.encode(&shifted)));
    }
    all.push(Plant::new(format!("{form}, base64url, bare"), URL_SAFE_NO_PAD.encode(bytes)));
    all
}

fn from_hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect()
}
