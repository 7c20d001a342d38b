//! A route as data: what may be called, and what the caller's key must be able to do. Registration,
//! permission, documentation and tests all read the same table.

use actix_web::http::Method;

use crate::domain::participant::Permission;

/// What a call asks of the caller's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No key.
    Open,
    /// Any key that works.
    AnyKey,
    /// A key with this permission.
    Needs(Permission),
}

impl Access {
    /// The access as the OpenAPI document writes it.
    pub fn text(self) -> &'static str {
        match self {
            Access::Open => "none",
            Access::AnyKey => "any",
            Access::Needs(permission) => permission.text(),
        }
    }
}

/// One row of the route table.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{…}` for what varies.
    pub path: &'static str,
    /// What the key must be able to do.
    pub access: Access,
}

/// The table, for whoever must know what the matched route asks. A route that isn't in it is refused.
#[derive(Clone, Debug)]
pub struct RouteTable(pub Vec<Route>);

impl RouteTable {
    /// What the route with this method and pattern asks.
    pub fn access(&self, method: &Method, pattern: &str) -> Option<Access> {
        self.0
            .iter()
            .find(|route| route.method == *method && route.path == pattern)
            .map(|route| route.access)
    }

    /// The methods that `pattern` takes, for `Allow`.
    pub fn methods(&self, pattern: &str) -> String {
        let matching = self.0.iter().filter(|route| route.path == pattern);
        matching.map(|route| route.method.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl From<Permission> for Access {
    fn from(permission: Permission) -> Access {
        Access::Needs(permission)
    }
}
