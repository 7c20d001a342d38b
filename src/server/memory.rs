//! What is in this process's memory stays there: the keys are.

use rustix::io::Result;
use rustix::process::{Resource, Rlimit, setrlimit};

/// Writes no core dump, whatever happens. On Linux no other process of the same user may look into this
/// one either, nor is a dump handed to a program that collects them.
///
/// # Errors
/// What the system says.
pub fn keep_in() -> Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
