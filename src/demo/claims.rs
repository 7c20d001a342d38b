//! What the demo claims at its end, and how it knows: what was counted on the way, what the registry
//! itself says is left to do, and the bytes that it leaves on the disk.

use std::collections::HashSet;
use std::path::Path;

use super::Result;
use super::cast::Cast;
use super::crowd::{Crowd, Tally};
use super::numbers;
use super::screen::{Screen, grouped, short};
use crate::client::app::Duties;
use crate::client::inbox::Received;
use crate::client::receiver::Outcome;
use crate::domain::number::{E164, NumberText};

/// Messages of the story before the crowd: one to freeze, one to detach.
const STORY_MESSAGES: usize = 2;
/// The digits of a number with its calling code, as the demo's are.
const DIGITS_MIN: usize = 10;
const DIGITS_MAX: usize = 13;
/// Bytes of a digest by which it is recognised, and the hex digits that they are written with.
const DIGEST_BEGINNING: usize = 8;
const HEX_BEGINNING: usize = 2 * DIGEST_BEGINNING;
/// Bytes that are searched between two steps of the bar.
const PIECE: usize = 1 << 20;

/// What came out.
pub struct Claims {
    rows: Vec<(&'static str, String)>,
    lost: usize,
    wrong: usize,
    found: usize,
    /// What else should not be.
    amiss: Vec<String>,
}

impl Claims {
    /// Whether all that is claimed is true.
    pub fn hold(&self) -> bool {
        self.lost + self.wrong + self.found == 0 && self.amiss.is_empty()
    }

    pub(super) fn table(&self) -> Vec<(&'static str, String)> {
        self.rows.clone()
    }

    pub(super) fn verdict(&self) -> String {
        let mut text = format!(
            "What it claims, checked: {} messages lost · {} wrong answers · {} numbers in the database",
            self.lost, self.wrong, self.found
        );
        for amiss in &self.amiss {
            text += " · ";
            text += amiss;
        }
        text + if self.hold() { " · exit code 0" } else { " · exit code 1" }
    }
}

/// Looks at everything once more, when all is done.
pub(super) async fn check(cast: &Cast, crowd: &Crowd, screen: &Screen<'_>) -> Result<Claims> {
    cast.quiet().await?;
    let tally = &crowd.tally;
    let mut amiss = Vec::new();
    let mut note = |count: usize, what: &str| {
        if count > 0 {
            amiss.push(format!("{} {what}", grouped(count)));
        }
    };

    let (mut came, mut twice, mut forged, mut open) = (0, 0, 0, 0);
    for app in &cast.apps {
        came += app.receiver.all().len();
        for seen in app.receiver.seen() {
            twice += usize::from(seen.outcome == Outcome::Taken(Received::Again));
            forged += usize::from(matches!(seen.outcome, Outcome::NotTaken(_)));
        }
        open += app.client.duties(Duties::Open).all().await?.len();
    }
    let dead = cast.admin.status().await?.deliveries.dead;
    let known = tally.messages + tally.unexpected + STORY_MESSAGES;
    note(came.abs_diff(known), "messages too many");
    note(tally.unexpected, "unexpected messages");
    note(forged, "messages not believed");
    note(open, "duties open");
    note(dead.try_into().unwrap_or(usize::MAX), "messages given up");

    let sought = Sought::new(cast, crowd).await?;
    let disk = sought.on_disk(&cast.database(), screen)?;
    note(usize::from(!disk.readable), "database that can't be searched");
    let database = format!(
        "{} MB searched for all {} numbers and their digests",
        disk.bytes.div_ceil(1_000_000),
        grouped(sought.digests.len())
    );
    let mut rows = rows(tally, crowd.numbers.len(), twice);
    rows.push(("database", database));
    rows.push(("all of it", format!("{:.1} s", screen.elapsed().as_secs_f64())));
    Ok(Claims { rows, lost: tally.lost, wrong: tally.wrong, found: disk.found, amiss })
}

fn rows(tally: &Tally, numbers: usize, twice: usize) -> Vec<(&'static str, String)> {
    let first = tally.first.map(short).unwrap_or_default();
    vec![
        ("numbers", format!("{}, with {} accounts", grouped(numbers), grouped(tally.accounts))),
        ("events", format!("{} published by 2 carriers", grouped(tally.events))),
        (
            "answers",
            format!(
                "{} checks, {} clearances, each compared with what it must be",
                grouped(tally.checks),
                grouped(tally.clearances)
            ),
        ),
        (
            "webhooks",
            format!(
                "{} came, each signed and verified; the first after {first}; {twice} came twice",
                grouped(tally.messages)
            ),
        ),
        ("acknowledged", format!("{} times: frozen, released, detached", grouped(tally.messages))),
        (
            "one check",
            format!(
                "p50 {}, p99 {}, over HTTP, one after the other",
                short(tally.within(50)),
                short(tally.within(99))
            ),
        ),
    ]
}

/// Numbers that must not be on the disk: neither their digits nor their digests, of which everybody
/// who takes part could make numbers again.
#[derive(Default)]
struct Sought {
    digits: HashSet<Vec<u8>>,
    digests: HashSet<Vec<u8>>,
    /// The same beginnings, written in hex.
    hex: HashSet<Vec<u8>>,
}

/// What a search has found.
#[derive(Default)]
struct Disk {
    bytes: usize,
    found: usize,
    /// Whether what must be there, the name of an app, was found: else finding nothing means nothing.
    readable: bool,
}

impl Sought {
    async fn new(cast: &Cast, crowd: &Crowd) -> Result<Sought> {
        let mut sought = Sought::default();
        for number in crowd.numbers.iter().chain([&numbers::story()]) {
            sought.digits.insert(digits_of(number).to_vec());
            if let NumberText::Digest { nd, .. } = cast.digest(number).await? {
                let beginning = &nd[..DIGEST_BEGINNING];
                sought.digests.insert(beginning.to_vec());
                let hex: String = beginning.iter().map(|byte| format!("{byte:02x}")).collect();
                sought.hex.insert(hex.into_bytes());
            }
        }
        Ok(sought)
    }

    /// Searches every file in `folder`.
    fn on_disk(&self, folder: &Path, screen: &Screen<'_>) -> Result<Disk> {
        let mut disk = Disk::default();
        let mut files = Vec::new();
        for file in std::fs::read_dir(folder)? {
            files.push(std::fs::read(file?.path())?);
        }
        disk.bytes = files.iter().map(Vec::len).sum();
        let bar = screen.bar("search", disk.bytes.div_ceil(PIECE));
        for file in &files {
            for begin in (0..file.len()).step_by(PIECE) {
                // What lies across the border is found too, and at worst counted twice.
                let piece = &file[begin..file.len().min(begin + PIECE + HEX_BEGINNING)];
                disk.found += self.digits_in(piece) + self.digests_in(piece);
                disk.readable |= piece.windows(7).any(|window| window == b"skyfare");
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(disk)
    }

    fn digits_in(&self, bytes: &[u8]) -> usize {
        let runs = bytes.split(|byte| !byte.is_ascii_digit());
        let windows =
            runs.flat_map(|run| (DIGITS_MIN..=DIGITS_MAX).flat_map(|length| run.windows(length)));
        windows.filter(|window| self.digits.contains(*window)).count()
    }

    fn digests_in(&self, bytes: &[u8]) -> usize {
        let raw = bytes.windows(DIGEST_BEGINNING).filter(|begin| self.digests.contains(*begin));
        let runs = bytes.split(|byte| !byte.is_ascii_hexdigit());
        let text = runs.flat_map(|run| run.windows(HEX_BEGINNING));
        raw.count() + text.filter(|begin| self.hex.contains(*begin)).count()
    }
}

fn digits_of(number: &E164) -> &[u8] {
    number.as_str().trim_start_matches('+').as_bytes()
}
