//! A refusal on its way out. A handler answers `Err(Failure)`; what surrounds every request knows the
//! correlator and turns it into problem+json, in one place.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::domain::rejection::Rejection;

/// A [`Rejection`] that ends a request.
#[derive(Clone, Debug)]
pub struct Failure(pub Rejection);

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Failure {
        Failure(rejection)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code.text())
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(super::problem::meaning(self.0.code).status)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        response.extensions_mut().insert(self.clone());
        response
    }
}
