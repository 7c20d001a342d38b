//! `FILE.rejected.csv`: the lines that were rejected, each with its number and the reason. They come in
//! the order in which batches were answered.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::source::{Line, OF_REJECTS, Source};
use crate::cli::Failure;
use crate::client::Problem;

/// The file of rejected lines; made with the first of them.
pub(super) struct Rejects {
    path: PathBuf,
    columns: Vec<String>,
    /// Which of a line's fields are its own, and not a reason of an earlier run.
    own: Vec<usize>,
    file: Option<csv::Writer<File>>,
}

impl Rejects {
    /// Beside `source`; for stdin in the working directory. That of an earlier run is removed: it tells
    /// nothing about this one.
    pub(super) fn of(source: &Source) -> Result<Rejects, Failure> {
        let mut path =
            source.path.clone().unwrap_or_else(|| PathBuf::from("stdin")).into_os_string();
        path.push(".rejected.csv");
        let path = PathBuf::from(path);
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(cannot_write(&path, &error.kind().to_string()));
        }
        let columns = source.columns.iter();
        let own = |(_, name): &(usize, &String)| !OF_REJECTS.contains(&name.as_str());
        let own = columns.enumerate().filter(own).map(|(place, _)| place).collect();
        Ok(Rejects { path, columns: source.columns.to_vec(), own, file: None })
    }

    /// Keeps a rejected line.
    pub(super) fn keep(&mut self, line: &Line, problem: &Problem) -> Result<(), Failure> {
        let kept = self.write(line, problem);
        kept.map_err(|error| cannot_write(&self.path, &error.to_string()))
    }

    /// Has all of it on disk; where it is, if there is anything.
    pub(super) fn end(self) -> Result<String, Failure> {
        let Some(mut file) = self.file else { return Ok(String::new()) };
        file.flush().map_err(|error| cannot_write(&self.path, &error.kind().to_string()))?;
        Ok(format!("; the rejected lines are in {}", self.path.display()))
    }

    fn write(&mut self, line: &Line, problem: &Problem) -> csv::Result<()> {
        if self.file.is_none() {
            // A line may have been rejected for its number of fields.
            let mut file =
                csv::WriterBuilder::new().flexible(true).from_writer(private(&self.path)?);
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

/// The lines may hold phone numbers: nobody else may read them.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn cannot_write(path: &Path, why: &str) -> Failure {
    Failure::Failed(format!("{}: {why}", path.display()))
}
