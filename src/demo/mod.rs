//! The whole story on a registry that lives for a minute: two carriers, three apps, first one number,
//! then many. Nothing is staged: every line that is shown was asked over HTTP, through the client
//! that everybody can use, and what the demo claims at its end it has counted.

mod cast;
mod claims;
mod crowd;
mod numbers;
mod screen;
mod story;

pub use claims::Claims;
pub use screen::{Progress, Screen};

use cast::Cast;
use crowd::Crowd;

use crate::client;
use crate::config;
use crate::server::StartError;

/// The fewest numbers: with fewer, not every fate befalls one of them.
pub const NUMBERS_MIN: u32 = 500;
/// The most: so many are fictitious, and nobody's, in the ranges that are used here.
pub const NUMBERS_MAX: u32 = 50_000;

/// Why the demo couldn't be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The registry didn't start.
    #[error("the registry didn't start: {0}")]
    Start(#[from] StartError),
    /// Its settings aren't accepted.
    #[error("the registry's settings: {0}")]
    Settings(#[from] config::Error),
    /// A call has no answer.
    #[error("{0}")]
    Call(#[from] client::Error),
    /// No folder, no port, or files that can't be read.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// A call was answered otherwise than the story says.
    #[error("this did not hold: {0}")]
    Otherwise(String),
}

type Result<T> = std::result::Result<T, Failed>;

/// Plays the demo with so many `numbers`, in a folder that is removed at its end; what it claims, and
/// whether that held. Dropped before its end, it stops and leaves nothing behind either.
///
/// # Errors
/// [`Failed`] where it can't go on.
pub async fn run(numbers: u32, screen: &mut Screen<'_>) -> Result<Claims> {
    let cast = Cast::assemble().await?;
    screen.heading(
        "The registry is up: an empty database, 2 carriers, 3 apps. Its clock can be set forward.",
    );

    story::play(&cast, screen).await?;
    let mut crowd = Crowd::gather(&cast, numbers).await?;
    crowd.play(&cast, screen).await?;

    let claims = claims::check(&cast, &crowd, screen).await?;
    screen.table("What happened", &claims.table());
    screen.heading(&claims.verdict());
    cast.leave().await;
    Ok(claims)
}

/// The story goes on only where it is true.
fn must(held: bool, what: impl FnOnce() -> String) -> Result<()> {
    if held { Ok(()) } else { Err(Failed::Otherwise(what())) }
}
