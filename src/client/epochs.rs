//! The keys of tokens: which epochs there are, and which of them holds (admin).

use hyper::Method;
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::list::List;
use super::{Client, empty};
use crate::domain::time::Moment;

/// An epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: u32,
    /// `published`, `active`, `accepted` or `retired`; show what you don't know.
    pub state: String,
    /// When it came into force.
    pub active_since: Option<Moment>,
    /// Until when its tokens are accepted, where that is known.
    pub accepted_until: Option<Moment>,
    /// Whether the node that was asked has its key.
    pub held: bool,
}

impl Client {
    /// All epochs, the newest first.
    pub fn epochs(&self) -> List<'_, Epoch> {
        List::new(self, "/v1/epochs".to_owned())
    }

    /// Brings an epoch into force on every node at once.
    ///
    /// # Errors
    /// `not_found`, `value_not_allowed`, and those of every call.
    pub async fn activate_epoch(&self, epoch: u32) -> Result<Epoch, Error> {
        self.raw(empty(Method::POST, &format!("/v1/epochs/{epoch}/activate"))).await?.json()
    }

    /// Ends an epoch: its tokens are refused from here on.
    ///
    /// # Errors
    /// `not_found`, `value_not_allowed`, and those of every call.
    pub async fn retire_epoch(&self, epoch: u32) -> Result<Epoch, Error> {
        self.raw(empty(Method::POST, &format!("/v1/epochs/{epoch}/retire"))).await?.json()
    }
}
