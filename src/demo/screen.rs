//! What is shown: lines, a table, and a bar while something takes longer. Lines go to whatever writer
//! is handed in; the bar goes to stderr, and to a terminal only.

use std::fmt::Write as _;
use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Whether bars are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// They are, if stderr is a terminal.
    Shown,
    /// They aren't.
    Hidden,
}

/// Where the demo is seen.
pub struct Screen<'a> {
    out: &'a mut dyn Write,
    progress: Progress,
    began: Instant,
}

/// One line of the story: who did what, and what came of it.
pub(super) struct Line<'a> {
    pub who: &'a str,
    pub does: &'a str,
    pub what: &'a str,
    pub result: &'a str,
}

impl<'a> Screen<'a> {
    /// A screen on which time begins now.
    pub fn new(out: &'a mut dyn Write, progress: Progress) -> Screen<'a> {
        Screen { out, progress, began: Instant::now() }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn line(&mut self, line: &Line<'_>) {
        let Line { who, does, what, result } = line;
        let at = self.elapsed().as_secs_f64();
        self.write(&format!("{at:>5.1} s  {who:<9} {does:<10} {what:<54} {result}"));
    }

    /// What nobody said or did, but somebody should know.
    pub(super) fn aside(&mut self, text: &str) {
        self.write(&format!("{:>7}  ({text})", ""));
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.write("");
        self.write(text);
    }

    pub(super) fn table(&mut self, title: &str, rows: &[(&str, String)]) {
        self.heading(title);
        for (name, value) in rows {
            self.write(&format!("  {name:<14} {value}"));
        }
    }

    /// A bar for `total` steps of something.
    pub(super) fn bar(&self, what: &'static str, total: usize) -> ProgressBar {
        if self.progress == Progress::Hidden {
            return ProgressBar::hidden();
        }
        let template = "          {msg:<20} {bar:30} {percent:>3} %   {pos}/{len}";
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("█▉▊▋▌▍▎▏░");
        let bar = ProgressBar::new(total.try_into().unwrap_or(u64::MAX)).with_style(style);
        bar.with_message(what)
    }

    /// Whoever reads may have gone away; the exit code still tells how it ended.
    fn write(&mut self, line: &str) {
        if writeln!(self.out, "{}", line.trim_end()).and_then(|()| self.out.flush()).is_err() {
            log::debug!("nobody reads the demo any more");
        }
    }
}

/// `30,000`
pub(super) fn grouped(count: impl TryInto<u64>) -> String {
    let digits = count.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `11 ms`, `0.31 ms`
pub(super) fn short(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1_000.0;
    let mut text = String::new();
    let written = if ms < 10.0 { write!(text, "{ms:.2} ms") } else { write!(text, "{ms:.0} ms") };
    written.expect("a String takes everything");
    text
}
