//! What the tests stand on: databases, a registry, and people who use it.

pub mod cutting;
pub mod databases;
pub mod node;
pub mod postgres;
pub mod sources;
