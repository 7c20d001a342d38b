//! How far a file is, for who watches.

use std::cell::Cell;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::source::{Line, Source};
use crate::cli::say::Say;

const OF_A_FILE: &str = "{bar:30} {percent:>3} %  {msg}  {eta} left";
const OF_STDIN: &str = "{spinner} {msg}";
const TICK: Duration = Duration::from_millis(200);

/// A bar on stderr with the rate; nothing where nobody watches.
pub(super) struct Progress {
    bar: ProgressBar,
    lines: Cell<u64>,
}

impl Progress {
    pub(super) fn of(source: &Source, say: Say) -> Progress {
        let target = if say.is_watched() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(source.bytes, target);
        let template = if source.bytes.is_some() { OF_A_FILE } else { OF_STDIN };
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Progress { bar, lines: Cell::new(0) }
    }

    /// These lines were answered.
    pub(super) fn answered<'a>(&self, lines: impl ExactSizeIterator<Item = &'a Line>) {
        let count = self.lines.get() + u64::try_from(lines.len()).unwrap_or(u64::MAX);
        self.lines.set(count);
        let end = lines.last().map_or(0, |line| line.end);
        self.bar.set_position(end.max(self.bar.position()));
        let seconds = self.bar.elapsed().as_secs_f64().max(0.001);
        let rate = count as f64 / seconds;
        self.bar.set_message(format!("{count} lines, {rate:.0} a second"));
    }

    /// Takes the bar away while something else is told.
    pub(super) fn aside(&self, tell: impl FnOnce()) {
        self.bar.suspend(tell);
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
