//! Bytes that are written as text: hexadecimal, base64, and the lists that a derived `Debug` makes.
//!
//! Unwrapping what a store holds finds each form in each of them, and in one within the other, so
//! that no form needs a needle for each way in which it may be written down.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::digits;

/// How something was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrap {
    Hex,
    Base64,
    List,
}

impl Wrap {
    pub fn text(self) -> &'static str {
        match self {
            Wrap::Hex => "hex",
            Wrap::Base64 => "base64",
            Wrap::List => "list of bytes",
        }
    }
}

/// Letters that something may be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Hex,
    Base64,
    List,
    /// Digits, and what people and programs put between them.
    Digits,
}

impl Class {
    pub const ALL: [Class; 4] = [Class::Hex, Class::Base64, Class::List, Class::Digits];

    /// Less holds no needle: six bytes, or the digits of a number.
    pub fn letters_min(self) -> usize {
        match self {
            Class::Hex => 12,
            Class::Base64 => 8,
            Class::List => 2 * LIST_MIN,
            Class::Digits => 7,
        }
    }
}

const LIST_MIN: usize = 6;

/// The classes of each byte, one bit each.
pub const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        let class = &mut classes[byte as usize];
        if byte.is_ascii_hexdigit() {
            *class |= 1 << Class::Hex as u8;
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_') {
            *class |= 1 << Class::Base64 as u8;
        }
        // An escaped line break is a backslash and an n.
        let between = matches!(byte, b',' | b' ' | b'\n' | b'\r' | b'\t' | b'\\' | b'n');
        if byte.is_ascii_digit() || between {
            *class |= 1 << Class::List as u8;
        }
        if byte.is_ascii_hexdigit() || digits::is_between(byte) {
            *class |= 1 << Class::Digits as u8;
        }
        if byte == 255 {
            break;
        }
        byte += 1;
    }
    classes
};

/// What a run of a class may hold, as whatever alignment it is written.
pub fn unwrap(class: Class, run: &[u8]) -> Vec<(Wrap, Vec<u8>)> {
    match class {
        Class::Hex => (0..2).map(|skip| (Wrap::Hex, from_hex(&run[skip..]))).collect(),
        Class::Base64 => {
            // Both alphabets in one.
            let run: Vec<u8> = run.iter().map(|byte| STANDARD_OF[usize::from(*byte)]).collect();
            (0..4).map(|skip| (Wrap::Base64, from_base64(&run[skip..]))).collect()
        }
        Class::List => from_list(run).map(|bytes| (Wrap::List, bytes)).into_iter().collect(),
        Class::Digits => Vec::new(),
    }
}

const STANDARD_OF: [u8; 256] = {
    let mut same = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        same[byte as usize] = match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        };
        byte += 1;
    }
    same
};

fn from_hex(digits: &[u8]) -> Vec<u8> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    };
    digits.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect()
}

fn from_base64(run: &[u8]) -> Vec<u8> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    // One letter alone says nothing.
    let whole = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
    LENIENT.decode(whole).expect("letters of the alphabet")
}

/// `12, 255, 0`: numbers of a byte with a comma between them.
fn from_list(run: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for item in run.split(|byte| *byte == b',') {
        let digits: Vec<u8> = item.iter().copied().filter(u8::is_ascii_digit).collect();
        let number = std::str::from_utf8(&digits).ok()?.parse::<u8>();
        match number {
            Ok(number) => bytes.push(number),
            // The list may begin or end within the run.
            Err(_) if bytes.len() < LIST_MIN => bytes.clear(),
            Err(_) => return Some(bytes),
        }
    }
    (bytes.len() >= LIST_MIN).then_some(bytes)
}
