//! `FILE.rejected.csv`: the lines that were rejected, each with its number and the reason. They come in
//! the order in which batches were answered.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::source::{Line, OF_REJECTS, Source};
use crate::cli::Failure;
use crate::client::Problem;

/// The file of rejected lines; made with the first of them.
pub(super) struct Rejects {
    path: PathBuf,
    /// Where it is written until it is whole: that of an earlier run stays until then.
    draft: PathBuf,
    columns: Vec<String>,
    /// Which of a line's fields are its own, and not a reason of an earlier run.
    own: Vec<usize>,
    file: Option<csv::Writer<File>>,
}

impl Rejects {
    /// Beside `source`; for stdin in the working directory.
    pub(super) fn of(source: &Source) -> Rejects {
        let beside = |end: &str| {
            let stdin = || PathBuf::from("stdin");
            let mut path = source.path.clone().unwrap_or_else(stdin).into_os_string();
            path.push(end);
            PathBuf::from(path)
        };
        let columns = source.columns.iter();
        let own = |(_, name): &(usize, &String)| !OF_REJECTS.contains(&name.as_str());
        let own = columns.enumerate().filter(own).map(|(place, _)| place).collect();
        Rejects {
            path: beside(".rejected.csv"),
            draft: beside(".rejected.csv.new"),
            columns: source.columns.to_vec(),
            own,
            file: None,
        }
    }

    /// Keeps a rejected line.
    pub(super) fn keep(&mut self, line: &Line, problem: &Problem) -> Result<(), Failure> {
        let kept = self.write(line, problem);
        kept.map_err(|error| cannot_write(&self.draft, &error))
    }

    /// Has all of it on disk in place of an earlier run's; where it is, if there is anything.
    pub(super) fn end(&mut self) -> Result<String, Failure> {
        let Some(mut file) = self.file.take() else { return Ok(String::new()) };
        let kept = file.flush().and_then(|()| std::fs::rename(&self.draft, &self.path));
        kept.map_err(|error| cannot_write(&self.path, &error))?;
        Ok(format!("; the rejected lines are in {}", self.path.display()))
    }

    /// Removes an earlier run's: no line of it was rejected again.
    pub(super) fn none(&self) -> Result<(), Failure> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(cannot_write(&self.path, &error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn write(&mut self, line: &Line, problem: &Problem) -> csv::Result<()> {
        if self.file.is_none() {
            // A line may have been rejected for its number of fields.
            let mut file =
                csv::WriterBuilder::new().flexible(true).from_writer(private(&self.draft)?);
            let own = self.own.iter().filter_map(|&place| self.columns.get(place));
            file.write_record(OF_REJECTS.into_iter().chain(own.map(String::as_str)))?;
            self.file = Some(file);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let number = line.number.to_string();
        let reason = [number.as_str(), &problem.code, &problem.detail];
        let own = self.own.iter().filter_map(|&place| line.fields.get(place));
        file.write_record(reason.into_iter().chain(own.map(String::as_str)))
    }
}

/// The lines may hold phone numbers: nobody else may read them. What a run left that was killed goes.
pub(super) fn private(path: &Path) -> std::io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

pub(super) fn cannot_write(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::Failed(format!("{}: {why}", path.display()))
}
