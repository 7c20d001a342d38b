//! What a thief would need to find the numbers in a stolen database, and how long it would take here.

use std::thread;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::domain::calling_code::CallingCode;
use crate::domain::generation::Purpose;
use crate::domain::oprf::ElementSeed;
use crate::domain::role::Role;
use crate::entropy::Entropy;
use crate::keys::{KeyFileError, Keys};

/// How long is measured.
const MEASURED: Duration = Duration::from_secs(1);
/// Elements between two looks at the clock.
const ROUND: u32 = 256;

/// A key file, looked at.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Whose file it is.
    pub role: Role,
    /// How many generations of each key are in it, or are stood for.
    pub keys: Vec<(Purpose, usize)>,
    /// Numbers that this machine can try in a second with the keys of elements, on all its cores.
    pub tries_per_second: u64,
    /// How many cores these are.
    pub cores: usize,
}

/// Looks at the key file, and measures this machine.
///
/// # Errors
/// When it isn't there, or can't be read.
pub fn audit(config: &Config) -> Result<Audit, KeyFileError> {
    let keys = Keys::read(&config.keys.file)?;
    let ring = keys.ring();
    let secrets = ring.secrets();
    let (tries_per_second, cores) = measure();
    Ok(Audit { role: secrets.part.role(), keys: secrets.counted(), tries_per_second, cores })
}

/// Makes elements as a thief would, of whatever digests: each takes as long.
fn measure() -> (u64, usize) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let seed = ElementSeed(Entropy::System.secret());
    let key = seed.key(CallingCode::TEST);
    let began = Instant::now();
    let tried: u64 = thread::scope(|scope| {
        let work = (0..cores).map(|_| {
            scope.spawn(|| {
                let (mut tried, mut digest) = (0_u64, [7; 32]);
                while began.elapsed() < MEASURED {
                    for _ in 0..ROUND {
                        digest = *key.element(&digest).as_bytes();
                    }
                    tried += u64::from(ROUND);
                }
                tried
            })
        });
        let work: Vec<_> = work.collect();
        work.into_iter().map(|one| one.join().unwrap_or_default()).sum()
    });
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    (tried.saturating_mul(1000) / milliseconds, cores)
}
