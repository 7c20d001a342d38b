//! `vacate demo`

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::Ended;
use super::say::tell;
use crate::config;
use crate::demo::{self, NUMBERS_MAX, NUMBERS_MIN, Progress, Screen};

/// Play the whole story: two carriers, three apps, many numbers.
///
/// It starts a registry of its own in a folder that it removes at its end, and uses no settings. The
/// exit code is 0 only if everything that it claims held.
///
/// Example: vacate demo --numbers 30000
#[derive(Debug, Args)]
pub struct Demo {
    /// How many fictitious phone numbers take part.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 30_000,
        value_parser = clap::value_parser!(u32).range(i64::from(NUMBERS_MIN)..=i64::from(NUMBERS_MAX))
    )]
    numbers: u32,
}

impl Demo {
    pub(super) fn run(&self) -> Ended {
        let runtime = match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime,
            Err(error) => {
                tell(&format!("vacate: no threads to run on: {error}"));
                return Ended::Failed;
            }
        };
        runtime.block_on(async {
            // Heard from the first moment on, so that the folder is always removed.
            let (Ok(mut terminate), Ok(mut interrupt)) =
                (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
            else {
                tell("vacate: signals can't be heard");
                return Ended::Failed;
            };
            tokio::select! {
                ended = self.play() => ended,
                _ = terminate.recv() => Ended::Interrupted,
                _ = interrupt.recv() => Ended::Interrupted,
            }
        })
    }

    async fn play(&self) -> Ended {
        let plain =
            config::environment().any(|(name, value)| name == "NO_COLOR" && !value.is_empty());
        let progress = if plain { Progress::Hidden } else { Progress::Shown };
        let mut out = std::io::stdout().lock();
        match demo::run(self.numbers, &mut Screen::new(&mut out, progress)).await {
            Ok(claims) if claims.hold() => Ended::Done,
            Ok(_) => Ended::Failed,
            Err(failed) => {
                tell(&format!("vacate: the demo stopped: {failed}"));
                Ended::Failed
            }
        }
    }
}
