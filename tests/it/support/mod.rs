//! What the tests stand on: databases, a registry, and people who use it.

pub mod cast;
pub mod cutting;
pub mod databases;
pub mod document;
pub mod ear;
pub mod node;
pub mod postgres;
pub mod program;
pub mod sources;
pub mod witness;
pub mod world;
