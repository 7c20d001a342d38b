//! Webhooks: what is signed, when it is tried again, whom it may reach, and what receivers get up to.

mod address;
pub mod receiver;
mod retry;
mod sender;
mod signature;
