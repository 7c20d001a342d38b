//! One line a log record, whatever stands in it: records quote what strangers sent, and a line that a
//! stranger could end, colour or turn round would let them write the log.
//!
//! Hand [`text`] or [`json`] to `env_logger::Builder::format`.

use std::fmt::{self, Display, Write as _};
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use log::Record;
use log::kv::{Key, Value, VisitSource};

/// Characters of one value that are written; what comes after is cut off, and … says so.
pub const VALUE_CHARS_MAX: usize = 16_384;

/// Writes `ts=… level=… target=… msg="…" key=value …`: logfmt.
///
/// # Errors
/// Those of `out`.
pub fn text(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    out.write_all(text_line(now(), record).as_bytes())
}

/// Writes `{"ts":"…","level":"…","target":"…","msg":"…","key":value,…}`: JSON (RFC 8259).
///
/// # Errors
/// Those of `out`.
pub fn json(out: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    out.write_all(json_line(now(), record).as_bytes())
}

#[expect(clippy::disallowed_methods, reason = "a log tells the machine's time, even in a test")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// The line that [`text`] writes, with the moment given.
pub fn text_line(at: DateTime<Utc>, record: &Record<'_>) -> String {
    let mut line = format!("ts={} level={} target=", stamp(at), level(record));
    push_bare_or_quoted(&mut line, record.target());
    line.push_str(" msg=");
    push_quoted(&mut line, record.args());
    for_each_pair(record, |key, value| {
        line.push(' ');
        line.extend(key.chars().map(|c| if is_key_char(c) { c } else { '_' }));
        line.push('=');
        push_bare_or_quoted(&mut line, value);
    });
    line.push('\n');
    line
}

/// The line that [`json`] writes, with the moment given.
pub fn json_line(at: DateTime<Utc>, record: &Record<'_>) -> String {
    let mut line = format!(r#"{{"ts":"{}","level":"{}","target":"#, stamp(at), level(record));
    push_quoted(&mut line, record.target());
    line.push_str(r#","msg":"#);
    push_quoted(&mut line, record.args());
    for_each_pair(record, |key, value| {
        line.push(',');
        push_quoted(&mut line, key);
        line.push(':');
        if is_json_literal(value) {
            line.push_str(&value.to_string());
        } else {
            push_quoted(&mut line, value);
        }
    });
    line.push_str("}\n");
    line
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn level(record: &Record<'_>) -> String {
    record.level().as_str().to_lowercase()
}

fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

fn is_json_literal(value: &Value<'_>) -> bool {
    let is_integer = value.to_u64().is_some() || value.to_i64().is_some();
    is_integer || value.to_bool().is_some() || value.to_f64().is_some_and(f64::is_finite)
}

fn for_each_pair(record: &Record<'_>, act: impl FnMut(&str, &Value<'_>)) {
    struct Act<F>(F);

    impl<'kvs, F: FnMut(&str, &Value<'_>)> VisitSource<'kvs> for Act<F> {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
            self.0(key.as_str(), &value);
            Ok(())
        }
    }

    // A source that fails has fewer pairs: better than no record.
    record.key_values().visit(&mut Act(act)).ok();
}

/// Pushes a word as it is, anything else in quotes.
fn push_bare_or_quoted(line: &mut String, value: impl Display) {
    let start = line.len();
    push_escaped(line, value);
    let is_word_byte = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=');
    if line.len() == start || !line[start..].bytes().all(is_word_byte) {
        line.insert(start, '"');
        line.push('"');
    }
}

/// Pushes a JSON string, which logfmt reads alike.
fn push_quoted(line: &mut String, value: impl Display) {
    line.push('"');
    push_escaped(line, value);
    line.push('"');
}

fn push_escaped(line: &mut String, value: impl Display) {
    let mut escaped = Escaped { line, left: VALUE_CHARS_MAX };
    if write!(escaped, "{value}").is_err() {
        line.push('…');
    }
}

/// Writes to a line what can't end, colour or turn it. Fails when no more characters are left.
struct Escaped<'a> {
    line: &'a mut String,
    left: usize,
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            match c {
                '"' | '\\' => self.line.extend(['\\', c]),
                '\n' => self.line.push_str("\\n"),
                '\r' => self.line.push_str("\\r"),
                '\t' => self.line.push_str("\\t"),
                c if is_hidden(c) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(self.line, "\\u{unit:04x}")?;
                    }
                }
                c => self.line.push(c),
            }
        }
        Ok(())
    }
}

/// Control characters; and what Unicode has to break lines, to turn their direction (bidi) or to
/// write without being seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}
