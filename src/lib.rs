//! Vacate, a phone-number recycling registry. Carriers publish hashed events about recycled numbers;
//! apps ask at login, or are told by webhook, and freeze the previous owner's accounts in time.
//!
//! From the inside out: [`domain`] is what is, [`storage`] and [`index`] keep it, [`registry`] is what
//! happens, one verb a file. `ARCHITECTURE.md` tells who may use whom; a test holds everybody to it.

pub mod api;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod demo;
pub mod domain;
pub mod entropy;
pub mod http;
pub mod index;
pub mod keys;
pub mod log_format;
pub mod registry;
pub mod server;
pub mod storage;
pub mod tls;
