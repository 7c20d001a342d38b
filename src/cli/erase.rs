//! `vacate erase`

use clap::Args;

use super::lines::Refusal;
use super::numbers::{At, Numbers};
use super::session::{Meant, Session};
use super::{Ended, Failure, Outcome};

/// Erase what is kept about a number, for somebody who has shown that it is theirs (admin).
///
/// What was said of it goes at once; accounts that are bound to it are stepped up, and go when their apps
/// were told. It can't be undone.
///
/// Example: vacate erase +491701234567 --yes
#[derive(Debug, Args)]
pub struct Erase {
    /// A phone number such as +491701234567, a digest or a token.
    number: String,
    #[command(flatten)]
    meant: Meant,
}

impl Erase {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        self.meant.must_be("All that is kept about the number will be gone.")?;
        let number = match Numbers::new(session).read(&self.number, At::Argument).await {
            Ok(number) => number,
            Err(Refusal::Line(problem)) => return Err(Failure::Usage(problem.to_string())),
            Err(Refusal::Call(error)) => return Err(error.into()),
        };
        let erased = session.client.erase(number).await?;
        session.say.show(&erased, || "erased".to_owned())?;
        Ok(Ended::Done)
    }
}
