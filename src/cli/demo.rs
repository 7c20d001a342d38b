//! `vacate demo`

use clap::Args;

use super::{Ended, Failure, Outcome, Signals, on_threads};
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
    pub(super) fn run(&self) -> Outcome {
        on_threads(async {
            // Heard from the first moment on, so that the folder is always removed.
            let mut signals = Signals::listen()?;
            tokio::select! {
                ended = self.play() => ended,
                () = signals.heard() => Ok(Ended::Interrupted),
            }
        })
    }

    async fn play(&self) -> Outcome {
        let plain =
            config::environment().any(|(name, value)| name == "NO_COLOR" && !value.is_empty());
        let progress = if plain { Progress::Hidden } else { Progress::Shown };
        let mut out = std::io::stdout().lock();
        let claims = demo::run(self.numbers, &mut Screen::new(&mut out, progress))
            .await
            .map_err(|failed| Failure::Failed(format!("the demo stopped: {failed}")))?;
        Ok(if claims.hold() { Ended::Done } else { Ended::Failed })
    }
}
