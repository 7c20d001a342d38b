//! Where an app is told: its webhook endpoints, and the messages on their way to them.

use hyper::Method;
use serde::{Deserialize, Deserializer, Serialize};

use super::error::Error;
use super::list::List;
use super::{Client, empty, percent_encoded, with_query};
use crate::domain::signature::Secret;
use crate::domain::time::Moment;

/// A webhook address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// `ep_…`
    pub id: String,
    /// Where messages go.
    pub url: String,
    /// Whether they go there.
    pub state: EndpointState,
    /// Which ones; `*` means all.
    pub types: Vec<String>,
    /// When it was added.
    pub created_at: Moment,
    /// Deliveries that are due.
    pub pending: u64,
    /// Deliveries that were given up but for one try a day.
    pub dead: u64,
    /// Since when every try has failed.
    pub failing_since: Option<Moment>,
}

/// Whether an endpoint gets messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    /// It does.
    Enabled,
    /// What is due is kept until it is enabled.
    #[serde(other)]
    Disabled,
}

/// An endpoint that was just added.
#[derive(Clone, Debug, Deserialize)]
pub struct AddedEndpoint {
    /// What can be read again.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// What its messages are signed with. It is told only now.
    #[serde(deserialize_with = "secret")]
    pub secret: Secret,
}

/// The secret of an endpoint after a rotation.
#[derive(Clone, Debug, Deserialize)]
pub struct Rotated {
    /// The new one. It is told only now.
    #[serde(deserialize_with = "secret")]
    pub secret: Secret,
    /// Until when the old one signs too.
    pub old_secret_until: Option<Moment>,
}

/// What to change of an endpoint; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EndpointPatch {
    /// Whether it gets messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<EndpointState>,
    /// Where they go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Which ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
}

/// A message on its way to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// `dlv_…`
    pub id: String,
    /// `msg_…`, which the receiver sees as `webhook-id`.
    pub message: String,
    /// `ep_…`
    pub endpoint: String,
    /// The message's type, such as `account.freeze_requested`.
    #[serde(rename = "type")]
    pub message_type: String,
    /// How far it is.
    pub state: DeliveryState,
    /// When it is tried next.
    pub next_attempt_at: Option<Moment>,
    /// What was tried, oldest first. Not in lists.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It arrived.
    Delivered,
    /// A newer message about the same account made it needless.
    Superseded,
    /// It was given up but for one try a day.
    Dead,
    /// It will be tried.
    #[serde(other)]
    Pending,
}

/// One try to deliver a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    pub at: Moment,
    /// Milliseconds until it ended.
    pub took_ms: u64,
    /// The receiver's status, if it answered.
    pub status: Option<u16>,
    /// The beginning of the receiver's answer.
    pub answer: Option<String>,
    /// Why there is no answer.
    pub error: Option<String>,
}

/// Which deliveries to list; `None` filters nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter<'a> {
    /// Those that are this far.
    pub state: Option<DeliveryState>,
    /// Those to this endpoint.
    pub endpoint: Option<&'a str>,
}

#[derive(Serialize)]
struct NewEndpoint<'a> {
    url: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    types: &'a [String],
}

#[derive(Serialize)]
struct Rotation {
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap_hours: Option<u32>,
}

impl Client {
    /// Has messages of these types sent to `url`; of all types, where none is named.
    ///
    /// # Errors
    /// `url_not_allowed`; `value_not_allowed` for a type that doesn't exist; `endpoint_exists` when it is registered already; those of every call.
    pub async fn add_endpoint(&self, url: &str, types: &[String]) -> Result<AddedEndpoint, Error> {
        self.send(Method::POST, "/v1/endpoints", &NewEndpoint { url, types }).await
    }

    /// The app's endpoints.
    pub fn endpoints(&self) -> List<'_, Endpoint> {
        List::new(self, "/v1/endpoints".to_owned())
    }

    /// One of them.
    ///
    /// # Errors
    /// `not_found`, and those of every call.
    pub async fn endpoint(&self, id: &str) -> Result<Endpoint, Error> {
        self.get(&endpoint_path(id)).await
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    /// `not_found`, `url_not_allowed`, `endpoint_exists`, and those of every call.
    pub async fn change_endpoint(
        &self,
        id: &str,
        patch: &EndpointPatch,
    ) -> Result<Endpoint, Error> {
        self.send(Method::PATCH, &endpoint_path(id), patch).await
    }

    /// Gives an endpoint a new secret. The old one signs too for so many hours, or the registry's
    /// default.
    ///
    /// # Errors
    /// `not_found`, and those of every call.
    pub async fn rotate_secret(
        &self,
        id: &str,
        overlap_hours: Option<u32>,
    ) -> Result<Rotated, Error> {
        let path = endpoint_path(id) + "/rotate-secret";
        self.send(Method::POST, &path, &Rotation { overlap_hours }).await
    }

    /// Sends an `endpoint.test` message, and waits for its first try: up to 15 seconds.
    ///
    /// # Errors
    /// `not_found`, and those of every call. A try that failed is none: see its attempts.
    pub async fn test_endpoint(&self, id: &str) -> Result<Delivery, Error> {
        self.raw(empty(Method::POST, &(endpoint_path(id) + "/test"))).await?.json()
    }

    /// Removes an endpoint.
    ///
    /// # Errors
    /// `not_found`, and those of every call.
    pub async fn remove_endpoint(&self, id: &str) -> Result<(), Error> {
        self.raw(empty(Method::DELETE, &endpoint_path(id))).await?.done()
    }

    /// The app's deliveries.
    pub fn deliveries(&self, filter: DeliveryFilter<'_>) -> List<'_, Delivery> {
        let parameters =
            [("state", filter.state.map(DeliveryState::text)), ("endpoint", filter.endpoint)];
        List::new(self, with_query("/v1/deliveries", &parameters))
    }

    /// One delivery with its attempts.
    ///
    /// # Errors
    /// `not_found`, and those of every call.
    pub async fn delivery(&self, id: &str) -> Result<Delivery, Error> {
        self.get(&delivery_path(id)).await
    }

    /// Has a message sent once more, under its id.
    ///
    /// # Errors
    /// `not_found`, and those of every call.
    pub async fn resend(&self, id: &str) -> Result<Delivery, Error> {
        self.raw(empty(Method::POST, &(delivery_path(id) + "/resend"))).await?.json()
    }
}

impl EndpointState {
    /// The state as the API writes it.
    pub fn text(self) -> &'static str {
        match self {
            EndpointState::Enabled => "enabled",
            EndpointState::Disabled => "disabled",
        }
    }
}

impl DeliveryState {
    /// The state as the API writes it.
    pub fn text(self) -> &'static str {
        match self {
            DeliveryState::Delivered => "delivered",
            DeliveryState::Superseded => "superseded",
            DeliveryState::Dead => "dead",
            DeliveryState::Pending => "pending",
        }
    }
}

fn endpoint_path(id: &str) -> String {
    format!("/v1/endpoints/{}", percent_encoded(id))
}

fn delivery_path(id: &str) -> String {
    format!("/v1/deliveries/{}", percent_encoded(id))
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let text = zeroize::Zeroizing::new(String::deserialize(deserializer)?);
    Secret::parse(&text).map_err(serde::de::Error::custom)
}
