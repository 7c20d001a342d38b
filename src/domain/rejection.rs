//! Why something was refused: a stable code, the place, and a sentence that never repeats the value.
//!
//! Every layer refuses with this one type. What a code means on the wire (status, title, remedy) is
//! the table in `http::problem`; the codes themselves are listed here and nowhere else.

use std::borrow::Cow;
use std::fmt;

/// Declares the codes once, with their texts on the wire.
macro_rules! codes {
    ($($name:ident $text:literal,)*) => {
        /// A stable error code. Its text is part of the API and never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each code is documented where its status and remedy stand")]
        pub enum Code { $($name,)* }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The code as the API writes it.
            pub fn text(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }
        }
    };
}

codes! {
    BodyMalformed "body_malformed",
    FieldMissing "field_missing",
    FieldUnknown "field_unknown",
    FieldWrongType "field_wrong_type",
    QueryInvalid "query_invalid",
    CursorInvalid "cursor_invalid",
    PositionInvalid "position_invalid",
    KeyMissing "key_missing",
    KeyUnknown "key_unknown",
    KeyExpired "key_expired",
    KeyRevoked "key_revoked",
    PermissionMissing "permission_missing",
    ParticipantSuspended "participant_suspended",
    CallingCodeNotGranted "calling_code_not_granted",
    NotFound "not_found",
    MethodNotAllowed "method_not_allowed",
    BodyTooSlow "body_too_slow",
    HeadTooLarge "head_too_large",
    EndpointExists "endpoint_exists",
    LastAdmin "last_admin",
    AlreadyDetached "already_detached",
    StillDemanded "still_demanded",
    StillChanged "still_changed",
    ProofMissing "proof_missing",
    RevisionOld "revision_old",
    HolderIsOrganisation "holder_is_organisation",
    BindingsTooMany "bindings_too_many",
    BindingNewer "binding_newer",
    EventIdReused "event_id_reused",
    BodyTooLarge "body_too_large",
    ContentTypeUnsupported "content_type_unsupported",
    ItemsOutOfRange "items_out_of_range",
    CallingCodesMixed "calling_codes_mixed",
    NumberPlain "number_plain",
    NumberMalformed "number_malformed",
    CallingCodeUnknown "calling_code_unknown",
    KeyIdUnknown "key_id_unknown",
    ElementInvalid "element_invalid",
    HandleInvalid "handle_invalid",
    HandleUnknown "handle_unknown",
    DigestNotAccepted "digest_not_accepted",
    TestNumberUnknown "test_number_unknown",
    VerifiedAtNotAllowed "verified_at_not_allowed",
    TimeMalformed "time_malformed",
    TimeInFuture "time_in_future",
    TimeTooOld "time_too_old",
    AccountRefMalformed "account_ref_malformed",
    AccountRefPersonal "account_ref_personal",
    ValueNotAllowed "value_not_allowed",
    UrlNotAllowed "url_not_allowed",
    RateLimited "rate_limited",
    BudgetExhausted "budget_exhausted",
    Internal "internal",
    Starting "starting",
    Overloaded "overloaded",
    Unavailable "unavailable",
    OutcomeUnknown "outcome_unknown",
    PositionNotReached "position_not_reached",
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Which of the stable codes.
    pub code: Code,
    /// Where: a JSON Pointer into the body (RFC 6901), or the bare name of a query parameter or
    /// header. `None` until the layer that knows the place adds it.
    pub field: Option<String>,
    /// One sentence for the developer who reads it. Never holds the refused value.
    pub detail: Cow<'static, str>,
}

impl Rejection {
    /// A refusal whose place is not known yet.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Rejection {
        Rejection { code, field: None, detail: detail.into() }
    }

    /// The same refusal, at `field`. A place that is already known stays.
    pub fn at(mut self, field: impl Into<String>) -> Rejection {
        self.field.get_or_insert_with(|| field.into());
        self
    }
}

/// Serde carries an error as text only. This form survives the journey through a `Deserialize`
/// (`D::Error::custom(rejection)`) and is read back by [`Rejection::from_serde`].
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\u{1}{}\u{1}{}\u{1}", self.code.text(), self.detail)
    }
}

impl std::error::Error for Rejection {}

impl Rejection {
    /// The rejection that a `Deserialize` of ours raised, or `None` when `message` is serde's own.
    pub fn from_serde(message: &str) -> Option<Rejection> {
        let mut parts = message.strip_prefix('\u{1}')?.split('\u{1}');
        let (code, detail) = (parts.next()?, parts.next()?);
        let code = Code::ALL.iter().copied().find(|known| known.text() == code)?;
        Some(Rejection::new(code, detail.to_owned()))
    }
}
