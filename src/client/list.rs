//! Lists that come in pages.

use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::Error;
use super::{Client, with_query};

/// A list of the registry, newest first. Nothing is asked before [`List::page`] or [`List::all`].
#[derive(Clone, Debug)]
pub struct List<'a, T> {
    client: &'a Client,
    /// With the filters.
    path: String,
    items: PhantomData<fn() -> T>,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Page<T> {
    /// Newest first.
    pub items: Vec<T>,
    /// Where the next page begins, good for 24 hours; `None` on the last.
    pub next: Option<String>,
}

impl<'a, T: DeserializeOwned> List<'a, T> {
    pub(super) fn new(client: &'a Client, path: String) -> List<'a, T> {
        List { client, path, items: PhantomData }
    }

    /// Up to `limit` items, or as many as the registry sends unasked; from the beginning, or `after` a
    /// page's `next`.
    ///
    /// # Errors
    /// `query_invalid`, `cursor_invalid`, and those of every call.
    pub async fn page(&self, limit: Option<u32>, after: Option<&str>) -> Result<Page<T>, Error> {
        let limit = limit.map(|limit| limit.to_string());
        let path = with_query(&self.path, &[("limit", limit.as_deref()), ("after", after)]);
        self.client.get(&path).await
    }

    /// All of it, page by page.
    ///
    /// # Errors
    /// The first that any page has.
    pub async fn all(&self) -> Result<Vec<T>, Error> {
        let mut page = self.page(None, None).await?;
        let mut items = page.items;
        while let Some(next) = page.next {
            page = self.page(None, Some(&next)).await?;
            items.append(&mut page.items);
        }
        Ok(items)
    }
}
