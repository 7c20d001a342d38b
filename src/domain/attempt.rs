//! One try to deliver a message, and what came of it.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// How much of an answer is kept, to show the app what its receiver said.
pub const ANSWER_KEPT_BYTES_MAX: usize = 1024;
/// The longest wait that a receiver can ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);
/// Seven digits in a row may be a phone number.
const DIGITS_SHOWN_MAX: usize = 6;

/// One try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: DateTime<Utc>,
    /// How long it took, from resolving the name to the last byte read.
    pub took: Duration,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of one try.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer's body, by [`answer_text`].
        answer: String,
        /// The wait that the receiver asked for.
        retry_after: Option<RetryAfter>,
    },
    /// There was no answer, or none that can be believed.
    Failed(FailureKind),
}

impl Outcome {
    /// Whether the receiver took the message: any 2xx. A redirect is a failure and is not followed.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Outcome::Answered { status: 200..=299, .. })
    }

    /// Whether the receiver wants no more messages: 410 Gone.
    pub fn is_gone(&self) -> bool {
        matches!(self, Outcome::Answered { status: 410, .. })
    }

    /// Whether the receiver seems to be short of breath and must be left alone for a while.
    pub fn asks_to_slow_down(&self) -> bool {
        matches!(
            self,
            Outcome::Answered { status: 429 | 502 | 504, .. }
                | Outcome::Failed(FailureKind::Timeout | FailureKind::ConnectTimeout)
        )
    }

    /// Whether the receiver had no part in it: then its breaker learns nothing from it.
    pub fn is_ours(&self) -> bool {
        matches!(self, Outcome::Failed(FailureKind::NotMade))
    }

    /// How long the receiver asked to be left alone, at most [`RETRY_AFTER_MAX`].
    pub fn retry_after(&self, now: DateTime<Utc>) -> Option<Duration> {
        match self {
            Outcome::Answered { retry_after, .. } => retry_after.map(|asked| asked.wait(now)),
            Outcome::Failed(_) => None,
        }
    }
}

/// Without the answer, which may repeat what was sent.
impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Answered { status, .. } => write!(f, "Answered({status})"),
            Outcome::Failed(kind) => write!(f, "Failed({kind:?})"),
        }
    }
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The name doesn't resolve.
    NameNotFound,
    /// The URL or every address behind the name is outside what may be called.
    AddressNotAllowed,
    /// The connection was refused or reset.
    Connection,
    /// Nothing answered to the attempt to connect.
    ConnectTimeout,
    /// TLS failed: wrong or expired certificate, no common version, not TLS at all.
    Tls,
    /// The request was sent, and the answer didn't end in time.
    Timeout,
    /// The answer broke off or wasn't HTTP.
    BadAnswer,
    /// The registry itself couldn't write or sign the message.
    NotMade,
}

impl FailureKind {
    /// The stable text that the API shows. Kinds that would tell a stranger what runs behind an
    /// address, or which names exist there, share one text.
    pub fn text(self) -> &'static str {
        match self {
            FailureKind::NameNotFound | FailureKind::AddressNotAllowed => {
                "no address that may be called"
            }
            FailureKind::Connection | FailureKind::ConnectTimeout | FailureKind::Tls => {
                "no connection"
            }
            FailureKind::Timeout => "no answer in time",
            FailureKind::BadAnswer => "broken answer",
            FailureKind::NotMade => "not sent: our own failure",
        }
    }
}

/// A `Retry-After` header (RFC 9110, section 10.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many seconds from now.
    Seconds(u64),
    /// Not before then.
    At(DateTime<Utc>),
}

impl RetryAfter {
    /// Reads seconds or a date; `None` for anything else, the obsolete forms of dates included.
    pub fn parse(text: &str) -> Option<RetryAfter> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(RetryAfter::Seconds(text.parse().unwrap_or(u64::MAX)));
        }
        DateTime::parse_from_rfc2822(text).ok().map(|date| RetryAfter::At(date.to_utc()))
    }

    /// The wait from `now`, at most [`RETRY_AFTER_MAX`]; a date in the past asks for none.
    pub fn wait(self, now: DateTime<Utc>) -> Duration {
        let wait = match self {
            RetryAfter::Seconds(seconds) => Duration::from_secs(seconds),
            RetryAfter::At(date) => (date - now).to_std().unwrap_or_default(),
        };
        wait.min(RETRY_AFTER_MAX)
    }
}

/// The beginning of an answer as text that is safe to store and show: what isn't UTF-8 replaced,
/// control and direction characters escaped, runs of seven or more digits hidden, because a
/// receiver may quote a phone number and the registry stores none.
pub fn answer_text(body: &[u8]) -> String {
    let kept = &body[..body.len().min(ANSWER_KEPT_BYTES_MAX)];
    let letters: Vec<char> = String::from_utf8_lossy(kept).chars().collect();
    let mut text = String::with_capacity(kept.len());
    for run in letters.chunk_by(|a, b| a.is_numeric() == b.is_numeric()) {
        if run.len() > DIGITS_SHOWN_MAX && run[0].is_numeric() {
            text.push('…');
            continue;
        }
        for &letter in run {
            if letter.is_control() || turns_direction(letter) {
                text.extend(letter.escape_default());
            } else {
                text.push(letter);
            }
        }
    }
    text
}

fn turns_direction(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
