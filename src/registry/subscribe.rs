//! An app looks after its webhook addresses.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::deliver::no_endpoint;
use super::{Registry, Result};
use crate::domain::address::{AllowedNetworks, EndpointUrl};
use crate::domain::duty::MessageType;
use crate::domain::id::Prefix;
use crate::domain::participant::App;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::signature::Secret;
use crate::domain::unsaid::unsaid;
use crate::keys::Sealed;
use crate::storage::deliveries::{self, Delivery, DeliveryId};
use crate::storage::endpoints::{self, Endpoint, EndpointId, State};
use crate::storage::{self, Tx, participants};

/// Endpoints of one app, at most.
const ENDPOINTS_MAX: usize = 20;
/// Hours that an old secret may sign beside a new one, at most.
const OVERLAP_HOURS_MAX: u32 = 168;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// An address to be registered.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Where messages go.
    pub url: String,
    /// Which types; all where nothing is said.
    #[serde(default)]
    pub types: Option<Vec<String>>,
}

/// What is to change of an endpoint.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointChange {
    /// Sent or kept.
    #[serde(default)]
    pub state: Option<State>,
    /// Where messages go.
    #[serde(default)]
    pub url: Option<String>,
    /// Which types.
    #[serde(default)]
    pub types: Option<Vec<String>>,
}

/// An endpoint as its app sees it.
#[derive(Clone, Debug)]
pub struct EndpointView {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Deliveries that will be tried.
    pub pending: i64,
    /// Deliveries that are tried once a day.
    pub dead: i64,
    /// The secret, where it was just made.
    pub secret: Option<Secret>,
}

impl Registry {
    /// Registers an address and makes its signing secret.
    ///
    /// # Errors
    /// `url_not_allowed`, `endpoint_exists` with the id of the one that has the URL,
    /// `value_not_allowed`.
    pub fn subscribe(&self, app: &App, wanted: &Wanted) -> Result<EndpointView> {
        let url = self.endpoint_url(&wanted.url)?;
        let types = checked_types(wanted.types.as_deref())?;
        let (secret, sealed) = self.new_secret(app)?;
        let now = self.clock.now_ms();
        let endpoint = Endpoint {
            id: EndpointId(0),
            public_id: self.entropy.id(Prefix::Endpoint, now),
            app: app.id(),
            url,
            state: State::Enabled,
            types,
            secret: sealed,
            old_secret: None,
            old_secret_until: None,
            created_at: now,
            deleted_at: None,
            failures: 0,
            failing_since: None,
            open_until: None,
            leased_until: 0,
            lease: 0,
        };
        self.storage
            .write(|tx| {
                participants::lock(tx, app.id())?;
                let all = endpoints::of_app(tx, app.id())?;
                if all.iter().any(|one| one.public_id == endpoint.public_id) {
                    return Ok(());
                }
                must_be_new(&all, &endpoint.url, None)?;
                if all.len() >= ENDPOINTS_MAX {
                    let detail = format!("An app has at most {ENDPOINTS_MAX} endpoints.");
                    return Err(Rejection::new(Code::ValueNotAllowed, detail).at("/url").into());
                }
                endpoints::insert(tx, &endpoint).map(drop)
            })
            .map_err(|error| self.failed(error))?;
        Ok(EndpointView { endpoint, pending: 0, dead: 0, secret: Some(secret) })
    }

    /// An app's endpoints, newest first.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn endpoints(&self, app: &App) -> Result<Vec<EndpointView>> {
        self.storage
            .read(|db| {
                let all = endpoints::of_app(db, app.id())?;
                all.into_iter().map(|endpoint| view(db, endpoint)).collect()
            })
            .map_err(|error| self.failed(error))
    }

    /// One of an app's endpoints.
    ///
    /// # Errors
    /// `not_found`, `unavailable`.
    pub fn endpoint(&self, app: &App, id: &str) -> Result<EndpointView> {
        self.storage
            .read(|db| {
                let endpoint = find(endpoints::of_app(db, app.id())?, id)?;
                view(db, endpoint)
            })
            .map_err(|error| self.failed(error))
    }

    /// Changes an endpoint. Disabled means kept: what is due is sent when it is enabled again.
    ///
    /// # Errors
    /// `not_found`, `url_not_allowed`, `endpoint_exists`, `value_not_allowed`.
    pub fn change_endpoint(
        &self,
        app: &App,
        id: &str,
        change: &EndpointChange,
    ) -> Result<EndpointView> {
        let url = change.url.as_deref().map(|url| self.endpoint_url(url)).transpose()?;
        let types = change.types.as_deref().map(|types| checked_types(Some(types))).transpose()?;
        let changed = self.rewrite(app, id, |tx, endpoint| {
            if let Some(url) = &url {
                must_be_new(&endpoints::of_app(tx, app.id())?, url, Some(endpoint.id))?;
                endpoint.url.clone_from(url);
            }
            if let Some(types) = &types {
                endpoint.types.clone_from(types);
            }
            if change.state == Some(State::Enabled) {
                // Whoever enables it wants to see it tried, not a wait that began before.
                endpoint.failures = 0;
                endpoint.failing_since = None;
                endpoint.open_until = None;
                endpoints::note_breaker(tx, endpoint)?;
            }
            endpoint.state = change.state.unwrap_or(endpoint.state);
            Ok(())
        })?;
        self.bell.notify_waiters();
        Ok(changed)
    }

    /// Makes a new secret; the old one signs beside it for `overlap_hours`.
    ///
    /// # Errors
    /// `not_found`, `value_not_allowed`.
    pub fn rotate_secret(
        &self,
        app: &App,
        id: &str,
        overlap_hours: Option<u32>,
    ) -> Result<EndpointView> {
        let overlap_hours = overlap_hours.unwrap_or(self.settings.secret_overlap_hours);
        if overlap_hours > OVERLAP_HOURS_MAX {
            let detail = format!("The overlap is 0 to {OVERLAP_HOURS_MAX} hours.");
            return Err(Rejection::new(Code::ValueNotAllowed, detail).at("/overlap_hours"));
        }
        let (secret, sealed) = self.new_secret(app)?;
        let until = self.clock.now_ms() + i64::from(overlap_hours) * HOUR_MS;
        let view = self.rewrite(app, id, |_, endpoint| {
            if endpoint.secret != sealed {
                endpoint.old_secret = Some(std::mem::replace(&mut endpoint.secret, sealed.clone()));
                endpoint.old_secret_until = Some(until);
            }
            Ok(())
        })?;
        Ok(EndpointView { secret: Some(secret), ..view })
    }

    /// Deletes an endpoint. What was due to it stays to be seen. To say it again changes nothing.
    ///
    /// # Errors
    /// `not_found`.
    pub fn unsubscribe(&self, app: &App, id: &str) -> Result<()> {
        let now = self.clock.now_ms();
        self.storage
            .write(|tx| {
                participants::lock(tx, app.id())?;
                let known = endpoints::named(tx, app.id(), id)?.ok_or_else(no_endpoint)?;
                // As it is now that no worker can change it.
                let mut endpoint = endpoints::lock(tx, known.id)?.ok_or_else(no_endpoint)?;
                endpoint.deleted_at.get_or_insert(now);
                endpoints::update(tx, &endpoint)
            })
            .map_err(|error| self.failed(error))
    }

    /// Puts a test message on its way, through the real worker; its delivery's public id.
    ///
    /// # Errors
    /// `not_found`, `unavailable`, `outcome_unknown`.
    pub fn test_endpoint(&self, app: &App, id: &str) -> Result<(String, State)> {
        let now = self.clock.now_ms();
        let public_id = self.entropy.id(Prefix::Delivery, now);
        let message_id = self.entropy.id(Prefix::Message, now);
        let state = self
            .storage
            .write(|tx| {
                let endpoint = find(endpoints::of_app(tx, app.id())?, id)?;
                let delivery = Delivery {
                    id: DeliveryId(0),
                    public_id: public_id.clone(),
                    message_id: message_id.clone(),
                    app: app.id(),
                    endpoint: endpoint.id,
                    number: None,
                    binding: None,
                    revision: 0,
                    kind: MessageType::EndpointTest,
                    state: deliveries::State::Pending,
                    tries: 0,
                    next_attempt_at: Some(now),
                    created_at: now,
                    settled_at: None,
                };
                if deliveries::by_public_id(tx, app.id(), &public_id)?.is_none() {
                    deliveries::insert(tx, &[delivery])?;
                }
                Ok(endpoint.state)
            })
            .map_err(|error| self.failed(error))?;
        self.bell.notify_waiters();
        Ok((public_id, state))
    }

    fn rewrite(
        &self,
        app: &App,
        id: &str,
        change: impl Fn(&mut Tx<'_>, &mut Endpoint) -> storage::Result<()>,
    ) -> Result<EndpointView> {
        self.storage
            .write(|tx| {
                participants::lock(tx, app.id())?;
                let id = find(endpoints::of_app(tx, app.id())?, id)?.id;
                // As it is now that no worker can change it.
                let mut endpoint = endpoints::lock(tx, id)?.ok_or_else(no_endpoint)?;
                change(tx, &mut endpoint)?;
                endpoints::update(tx, &endpoint)?;
                view(tx, endpoint)
            })
            .map_err(|error| self.failed(error))
    }

    fn endpoint_url(&self, text: &str) -> Result<String> {
        let allowed = AllowedNetworks::new(self.settings.webhook_networks.clone());
        EndpointUrl::parse(text, &allowed).map(|url| url.as_str().to_owned())
    }

    fn new_secret(&self, app: &App) -> Result<(Secret, Vec<u8>)> {
        let bytes: [u8; 32] = self.entropy.bytes();
        let sealed = self.keys.ring().seal(Sealed::WebhookSecret, app.name().as_str(), &bytes);
        let secret =
            Secret::from_bytes(bytes).map_err(|_| super::internal("a secret of a wrong length"))?;
        Ok((secret, sealed.0))
    }
}

fn view(db: &mut storage::AnyConnection, endpoint: Endpoint) -> storage::Result<EndpointView> {
    let (pending, dead) = deliveries::unsettled(db, endpoint.id)?;
    Ok(EndpointView { endpoint, pending, dead, secret: None })
}

fn find(all: Vec<Endpoint>, id: &str) -> storage::Result<Endpoint> {
    Ok(all.into_iter().find(|one| one.public_id == id).ok_or_else(no_endpoint)?)
}

fn must_be_new(all: &[Endpoint], url: &str, itself: Option<EndpointId>) -> Result<()> {
    match all.iter().find(|one| one.url == url && Some(one.id) != itself) {
        None => Ok(()),
        Some(one) => {
            let detail = format!("It is {}.", one.public_id);
            Err(Rejection::new(Code::EndpointExists, detail).at("/url"))
        }
    }
}

fn checked_types(types: Option<&[String]>) -> Result<Vec<String>> {
    let Some(types) = types else { return Ok(vec!["*".to_owned()]) };
    let known = |one: &String| one == "*" || MessageType::ALL.iter().any(|kind| kind.text() == one);
    let all_different = types.iter().collect::<BTreeSet<_>>().len() == types.len();
    let star = types.iter().any(|one| one == "*");
    if types.is_empty() || !types.iter().all(known) || !all_different || star && types.len() > 1 {
        let detail = "types holds different message types, or * alone for all.";
        return Err(Rejection::new(Code::ValueNotAllowed, detail).at("/types"));
    }
    Ok(types.to_vec())
}

unsaid! { Wanted EndpointChange }
