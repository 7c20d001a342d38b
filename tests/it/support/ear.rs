//! Hears every line that anything in this process logs, whichever test it is of.

use std::fmt::Write;
use std::sync::{Mutex, Once};

use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};

static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Ear;

/// Listens from now on.
pub fn open() {
    static OPENED: Once = Once::new();
    OPENED.call_once(|| {
        log::set_logger(&Ear).expect("nobody else listens");
        log::set_max_level(LevelFilter::Debug);
    });
}

/// Every line so far, with its target and its pairs.
pub fn heard() -> Vec<String> {
    HEARD.lock().expect("unbroken").clone()
}

impl Log for Ear {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = Line(format!("{} {}", record.target(), record.args()));
        record.key_values().visit(&mut line).ok();
        HEARD.lock().expect("unbroken").push(line.0);
    }

    fn flush(&self) {}
}

struct Line(String);

impl<'kvs> VisitSource<'kvs> for Line {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        write!(self.0, " {key}={value}").map_err(Error::from)
    }
}
