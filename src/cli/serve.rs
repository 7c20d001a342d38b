//! `vacate serve`

use std::path::Path;

use clap::Args;
use log::LevelFilter;

use super::say::tell;
use super::{Ended, Failure, Outcome, Signals, on_threads};
use crate::config::{self, Config, Flag, LogFormat};
use crate::log_format;
use crate::server::{Migrate, Parts, Server, memory};

/// Run the registry.
///
/// The first start makes the database, the key file and the admin's key, and says where they are.
///
/// Example: vacate serve --listen 127.0.0.1:8080 --database-url sqlite:data/vacate.db
#[derive(Debug, Args)]
pub struct Serve {
    /// `all`, or one of two processes: `registry` or `evaluator`.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// `development` or `production`.
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
    /// sqlite:PATH or postgres://…; a URL with a password belongs into `VACATE_DATABASE_URL`.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The key file.
    #[arg(long, value_name = "FILE")]
    keys_file: Option<String>,
    /// off, error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Whether to bring the schema up to date first.
    #[arg(long, value_name = "yes|no", default_value = "yes", value_parser = ["yes", "no"])]
    migrate: String,
}

impl Serve {
    pub(super) fn run(&self, file: Option<&Path>) -> Outcome {
        let config = Config::load(file, config::environment(), &self.flags())
            .map_err(|error| Failure::Failed(error.to_string()))?;
        start_log(&config);
        memory::keep_in()
            .map_err(|error| Failure::Failed(format!("core dumps can't be turned off: {error}")))?;
        on_threads(self.serve(&config))
    }

    async fn serve(&self, config: &Config) -> Outcome {
        let mut signals = Signals::listen()?;
        let migrate = if self.migrate == "no" { Migrate::Never } else { Migrate::AtStart };
        let parts = Parts { migrate, ..Parts::of_this_machine() };
        let starting = Server::start(config, parts);
        let mut server = tokio::select! {
            started = starting => started.map_err(|error| Failure::Failed(error.to_string()))?,
            () = signals.heard() => return Ok(Ended::Interrupted),
        };
        for line in server.told() {
            tell(line);
        }
        tell(&format!("vacate {} on {}", env!("CARGO_PKG_VERSION"), server.public_url()));
        tokio::select! {
            () = signals.heard() => {}
            () = server.ended() => return Ok(Ended::Failed),
        }
        tell("stopping: finishing what is under way");
        server.stop().await;
        Ok(Ended::Done)
    }

    fn flags(&self) -> Vec<Flag> {
        [
            ("--role", "server.role", &self.role),
            ("--listen", "server.listen", &self.listen),
            ("--mode", "server.mode", &self.mode),
            ("--database-url", "database.url", &self.database_url),
            ("--keys-file", "keys.file", &self.keys_file),
            ("--log-level", "log.level", &self.log_level),
        ]
        .into_iter()
        .filter_map(|(name, setting, value)| Some(Flag { name, setting, value: value.clone()? }))
        .collect()
    }
}

fn start_log(config: &Config) {
    let mut builder = env_logger::Builder::new();
    // At debug and below the HTTP library quotes what strangers sent, a number among it. RUST_LOG,
    // where it is set, decides in detail; it has to name the library to hear that.
    builder.filter_module("actix_http", LevelFilter::Info);
    builder.filter_level(config.log.level).parse_default_env();
    match config.log.format {
        LogFormat::Text => builder.format(log_format::text),
        LogFormat::Json => builder.format(log_format::json),
    };
    // A second logger in one process is no reason to stop.
    if builder.try_init().is_err() {
        tell("the log was started before");
    }
}
