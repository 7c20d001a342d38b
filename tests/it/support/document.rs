//! `docs/openapi.json` as a judge: whether an exchange with the registry, or a message from it, is as
//! the document says.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

/// A request and its answer, as they crossed the wire.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub request: Vec<u8>,
    pub status: u16,
    /// The answer's headers, lower case.
    pub headers: HashMap<String, String>,
    pub answer: Vec<u8>,
}

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(vacate::api::OPENAPI).expect("the document is JSON"));

/// Each schema is compiled once, by its place in the document.
static SCHEMAS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// Judges an exchange.
///
/// # Errors
/// What the document doesn't know.
pub fn judge(exchange: &Exchange) -> Result<(), String> {
    let what = format!("{} {} → {}", exchange.method, exchange.target, exchange.status);
    judged(exchange).map_err(|why| format!("{what}: {why}"))
}

/// Judges the body of a message of this type.
///
/// # Errors
/// What the document doesn't know.
pub fn judge_message(body: &[u8]) -> Result<(), String> {
    let body = parsed(body)?;
    let kind = body["type"].as_str().ok_or("a message without a type")?.to_owned();
    let media = &document()["webhooks"][&kind]["post"]["requestBody"]["content"];
    let schema = media.pointer("/application~1json/schema").ok_or("no such message")?;
    conforms(&format!("webhook {kind}"), schema, &body).map_err(|why| format!("{kind}: {why}"))
}

/// The documented path that a path is of: the one with the fewest placeholders.
fn pattern_of(path: &str) -> Option<&'static str> {
    let fits = |pattern: &str| {
        let (own, given) = (pattern.split('/'), path.split('/'));
        own.clone().count() == given.clone().count()
            && own.zip(given).all(|(own, given)| own.starts_with('{') || own == given)
    };
    let paths = document()["paths"].as_object()?.keys().map(String::as_str);
    paths.filter(|pattern| fits(pattern)).min_by_key(|pattern| pattern.matches('{').count())
}

fn judged(exchange: &Exchange) -> Result<(), String> {
    for header in ["x-correlator", "cache-control"] {
        if !exchange.headers.contains_key(header) {
            return Err(format!("no {header}"));
        }
    }
    let (path, query) = exchange.target.split_once('?').unwrap_or((&exchange.target, ""));
    let problem = &document()["components"]["schemas"]["Problem"];
    let Some(pattern) = pattern_of(path) else {
        if exchange.status != 404 {
            return Err("the path isn't documented".to_owned());
        }
        return conforms("Problem", problem, &parsed(&exchange.answer)?);
    };
    let operation = &document()["paths"][pattern][exchange.method.to_lowercase()];
    let response = match (operation.is_null(), exchange.status) {
        (true, 405) => &document()["components"]["responses"]["MethodNotAllowed"],
        (true, _) => return Err("the method isn't documented".to_owned()),
        (false, status) => resolved(&operation["responses"][status.to_string()]),
    };
    let limited = !operation.is_null() && operation["x-permission"] != "none";
    let is_counted = limited && exchange.status < 500 && exchange.status != 431;
    if is_counted && !exchange.headers.contains_key("ratelimit") {
        return Err("no ratelimit".to_owned());
    }
    let place = format!("{} {pattern} {}", exchange.method, exchange.status);
    judge_answer(&place, response, exchange)?;
    if matches!(exchange.status, 200..=202) {
        judge_query(operation, query)?;
        judge_request(&format!("{} {pattern}", exchange.method), operation, exchange)?;
    }
    Ok(())
}

fn judge_answer(place: &str, response: &Value, exchange: &Exchange) -> Result<(), String> {
    if response.is_null() {
        return Err("the status isn't documented".to_owned());
    }
    let Some(content) = response["content"].as_object() else {
        return if exchange.answer.is_empty() {
            Ok(())
        } else {
            Err("an answer with a body".into())
        };
    };
    let declared = exchange.headers.get("content-type").map_or("", String::as_str);
    let media = declared.split(';').next().unwrap_or_default().trim();
    let content = content.get(media).ok_or_else(|| format!("{media:?} isn't documented"))?;
    if media.ends_with("json") && !content["schema"].is_null() {
        conforms(place, &content["schema"], &parsed(&exchange.answer)?)?;
    }
    Ok(())
}

fn judge_query(operation: &'static Value, query: &str) -> Result<(), String> {
    let documented: Vec<&str> = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(resolved)
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    let names = query.split('&').filter(|pair| !pair.is_empty());
    for name in names.map(|pair| pair.split('=').next().unwrap_or_default()) {
        if !documented.contains(&name) {
            return Err(format!("the parameter {name} isn't documented"));
        }
    }
    Ok(())
}

fn judge_request(
    place: &str,
    operation: &'static Value,
    exchange: &Exchange,
) -> Result<(), String> {
    let body = resolved(&operation["requestBody"]);
    match body.pointer("/content/application~1json/schema") {
        Some(schema) => conforms(place, schema, &parsed(&exchange.request)?)
            .map_err(|why| format!("the request was taken: {why}")),
        None if exchange.request.is_empty() => Ok(()),
        None => Err("a request with a body was taken".to_owned()),
    }
}

/// Follows a `$ref` that is not inside a schema.
fn resolved(value: &'static Value) -> &'static Value {
    let pointer = value["$ref"].as_str().and_then(|there| there.strip_prefix('#'));
    pointer.map_or(value, |pointer| document().pointer(pointer).expect("a reference leads on"))
}

fn conforms(place: &str, schema: &Value, value: &Value) -> Result<(), String> {
    let validator = Arc::clone(
        SCHEMAS
            .lock()
            .expect("no test panics while it holds this")
            .entry(place.to_owned())
            .or_insert_with(|| Arc::new(compiled(schema))),
    );
    let wrong: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{} at {:?}", error, error.instance_path().to_string()))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}\n  {value}", wrong.join("\n  "))) }
}

/// A schema with the components that it refers to.
fn compiled(schema: &Value) -> Validator {
    let whole = json!({"allOf": [schema], "components": document()["components"]});
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&whole)
        .expect("the document's schemas are schemas")
}

fn parsed(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|_| "a body that isn't JSON".to_owned())
}
