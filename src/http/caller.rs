//! Who asks. A key becomes a caller, and a caller with the permission that the route table names becomes
//! a carrier, an app or an admin: the only way to a use case.

use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::failure::Failure;
use super::limits;
use super::route::{Access, RouteTable};
use super::shared_registry::SharedRegistry;
use crate::domain::participant::{Admin, App, Caller, Carrier, Participant, Permission};
use crate::domain::rejection::{Code, Rejection};

/// Whoever has a key that works, where the route asks for no permission in particular.
pub struct Anyone(pub Caller);

/// A participant that looks after its own things: an app or a carrier with the permission to manage.
pub struct Manager(pub Caller);

/// Who called, for the request's log line and the headers of the answer.
#[derive(Clone)]
pub(super) struct CalledBy(pub(super) Arc<Participant>);

type Admitted<T> = Pin<Box<dyn Future<Output = Result<T, Failure>>>>;

fn admit<T: 'static>(
    request: &HttpRequest,
    admit: impl FnOnce(Caller, Access) -> Result<T, Rejection> + 'static,
) -> Admitted<T> {
    let request = request.clone();
    Box::pin(async move {
        let pattern = request.match_pattern().unwrap_or_default();
        let access = request
            .app_data::<RouteTable>()
            .and_then(|table| table.access(request.method(), &pattern))
            .ok_or_else(|| Rejection::new(Code::NotFound, "There is nothing here."))?;
        let caller = identify(&request).await?;
        limits::count(&request, &caller)?;
        request.extensions_mut().insert(CalledBy(Arc::clone(&caller.participant)));
        Ok(admit(caller, access)?)
    })
}

/// Whose key the request has, whatever it may do. A body isn't looked at before.
pub(super) async fn identify(request: &HttpRequest) -> Result<Caller, Failure> {
    authenticate(request).await.map_err(|refused| limits::count_refused(request, refused))
}

async fn authenticate(request: &HttpRequest) -> Result<Caller, Failure> {
    let registry = SharedRegistry::of(request);
    let key = bearer(request)?;
    match registry.authenticate_now(&key) {
        Some(known) => Ok(known?),
        None => registry.run(move |registry| registry.authenticate(&key)).await,
    }
}

fn bearer(request: &HttpRequest) -> Result<String, Rejection> {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|given| given.to_str().ok());
    let key = given.and_then(|given| {
        let (scheme, key) = given.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
    });
    key.ok_or_else(|| {
        Rejection::new(Code::KeyMissing, "This call needs an API key.").at("Authorization")
    })
}

/// The permission of a route that takes one kind of participant.
fn permission(access: Access) -> Result<Permission, Rejection> {
    match access {
        Access::Needs(permission) => Ok(permission),
        Access::Open | Access::AnyKey => {
            log::error!("a route without a permission has a handler that needs one");
            Err(Rejection::new(Code::PermissionMissing, "This call can't be made."))
        }
    }
}

/// Makes each role from a caller with the route's permission.
macro_rules! roles {
    ($($role:ident)*) => {$(
        impl FromRequest for $role {
            type Error = Failure;
            type Future = Admitted<$role>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                admit(request, |caller, access| $role::admit(caller, permission(access)?))
            }
        }
    )*};
}

roles! { Carrier App Admin }

impl FromRequest for Anyone {
    type Error = Failure;
    type Future = Admitted<Anyone>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        admit(request, |caller, _| Ok(Anyone(caller)))
    }
}

impl FromRequest for Manager {
    type Error = Failure;
    type Future = Admitted<Manager>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        admit(request, |caller, access| {
            caller.must(permission(access)?)?;
            Ok(Manager(caller))
        })
    }
}
