//! What surrounds every request: its correlator, the problem that a refusal becomes, the headers that
//! every answer has, and one line in the log.
//!
//! The line names the route's pattern, never the path, and no value of a query, header or body: a caller
//! may have put a number anywhere.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};

use super::caller::CalledBy;
use super::failure::Failure;
use super::limits::{self, Left};
use super::problem::{self, Advise, Origin};
use super::route::RouteTable;
use super::shared_registry::SharedRegistry;
use crate::domain::budget::Allowance;
use crate::domain::id::Prefix;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::text;

/// The header that names a request from end to end.
const CORRELATOR: HeaderName = HeaderName::from_static("x-correlator");
const CORRELATOR_CHARS_MAX: usize = 256;
/// What a correlator may hold beside letters and digits.
const SEPARATORS: &str = "_:;./<>{}-";
/// Bytes of request line and headers, at most.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// As many digits in a row may be a phone number.
const DIGITS_IN_A_ROW_MAX: usize = 6;
/// How the texts begin that never stand in a log: numbers, keys, secrets, positions, cursors.
const NOT_LOGGED: [&str; 7] = ["vd1.", "vt1.", "vh1.", "vk1_", "whsec_", "p1.", "c1."];
/// A trace id has 32 letters and digits in a row, a digest 64.
const ALPHANUMERICS_IN_A_ROW_MAX: usize = 40;

/// The outermost middleware.
///
/// # Errors
/// None of its own.
pub async fn request<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let registry = SharedRegistry::of(request.request());
    let correlator = correlator(request.request(), &registry);
    let answered = match head_bytes(request.request()) {
        0..=HEAD_BYTES_MAX => next.call(request).await?.map_into_boxed_body(),
        _ => request.error_response(Failure(head_too_large())),
    };
    let allowances = limits::allowances(&answered, &registry);
    let answered = with_problem(answered, &registry, &correlator);
    let answered = with_headers(answered, &correlator, &allowances);
    tell(&answered, &correlator, began);
    Ok(answered)
}

/// Bytes of the request line and the headers, with what separates them (RFC 9112, 2.1).
fn head_bytes(request: &HttpRequest) -> usize {
    const LINE: usize = "  HTTP/1.1\r\n".len();
    const HEADER: usize = ": \r\n".len();
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER);
    request.method().as_str().len() + target + LINE + headers.sum::<usize>()
}

fn head_too_large() -> Rejection {
    let detail = format!("Request line and headers have at most {HEAD_BYTES_MAX} bytes together.");
    Rejection::new(Code::HeadTooLarge, detail)
}

/// The caller's correlator, unless it has another form or may hold a number or a secret.
fn correlator(request: &HttpRequest, registry: &SharedRegistry) -> String {
    let given = request.headers().get(CORRELATOR).and_then(|given| given.to_str().ok());
    match given {
        Some(given) if is_correlator(given) => given.to_owned(),
        _ => registry.entropy().id(Prefix::Correlator, registry.clock().now_ms()),
    }
}

fn is_correlator(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || SEPARATORS.contains(c);
    let is_short = |word: &str| word.len() <= ALPHANUMERICS_IN_A_ROW_MAX;
    (1..=CORRELATOR_CHARS_MAX).contains(&text.len())
        && text.chars().all(allowed)
        // Separators between digits don't make a number less of one.
        && text::digits_in_a_row(text, SEPARATORS) <= DIGITS_IN_A_ROW_MAX
        && text.split(|c: char| !c.is_ascii_alphanumeric()).all(is_short)
        && !NOT_LOGGED.iter().any(|prefix| has_word(text, prefix))
}

/// Whether a word of `text` begins with `prefix`.
fn has_word(text: &str, prefix: &str) -> bool {
    let in_a_word = |before: &str| before.ends_with(|c: char| c.is_ascii_alphanumeric());
    text.match_indices(prefix).any(|(at, _)| !in_a_word(&text[..at]))
}

/// A refusal, wherever it came from, becomes a problem; so does what no route answers.
fn with_problem(
    answered: ServiceResponse<BoxBody>,
    registry: &SharedRegistry,
    correlator: &str,
) -> ServiceResponse<BoxBody> {
    let request = answered.request();
    let failure = answered.response().extensions().get::<Failure>().cloned();
    let rejection = match failure {
        Some(Failure(rejection)) => rejection,
        None => match foreign(&answered) {
            Some(rejection) => rejection,
            None => return answered,
        },
    };
    let pattern = request.match_pattern().unwrap_or_default();
    let check = matches!(pattern.as_str(), "/v1/check" | "/v1/checks");
    let origin = Origin {
        public_url: &registry.0.public_url,
        correlator,
        advise: if check { Advise::StepUp } else { Advise::Nothing },
    };
    let mut response = problem::response(&rejection, origin);
    if rejection.code == Code::MethodNotAllowed {
        let allowed = request.app_data::<RouteTable>().map(|table| table.methods(&pattern));
        if let Some(allowed) = allowed.and_then(|all| HeaderValue::from_str(&all).ok()) {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
    }
    answered.into_response(response)
}

/// What actix itself answers where no handler was reached.
fn foreign(answered: &ServiceResponse<BoxBody>) -> Option<Rejection> {
    let problem = answered.headers().contains_key(header::CONTENT_TYPE);
    match answered.status() {
        _ if problem => None,
        StatusCode::NOT_FOUND => {
            Some(Rejection::new(Code::NotFound, "There is nothing at this path."))
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            Some(Rejection::new(Code::MethodNotAllowed, "This path doesn't take the method."))
        }
        status if status.is_client_error() => {
            Some(Rejection::new(Code::BodyMalformed, "The request can't be read."))
        }
        status if status.is_server_error() => {
            Some(Rejection::new(Code::Internal, "Something that can't be happened here."))
        }
        _ => None,
    }
}

fn with_headers(
    mut answered: ServiceResponse<BoxBody>,
    correlator: &str,
    allowances: &[Allowance],
) -> ServiceResponse<BoxBody> {
    let left = answered.request().extensions().get::<Left>().copied();
    let headers = answered.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(correlator) {
        headers.insert(CORRELATOR, value);
    }
    if let Some(left) = left {
        let (policy, limit) = limits::fields(left, allowances);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", limit)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
    // The second that a refusal tells to wait won't do for a budget.
    if let Some(seconds) = limits::back_in_seconds(allowances)
        && headers.contains_key(header::RETRY_AFTER)
    {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    answered
}

fn tell(answered: &ServiceResponse<BoxBody>, correlator: &str, began: Instant) {
    let request = answered.request();
    let pattern = request.match_pattern().unwrap_or_else(|| "-".to_owned());
    let called_by = request.extensions().get::<CalledBy>().cloned();
    let participant = called_by.as_ref().map_or("-", |CalledBy(who)| who.name.as_str());
    let microseconds = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let status = answered.status().as_u16();
    log::info!(
        target: "request",
        method = known_method(request),
        route = pattern.as_str(),
        status = status,
        participant = participant,
        microseconds = microseconds,
        correlator = correlator;
        "answered"
    );
}

/// A method may be any word; only those that mean something are logged.
fn known_method(request: &HttpRequest) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == request.method().as_str()).unwrap_or("other")
}

/// For paths that exist, with methods that don't.
pub async fn method_not_allowed() -> Result<HttpResponse, Failure> {
    Err(Rejection::new(Code::MethodNotAllowed, "This path doesn't take the method.").into())
}

/// For paths that don't exist.
pub async fn not_found() -> Result<HttpResponse, Failure> {
    Err(Rejection::new(Code::NotFound, "There is nothing at this path.").into())
}
