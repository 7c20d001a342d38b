//! The native API, `/v1`: the route table and the handlers. A handler is a line or three: typed
//! extractors hand it valid input from a caller who may make the call, and a use case does the rest.

mod answer;
mod bindings;
mod calling_codes;
mod checks;
mod clearance;
mod coverage;
mod deliveries;
mod directory;
mod duties;
mod endpoints;
mod epochs;
mod erasures;
mod evaluate;
mod events;
mod keys;
mod operations;
mod participants;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};

use crate::domain::participant::Permission::*;
use crate::domain::role::Role;
use crate::http::around;
use crate::http::route::Access::{self, AnyKey, Open};
use crate::http::route::{Route, RouteTable};

/// The routes, a line each: method, path, what the caller's key needs, handler. Registration and
/// [`routes`] are made from the same lines.
macro_rules! routes {
    ($($method:ident $path:literal $access:expr, $handler:path;)*) => {
        /// The route table.
        pub fn routes() -> RouteTable {
            RouteTable(vec![$(Route { method: Method::$method, path: $path, access: access($access) },)*])
        }

        /// Registers every route that a process in this role serves.
        pub fn configure(config: &mut ServiceConfig, role: Role) {
            for path in paths().into_iter().filter(|path| serves(role, path)) {
                let mut resource = web::resource(path).name(path);
                $(if path == $path {
                    resource = resource.route(web::method(Method::$method).to($handler));
                })*
                config.service(resource.default_service(web::to(around::method_not_allowed)));
            }
        }
    };
}

routes! {
    // Carriers.
    POST "/v1/events" Publish, events::publish;
    PUT "/v1/coverage" Publish, coverage::put;
    POST "/v1/clearance" Clear, clearance::ask;

    // Apps.
    POST "/v1/check" Check, checks::check;
    POST "/v1/checks" Check, checks::check_all;
    POST "/v1/bindings" Bind, bindings::put;
    GET "/v1/bindings" Bind, bindings::list;
    POST "/v1/bindings/remove" Bind, bindings::remove;
    GET "/v1/duties" Act, duties::list;
    POST "/v1/acknowledgements" Act, duties::acknowledge;
    POST "/v1/endpoints" Manage, endpoints::create;
    GET "/v1/endpoints" Manage, endpoints::list;
    GET "/v1/endpoints/{id}" Manage, endpoints::get;
    PATCH "/v1/endpoints/{id}" Manage, endpoints::update;
    DELETE "/v1/endpoints/{id}" Manage, endpoints::delete;
    POST "/v1/endpoints/{id}/rotate-secret" Manage, endpoints::rotate_secret;
    POST "/v1/endpoints/{id}/test" Manage, endpoints::test;
    GET "/v1/deliveries" Manage, deliveries::list;
    GET "/v1/deliveries/{id}" Manage, deliveries::get;
    POST "/v1/deliveries/{id}/resend" Manage, deliveries::resend;

    // Every participant.
    GET "/v1/directory" AnyKey, directory::get;
    POST "/v1/evaluate" AnyKey, evaluate::evaluate;
    GET "/v1/participants/me" AnyKey, participants::me;
    GET "/v1/participants/me/keys" Manage, keys::list_own;
    POST "/v1/participants/me/keys" Manage, keys::issue_own;
    PATCH "/v1/participants/me/keys/{id}" Manage, keys::update_own;
    DELETE "/v1/participants/me/keys/{id}" Manage, keys::revoke_own;

    // The admin.
    GET "/v1/participants" Admin, participants::list;
    PUT "/v1/participants/{name}" Admin, participants::put;
    GET "/v1/participants/{name}" Admin, participants::get;
    PATCH "/v1/participants/{name}" Admin, participants::update;
    GET "/v1/participants/{name}/keys" Admin, keys::list;
    POST "/v1/participants/{name}/keys" Admin, keys::issue;
    PATCH "/v1/participants/{name}/keys/{id}" Admin, keys::update;
    DELETE "/v1/participants/{name}/keys/{id}" Admin, keys::revoke;
    PUT "/v1/calling-codes/{code}" Admin, calling_codes::put;
    GET "/v1/calling-codes/{code}" Admin, calling_codes::get;
    GET "/v1/epochs" Admin, epochs::list;
    POST "/v1/epochs/{epoch}/activate" Admin, epochs::activate;
    POST "/v1/epochs/{epoch}/retire" Admin, epochs::retire;
    POST "/v1/erasures" Admin, erasures::erase;
    GET "/v1/status" Admin, operations::status;

    // Everyone.
    GET "/healthz" Open, operations::health;
    GET "/readyz" Open, operations::readiness;
    GET "/openapi.json" Open, operations::openapi;
    GET "/errors/{code}" Open, operations::error_page;
}

/// The API as a document, written by hand and proven by the tests.
pub const OPENAPI: &str = include_str!("../../docs/openapi.json");

/// What an evaluator apart serves beside what is open to everyone: tokens, and who may have them made.
const EVALUATOR: [&str; 4] = ["/v1/evaluate", "/v1/participants", "/v1/epochs", "/v1/status"];

fn serves(role: Role, path: &str) -> bool {
    let is_below = |of: &str| {
        path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match role {
        Role::All | Role::Registry => true,
        Role::Evaluator => !path.starts_with("/v1/") || EVALUATOR.into_iter().any(is_below),
    }
}

/// A permission, or less.
fn access(needs: impl Into<Access>) -> Access {
    needs.into()
}

/// Every path once, in the order of the table; the first that matches wins.
fn paths() -> Vec<&'static str> {
    let mut paths: Vec<&'static str> = Vec::new();
    for route in routes().0 {
        if !paths.contains(&route.path) {
            paths.push(route.path);
        }
    }
    paths
}
