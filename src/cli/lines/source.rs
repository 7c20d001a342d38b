//! Where lines come from: a file, or stdin as `-`.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use csv::{ByteRecord, ReaderBuilder};

use crate::cli::Failure;

/// Columns of a file of rejected lines, which may be sent again as it is.
pub const OF_REJECTS: [&str; 3] = ["line", "code", "detail"];
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A file whose header was read.
pub struct Source {
    /// The file, or `None` for stdin.
    pub path: Option<PathBuf>,
    /// How long it is, if that is known.
    pub bytes: Option<u64>,
    /// The names in its header.
    pub columns: Rc<Vec<String>>,
    reader: csv::Reader<Box<dyn Read>>,
    failure: Rc<RefCell<Option<Failure>>>,
}

/// One line.
pub struct Line {
    /// Which, counted from 1 with the header.
    pub number: u64,
    /// Where it ends in the file, in bytes.
    pub end: u64,
    /// Its fields.
    pub fields: Vec<String>,
    /// Why it can't be read, if it can't.
    pub damage: Option<&'static str>,
    columns: Rc<Vec<String>>,
}

impl Line {
    /// What stands in a column; blank counts as absent.
    pub fn get(&self, column: &str) -> Option<&str> {
        let place = self.columns.iter().position(|known| known == column)?;
        self.fields.get(place).map(|field| field.trim()).filter(|field| !field.is_empty())
    }
}

impl Source {
    /// Opens a file, `-` being stdin, and reads its header, which may name `known` columns and must
    /// name `needed` ones.
    ///
    /// # Errors
    /// When it can't be read, or its header is another.
    pub fn open(file: &Path, known: &[&str], needed: &[&str]) -> Result<Source, Failure> {
        let source = Source::read(file)?;
        must_fit(file, &source.columns, known, needed)?;
        Ok(source)
    }

    /// Opens a file of any columns, one of which is `needed`.
    ///
    /// # Errors
    /// When it can't be read, or has no such column.
    pub fn open_any(file: &Path, needed: &str) -> Result<Source, Failure> {
        let source = Source::read(file)?;
        if source.columns.iter().any(|column| column == needed) {
            return Ok(source);
        }
        Err(Failure::Usage(format!("{}: the header has no column {needed}", shown(file))))
    }

    fn read(file: &Path) -> Result<Source, Failure> {
        let (path, bytes, input): (_, _, Box<dyn Read>) = if file == Path::new("-") {
            (None, None, Box::new(std::io::stdin()))
        } else {
            let opened = File::open(file).map_err(|error| cannot_read(file, error.kind()))?;
            let bytes = opened.metadata().ok().map(|metadata| metadata.len());
            (Some(file.to_owned()), bytes, Box::new(opened))
        };
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(input);
        let header = reader.headers().map_err(|error| wrong(file, &reason(&error)))?;
        let columns: Vec<String> = header
            .iter()
            .map(|name| name.trim_start_matches(BYTE_ORDER_MARK).trim().to_owned())
            .collect();
        Ok(Source { path, bytes, columns: Rc::new(columns), reader, failure: Rc::default() })
    }

    /// Where it will be said that the file couldn't be read to its end.
    pub fn failure(&self) -> Rc<RefCell<Option<Failure>>> {
        Rc::clone(&self.failure)
    }

    /// The lines, as they are read; those that can't be, with their damage.
    pub fn lines(self) -> impl Iterator<Item = Line> {
        let Source { path, columns, mut reader, failure, .. } = self;
        std::iter::from_fn(move || {
            let mut record = ByteRecord::new();
            let why = match reader.read_byte_record(&mut record) {
                // A quote that is never closed swallows all lines that follow.
                Ok(true) if record.iter().any(|field| field.contains(&b'\n')) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    format!("line {line}: a quote is never closed, or a field holds a line break")
                }
                Ok(true) => return Some(line(&record, reader.position().byte(), &columns)),
                Ok(false) => return None,
                Err(error) => reason(&error),
            };
            let file = path.as_deref().unwrap_or(Path::new("-"));
            failure.replace(Some(wrong(file, &why)));
            None
        })
    }
}

fn line(record: &ByteRecord, end: u64, columns: &Rc<Vec<String>>) -> Line {
    let damage = if record.iter().any(|field| std::str::from_utf8(field).is_err()) {
        Some("This line is not UTF-8.")
    } else if record.len() != columns.len() {
        Some("This line has another number of fields than the header.")
    } else {
        None
    };
    Line {
        number: record.position().map_or(0, csv::Position::line),
        end,
        fields: record.iter().map(|field| String::from_utf8_lossy(field).into()).collect(),
        damage,
        columns: Rc::clone(columns),
    }
}

fn must_fit(
    file: &Path,
    columns: &[String],
    known: &[&str],
    needed: &[&str],
) -> Result<(), Failure> {
    let is_known =
        |name: &&String| known.contains(&name.as_str()) || OF_REJECTS.contains(&name.as_str());
    let lacking = needed.iter().find(|name| !columns.iter().any(|column| column == *name));
    if let Some(lacking) = lacking {
        let columns = known.join(",");
        let what = format!("the header lacks the column {lacking}; known ones are {columns}");
        return Err(Failure::Usage(format!("{}: {what}", shown(file))));
    }
    // A misspelt column must not be taken for one that is empty in every line. The name isn't
    // repeated: without a header it is somebody's number.
    if let Some(place) = columns.iter().position(|name| !is_known(&name)) {
        let columns = known.join(",");
        let what =
            format!("column {} of the header isn't known; known ones are {columns}", place + 1);
        return Err(Failure::Usage(format!("{}: {what}", shown(file))));
    }
    Ok(())
}

fn cannot_read(file: &Path, kind: std::io::ErrorKind) -> Failure {
    Failure::Failed(format!("{}: {kind}", shown(file)))
}

fn wrong(file: &Path, why: &str) -> Failure {
    Failure::Failed(format!("{}: {why}", shown(file)))
}

fn shown(file: &Path) -> String {
    if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() }
}

fn reason(error: &csv::Error) -> String {
    if let csv::ErrorKind::Io(error) = error.kind() {
        return error.kind().to_string();
    }
    "the header is not UTF-8".to_owned()
}
