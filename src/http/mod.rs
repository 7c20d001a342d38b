//! What every face of the registry shares: who asks, what they send, and what they get when it fails.

pub mod around;
pub mod body;
pub mod caller;
pub mod failure;
pub mod limits;
pub mod problem;
pub mod query;
pub mod route;
pub mod shared_registry;
