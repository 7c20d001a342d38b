//! The client against a registry that plays what it is told to.

mod batching;
mod calls;
mod check;
mod connections;
mod management;
mod numbers;
mod receiving;
pub mod registry;
mod tokens;
