//! What callers send: read within a limit and a time, understood as JSON, and refused politely.
//!
//! serde's own errors quote the value that they refuse, so none of them leaves this file: they are
//! turned into a code, a place and a sentence of ours.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use actix_web::body::{self, BodyStream};
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::caller;
use super::failure::Failure;
use super::shared_registry::{Limits, SharedRegistry};
use crate::domain::rejection::{Code, Rejection};
use crate::registry::{Item, Keyed};

/// Objects and arrays within one another, at most.
const DEPTH_MAX: usize = 8;
/// Items that are read; the setting `limits.items_max` may not be higher.
const ITEMS_READ_MAX: usize = 1_000;

/// A body of one JSON object.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Failure;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let json = is_json(request);
        let limits = SharedRegistry::limits(request);
        let payload = payload.take();
        let request = request.clone();
        Box::pin(async move {
            caller::identify(&request).await?;
            if !json {
                let detail = "The body must be declared as application/json.";
                return Err(Rejection::new(Code::ContentTypeUnsupported, detail)
                    .at("Content-Type")
                    .into());
            }
            let bytes = read(payload, limits).await?;
            Ok(Body(parse(&bytes)?))
        })
    }
}

/// The items of a batch. Each is read by itself, so that one bad item is a rejection in its place.
#[derive(Clone, Debug)]
pub struct Items<T>(pub Vec<Item<T>>);

impl<'de, T: DeserializeOwned + Keyed> Deserialize<'de> for Items<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Batch(PhantomData))
    }
}

struct Batch<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned + Keyed> Visitor<'de> for Batch<T> {
    type Value = Items<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of items")
    }

    /// Items beyond what any batch may hold are passed over: that they are too many is all that is still
    /// to be known of them.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Items<T>, A::Error> {
        let mut read = Vec::new();
        while read.len() <= ITEMS_READ_MAX {
            match items.next_element::<Box<RawValue>>()? {
                Some(raw) => read.push(item(raw.get())),
                None => return Ok(Items(read)),
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Items(read))
    }
}

fn item<T: DeserializeOwned + Keyed>(raw: &str) -> Item<T> {
    let key = serde_json::from_str::<serde_json::Value>(raw)
        .ok()
        .and_then(|value| value.get(T::KEY)?.as_str().map(str::to_owned))
        .filter(|key| T::is_key(key));
    if raw.trim_start().starts_with('{') {
        return Item { key, value: understand(raw.as_bytes()) };
    }
    let value = Err(Rejection::new(Code::FieldWrongType, "An item must be an object."));
    Item { key, value }
}

fn is_json(request: &HttpRequest) -> bool {
    let Some(declared) = request.headers().get(header::CONTENT_TYPE) else { return false };
    let kind = declared.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

async fn read(payload: Payload, limits: Limits) -> Result<Vec<u8>, Rejection> {
    let within = Duration::from_secs(limits.body_seconds_max);
    match tokio::time::timeout(
        within,
        body::to_bytes_limited(BodyStream::new(payload), limits.body_bytes_max),
    )
    .await
    {
        Err(_) => {
            let detail = format!("The body was not there within {} s.", limits.body_seconds_max);
            Err(Rejection::new(Code::BodyTooSlow, detail))
        }
        Ok(Err(_)) => {
            let detail = format!("A body has at most {} bytes.", limits.body_bytes_max);
            Err(Rejection::new(Code::BodyTooLarge, detail))
        }
        Ok(Ok(Err(_))) => Err(malformed("The body broke off.")),
        Ok(Ok(Ok(bytes))) => Ok(bytes.to_vec()),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Rejection> {
    if std::str::from_utf8(bytes).is_err() {
        return Err(malformed("The body is not UTF-8."));
    }
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(malformed("The body is not a JSON object."));
    }
    if depth(bytes) > DEPTH_MAX {
        return Err(malformed("The body is nested more than 8 deep."));
    }
    understand(bytes)
}

/// How deep objects and arrays lie in one another, in text that may not even be JSON.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Reads JSON into a type that can't be wrong.
///
/// # Errors
/// Errors of shape, or whatever a type of ours refuses, each at its place.
pub fn understand<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Rejection> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let place = pointer(error.path());
        refusal(error.inner(), place)
    })?;
    deserializer.end().map_err(|_| malformed("Something follows the JSON object."))?;
    Ok(value)
}

fn refusal(error: &serde_json::Error, place: String) -> Rejection {
    let message = error.to_string();
    if let Some(ours) = Rejection::from_serde(&message) {
        return ours.at(place);
    }
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => malformed("The body is not JSON."),
        Category::Data => shape(&message, place),
    }
}

/// One of serde's errors of shape. Only names of members are taken from it, and only such as a
/// member of ours could have: what a caller calls a member may be a number too.
fn shape(message: &str, place: String) -> Rejection {
    let named = message.split('`').nth(1).filter(|name| {
        (1..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    });
    if message.starts_with("missing field") {
        let name = named.unwrap_or_default();
        return Rejection::new(Code::FieldMissing, format!("{name} is required."))
            .at(format!("{place}/{name}"));
    }
    if message.starts_with("unknown field") {
        let parent = place.rsplit_once('/').map_or("", |(parent, _)| parent);
        let named_last = named.is_some_and(|name| place.ends_with(&format!("/{name}")));
        let above = if named_last { parent } else { place.as_str() };
        return match named {
            Some(name) => Rejection::new(Code::FieldUnknown, format!("{name} is not known here."))
                .at(format!("{above}/{name}")),
            None => Rejection::new(Code::FieldUnknown, "A member is not known here.").at(parent),
        };
    }
    if message.starts_with("duplicate field") {
        return Rejection::new(Code::FieldWrongType, "This member is there twice.").at(place);
    }
    Rejection::new(Code::FieldWrongType, "This has another type than the call takes.").at(place)
}

/// A path as a JSON Pointer (RFC 6901), as far as its names could be members of ours.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => text.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                if key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                    text.push_str(&format!("/{key}"));
                }
            }
            Segment::Unknown => {}
        }
    }
    text
}

fn malformed(detail: &'static str) -> Rejection {
    Rejection::new(Code::BodyMalformed, detail)
}
