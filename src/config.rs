//! Settings: built-in defaults, a file, the environment, the command line's flags, each over the one
//! before. `config/default.toml` explains every setting; here are their bounds.
//!
//! An error names the setting, where its value came from and what to do. It never repeats the value:
//! a password that was put into the wrong line must not end up in a log.

mod logging;
pub mod policies;
mod retention;
mod settings;

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};

use ipnet::IpNet;

pub use logging::{Log, LogFormat};
pub use retention::Retention;
pub use settings::{Error, Flag};
use settings::{Result, Settings};

use crate::domain::role::Role;

/// The default of every setting, in TOML.
pub const DEFAULTS: &str = include_str!("../config/default.toml");

/// The settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// How requests come in.
    pub server: Server,
    /// Where the data lies.
    pub database: Database,
    /// Where the keys lie, and how long old ones are accepted.
    pub keys: Keys,
    /// How checks are answered.
    pub index: Index,
    /// What a participant may ask for.
    pub limits: Limits,
    /// How messages go out.
    pub webhooks: Webhooks,
    /// How long things are kept.
    pub retention: Retention,
    /// Aging, lateness and deadlines.
    pub policy: Policy,
    /// What is logged.
    pub log: Log,
}

impl Config {
    /// The defaults ← `file` ← `environment` ← `flags`, checked.
    ///
    /// # Errors
    /// The first setting that is unknown, of the wrong kind, out of its bounds or at odds with
    /// another; a file that can't be read.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        flags: &[Flag],
    ) -> std::result::Result<Config, Error> {
        let mut settings = Settings::parse(DEFAULTS)?;
        if let Some(path) = file {
            settings.overlay_file(path)?;
        }
        settings.overlay_environment(environment)?;
        settings.overlay_flags(flags)?;
        let database = Database::read(&settings)?;
        Ok(Config {
            server: Server::read(&settings)?,
            keys: Keys::read(&settings, &database.url)?,
            database,
            index: Index::read(&settings)?,
            limits: Limits::read(&settings)?,
            webhooks: Webhooks::read(&settings)?,
            retention: Retention::read(&settings)?,
            policy: Policy { file: settings.optional("policy.file").map(PathBuf::from) },
            log: Log::read(&settings)?,
        })
    }
}

impl Config {
    /// Whether a copy of the key file's folder would take the database along. The other way round is
    /// refused.
    pub fn data_is_below_the_keys(&self) -> bool {
        let keys = self.keys.file.parent().map(real);
        let data = self.database.url.folder().map(real);
        data.zip(keys).is_some_and(|(data, keys)| data.starts_with(keys))
    }
}

/// The variables of this process, for [`Config::load`].
pub fn environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
}

/// `[server]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/default.toml explains every setting")]
pub struct Server {
    pub role: Role,
    pub mode: Mode,
    pub listen: SocketAddr,
    /// Without a slash at its end. [`Server::public_url`] says what holds when it isn't set.
    pub public_url: Option<String>,
    /// `None`: one for each core.
    pub workers: Option<usize>,
    pub body_bytes_max: usize,
    pub body_seconds_max: u64,
    pub stop_seconds_max: u64,
    pub trusted_proxies: Vec<IpNet>,
}

/// `server.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For trying out, and for registries that hold nobody's numbers.
    Development,
    /// Nothing crosses a network in the clear.
    Production,
}

impl Server {
    fn read(settings: &Settings) -> Result<Server> {
        let modes = [("development", Mode::Development), ("production", Mode::Production)];
        let server = Server {
            role: settings.one_of("server.role", &Role::NAMED)?,
            mode: settings.one_of("server.mode", &modes)?,
            listen: settings
                .parsed("server.listen", "give an address and a port, such as 127.0.0.1:8080")?,
            public_url: public_url(settings)?,
            workers: Some(settings.number("server.workers", 0..=1024)?).filter(|&count| count > 0),
            body_bytes_max: settings.number("server.body_bytes_max", 65_536..=67_108_864)?,
            body_seconds_max: settings.number("server.body_seconds_max", 1..=300)?,
            stop_seconds_max: settings.number("server.stop_seconds_max", 1..=600)?,
            trusted_proxies: settings.networks("server.trusted_proxies")?,
        };
        let public = server.public_url.as_deref().unwrap_or_default();
        match server.mode {
            Mode::Production if !server.listen.ip().is_loopback() => Err(settings.wrong(
                "server.listen",
                "production listens on loopback only, such as 127.0.0.1:8080; a proxy on this \
                 machine does TLS",
            )),
            Mode::Production if !public.starts_with("https://") => Err(settings.wrong(
                "server.public_url",
                "production wants the https:// URL that the proxy serves",
            )),
            Mode::Production | Mode::Development => Ok(server),
        }
    }

    /// The URL that others reach this server by: the setting, or else made from the address that it
    /// is `bound` to.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        let loopback: IpAddr =
            if bound.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        let ip = if bound.ip().is_unspecified() { loopback } else { bound.ip() };
        let made = || format!("http://{}", SocketAddr::new(ip, bound.port()));
        self.public_url.clone().unwrap_or_else(made)
    }
}

fn public_url(settings: &Settings) -> Result<Option<String>> {
    let Some(url) = settings.optional("server.public_url") else { return Ok(None) };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = |rest: &str| {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "?#@\\\"<>".contains(c);
        !rest.is_empty() && !rest.starts_with('/') && !rest.contains(odd)
    };
    if !rest.is_some_and(plain) {
        let remedy = "give a URL such as https://vacate.example.net, without user, ? or #";
        return Err(settings.wrong("server.public_url", remedy));
    }
    Ok(Some(url.trim_end_matches('/').to_owned()))
}

/// `[database]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/default.toml explains every setting")]
pub struct Database {
    pub url: DatabaseUrl,
    pub connections_max: u32,
    pub wait_ms_max: u64,
    pub waiting_max: usize,
}

impl Database {
    fn read(settings: &Settings) -> Result<Database> {
        let url = DatabaseUrl(settings.text("database.url").to_owned());
        if !url.is_served() {
            let remedy = "give sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME";
            return Err(settings.wrong("database.url", remedy));
        }
        Ok(Database {
            url,
            connections_max: settings.number("database.connections_max", 1..=1000)?,
            wait_ms_max: settings.number("database.wait_ms_max", 1..=60_000)?,
            waiting_max: settings.number("database.waiting_max", 1..=100_000)?,
        })
    }
}

/// `database.url`. It may hold a password, and is shown only [`redacted`](Self::redacted).
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// All of it: for the database's client, and nobody else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Scheme, host and name, without user, password and parameters: for people and logs.
    pub fn redacted(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return self.0.clone() };
        let (address, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let place = match address.rsplit_once('@') {
            // The ? may stand in a password that ends only at this @.
            _ if parameters.contains('@') => "…",
            Some((_, place)) => place,
            // What stands where the port would may be a password whose host was forgotten.
            None => address.split(':').next().unwrap_or_default(),
        };
        format!("{scheme}://{place}")
    }

    /// A client library that is handed another scheme, or SQLite's own URLs, may open something else
    /// than was meant.
    fn is_served(&self) -> bool {
        match self.0.strip_prefix("sqlite:") {
            Some(path) => !path.is_empty() && !path.starts_with(':') && !path.starts_with("file:"),
            None => self.0.starts_with("postgres://") || self.0.starts_with("postgresql://"),
        }
    }

    /// The folder of an SQLite file.
    fn folder(&self) -> Option<&Path> {
        Path::new(self.0.strip_prefix("sqlite:")?).parent()
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatabaseUrl").field(&self.redacted()).finish()
    }
}

/// `[keys]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/default.toml explains every setting")]
pub struct Keys {
    pub file: PathBuf,
    pub handle_overlap_days: u32,
    pub epoch_overlap_days: u32,
}

impl Keys {
    fn read(settings: &Settings, database: &DatabaseUrl) -> Result<Keys> {
        let Some(file) = settings.optional("keys.file").map(PathBuf::from) else {
            return Err(settings.wrong("keys.file", "give the path of a file"));
        };
        if database.folder().is_some_and(|folder| real(&file).starts_with(real(folder))) {
            let remedy = "keep it out of the database's folder, whose copy would take it along: \
                          a folder of its own, or a folder of its own for the database";
            return Err(settings.wrong("keys.file", remedy));
        }
        Ok(Keys {
            file,
            handle_overlap_days: settings.number("keys.handle_overlap_days", 1..=3650)?,
            epoch_overlap_days: settings.number("keys.epoch_overlap_days", 1..=3650)?,
        })
    }
}

/// Where a path leads: absolute, links followed as far as they exist.
fn real(path: &Path) -> PathBuf {
    let here = std::path::absolute(".").unwrap_or_default();
    let mut real = PathBuf::new();
    for part in here.join(path).components() {
        if part == Component::ParentDir {
            real.pop();
        } else {
            real.push(part);
        }
        real = real.canonicalize().unwrap_or(real);
    }
    real
}

/// `[index]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/default.toml explains every setting")]
pub struct Index {
    pub mode: IndexMode,
    pub fresh_wait_ms_max: u64,
}

/// `index.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexMode {
    /// Checks read the index in memory.
    Memory,
    /// Checks read the number's row.
    Database,
}

impl Index {
    fn read(settings: &Settings) -> Result<Index> {
        // The fallback that reads rows alone comes with a later release.
        let modes = [("memory", IndexMode::Memory)];
        Ok(Index {
            mode: settings.one_of("index.mode", &modes)?,
            fresh_wait_ms_max: settings.number("index.fresh_wait_ms_max", 1..=10_000)?,
        })
    }
}

/// `[limits]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/default.toml explains every setting")]
pub struct Limits {
    pub requests_per_second: u32,
    pub unbound_numbers_per_day_percent: u32,
    pub unbound_numbers_per_90_days_percent: u32,
    pub accounts_undeclared: u64,
    pub items_max: usize,
    pub page_max: usize,
    pub clock_skew_seconds_max: u32,
    pub bindings_per_app_and_number_max: usize,
}

impl Limits {
    fn read(settings: &Settings) -> Result<Limits> {
        let day = "limits.unbound_numbers_per_day_percent";
        let quarter = "limits.unbound_numbers_per_90_days_percent";
        let bindings = "limits.bindings_per_app_and_number_max";
        Ok(Limits {
            requests_per_second: settings.number("limits.requests_per_second", 1..=1_000_000)?,
            unbound_numbers_per_day_percent: settings.number(day, 1..=1000)?,
            unbound_numbers_per_90_days_percent: settings.number(quarter, 1..=10_000)?,
            accounts_undeclared: settings.number("limits.accounts_undeclared", 100..=10_000_000)?,
            items_max: settings.number("limits.items_max", 1..=1000)?,
            page_max: settings.number("limits.page_max", 1..=1000)?,
            clock_skew_seconds_max: settings.number("limits.clock_skew_seconds_max", 0..=300)?,
            bindings_per_app_and_number_max: settings.number(bindings, 1..=1000)?,
        })
    }
}

/// `[webhooks]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "config/default.toml explains every setting")]
pub struct Webhooks {
    pub attempt_seconds_max: u64,
    pub answer_bytes_max: usize,
    pub retry_hours: u32,
    pub in_flight_max: u32,
    pub in_flight_per_endpoint_max: u32,
    pub allowed_networks: Vec<IpNet>,
    pub secret_overlap_hours: u32,
}

impl Webhooks {
    fn read(settings: &Settings) -> Result<Webhooks> {
        let in_flight_max: u32 = settings.number("webhooks.in_flight_max", 1..=10_000)?;
        let per_endpoint = "webhooks.in_flight_per_endpoint_max";
        Ok(Webhooks {
            attempt_seconds_max: settings.number("webhooks.attempt_seconds_max", 1..=60)?,
            answer_bytes_max: settings.number("webhooks.answer_bytes_max", 1024..=1_048_576)?,
            retry_hours: settings.number("webhooks.retry_hours", 72..=720)?,
            in_flight_max,
            in_flight_per_endpoint_max: settings.number(per_endpoint, 1..=in_flight_max.into())?,
            allowed_networks: settings.networks("webhooks.allowed_networks")?,
            secret_overlap_hours: settings.number("webhooks.secret_overlap_hours", 1..=168)?,
        })
    }
}

/// `[policy]`
#[derive(Clone, Debug)]
pub struct Policy {
    /// In place of the built-in policies.
    pub file: Option<PathBuf>,
}
