//! `vacate doctor`

use std::net::TcpListener;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::say::{Form, Say, Tone};
use super::session::Global;
use super::{Ended, Failure, Outcome};
use crate::client::Client;
use crate::clock::Clock;
use crate::config::policies::Policies;
use crate::config::{Config, Mode};
use crate::domain::time::Moment;
use crate::server::examine::{self, Database, KeyFile};
use crate::tls;

/// How long the port may take to answer.
const PORT_WITHIN: Duration = Duration::from_secs(2);
/// No clock that is right shows a time outside these.
const CLOCK_FROM: &str = "2026-01-01T00:00:00Z";
const CLOCK_UNTIL: &str = "2100-01-01T00:00:00Z";

/// Look for what keeps a registry from running: settings, keys, database, clock, port, certificates.
///
/// Changes nothing. Each line that fails says what to do; ends with 1 if any does.
///
/// Example: vacate --config vacate.toml doctor
#[derive(Debug, Args)]
pub struct Doctor {}

/// One line: what was looked at, and how it is; or what is wrong, and what to do.
type Finding = (&'static str, Result<String, String>);

impl Doctor {
    pub(super) async fn run(&self, global: &Global) -> Outcome {
        let say = global.say();
        let config = match global.settings() {
            Ok(config) => config,
            Err(Failure::Failed(why)) => return conclude(say, vec![("settings", Err(why))]),
            Err(failure) => return Err(failure),
        };
        let findings = vec![
            ("settings", Ok(source(global))),
            ("policies", policies(&config)),
            ("keys", keys(&config)),
            ("database", database(&config)),
            ("clock", clock(Clock::System.now())),
            ("port", port(&config).await),
            ("certificates", certificates(&config)),
        ];
        conclude(say, findings)
    }
}

fn conclude(say: Say, findings: Vec<Finding>) -> Outcome {
    let failed = findings.iter().any(|(_, finding)| finding.is_err());
    let values = findings.iter().map(|(what, finding)| {
        let (Ok(told) | Err(told)) = finding;
        json!({ "what": what, "ok": finding.is_ok(), "told": told })
    });
    let lines = findings.iter().map(|(what, finding)| {
        let (tone, word) = match finding {
            Ok(_) => (Tone::Good, "ok"),
            Err(_) => (Tone::Bad, "FAILS"),
        };
        let (Ok(told) | Err(told)) = finding;
        // Padded before it is painted, for colours have a length too.
        let word = say.paint(tone, &format!("{word:5}"));
        format!("{word}  {what:12}  {told}")
    });
    say.show(&values.collect::<Vec<_>>(), || lines.collect::<Vec<_>>().join("\n"))?;
    if say.form == Form::Text && failed {
        say.tell("what fails keeps a registry from running well");
    }
    Ok(if failed { Ended::Failed } else { Ended::Done })
}

fn source(global: &Global) -> String {
    match &global.config {
        Some(file) => format!("{} and the environment", file.display()),
        None => "built in, and the environment".to_owned(),
    }
}

fn policies(config: &Config) -> Result<String, String> {
    let place = config.policy.file.as_ref().map(|file| file.display().to_string());
    Policies::load(config.policy.file.as_deref())
        .map(|_| place.unwrap_or_else(|| "built in".to_owned()))
        .map_err(|error| format!("policy.file: {error}"))
}

fn keys(config: &Config) -> Result<String, String> {
    let file = config.keys.file.display();
    match examine::key_file(config) {
        Ok(KeyFile::Whole) => Ok(format!("{file}: whole, and its owner's alone")),
        Ok(KeyFile::NotMade) => Ok(format!("{file}: not there yet; the first start makes it")),
        Err(error) => Err(error.to_string()),
    }
}

fn database(config: &Config) -> Result<String, String> {
    let url = config.database.url.redacted();
    match examine::database(config) {
        Ok(Database::UpToDate) => Ok(format!("{url}: reached, and its schema is up to date")),
        Ok(Database::NotMade) => Ok(format!("{url}: not there yet; the first start makes it")),
        Ok(Database::InUse) => Ok(format!("{url}: a registry of this machine serves it")),
        Ok(Database::Behind(steps)) => {
            Err(format!("{url}: {} steps behind; run vacate migrate", steps.len()))
        }
        Err(error) => Err(format!("{error}; check database.url, and that the database runs")),
    }
}

fn clock(now: Moment) -> Result<String, String> {
    let between = |from: &str, until: &str| {
        let (from, until) = (from.parse::<Moment>().ok(), until.parse::<Moment>().ok());
        from.is_some_and(|from| from <= now) && until.is_some_and(|until| now < until)
    };
    if between(CLOCK_FROM, CLOCK_UNTIL) {
        Ok(format!("{now}"))
    } else {
        Err(format!("it shows {now}; set it, and keep it right by NTP"))
    }
}

async fn port(config: &Config) -> Result<String, String> {
    let address = config.server.listen;
    if address.port() == 0 {
        return Ok(format!("{address}: any that is free"));
    }
    let url = config.server.public_url(address);
    // A public URL may lead through a proxy; this machine's own address doesn't.
    let own = Config::clone(config).server;
    let own = crate::config::Server { public_url: None, ..own }.public_url(address);
    let served = match Client::new(&own) {
        Ok(client) => client.with_timeout(PORT_WITHIN).readiness().await.is_ok(),
        Err(_) => false,
    };
    if served {
        return Ok(format!("{address}: a registry answers there as {url}"));
    }
    match TcpListener::bind(address) {
        Ok(_) => Ok(format!("{address}: free")),
        Err(error) => Err(format!(
            "{address}: {}; end the other program, or set server.listen to another address",
            error.kind()
        )),
    }
}

fn certificates(config: &Config) -> Result<String, String> {
    let found = tls::system_roots().len();
    if found > 0 {
        return Ok(format!("{found} root certificates"));
    }
    let remedy = "no root certificates, so no https endpoint can be called; install the package \
                  ca-certificates, or set SSL_CERT_FILE";
    match config.server.mode {
        // Endpoints on this machine need none.
        Mode::Development if !config.webhooks.allowed_networks.is_empty() => Ok(remedy.to_owned()),
        Mode::Development | Mode::Production => Err(remedy.to_owned()),
    }
}
