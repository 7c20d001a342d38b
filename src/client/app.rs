//! What an app calls beside the check: it binds its accounts, reads its duties and says what it did.

use hyper::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::answer::{Batch, Items};
use super::error::Error;
use super::list::{List, Page};
use super::{Client, unknown, with_body, with_query};
use crate::domain::binding::{Change, Did, Holder, Proof};
use crate::domain::duty::{Demand, Response};
use crate::domain::number::NumberText;
use crate::domain::time::Moment;

/// An account to bind to a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToBind {
    /// The app's own name for the account, 1 to 128 characters.
    pub account_ref: String,
    /// Its number, in any of the three forms.
    pub number: NumberText,
    /// When the app last knew its user to hold it, by something else than a code; sign-up counts.
    pub verified_at: Moment,
    /// How it knew, where a later date needs a proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Whose account it is; as before unless it is said, and a person's at first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<Holder>,
}

impl ToBind {
    /// A person's account, without a proof.
    pub fn new(account_ref: impl Into<String>, number: NumberText, verified_at: Moment) -> ToBind {
        let account_ref = account_ref.into();
        ToBind { account_ref, number, verified_at, proof: None, holder: None }
    }
}

/// A binding that was put.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Bound {
    /// Of which account.
    pub account_ref: String,
    /// What changed, if anything.
    #[serde(default, deserialize_with = "unknown::known")]
    pub change: Option<Change>,
    /// To be stored beside the phone number, and to check with.
    pub handle: NumberText,
    /// The date that counts.
    pub verified_at: Moment,
    /// What is demanded at once.
    #[serde(deserialize_with = "unknown::demand")]
    pub demand: Demand,
    /// The duty's revision.
    pub revision: u32,
}

/// A binding that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Unbound {
    /// Of which account.
    pub account_ref: String,
}

/// A binding as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Binding {
    /// To check with.
    pub handle: NumberText,
    /// When the app last knew its user to hold the number, by something else than a code.
    pub verified_at: Moment,
    /// When it was bound.
    pub bound_at: Moment,
    /// Whose account it is.
    #[serde(deserialize_with = "unknown::holder")]
    pub holder: Holder,
    /// What is demanded, and of which account.
    #[serde(flatten)]
    pub duty: Duty,
    /// What was demanded and done before, oldest first. Only when one binding is asked for.
    #[serde(default)]
    pub history: Vec<Past>,
}

/// What is demanded of the app for one account, and what it did.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Duty {
    /// Which account.
    pub account_ref: String,
    /// Rises with every message about it; the highest counts.
    pub revision: u32,
    /// What the registry demands.
    #[serde(deserialize_with = "unknown::demand")]
    pub demand: Demand,
    /// Why; to be shown, not acted on.
    pub reason: Option<String>,
    /// What the app said that it did.
    #[serde(deserialize_with = "unknown::response")]
    pub response: Response,
    /// When it should have frozen the account.
    pub freeze_by: Option<Moment>,
    /// When it should have detached it.
    pub detach_by: Option<Moment>,
    /// When it should have answered a dispute.
    pub answer_by: Option<Moment>,
    /// The log's head when this was written.
    pub position: String,
}

/// One step in the history of a duty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Past {
    /// When.
    pub at: Moment,
    /// Whose step it was, `registry` or `app`; to be shown.
    pub by: String,
    /// The revision from then on.
    pub revision: u32,
    /// The demand from then on.
    #[serde(deserialize_with = "unknown::demand")]
    pub demand: Demand,
    /// The response from then on.
    #[serde(deserialize_with = "unknown::response")]
    pub response: Response,
}

/// Which duties to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duties {
    /// Wherever something is demanded or was done.
    All,
    /// Where the app still has to do something.
    Open,
    /// Where it should have done it already.
    Overdue,
}

/// What the app did with an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Acknowledgement {
    /// Which account.
    pub account_ref: String,
    /// What.
    pub did: Did,
    /// The revision that it acted on: refused if the registry has gone on since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// Beside `verified`: when,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Moment>,
    /// and by what, other than the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

impl Acknowledgement {
    /// Says what was done, without a guard.
    pub fn new(account_ref: impl Into<String>, did: Did) -> Acknowledgement {
        let account_ref = account_ref.into();
        Acknowledgement { account_ref, did, revision: None, verified_at: None, proof: None }
    }

    /// Says that the owner was proved.
    pub fn verified(
        account_ref: impl Into<String>,
        verified_at: Moment,
        proof: Proof,
    ) -> Acknowledgement {
        let (verified_at, proof) = (Some(verified_at), Some(proof));
        Acknowledgement { verified_at, proof, ..Acknowledgement::new(account_ref, Did::Verified) }
    }

    /// The same, refused if the registry has gone on since `revision`.
    pub fn at_revision(self, revision: u32) -> Acknowledgement {
        Acknowledgement { revision: Some(revision), ..self }
    }
}

/// A duty after an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Acknowledged {
    /// Of which account.
    pub account_ref: String,
    /// Its revision.
    pub revision: u32,
    /// What is demanded now.
    #[serde(deserialize_with = "unknown::demand")]
    pub demand: Demand,
    /// What the app has done.
    #[serde(deserialize_with = "unknown::response")]
    pub response: Response,
    /// To be stored in place of the old one, where the date moved.
    pub handle: Option<NumberText>,
    /// The date that counts, where it moved.
    pub verified_at: Option<Moment>,
}

#[derive(Serialize)]
struct Account<'a> {
    account_ref: &'a str,
}

impl Client {
    /// Binds up to 1,000 accounts, or moves what is bound. The same again does no harm.
    ///
    /// # Errors
    /// Those of the batch; what is wrong with one account is its item's.
    pub async fn bind(&self, bindings: &[ToBind]) -> Result<Batch<Bound>, Error> {
        self.batch("/v1/bindings", bindings).await
    }

    /// Removes the bindings of up to 1,000 accounts.
    ///
    /// # Errors
    /// Those of the batch; what is wrong with one account is its item's.
    pub async fn unbind(&self, account_refs: &[&str]) -> Result<Batch<Unbound>, Error> {
        let items: Vec<Account> =
            account_refs.iter().map(|account_ref| Account { account_ref }).collect();
        self.batch("/v1/bindings/remove", &items).await
    }

    /// The binding of one account with its history, if it is bound.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn binding(&self, account_ref: &str) -> Result<Option<Binding>, Error> {
        let path = with_query("/v1/bindings", &[("account_ref", Some(account_ref))]);
        let mut page: Page<Binding> = self.get(&path).await?;
        Ok(page.items.pop())
    }

    /// All bindings of the app, without history.
    pub fn bindings(&self) -> List<'_, Binding> {
        List::new(self, "/v1/bindings".to_owned())
    }

    /// What is demanded of the app.
    pub fn duties(&self, which: Duties) -> List<'_, Duty> {
        let filter = match which {
            Duties::All => "",
            Duties::Open => "?open=true",
            Duties::Overdue => "?overdue=true",
        };
        List::new(self, format!("/v1/duties{filter}"))
    }

    /// Says what was done with up to 1,000 accounts. The same again does no harm.
    ///
    /// # Errors
    /// Those of the batch; what is wrong with one account is its item's.
    pub async fn acknowledge(
        &self,
        acknowledgements: &[Acknowledgement],
    ) -> Result<Batch<Acknowledged>, Error> {
        self.batch("/v1/acknowledgements", acknowledgements).await
    }

    async fn batch<T>(&self, path: &str, items: &[impl Serialize]) -> Result<Batch<T>, Error>
    where
        T: DeserializeOwned,
    {
        let answer = self.raw(with_body(Method::POST, path, &Items::of(items))).await?;
        answer.json_of(items.len(), |answer: &Batch<T>| &answer.items)
    }
}
