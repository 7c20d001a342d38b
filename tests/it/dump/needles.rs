//! What must not be found: every form of every secret number, and every other secret, as bytes. How
//! bytes may be written as text, the scanner knows.

use std::collections::HashMap;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::digits::Digits;
use super::subjects::Subject;

/// What kind of thing a needle is of. It decides where the needle may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// A number, or what can be made of it without a key that the database's thief lacks.
    Number,
    /// What the database holds in a number's place.
    Element,
    /// An app's name for a row and a date.
    Handle,
    /// What an app calls an account.
    AccountRef,
    /// What a carrier calls an event.
    EventId,
    /// A key, or what stands for one.
    Secret,
}

/// One needle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Which(usize);

/// All of them, in one piece of memory.
#[derive(Default)]
pub struct Needles {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    forms: Vec<(&'static str, &'static str)>,
    known: HashMap<(&'static str, &'static str), usize>,
    owners: Vec<String>,
    /// Numbers as digits are found otherwise.
    pub digits: Digits,
}

struct Entry {
    start: usize,
    len: usize,
    form: usize,
    whose: u32,
    sort: Sort,
}

/// What has a window has at least so many bytes.
const NEEDLE_BYTES_MIN: usize = 6;

impl Needles {
    /// Every form of a number.
    pub fn number(&mut self, subject: &Subject) {
        let whose = self.owner(&format!("the number {}", subject.told));
        self.digits.add(subject.digits(), &subject.national, whose);
        for (form, bytes) in binary(subject.digits(), &subject.national) {
            self.add(Sort::Number, (form, ""), whose, &bytes);
        }
        let [old, new] = &subject.tokens;
        let (old_point, new_point) = (point(old), point(new));
        for (form, bytes) in [
            ("the digest", &subject.nd),
            ("the point", &subject.point),
            ("the token of epoch 1", &old_point),
            ("the token of epoch 2", &new_point),
        ] {
            self.add(Sort::Number, (form, ""), whose, bytes);
            self.hashes(form, whose, bytes);
        }
        self.add(Sort::Element, ("the element", ""), whose, &subject.element);
        self.hashes("the element", whose, &subject.element);
        for (form, text) in spellings(subject) {
            self.hashes(form, whose, &text);
        }
    }

    /// A body that was sent: nothing may hold an unkeyed hash of it, for a number may be all that is
    /// unknown of it.
    pub fn body(&mut self, told: &str, body: &[u8]) {
        let whose = self.owner(told);
        self.hashes("a body", whose, body);
    }

    /// A secret, a handle or a name, as it is and hashed if that would tell it.
    pub fn other(&mut self, sort: Sort, told: &str, bytes: &[u8]) {
        let whose = self.owner(told);
        self.add(sort, ("as it is", ""), whose, bytes);
        match sort {
            // Secrets are too long to be tried, and the database has a hash of some.
            Sort::Secret => {}
            Sort::Number | Sort::Element | Sort::Handle | Sort::AccountRef | Sort::EventId => {
                self.hashes("a text", whose, bytes);
            }
        }
    }

    pub fn all(&self) -> impl Iterator<Item = Which> {
        (0..self.entries.len()).map(Which)
    }

    pub fn bytes(&self, which: Which) -> &[u8] {
        let Entry { start, len, .. } = self.entries[which.0];
        &self.bytes[start..start + len]
    }

    pub fn sort(&self, which: Which) -> Sort {
        self.entries[which.0].sort
    }

    pub fn form(&self, which: Which) -> String {
        match self.forms[self.entries[which.0].form] {
            (form, "") => form.to_owned(),
            (made, of) => format!("{made} of {of}"),
        }
    }

    pub fn whose(&self, which: Which) -> u32 {
        self.entries[which.0].whose
    }

    /// Of whom the needles of `whose` are.
    pub fn told(&self, whose: u32) -> &str {
        &self.owners[usize::try_from(whose).expect("an index")]
    }

    fn owner(&mut self, told: &str) -> u32 {
        self.owners.push(told.to_owned());
        u32::try_from(self.owners.len() - 1).expect("fewer than four thousand million")
    }

    fn hashes(&mut self, of: &'static str, whose: u32, bytes: &[u8]) {
        for (algorithm, hash) in hashes(bytes) {
            self.add(Sort::Number, (algorithm, of), whose, &hash);
        }
    }

    fn add(&mut self, sort: Sort, form: (&'static str, &'static str), whose: u32, bytes: &[u8]) {
        assert!(bytes.len() >= NEEDLE_BYTES_MIN, "{form:?} is too short to be looked for");
        let known = self.known.len();
        let form = *self.known.entry(form).or_insert_with(|| {
            self.forms.push(form);
            known
        });
        let (start, len) = (self.bytes.len(), bytes.len());
        self.bytes.extend_from_slice(bytes);
        self.entries.push(Entry { start, len, form, whose, sort });
    }
}

/// The unkeyed hashes that somebody might take for a protection.
pub fn hashes(of: &[u8]) -> [(&'static str, Vec<u8>); 6] {
    [
        ("MD5", Md5::digest(of).to_vec()),
        ("SHA-1", Sha1::digest(of).to_vec()),
        ("SHA-224", Sha224::digest(of).to_vec()),
        ("SHA-256", Sha256::digest(of).to_vec()),
        ("SHA-384", Sha384::digest(of).to_vec()),
        ("SHA-512", Sha512::digest(of).to_vec()),
    ]
}

/// What a program may hash when it hashes a number.
fn spellings(subject: &Subject) -> Vec<(&'static str, Vec<u8>)> {
    let (digits, national) = (subject.digits(), subject.national.as_str());
    let code = &digits[..digits.len() - national.len()];
    let (head, tail) = national.split_at(national.len() / 2);
    let [old, new] = &subject.tokens;
    let texts = [
        ("+ and digits", format!("+{digits}")),
        ("digits", digits.to_owned()),
        ("00 and digits", format!("00{digits}")),
        ("0 and national digits", format!("0{national}")),
        ("national digits", national.to_owned()),
        ("a spaced number", format!("+{code} {head} {tail}")),
        ("a dashed number", format!("+{code}-{head}-{tail}")),
        ("a tel: URI", format!("tel:+{digits}")),
        ("a quoted number", format!("\"+{digits}\"")),
        ("a line of + and digits", format!("+{digits}\n")),
        ("a line of digits", format!("{digits}\n")),
        ("the digest's text", subject.digest.text()),
        ("the digest's hex", vacate::domain::text::to_hex(&subject.nd)),
        ("the token's text of epoch 1", old.text()),
        ("the token's text of epoch 2", new.text()),
    ];
    let utf16 = format!("+{digits}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let texts = texts.into_iter().map(|(form, text)| (form, text.into_bytes()));
    texts.chain([("UTF-16", utf16)]).collect()
}

/// A number as machines keep it.
fn binary(digits: &str, national: &str) -> Vec<(&'static str, Vec<u8>)> {
    let value: u64 = digits.parse().expect("digits");
    #[expect(
        clippy::cast_precision_loss,
        reason = "what a float makes of it is what is looked for"
    )]
    let float = value as f64;
    let mut forms = vec![
        ("an integer, little-endian", value.to_le_bytes().to_vec()),
        ("an integer, big-endian", value.to_be_bytes().to_vec()),
        ("a float, little-endian", float.to_le_bytes().to_vec()),
        ("a float, big-endian", float.to_be_bytes().to_vec()),
    ];
    if value >> 48 == 0 {
        // SQLite's integer of six bytes.
        forms.push(("an integer of 48 bits", value.to_be_bytes()[2..].to_vec()));
    }
    for digits in [digits, national].into_iter().filter(|digits| digits.len() > 10) {
        for group in [to_numeric(digits, u16::to_le_bytes), to_numeric(digits, u16::to_be_bytes)] {
            forms.push(("PostgreSQL's numeric", group));
        }
        for padded in padded(digits) {
            let packed = |high: usize, low: usize| -> Vec<u8> {
                padded.chunks_exact(2).map(|pair| pair[high] << 4 | pair[low]).collect()
            };
            forms.push(("packed decimal", packed(0, 1)));
            forms.push(("packed decimal, nibbles swapped", packed(1, 0)));
        }
    }
    forms
}

/// The digits as nibbles, filled up to whole bytes as telephony (F) and banking (0) do.
fn padded(digits: &str) -> Vec<Vec<u8>> {
    let nibbles: Vec<u8> = digits.bytes().map(|digit| digit - b'0').collect();
    if nibbles.len().is_multiple_of(2) {
        return vec![nibbles];
    }
    let behind = |filler: u8| nibbles.iter().copied().chain([filler]).collect();
    vec![behind(0xf), behind(0), [&[0], nibbles.as_slice()].concat()]
}

/// Groups of four decimal digits from the right, 16 bits each.
fn to_numeric(digits: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let first = digits.len() % 4;
    let groups = std::iter::once(&digits[..first])
        .chain((first..digits.len()).step_by(4).map(|start| &digits[start..start + 4]));
    let groups = groups.filter(|group| !group.is_empty());
    groups.flat_map(|group| bytes(group.parse().expect("digits"))).collect()
}

fn point(token: &vacate::domain::number::NumberText) -> [u8; 32] {
    use vacate::domain::number::NumberText;
    match token {
        NumberText::Token { point, .. } => *point,
        NumberText::Digest { .. } | NumberText::Handle { .. } => panic!("not a token"),
    }
}
