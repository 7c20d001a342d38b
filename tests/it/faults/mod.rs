//! Faults: the database is slow, full or gone, or the process is told to stop. Nothing that was
//! acknowledged is lost, and nothing that failed lets anybody in.

mod overload;

use serde_json::Value;
use vacate::client::Answer;

/// What an answer refuses: status and code.
fn refusal(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    format!("{} {}", answer.status.as_u16(), body["code"].as_str().unwrap_or("-"))
}
