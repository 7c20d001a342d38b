//! What the registry is for, told as sentences about carriers, apps and owners, over HTTP.

mod again;
mod lists;
mod main_job;
mod messages;
mod sending;
