//! For whoever runs the registry or reads about it: health, status, the document, the error pages.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::Path;
use serde::Serialize;

use super::OPENAPI;
use super::answer::{self, Answer};
use crate::domain::participant::Admin;
use crate::domain::rejection::{Code, Rejection};
use crate::http::problem;
use crate::http::shared_registry::SharedRegistry;

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting_for: Vec<String>,
}

pub async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body("ok")
}

pub async fn readiness(registry: SharedRegistry) -> Answer {
    let waiting_for = registry.waiting_for();
    let ready = waiting_for.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer::json(status, &Readiness { ready, waiting_for })
}

pub async fn status(admin: Admin, registry: SharedRegistry) -> Answer {
    answer::ok(&registry.run(move |registry| registry.survey(&admin)).await?)
}

pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(OPENAPI)
}

/// Where a problem's `type` leads.
pub async fn error_page(code: Path<String>) -> Answer {
    let known = Code::ALL.iter().find(|known| known.text() == code.as_str());
    let code = *known
        .ok_or_else(|| Rejection::new(Code::NotFound, "There is no error code of this name."))?;
    let meaning = problem::meaning(code);
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{code} – Vacate</title>\n<h1><code>{code}</code></h1>\n<p>{title}. Status {status}.</p>\n\
         <h2>When</h2>\n<p>{when}</p>\n<h2>What to do</h2>\n<p>{remedy}</p>\n</html>\n",
        code = code.text(),
        title = meaning.title,
        status = meaning.status,
        when = meaning.when,
        remedy = meaning.remedy,
    );
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(page))
}
