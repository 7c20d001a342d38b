//! Query parameters and pages. An unknown parameter is refused: a filter that is silently ignored shows
//! what it should have hidden.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use actix_web::HttpRequest;
use serde::Serialize;

use super::shared_registry::SharedRegistry;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::text;
use crate::domain::unsaid::unsaid;

/// Items of a page when nothing is said.
const LIMIT_DEFAULT: i64 = 100;
/// How long a cursor is good, in milliseconds.
const CURSOR_MS_MAX: i64 = 24 * 60 * 60 * 1_000;
/// So many digits as the largest id has: places of a list are of one length.
const ID_DIGITS: usize = 19;
const CURSOR_PREFIX: &str = "c1.";

/// The parameters of a request, each of a known name and there once.
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// # Errors
    /// `query_invalid` for a parameter that isn't in `known`, or is there twice.
    pub fn read(request: &HttpRequest, known: &[&'static str]) -> Result<Query, Rejection> {
        let pairs = serde_urlencoded(request.query_string())?;
        let mut all = BTreeMap::new();
        for (name, value) in pairs {
            let Some(name) = known.iter().find(|known| **known == name) else {
                let detail = format!("Known parameters are: {}.", known.join(", "));
                return Err(Rejection::new(Code::QueryInvalid, detail));
            };
            if all.insert((*name).to_owned(), value).is_some() {
                return Err(Rejection::new(Code::QueryInvalid, "This is there twice.").at(*name));
            }
        }
        Ok(Query(all))
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of a parameter that is `true` or `false`.
    ///
    /// # Errors
    /// `query_invalid` for anything else.
    pub fn flag(&self, name: &'static str) -> Result<Flag, Rejection> {
        match self.get(name) {
            None | Some("false") => Ok(Flag::Off),
            Some("true") => Ok(Flag::On),
            Some(_) => Err(Rejection::new(Code::QueryInvalid, "This is true or false.").at(name)),
        }
    }
}

/// Whether a filter is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// It is.
    On,
    /// It isn't.
    Off,
}

/// Which part of a list is wanted.
pub struct Page {
    /// Only what lies before this place.
    before: Option<String>,
    /// Items at most.
    pub limit: i64,
    registry: SharedRegistry,
    owner: String,
    filters: String,
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct List<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl Page {
    /// Reads `limit` and `after`, of a list without filters.
    ///
    /// # Errors
    /// `query_invalid`, `cursor_invalid`.
    pub fn unfiltered(
        request: &HttpRequest,
        registry: &SharedRegistry,
        owner: &str,
        list: &str,
    ) -> Result<Page, Rejection> {
        Page::read(&Query::read(request, &["limit", "after"])?, registry, owner, list)
    }

    /// Reads `limit` and `after`. A cursor is sealed for its owner and holds the filters that it was
    /// made with, so that it can't be turned to another list.
    ///
    /// # Errors
    /// `query_invalid`, `cursor_invalid`.
    pub fn read(
        query: &Query,
        registry: &SharedRegistry,
        owner: &str,
        list: &str,
    ) -> Result<Page, Rejection> {
        let max = registry.0.limits.page_max;
        let limit = match query.get("limit") {
            None => LIMIT_DEFAULT.min(max),
            Some(text) => {
                text.parse().ok().filter(|limit| (1..=max).contains(limit)).ok_or_else(|| {
                    let detail = format!("limit is 1 to {max}.");
                    Rejection::new(Code::QueryInvalid, detail).at("limit")
                })?
            }
        };
        let kept = query.0.iter().filter(|(name, _)| !matches!(name.as_str(), "limit" | "after"));
        let filters =
            kept.fold(list.to_owned(), |text, (name, value)| format!("{text}\n{name}={value}"));
        let before = query
            .get("after")
            .map(|text| open_cursor(registry, owner, &filters, text))
            .transpose()?;
        Ok(Page { before, limit, registry: registry.clone(), owner: owner.to_owned(), filters })
    }

    /// The id that the page lies before, in a list that goes by ids.
    pub fn before_id(&self) -> Option<i64> {
        self.before.as_deref()?.parse().ok()
    }

    /// A page of items, each made of one of `rows`; `id` is what the next page begins after.
    pub fn list<R, T>(
        &self,
        rows: Vec<R>,
        id: impl Fn(&R) -> i64,
        item: impl FnMut(R) -> T,
    ) -> List<T> {
        self.placed(rows, |row| place_of(id(row)), item)
    }

    /// A page of a list that is short enough to be read whole; the texts of `place` sort its rows, the
    /// newest last.
    pub fn part<R, T>(
        &self,
        mut rows: Vec<R>,
        place: impl Fn(&R) -> String,
        item: impl FnMut(R) -> T,
    ) -> List<T> {
        rows.retain(|row| self.before.as_ref().is_none_or(|before| place(row) < *before));
        rows.sort_by_cached_key(|row| Reverse(place(row)));
        rows.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        self.placed(rows, place, item)
    }

    fn placed<R, T>(
        &self,
        rows: Vec<R>,
        place: impl Fn(&R) -> String,
        item: impl FnMut(R) -> T,
    ) -> List<T> {
        let full = i64::try_from(rows.len()).is_ok_and(|count| count >= self.limit);
        let next = rows
            .last()
            .filter(|_| full)
            .map(|row| seal_cursor(&self.registry, &self.owner, &self.filters, &place(row)));
        List { items: rows.into_iter().map(item).collect(), next }
    }
}

impl<T> List<T> {
    /// The only page there is.
    pub fn whole(items: Vec<T>) -> List<T> {
        List { items, next: None }
    }
}

/// The place of an id in a list: as a text, it comes where its number does.
pub fn place_of(id: i64) -> String {
    format!("{id:0ID_DIGITS$}")
}

/// What a cursor holds: when it was made, the place, what the list is filtered by.
fn seal_cursor(registry: &SharedRegistry, owner: &str, filters: &str, place: &str) -> String {
    let made = registry.clock().now_ms();
    let plain = [&made.to_be_bytes()[..], place.as_bytes(), b"\n", filters.as_bytes()].concat();
    format!("{CURSOR_PREFIX}{}", text::to_base64url(&registry.seal_cursor(owner, &plain)))
}

fn open_cursor(
    registry: &SharedRegistry,
    owner: &str,
    filters: &str,
    cursor: &str,
) -> Result<String, Rejection> {
    let invalid = || {
        let detail = "This cursor is not of this list, or older than 24 hours.";
        Rejection::new(Code::CursorInvalid, detail).at("after")
    };
    let sealed = cursor.strip_prefix(CURSOR_PREFIX).ok_or_else(invalid)?;
    let sealed = text::from_base64url_any(sealed).ok_or_else(invalid)?;
    let plain = registry.open_cursor(owner, &sealed).ok_or_else(invalid)?;
    let (made, rest) = plain.split_first_chunk::<8>().ok_or_else(invalid)?;
    let rest = str::from_utf8(rest).map_err(|_| invalid())?;
    let (place, sealed_filters) = rest.split_once('\n').ok_or_else(invalid)?;
    let age = registry.clock().now_ms() - i64::from_be_bytes(*made);
    if sealed_filters != filters || age > CURSOR_MS_MAX {
        return Err(invalid());
    }
    Ok(place.to_owned())
}

fn serde_urlencoded(query: &str) -> Result<Vec<(String, String)>, Rejection> {
    let pairs = actix_web::web::Query::<Vec<(String, String)>>::from_query(query);
    pairs
        .map(actix_web::web::Query::into_inner)
        .map_err(|_| Rejection::new(Code::QueryInvalid, "The query can't be read."))
}

unsaid! { Query }
