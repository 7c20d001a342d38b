//! From settings to a running registry: storage, keys, index, listener, worker; and back, in reverse.

pub mod audit;
pub mod backup;
pub mod examine;
pub mod key_file;
pub mod memory;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App, HttpServer};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::api;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::policies::Policies;
use crate::delivery::sender::{Resolver, Sender, SenderConfig};
use crate::delivery::worker::{self, Worker};
use crate::domain::address::AllowedNetworks;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::retry::Schedule;
use crate::entropy::Entropy;
use crate::http::around;
use crate::http::limits::Pace;
use crate::http::shared_registry::{Limits, Shared, SharedRegistry};
use crate::keys;
use crate::registry::{self, FirstAdmin, Registry};
use crate::storage::{self, Storage, generations};

/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take for the head of a request.
const HEAD_SECONDS_MAX: Duration = Duration::from_secs(5);
/// How long to wait before a failed load of the index is tried again.
const LOAD_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why a registry doesn't start: what is wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("database.url: {0}")]
    Storage(#[from] storage::Error),
    /// The key file.
    #[error("keys.file: {0}")]
    Keys(#[from] keys::KeyFileError),
    /// There is no key file, but data that was written with one.
    #[error(
        "keys.file: {0}: it isn't there, and this database was written with it; restore its backup"
    )]
    KeysLost(String),
    /// The key file is another database's.
    #[error(
        "keys.file: {0}: this database was written with other keys; find the file that belongs to it"
    )]
    OtherKeys(String),
    /// The key file, or the half of one, is for another role.
    #[error(
        "keys.file: {file}: it is for --role {of}, and this is --role {asked}; vacate keys split makes the \
         two halves of a whole key file"
    )]
    OtherRole {
        /// Which file.
        file: String,
        /// Whose it is.
        of: &'static str,
        /// What was to be started.
        asked: &'static str,
    },
    /// The policies.
    #[error("policy.file: {0}")]
    Policies(#[from] crate::config::policies::Error),
    /// The address.
    #[error("server.listen: can't listen: {0}")]
    Listen(std::io::ErrorKind),
    /// The keys don't fit the database, or it can't be read.
    #[error("{0}")]
    Refused(String),
}

impl From<Rejection> for StartError {
    fn from(rejection: Rejection) -> StartError {
        StartError::Refused(rejection.detail.into_owned())
    }
}

/// Whether a start brings the schema up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrate {
    /// It does.
    AtStart,
    /// It doesn't: `vacate migrate` was run, or will be.
    Never,
}

/// What a registry is made of beside its settings.
pub struct Parts {
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// Whether to bring the schema up to date.
    pub migrate: Migrate,
    /// How webhook hosts become addresses.
    pub resolver: Resolver,
}

impl Parts {
    /// The machine's own.
    pub fn of_this_machine() -> Parts {
        Parts {
            clock: Clock::System,
            entropy: Entropy::System,
            migrate: Migrate::AtStart,
            resolver: Resolver::System,
        }
    }
}

/// A running registry.
pub struct Server {
    address: SocketAddr,
    public_url: String,
    registry: Arc<Registry>,
    http: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    worker: JoinHandle<()>,
    stop: watch::Sender<bool>,
    stop_max: Duration,
    told: Vec<String>,
}

impl Server {
    /// Starts a registry. It answers `/healthz` at once, and everything else when the index is loaded.
    ///
    /// # Errors
    /// Says which setting is wrong and why.
    pub async fn start(config: &Config, parts: Parts) -> Result<Server, StartError> {
        let mut told = Vec::new();
        // Before any file is made, whose making nobody would then be told.
        let listener = TcpListener::bind(config.server.listen)
            .map_err(|error| StartError::Listen(error.kind()))?;
        let registry =
            Arc::new(open(config, parts.clock, parts.entropy, parts.migrate, &mut told)?);
        let address = listener.local_addr().map_err(|error| StartError::Listen(error.kind()))?;
        let public_url = config.server.public_url(address);

        let (http, serving) = serve(config, &registry, listener, &public_url)?;
        let admin_key = config.keys.file.with_file_name("admin.key");
        load(&registry, &admin_key, &mut told).await?;
        let (stop, stopped) = watch::channel(false);
        let worker =
            Worker::new(Arc::clone(&registry), sender(config, parts.resolver), limits(config));
        let worker = tokio::spawn(worker.run(stopped));
        let stop_max = Duration::from_secs(config.server.stop_seconds_max);
        Ok(Server { address, public_url, registry, http, serving, worker, stop, stop_max, told })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where others reach it.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// What the person who started it should know: files that were made.
    pub fn told(&self) -> &[String] {
        &self.told
    }

    /// The registry itself, for the demo's time machine and for tests.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Waits until the listener ends by itself, which only a failure makes it do.
    pub async fn ended(&mut self) {
        if (&mut self.serving).await.is_err() {
            log::error!("the listener panicked");
        }
    }

    /// Drains: what is under way is finished, endpoints are given back, nothing new is taken, neither
    /// requests nor messages. After the time that the settings give, it ends all the same.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let drained = async { tokio::join!(self.http.stop(true), self.worker) };
        match tokio::time::timeout(self.stop_max, drained).await {
            Ok((_, Ok(()))) => {}
            Ok((_, Err(_))) => log::error!("the worker panicked"),
            Err(_) => log::warn!("not everything ended in time; it will be done at the next start"),
        }
    }
}

/// Opens what is under a registry: database, schema, keys.
///
/// # Errors
/// As [`Server::start`].
pub fn open(
    config: &Config,
    clock: Clock,
    entropy: Entropy,
    migrate: Migrate,
    told: &mut Vec<String>,
) -> Result<Registry, StartError> {
    let policies = Policies::load(config.policy.file.as_deref())?;
    let storage = Storage::open(
        config.database.url.reveal(),
        storage::Limits {
            connections_max: config.database.connections_max,
            wait_ms_max: config.database.wait_ms_max,
        },
    )?;
    if migrate == Migrate::AtStart {
        for step in storage.migrate()? {
            log::info!(step = step.as_str(); "schema: step taken");
        }
    }
    if !config.keys.file.exists() && !storage.read(generations::recorded)?.is_empty() {
        return Err(StartError::KeysLost(config.keys.file.display().to_string()));
    }
    let keys = key_file::open(config, &entropy, told)?;
    let settings = registry::Settings {
        items_max: config.limits.items_max,
        bindings_per_app_and_number_max: config.limits.bindings_per_app_and_number_max,
        clock_skew_seconds_max: config.limits.clock_skew_seconds_max,
        budgets: registry::BudgetSettings {
            day_percent: config.limits.unbound_numbers_per_day_percent,
            quarter_percent: config.limits.unbound_numbers_per_90_days_percent,
            accounts_undeclared: config.limits.accounts_undeclared,
        },
        fresh_wait_max: Duration::from_millis(config.index.fresh_wait_ms_max),
        secret_overlap_hours: config.webhooks.secret_overlap_hours,
        epoch_overlap_days: config.keys.epoch_overlap_days,
        webhook_networks: config.webhooks.allowed_networks.clone(),
        retention: registry::Retention {
            events_days: config.retention.events_days,
            deliveries_days: config.retention.deliveries_days,
            duties_days: config.retention.duties_days,
            bindings_days: config.retention.removed_bindings_days,
        },
        policies: registry::Policies { default: policies.default, by_code: policies.by_code },
    };
    let registry = Registry::new(storage, keys, clock, entropy, settings);
    registry.prove_keys()?;
    registry.prove_policies()?;
    registry.end_stale_leases()?;
    Ok(registry)
}

/// Loads the index, as long as it takes, and makes the first admin where there is none.
async fn load(
    registry: &Arc<Registry>,
    admin_key: &Path,
    told: &mut Vec<String>,
) -> Result<(), StartError> {
    loop {
        let loading = Arc::clone(registry);
        let loaded = tokio::task::spawn_blocking(move || loading.load_index()).await;
        match loaded {
            Ok(Ok(())) => break,
            Ok(Err(refused)) if refused.code != Code::Internal => {
                log::warn!("the index isn't loaded yet: {}", refused.code.text());
                tokio::time::sleep(LOAD_AGAIN_AFTER).await;
            }
            Ok(Err(refused)) => return Err(refused.into()),
            Err(_) => return Err(StartError::Refused("the index can't be loaded".to_owned())),
        }
    }
    log::info!(numbers = registry.loaded(); "index loaded");
    // Kept under another name until it is known to be the admin's: another node may have been first.
    let draft = keys::draft_of(admin_key, registry.entropy());
    let (asked, path, kept) = (Arc::clone(registry), draft.clone(), admin_key.to_owned());
    let first = tokio::task::spawn_blocking(move || {
        // It may be the only copy of another registry's.
        let free = if kept.exists() { Err(ErrorKind::AlreadyExists.into()) } else { Ok(()) };
        asked.first_admin(|key| {
            free.and_then(|()| keys::replace_private(&path, &format!("{key}\n")))
        })
    });
    let first = first.await.unwrap_or(Ok(FirstAdmin::NotNeeded))?;
    let settled = match first {
        FirstAdmin::NotKept(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(StartError::Refused(format!(
                "{}: the key of another registry's admin lies here, and this database has no admin yet; \
                 move it away, or set database.url to its database, and start again",
                admin_key.display()
            )));
        }
        FirstAdmin::NotKept(error) => Err(error),
        FirstAdmin::Made => {
            told.push(format!("admin key made: {}", admin_key.display()));
            keys::put_in_place(&draft, admin_key)
        }
        FirstAdmin::NotNeeded if draft.exists() => std::fs::remove_file(&draft),
        FirstAdmin::NotNeeded => Ok(()),
    };
    settled.map_err(|error| StartError::Refused(format!("{}: {}", draft.display(), error.kind())))
}

type Serving = (ServerHandle, JoinHandle<std::io::Result<()>>);

fn serve(
    config: &Config,
    registry: &Arc<Registry>,
    listener: TcpListener,
    public_url: &str,
) -> Result<Serving, StartError> {
    let shared = SharedRegistry(Arc::new(Shared {
        registry: Arc::clone(registry),
        limits: Limits {
            body_bytes_max: config.server.body_bytes_max,
            body_seconds_max: config.server.body_seconds_max,
            page_max: i64::try_from(config.limits.page_max).unwrap_or(i64::MAX),
            requests_per_second: config.limits.requests_per_second,
            attempt_max: Duration::from_secs(config.webhooks.attempt_seconds_max),
        },
        public_url: public_url.to_owned(),
        room: Arc::new(Semaphore::new(config.database.waiting_max)),
    }));
    let (pace, role) = (Data::new(Pace::default()), config.server.role);
    let app = move || {
        App::new()
            .app_data(shared.clone())
            .app_data(api::routes())
            .app_data(pace.clone())
            .configure(|routes| api::configure(routes, role))
            .default_service(web::to(around::not_found))
            .wrap(from_fn(around::request))
    };
    let mut server = HttpServer::new(app)
        .client_request_timeout(HEAD_SECONDS_MAX)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(config.server.stop_seconds_max)
        .disable_signals();
    if let Some(workers) = config.server.workers {
        server = server.workers(workers);
    }
    let server = server.listen(listener).map_err(|error| StartError::Listen(error.kind()))?.run();
    let handle = server.handle();
    Ok((handle, tokio::spawn(server)))
}

fn sender(config: &Config, resolver: Resolver) -> Sender {
    Sender::new(SenderConfig {
        attempt_max: Duration::from_secs(config.webhooks.attempt_seconds_max),
        answer_bytes_max: config.webhooks.answer_bytes_max,
        allowed_networks: AllowedNetworks::new(config.webhooks.allowed_networks.clone()),
        extra_roots: Vec::new(),
        resolver,
    })
}

fn limits(config: &Config) -> worker::Limits {
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    worker::Limits {
        in_flight_max: count(config.webhooks.in_flight_max),
        in_flight_per_endpoint_max: count(config.webhooks.in_flight_per_endpoint_max),
        attempt_max: Duration::from_secs(config.webhooks.attempt_seconds_max),
        schedule: Schedule { retry_hours: config.webhooks.retry_hours },
    }
}
