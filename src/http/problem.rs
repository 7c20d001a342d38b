//! What a caller gets when a request fails: one shape everywhere, problem+json (RFC 9457), made from
//! one table of codes.
//!
//! A layer below refuses with a [`Rejection`]: a code, a place, a sentence. Only here does a code get
//! its status, its title and its remedy, so that a code means the same on every call. Nothing that was
//! sent is ever repeated.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::domain::rejection::{Code, Rejection};

/// What a code means on the wire.
pub struct Meaning {
    /// The HTTP status. A code of an item only (a batch answers 200 or 207) has 422.
    pub status: u16,
    /// A short title, the same whenever the code appears.
    pub title: &'static str,
    /// When it happens.
    pub when: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// The one error table.
#[rustfmt::skip]
pub fn meaning(code: Code) -> Meaning {
    let of = |status, title, when, remedy| Meaning { status, title, when, remedy };
    match code {
        Code::BodyMalformed => of(400, "The body is not a JSON object", "The body is not JSON, not an object, not UTF-8, or nested more than 8 deep.", "Send one JSON object."),
        Code::FieldMissing => of(400, "A member is missing", "A required member is not there.", "Add the member that is named; see the OpenAPI document."),
        Code::FieldUnknown => of(400, "A member is not known", "A member that this call doesn't take.", "Leave it out; see the OpenAPI document."),
        Code::FieldWrongType => of(400, "A member has the wrong type", "A member of another JSON type than this call takes.", "Send the type that the OpenAPI document shows."),
        Code::QueryInvalid => of(400, "A query parameter is not valid", "An unknown parameter, or a value outside its bounds.", "Drop or correct it; limit is 1 to 1000."),
        Code::CursorInvalid => of(400, "The cursor is not valid", "A cursor that is forged, another participant's, or older than 24 hours.", "Start again without it."),
        Code::PositionInvalid => of(400, "The position is not valid", "A position that this registry didn't make.", "Send a position as it was answered, or none."),
        Code::KeyMissing => of(401, "No API key", "There is no Authorization header with a bearer key.", "Send Authorization: Bearer with your key."),
        Code::KeyUnknown => of(401, "Unknown API key", "The key isn't one of this registry's.", "Check the key, and which registry it is for."),
        Code::KeyExpired => of(401, "Expired API key", "The key's time is over.", "Use the key that replaced it, or ask for one."),
        Code::KeyRevoked => of(401, "Revoked API key", "The key was revoked.", "Use another key, or ask for one."),
        Code::PermissionMissing => of(403, "The key may not do this", "The key lacks the permission that the call needs.", "Use a key with the permission that detail names."),
        Code::ParticipantSuspended => of(403, "The participant is suspended", "The admin has suspended the participant.", "Ask the admin of the registry."),
        Code::CallingCodeNotGranted => of(403, "No grant for this calling code", "A carrier speaks of a calling code that it wasn't granted.", "Ask the admin of the registry for a grant."),
        Code::NotFound => of(404, "Not found", "It doesn't exist, or is another participant's.", "Check the id, and whose key you use."),
        Code::MethodNotAllowed => of(405, "Method not allowed", "The path exists, but not with this method.", "Use a method that Allow names."),
        Code::BodyTooSlow => of(408, "The body came too slowly", "The body wasn't there in time.", "Send it faster, or smaller."),
        Code::HeadTooLarge => of(431, "The head is too large", "Request line and headers together have more than 16 KiB.", "Send fewer or shorter headers; what is long belongs into the body."),
        Code::EndpointExists => of(409, "This URL is registered already", "An endpoint with this URL exists.", "Use it; rotate its secret if you lost it."),
        Code::LastAdmin => of(409, "No admin would be left", "The last key of an admin that works would end, or the last admin be suspended.", "Issue another admin's key first: POST /v1/participants/{name}/keys."),
        Code::AlreadyDetached => of(422, "Already detached", "frozen, after detached.", "To give the account back, say released or verified."),
        Code::StillDemanded => of(422, "Still demanded", "released, while the demand is freeze or detach.", "Keep it until the demand falls; or prove the owner and say verified."),
        Code::StillChanged => of(422, "Changed hands after that too", "The number changed hands after the new verified_at as well.", "Say detached; the person may hold another number now."),
        Code::ProofMissing => of(422, "A proof is missing", "A later date without a proof other than the number, or verified without a date.", "Say how it was proved; a code sent to the number is no proof."),
        Code::RevisionOld => of(422, "The duty has gone on", "The revision given is older than the present one.", "Read the duty, act on it, and acknowledge again."),
        Code::HolderIsOrganisation => of(422, "The account is an organisation's", "detached, where only a dispute asks, for an organisation's account.", "Answer verified, or let it stand."),
        Code::BindingsTooMany => of(422, "Too many accounts on this number", "More accounts of one app on one number than the limit.", "Unbind some, or ask the admin."),
        Code::BindingNewer => of(422, "The binding is newer", "Another number, with a verified_at that isn't later than the stored one.", "Read the binding; bind with the true date."),
        Code::EventIdReused => of(422, "Event id used before with other content", "An event id that was accepted with other content.", "Publish a retraction of the first, then a new event under a new id."),
        Code::BodyTooLarge => of(413, "The body is too large", "More bytes than the limit.", "Split the batch."),
        Code::ContentTypeUnsupported => of(415, "The content type is not supported", "A body that isn't declared as JSON.", "Send Content-Type: application/json."),
        Code::ItemsOutOfRange => of(422, "Too few or too many items", "items holds none, or more than the limit.", "Send 1 to 1000 items."),
        Code::CallingCodesMixed => of(422, "Several calling codes where one is wanted", "through beside events of more than one calling code, or a digest of another than is evaluated.", "Send one batch for each calling code."),
        Code::NumberPlain => of(422, "A plain phone number was sent", "A phone number stands where a digest, token or handle belongs.", "Hash it first: vacate number digest, or the openssl recipe in the README."),
        Code::NumberMalformed => of(422, "Not a digest, token or handle", "The text has none of the three forms.", "Send vd1, vt1 or vh1 exactly as they were made; vacate number digest makes one."),
        Code::CallingCodeUnknown => of(422, "Unknown calling code", "The calling code isn't assigned.", "Use the ITU calling code of the number; see GET /v1/directory."),
        Code::KeyIdUnknown => of(422, "Made with a key that isn't accepted", "The number was made with a key that isn't, or is no longer, accepted here.", "Read GET /v1/directory and hash again."),
        Code::ElementInvalid => of(422, "Not a group element", "A token or blinded point isn't canonical ristretto255, or is the identity.", "Send the token as it was unblinded, the point as it was blinded."),
        Code::HandleInvalid => of(422, "The handle is not valid here", "The handle is another app's, damaged, or of a retired key.", "Bind the account again and keep the new handle."),
        Code::HandleUnknown => of(422, "The handle's number is gone", "The handle is ours, but its number isn't there (a backup was restored).", "Bind the account again and keep the new handle."),
        Code::DigestNotAccepted => of(422, "Digests aren't taken here", "The evaluator runs apart, so that this registry can't hash a number.", "Have a token made, where detail says; vacate number token makes one."),
        Code::TestNumberUnknown => of(422, "No such test number", "Calling code 999 has eight numbers; this is none of them.", "Check the directory key and the canonical form: +9990000001 to +9990000008."),
        Code::VerifiedAtNotAllowed => of(422, "verified_at beside a handle", "A handle seals its own date.", "Leave verified_at out."),
        Code::TimeMalformed => of(422, "Not a time that this call takes", "Not RFC 3339, or not exactly one time.", "Write 2026-11-23T09:30:00Z, or a day as 2026-11-23 in a member that ends in _on."),
        Code::TimeInFuture => of(422, "The time lies in the future", "More than five minutes ahead of the registry's clock.", "Check your clock, or send it when it has happened."),
        Code::TimeTooOld => of(422, "The time is too old", "Before 2000-01-01, or, of an event, before the calling code's horizon.", "Send a time from 2000 on, and events from retained_since in the directory on."),
        Code::AccountRefMalformed => of(422, "Not an account_ref", "Empty, over 128 characters, with outer blanks, control or bidi characters.", "Use an internal id or a keyed hash."),
        Code::AccountRefPersonal => of(422, "account_ref holds personal data", "It looks like an e-mail address or a phone number.", "Use an internal id, or a keyed hash of what you have."),
        Code::ValueNotAllowed => of(422, "Value not allowed", "Not in the enumeration, outside its bounds, or what may be a phone number where one would be kept as it is.", "Send one of the values that detail or the OpenAPI document names."),
        Code::UrlNotAllowed => of(422, "URL not allowed", "Not https, an address that may not be called, or what may be a phone number in it.", "Use a public https URL without long numbers."),
        Code::RateLimited => of(429, "Too many requests", "More requests a second than the limit.", "Wait as long as Retry-After says."),
        Code::BudgetExhausted => of(429, "The budget is used up", "More different numbers named by digest or token than the budget has, more evaluations, or more accounts bound than 1.2 times those declared.", "Bind accounts and check by their handles, which cost nothing; raising accounts_declared is the admin's to do."),
        Code::Internal => of(500, "Something failed here", "An error of the registry. Nothing was stored.", "Report the correlator to the admin."),
        Code::Starting => of(503, "Starting", "The index is being loaded.", "Retry after Retry-After; until then a check is step_up."),
        Code::Overloaded => of(503, "Overloaded", "Too much waits already.", "Retry after Retry-After; until then a check is step_up."),
        Code::Unavailable => of(503, "Not available", "The database can't be reached or is full. Nothing was stored.", "Retry after Retry-After; until then a check is step_up."),
        Code::OutcomeUnknown => of(503, "The outcome is unknown", "The connection broke while committing: stored or not.", "Send the same again; natural keys make that safe."),
        Code::PositionNotReached => of(503, "The position is not reached yet", "This node is behind at_least.", "Retry; if it lasts, data was lost: tell the admin."),
    }
}

/// Whose `advice` an error carries: a check's says `step_up`, so that a client that looks at nothing
/// else doesn't let anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advise {
    /// This is a check.
    StepUp,
    /// It isn't.
    Nothing,
}

/// An error inside a batch item.
#[derive(Debug, Serialize)]
pub struct ItemError {
    title: &'static str,
    code: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    remedy: &'static str,
}

impl ItemError {
    /// The error of the item at `index`, whose `field` is a pointer from the item on.
    pub fn new(rejection: &Rejection, index: usize) -> ItemError {
        let meaning = meaning(rejection.code);
        let below = rejection.field.as_deref().unwrap_or_default();
        ItemError {
            title: meaning.title,
            code: rejection.code.text(),
            detail: rejection.detail.to_string(),
            field: Some(format!("/items/{index}{below}")),
            remedy: meaning.remedy,
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    remedy: &'static str,
    correlator: &'a str,
}

/// Where the pages about codes are, and which request failed.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The registry's public URL, without a slash at the end.
    pub public_url: &'a str,
    /// The request's correlator.
    pub correlator: &'a str,
    /// Whether it was a check.
    pub advise: Advise,
}

/// The answer to a request that failed as a whole.
pub fn response(rejection: &Rejection, origin: Origin<'_>) -> HttpResponse {
    let meaning = meaning(rejection.code);
    let code = rejection.code.text();
    let body = Body {
        advice: match origin.advise {
            Advise::StepUp => Some("step_up"),
            Advise::Nothing => None,
        },
        r#type: format!("{}/errors/{code}", origin.public_url),
        title: meaning.title,
        status: meaning.status,
        code,
        detail: &rejection.detail,
        field: rejection.field.as_deref(),
        remedy: meaning.remedy,
        correlator: origin.correlator,
    };
    let status = StatusCode::from_u16(meaning.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = HttpResponseBuilder::new(status);
    if matches!(meaning.status, 429 | 503) {
        answer.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
    }
    if meaning.status == 401 {
        answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
    }
    let text = serde_json::to_string(&body).unwrap_or_else(|_| "{}".to_owned());
    let mut answer = answer.body(text);
    let kind = HeaderValue::from_static("application/problem+json");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// What a client is told to wait when it can't be known better.
const RETRY_AFTER_SECONDS: &str = "1";
