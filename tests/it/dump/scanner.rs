//! Looks for millions of needles at once, in files of any size, with a bounded memory.
//!
//! The last six bytes of each needle are its window. A window slides over what is read; where it is
//! one of a needle's, the whole needle is compared. Every hit is reported, at every place.

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::digits::Written;
use super::needles::{Needles, Sort, Which};
use super::wraps::{self, CLASSES, Class, Wrap};

/// Bytes that are read at once.
const BLOCK_BYTES: usize = 1 << 20;
/// Bytes that are looked at again together with the next block: the longest needle, written as a
/// list of its bytes within a list.
const OVERLAP_BYTES: usize = 4096;
/// How deep something may be written within something else: base64 in a column of bytes, of which a
/// dump shows the hexadecimal.
const WRAPS_MAX: usize = 2;
const WINDOW_BYTES: usize = 6;
const WINDOW_MASK: usize = (1 << (8 * WINDOW_BYTES)) - 1;
/// Fibonacci hashing: the golden ratio's bits, of whose product the highest are the best mixed.
const FIBONACCI: usize = 0x9e37_79b9_7f4a_7c15;
const ZEROS: [u8; 512] = [0; 512];
/// Bits of the filter for each needle: one window in 64 passes it by chance.
const FILTER_BITS_PER_NEEDLE: usize = 64;

/// A needle that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Where it ends, in the text that it is written in.
    pub at: u64,
    pub sort: Sort,
    /// What was found, and of whom.
    pub what: String,
    pub whose: u32,
}

/// The needles, ready to be looked for.
pub struct Scanner<'a> {
    needles: &'a Needles,
    filter: Vec<usize>,
    filter_shift: u32,
    /// Sorted by window.
    windows: Vec<(usize, Which)>,
}

impl<'a> Scanner<'a> {
    pub fn new(needles: &'a Needles) -> Scanner<'a> {
        let mut windows: Vec<(usize, Which)> =
            needles.all().map(|which| (window(needles.bytes(which)), which)).collect();
        windows.sort_unstable();
        assert!(windows.first().is_none_or(|(window, _)| *window > 0), "zeros would always match");
        let bits = (windows.len() * FILTER_BITS_PER_NEEDLE).next_power_of_two().max(1 << 16);
        let filter_shift = usize::BITS - bits.trailing_zeros();
        let mut scanner =
            Scanner { needles, filter: vec![0; bits / 64], filter_shift, windows: Vec::new() };
        for (window, _) in &windows {
            let bit = window.wrapping_mul(FIBONACCI) >> filter_shift;
            scanner.filter[bit >> 6] |= 1 << (bit & 63);
        }
        scanner.windows = windows;
        scanner
    }

    /// Everything that is found in `from`, each once at each place.
    ///
    /// # Errors
    /// Those of `from`: what can't be read isn't clean.
    pub fn scan(&self, mut from: impl Read) -> io::Result<BTreeSet<Hit>> {
        let mut hits = BTreeSet::new();
        let mut block = Vec::with_capacity(BLOCK_BYTES + OVERLAP_BYTES);
        let mut base = 0;
        loop {
            let kept = block.len();
            let room = u64::try_from(BLOCK_BYTES).expect("a size");
            let read = from.by_ref().take(room).read_to_end(&mut block)?;
            if read == 0 {
                return Ok(hits);
            }
            self.look(&block, base, &mut Vec::new(), &mut hits);
            let done = (kept + read).saturating_sub(OVERLAP_BYTES);
            block.drain(..done);
            base += u64::try_from(done).expect("a size");
        }
    }

    fn look(&self, bytes: &[u8], base: u64, within: &mut Vec<Wrap>, hits: &mut BTreeSet<Hit>) {
        let place = |at: usize| base + u64::try_from(at).expect("a size");
        let mut runs = Vec::new();
        self.windows_and_runs(bytes, &mut runs, |end, which| {
            hits.insert(Hit {
                at: place(end),
                sort: self.needles.sort(which),
                what: told(self.needles.form(which), within),
                whose: self.needles.whose(which),
            });
        });
        for Run { class, start, end } in runs {
            if class == Class::Digits {
                self.needles.digits.look(&bytes[start..end], |at, written: Written, whose| {
                    let what = told(written.text().to_owned(), within);
                    hits.insert(Hit { at: place(start + at), sort: Sort::Number, what, whose });
                });
            } else if within.len() < WRAPS_MAX {
                for (wrap, unwrapped) in wraps::unwrap(class, &bytes[start..end]) {
                    within.push(wrap);
                    self.look(&unwrapped, place(start), within, hits);
                    within.pop();
                }
            }
        }
    }

    /// Hands each needle in `bytes` to `found`, with where it ends, and finds the runs of letters that
    /// may be more. One pass, in plain steps: tests aren't optimised, and every byte comes by here.
    fn windows_and_runs(
        &self,
        bytes: &[u8],
        runs: &mut Vec<Run>,
        mut found: impl FnMut(usize, Which),
    ) {
        let mut word = 0;
        let mut open = 0;
        let mut starts = [0; Class::ALL.len()];
        let mut at = 0;
        while at < bytes.len() {
            // Databases leave most of a page empty. So many zeros end whatever it was.
            let ahead = at + ZEROS.len();
            if word == 0 && ahead <= bytes.len() && bytes[at..ahead] == ZEROS {
                close(open, &starts, at, runs);
                (open, at) = (0, ahead);
                continue;
            }
            let byte = bytes[at];
            let classes = CLASSES[byte as usize];
            if classes != open {
                for class in Class::ALL {
                    let bit = 1 << class as u8;
                    if open & bit != 0 && classes & bit == 0 {
                        runs.extend(class.run(starts[class as usize], at));
                    } else if classes & bit != 0 && open & bit == 0 {
                        starts[class as usize] = at;
                    }
                }
                open = classes;
            }
            word = (word << 8 | byte as usize) & WINDOW_MASK;
            at += 1;
            if word != 0 {
                let bit = word.wrapping_mul(FIBONACCI) >> self.filter_shift;
                if self.filter[bit >> 6] >> (bit & 63) & 1 == 1 {
                    self.compare(&bytes[..at], word, &mut |which| found(at, which));
                }
            }
        }
        close(open, &starts, at, runs);
    }

    fn compare(&self, before: &[u8], word: usize, found: &mut impl FnMut(Which)) {
        let from = self.windows.partition_point(|(window, _)| *window < word);
        for (window, which) in &self.windows[from..] {
            if *window != word {
                return;
            }
            if before.ends_with(self.needles.bytes(*which)) {
                found(*which);
            }
        }
    }
}

/// Letters of one class.
struct Run {
    class: Class,
    start: usize,
    end: usize,
}

/// Ends the runs of the `open` classes.
fn close(open: u8, starts: &[usize], end: usize, runs: &mut Vec<Run>) {
    for class in Class::ALL {
        if open & 1 << class as u8 != 0 {
            runs.extend(class.run(starts[class as usize], end));
        }
    }
}

impl Class {
    /// A run from `start` to `end`, if it is long enough to be one.
    fn run(self, start: usize, end: usize) -> Option<Run> {
        (end - start >= self.letters_min()).then_some(Run { class: self, start, end })
    }
}

fn window(needle: &[u8]) -> usize {
    let last = &needle[needle.len() - WINDOW_BYTES..];
    last.iter().fold(0, |word, byte| word << 8 | usize::from(*byte))
}

fn told(what: String, within: &[Wrap]) -> String {
    within.iter().rev().fold(what, |what, wrap| format!("{what}, in {}", wrap.text()))
}
