//! Phone numbers as people and programs write them: digits, with whatever they put between.
//!
//! One pass finds a number with or without `+`, `00` and trunk `0`, spaced, dashed, bracketed,
//! percent-encoded, and in UTF-16 (whose other bytes are zero), forwards and backwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The symbols that may stand between two digits of one number, at most.
const GAP_MAX: usize = 3;
/// A national number stands alone, or its few digits would be found in every long run of them.
/// It is looked for wherever it may begin within so many digits.
const DIGITS_BACK_MAX: usize = 24;
/// 10 to the power of the longest number's digits.
const MODULUS: usize = 1_000_000_000_000_000;

/// How a number was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Whole,
    Backwards,
    National,
}

impl Written {
    pub fn text(self) -> &'static str {
        match self {
            Written::Whole => "digits",
            Written::Backwards => "digits, backwards",
            Written::National => "national digits",
        }
    }
}

/// The numbers that are looked for.
#[derive(Default)]
pub struct Digits {
    /// By length, and then by value.
    whole: BTreeMap<usize, HashMap<usize, (Written, u32)>>,
    national: HashMap<(usize, usize), u32>,
    national_lengths: BTreeSet<usize>,
}

impl Digits {
    /// A number of `whose`: its digits after `+`, and those after the calling code.
    pub fn add(&mut self, whole: &str, national: &str, whose: u32) {
        let backwards: String = whole.chars().rev().collect();
        let of_length = self.whole.entry(whole.len()).or_default();
        of_length.insert(value(whole), (Written::Whole, whose));
        of_length.insert(value(&backwards), (Written::Backwards, whose));
        self.national.insert((national.len(), value(national)), whose);
        self.national_lengths.insert(national.len());
    }

    /// Hands every number in `bytes` to `found`, with where it ends.
    pub fn look(&self, bytes: &[u8], mut found: impl FnMut(usize, Written, u32)) {
        let mut run = Run::default();
        let mut at = 0;
        while at < bytes.len() {
            let class = CLASSES[usize::from(bytes[at])];
            if class == Class::Other && run.digits.is_empty() {
                at += 1;
                continue;
            }
            let (symbol, width) = symbol(class, &bytes[at..]);
            match symbol {
                Symbol::Digit(digit) => {
                    run.push(digit);
                    self.whole_at_the_end(&run, &mut |written, whose| {
                        found(at + width, written, whose);
                    });
                }
                Symbol::Gap | Symbol::Other => {
                    self.national_at_the_end(&run, &mut |whose| {
                        found(at, Written::National, whose);
                    });
                    run.interrupt(symbol);
                }
            }
            at += width;
        }
        self.national_at_the_end(&run, &mut |whose| found(at, Written::National, whose));
    }

    fn whole_at_the_end(&self, run: &Run, found: &mut impl FnMut(Written, u32)) {
        let mut scale = 10;
        let mut length = 1;
        for (wanted, numbers) in &self.whole {
            if run.digits.len() < *wanted {
                return;
            }
            while length < *wanted {
                (scale, length) = (scale * 10, length + 1);
            }
            if let Some((written, whose)) = numbers.get(&(run.last % scale)) {
                found(*written, *whose);
            }
        }
    }

    /// A national number, from one gap to another, with or without a trunk 0.
    fn national_at_the_end(&self, run: &Run, found: &mut impl FnMut(u32)) {
        if run.gap > 0 {
            return;
        }
        for start in run.starts.iter().rev() {
            let digits = &run.digits[*start..];
            if digits.len() > DIGITS_BACK_MAX {
                return;
            }
            // Some countries' numbers begin with 0 themselves.
            let bare = digits.strip_prefix(&[0]).filter(|bare| !bare.is_empty());
            for digits in [Some(digits), bare].into_iter().flatten() {
                if !self.national_lengths.contains(&digits.len()) {
                    continue;
                }
                let add = |value, digit: &u8| value * 10 + usize::from(*digit);
                let value = digits.iter().fold(0, add);
                if let Some(whose) = self.national.get(&(digits.len(), value)) {
                    found(*whose);
                }
            }
        }
    }
}

/// Digits with little between them.
#[derive(Default)]
struct Run {
    digits: Vec<u8>,
    /// The value of the last 15 digits.
    last: usize,
    /// Where digits begin that a gap precedes.
    starts: Vec<usize>,
    /// Symbols since the last digit.
    gap: usize,
}

impl Run {
    fn push(&mut self, digit: u8) {
        if self.digits.is_empty() || self.gap > 0 {
            self.starts.push(self.digits.len());
        }
        self.digits.push(digit);
        self.last = (self.last * 10 + usize::from(digit)) % MODULUS;
        self.gap = 0;
    }

    fn interrupt(&mut self, symbol: Symbol) {
        self.gap += 1;
        if symbol == Symbol::Other || self.gap > GAP_MAX {
            self.digits.clear();
            self.starts.clear();
            (self.last, self.gap) = (0, 0);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Digit(u8),
    Gap,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Digit,
    Gap,
    /// The first byte of something longer.
    Longer,
    Other,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let gaps = b" -./()+_\0";
    let mut at = 0;
    while at < gaps.len() {
        classes[gaps[at] as usize] = Class::Gap;
        at += 1;
    }
    let mut digit = b'0';
    while digit <= b'9' {
        classes[digit as usize] = Class::Digit;
        digit += 1;
    }
    classes[b'%' as usize] = Class::Longer;
    classes[0xc2] = Class::Longer;
    classes[0xe2] = Class::Longer;
    classes
};

/// Whether a byte may stand between the digits of a number. Of percent-encoding the letters may,
/// too: they are hexadecimal.
pub const fn is_between(byte: u8) -> bool {
    !matches!(CLASSES[byte as usize], Class::Digit | Class::Other)
        // The rest of a longer one.
        || matches!(byte, 0x80 | 0x90..=0x95 | 0xa0 | 0xaf)
}

/// What `bytes` begin with, and how many of them that takes.
fn symbol(class: Class, bytes: &[u8]) -> (Symbol, usize) {
    match class {
        Class::Digit => (Symbol::Digit(bytes[0] - b'0'), 1),
        Class::Gap => (Symbol::Gap, 1),
        Class::Other => (Symbol::Other, 1),
        Class::Longer => longer(bytes),
    }
}

/// Percent-encoding, blanks that don't break, and the dashes of typesetters.
fn longer(bytes: &[u8]) -> (Symbol, usize) {
    match bytes {
        [b'%', high, low, ..] => {
            let hex = |byte: u8| char::from(byte).to_digit(16);
            let decoded = hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low);
            match decoded.and_then(|byte| u8::try_from(byte).ok()) {
                Some(digit @ b'0'..=b'9') => (Symbol::Digit(digit - b'0'), 3),
                Some(byte) if CLASSES[usize::from(byte)] == Class::Gap => (Symbol::Gap, 3),
                Some(_) | None => (Symbol::Other, 1),
            }
        }
        [0xc2, 0xa0, ..] => (Symbol::Gap, 2),
        [0xe2, 0x80, 0x90..=0x95 | 0xaf, ..] => (Symbol::Gap, 3),
        _ => (Symbol::Other, 1),
    }
}

fn value(digits: &str) -> usize {
    digits.parse().expect("digits")
}
