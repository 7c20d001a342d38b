//! Log lines: one line a record, whatever stands in it.

use std::io::{self, Write};
use std::sync::mpsc;

use chrono::DateTime;
use env_logger::fmt::Formatter;
use log::{Level, LevelFilter, Log, Record};
use vacate::log_format::{self, VALUE_CHARS_MAX};

fn lines(message: &str, pairs: &[(&str, log::kv::Value<'_>)]) -> (String, String) {
    let at = DateTime::parse_from_rfc3339("2026-11-23T09:30:02.1239Z").unwrap().to_utc();
    let mut builder = Record::builder();
    builder.level(Level::Info).target("vacate::http").key_values(&pairs);
    let args = format_args!("{message}");
    let text = log_format::text_line(at, &builder.args(args).build());
    let json = log_format::json_line(at, &builder.args(args).build());
    (text, json)
}

/// The message and the value of `key` in the one line that each format made.
fn read(message: &str, value: &str) -> (String, String) {
    let (text, json) = lines(message, &[("key", value.into())]);
    for line in [&text, &json] {
        assert!(line.ends_with('\n') && line.lines().count() == 1, "{line:?}");
        assert!(!line.trim_end().contains(char::is_control), "{line:?}");
    }
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    let member = |name: &str| object[name].as_str().unwrap().to_owned();
    (member("msg"), member("key"))
}

#[test]
fn a_record_is_one_line_of_words_and_quoted_texts() {
    let pairs = [
        ("method", "POST".into()),
        ("route", "/v1/events".into()),
        ("status", 200.into()),
        ("slow", false.into()),
    ];
    let (text, json) = lines("request", &pairs);
    assert_eq!(
        text,
        "ts=2026-11-23T09:30:02.123Z level=info target=vacate::http msg=\"request\" method=POST \
         route=/v1/events status=200 slow=false\n"
    );
    assert_eq!(
        json,
        "{\"ts\":\"2026-11-23T09:30:02.123Z\",\"level\":\"info\",\"target\":\"vacate::http\",\
         \"msg\":\"request\",\"method\":\"POST\",\"route\":\"/v1/events\",\"status\":200,\"slow\":false}\n"
    );
}

#[test]
fn values_that_are_no_words_are_quoted() {
    let pairs = [
        ("empty", "".into()),
        ("blank", "a b".into()),
        ("equals", "a=b".into()),
        ("quote", "a\"b".into()),
        ("slash", "a\\b".into()),
        ("umlaut", "ü".into()),
        ("odd key\n", 1.into()),
    ];
    let (text, json) = lines("", &pairs);
    let (_, values) = text.split_once("msg=\"\" ").unwrap();
    let expected =
        r#"empty="" blank="a b" equals="a=b" quote="a\"b" slash="a\\b" umlaut="ü" odd_key_=1"#;
    assert_eq!(values.trim_end(), expected);
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(object["quote"], "a\"b");
    assert_eq!(object["odd key\n"], 1);
}

#[test]
fn numbers_stay_numbers_unless_json_has_none() {
    let pairs = [
        ("large", u64::MAX.into()),
        ("small", i64::MIN.into()),
        ("half", 0.5.into()),
        ("nan", f64::NAN.into()),
        ("endless", f64::INFINITY.into()),
    ];
    let object: serde_json::Value = serde_json::from_str(&lines("", &pairs).1).unwrap();
    assert_eq!(object["large"], u64::MAX);
    assert_eq!(object["small"], i64::MIN);
    assert_eq!(object["half"], 0.5);
    assert_eq!((&object["nan"], &object["endless"]), (&"NaN".into(), &"inf".into()));
}

#[test]
fn hostile_text_ends_colours_and_turns_no_line() {
    for hostile in [
        "a\r\nts=2026 level=error msg=\"forged\"",
        "\u{1b}[31mred\u{1b}]0;title\u{7}",
        "\0\u{8}\u{7f}\u{85}\u{9b}31m",
        "user\u{202e}txt.exe\u{2066}\u{200f}\u{61c}",
        "\u{2028}\u{2029}\u{feff}\u{200b}\u{e0041}",
        "\"}\n{\"level\":\"error\"",
        "\\\" \\n \\",
    ] {
        let (text, json) = lines(hostile, &[("key", hostile.into())]);
        for line in [text, json] {
            let hidden = |c: char| {
                matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                    | '\u{61c}' | '\u{feff}' | '\u{e0041}')
            };
            assert!(!line.contains(hidden), "{line:?}");
        }
        // Escaped, not lost.
        assert_eq!(read(hostile, hostile), (hostile.to_owned(), hostile.to_owned()));
    }
}

#[test]
fn a_mebibyte_is_cut_off_and_says_so() {
    let (message, value) = read(&"x".repeat(1 << 20), &"\n".repeat(1 << 20));
    assert_eq!(message, "x".repeat(VALUE_CHARS_MAX) + "…");
    assert_eq!(value, "\n".repeat(VALUE_CHARS_MAX) + "…");
    let whole = "é".repeat(VALUE_CHARS_MAX);
    assert_eq!(read(&whole, "").0, whole);
}

#[test]
fn env_logger_writes_one_line_for_each_record() {
    struct Lines(mpsc::Sender<Vec<u8>>);
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (sender, receiver) = mpsc::channel();
    let formats: [fn(&mut Formatter, &Record<'_>) -> io::Result<()>; 2] =
        [log_format::text, log_format::json];
    for format in formats {
        let logger = env_logger::Builder::new()
            .filter_level(LevelFilter::Info)
            .target(env_logger::Target::Pipe(Box::new(Lines(sender.clone()))))
            .format(format)
            .build();
        for level in [Level::Warn, Level::Debug] {
            let pairs = [("status", 200)];
            let mut record = Record::builder();
            record.level(level).target("vacate").key_values(&pairs);
            logger.log(&record.args(format_args!("a\nb")).build());
        }
    }
    let lines: Vec<String> =
        receiver.try_iter().map(|line| String::from_utf8(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].ends_with(" level=warn target=vacate msg=\"a\\nb\" status=200\n"),
        "{}",
        lines[0]
    );
    let json = r#","level":"warn","target":"vacate","msg":"a\nb","status":200}"#;
    assert!(lines[1].trim_end().ends_with(json), "{}", lines[1]);
}
