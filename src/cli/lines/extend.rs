//! A CSV file, printed with one column more. Cut off, it goes on where its output ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::iter::Peekable;
use std::path::Path;
use std::rc::Rc;

use csv::{ByteRecord, ReaderBuilder};

use super::rejects::{self, cannot_write};
use super::source::{Line, Source};
use super::{Failure, Patience, Run, Session};
use crate::cli::say;
use crate::client::batches::{self, Report, Waits};
use crate::client::{Error, Item, Problem};

/// The column that is added, and where to.
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// The file that is written, or gone on with; without one, stdout.
    pub output: Option<&'a Path>,
}

/// A line, and what was read of it.
struct Row<P> {
    place: u64,
    line: Line,
    read: Result<P, Problem>,
}

/// Prints each line of `source` with what `make` makes of it, in the order of the file; `read` says first
/// whether anything can be. Lines of which nothing can be made have nothing in the column, and stand
/// in `FILE.rejected.csv` with the reason. Four batches are under way at a time.
///
/// # Errors
/// When the file has such a column already, a batch has no answer after all tries, or the output is
/// another file's. What was written stands.
pub async fn extend<P: Clone>(
    session: &Session,
    source: Source,
    column: &Column<'_>,
    read: impl Fn(&Line) -> Result<P, Problem>,
    make: impl AsyncFn(&[P]) -> Result<Vec<String>, Error>,
) -> Result<Report, Failure> {
    let counted = |report: &Report| {
        let Report { accepted, rejected, .. } = report;
        format!("{accepted} made, {rejected} rejected")
    };
    let columns = Rc::clone(&source.columns);
    if columns.iter().any(|known| known == column.name) {
        let what = format!("the file has a column {} already", column.name);
        return Err(Failure::Usage(what));
    }
    let run = Run::new(session.say, &source, counted);
    let failed = source.failure();
    let header: Vec<&str> = columns.iter().map(String::as_str).chain([column.name]).collect();
    let mut lines = source.lines().peekable();
    let readable = |line: &Line| line.is_intact().and_then(|()| read(line));
    let mut out = match column.output {
        None => Output::stdout(&header)?,
        Some(path) => {
            let again = |line: &Line| match readable(line) {
                Ok(_) => Err(another(path)),
                Err(problem) => run.reject(line, &problem),
            };
            let (out, done) = Output::resume(path, &header, &mut lines, again)?;
            run.report.set(done);
            out
        }
    };
    let trouble = RefCell::new(None);
    let lines = lines.take_while(|_| trouble.borrow().is_none());
    let rows = (0_u64..).zip(lines).map(|(place, line)| {
        let read = readable(&line);
        Row { place, line, read }
    });
    let answered = |rows: &[Row<P>], made: &[Item<String>]| {
        let mut pairs = rows.iter().zip(made);
        let kept = pairs.try_for_each(|(row, made)| {
            run.count(made);
            made.told().map_or_else(|problem| run.reject(&row.line, problem), |_| Ok(()))
        });
        if let Err(failure) = kept.and_then(|()| out.write(rows, made)) {
            trouble.borrow_mut().get_or_insert(failure);
        }
        run.progress.answered(rows.iter().map(|row| &row.line));
    };
    let batch = async |rows: &[Row<P>]| made(rows, &make).await;
    let patience = Patience::default();
    let waits = |waits: Waits<'_>| patience.tell(waits, &run);
    let sent = batches::send_telling(rows, batch, answered, waits).await;
    run.close(trouble.into_inner().or_else(|| failed.take()), sent)
}

/// What is made of those rows that could be read.
async fn made<P: Clone>(
    rows: &[Row<P>],
    make: &impl AsyncFn(&[P]) -> Result<Vec<String>, Error>,
) -> Result<Vec<Item<String>>, Error> {
    let good: Vec<P> = rows.iter().filter_map(|row| row.read.clone().ok()).collect();
    let mut made = make(&good).await?.into_iter();
    let each = rows.iter().map(|row| match &row.read {
        Ok(_) => made.next().map(Item::Accepted),
        Err(problem) => Some(Item::Rejected(problem.clone())),
    });
    Ok(each.flatten().collect())
}

/// Where lines go, in the order of the file, whichever is answered first.
struct Output {
    csv: csv::Writer<Box<dyn Write>>,
    next: u64,
    waiting: BTreeMap<u64, Vec<Vec<String>>>,
}

impl Output {
    fn to(writer: Box<dyn Write>) -> Output {
        // A line may have been rejected for its number of fields.
        let csv = csv::WriterBuilder::new().flexible(true).from_writer(writer);
        Output { csv, next: 0, waiting: BTreeMap::new() }
    }

    fn stdout(header: &[&str]) -> Result<Output, Failure> {
        let mut output = Output::to(Box::new(std::io::stdout()));
        output.csv.write_record(header).map_err(say::csv_output)?;
        Ok(output)
    }

    /// Opens a file and passes over those of `lines` that are in it; `rejected` is told of each that has
    /// nothing in the column. A file that isn't there is made.
    fn resume(
        path: &Path,
        header: &[&str],
        lines: &mut Peekable<impl Iterator<Item = Line>>,
        mut rejected: impl FnMut(&Line) -> Result<(), Failure>,
    ) -> Result<(Output, Report), Failure> {
        let failed = |error: std::io::Error| cannot_write(path, &error.kind());
        let mut done = Report::default();
        if !path.exists() {
            let mut output = Output::to(Box::new(rejects::private(path).map_err(failed)?));
            output.csv.write_record(header).map_err(say::csv_output)?;
            return Ok((output, done));
        }
        let mut written = Written::open(path).map_err(failed)?;
        let mut whole = 0;
        if let Some(record) = written.next().map_err(failed)? {
            if record.iter().ne(header.iter().map(|name| name.as_bytes())) {
                return Err(another(path));
            }
            whole = written.end();
        }
        while let Some(record) = written.next().map_err(failed)? {
            let Some(line) = lines.next_if(|line| is_of(&record, line)) else {
                // The last one may have been cut off within a field that has several lines.
                let fields = lines.peek().map_or(0, |line| line.fields.len());
                if written.is_at_end() && record.len() <= fields {
                    break;
                }
                return Err(another(path));
            };
            if record.iter().next_back().is_some_and(|made| !made.is_empty()) {
                done.accepted += 1;
            } else {
                rejected(&line)?;
                done.rejected += 1;
            }
            whole = written.end();
        }
        let mut file = File::options().write(true).open(path).map_err(failed)?;
        file.set_len(whole).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
        let mut output = Output::to(Box::new(file));
        if whole == 0 {
            output.csv.write_record(header).map_err(say::csv_output)?;
        }
        Ok((output, done))
    }

    fn write<P>(&mut self, rows: &[Row<P>], made: &[Item<String>]) -> Result<(), Failure> {
        let Some(first) = rows.first() else { return Ok(()) };
        let record = |(row, made): (&Row<P>, &Item<String>)| {
            let made = made.told().map_or("", String::as_str);
            row.line.fields.iter().map(String::as_str).chain([made]).map(str::to_owned).collect()
        };
        self.waiting.insert(first.place, rows.iter().zip(made).map(record).collect());
        while let Some(records) = self.waiting.remove(&self.next) {
            for record in &records {
                self.csv.write_record(record).map_err(say::csv_output)?;
            }
            self.next += u64::try_from(records.len()).unwrap_or(u64::MAX);
        }
        self.csv.flush().map_err(say::output)
    }
}

/// Whether `record` is `line` with one field more.
fn is_of(record: &ByteRecord, line: &Line) -> bool {
    let fields = line.fields.iter().map(String::as_bytes);
    record.len() == fields.len() + 1 && record.iter().take(fields.len()).eq(fields)
}

/// What an earlier run has written: records, the header the first. The last one may have been cut off.
struct Written {
    reader: csv::Reader<File>,
    bytes: u64,
    ends_a_line: bool,
}

impl Written {
    fn open(path: &Path) -> std::io::Result<Written> {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut last = [0];
        if bytes > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            file.rewind()?;
        }
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
        Ok(Written { reader, bytes, ends_a_line: last == [b'\n'] })
    }

    /// The next record that is whole, for all that its end tells.
    fn next(&mut self) -> std::io::Result<Option<ByteRecord>> {
        let mut record = ByteRecord::new();
        let there = self.reader.read_byte_record(&mut record)?;
        Ok(Some(record).filter(|_| there && (self.ends_a_line || !self.is_at_end())))
    }

    /// Where the record that was read last ends.
    fn end(&self) -> u64 {
        self.reader.position().byte()
    }

    fn is_at_end(&self) -> bool {
        self.end() >= self.bytes
    }
}

fn another(path: &Path) -> Failure {
    let what = "it isn't the beginning of this output; give another --output";
    Failure::Usage(format!("{}: {what}", path.display()))
}
