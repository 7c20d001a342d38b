//! Spans in order, so that the fold finds the next after one, or the last before it, by halving.
//!
//! "Before" alone sorts nothing: of two nested spans neither is before the other. But of spans of one
//! length, whoever begins later ends later too, and times come in two lengths: instants and days. So
//! those of one length stand together, and every question is put to each length.

use super::time::Span;

/// Spans by length, those of one length in ascending order.
#[derive(Default)]
pub(super) struct Spans(Vec<Vec<Span>>);

impl FromIterator<Span> for Spans {
    fn from_iter<I: IntoIterator<Item = Span>>(spans: I) -> Spans {
        let length = |span: &Span| span.hi - span.lo;
        let mut all: Vec<Span> = spans.into_iter().collect();
        all.sort_unstable_by_key(|span| (length(span), span.lo));
        Spans(all.chunk_by(|a, b| length(a) == length(b)).map(<[Span]>::to_vec).collect())
    }
}

impl Spans {
    /// Of each length the last that is still early. What is earlier than an early one must be early.
    pub(super) fn last_while(&self, early: impl Fn(Span) -> bool) -> impl Iterator<Item = Span> {
        self.0.iter().filter_map(move |spans| {
            let count = spans.partition_point(|span| early(*span));
            spans[..count].last().copied()
        })
    }

    /// Of each length the first that is no longer early. What is earlier than an early one must be
    /// early.
    pub(super) fn first_after(&self, early: impl Fn(Span) -> bool) -> impl Iterator<Item = Span> {
        self.0.iter().filter_map(move |spans| {
            let count = spans.partition_point(|span| early(*span));
            spans.get(count).copied()
        })
    }

    /// Of each length the last.
    pub(super) fn latest(&self) -> impl Iterator<Item = Span> {
        self.0.iter().filter_map(|spans| spans.last().copied())
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Span> {
        self.0.iter().flatten().copied()
    }
}
