//! Webhooks on their way out: the worker decides what is sent when, the sender sends one message, and
//! the connector makes sure that it goes where it may.

mod connect;
pub mod sender;
pub mod worker;
