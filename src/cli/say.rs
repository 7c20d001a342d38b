//! The only place that writes to the terminal.

use std::io::Write;

/// Tells the person at the terminal something, on stderr. Nobody may be there to read it.
pub fn tell(line: &str) {
    if writeln!(std::io::stderr().lock(), "{line}").is_err() {
        log::debug!("stderr is closed");
    }
}
