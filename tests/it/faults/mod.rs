//! Faults: the database is slow, full or gone, or the process is told to stop. Nothing that was
//! acknowledged is lost, and nothing that failed lets anybody in.

mod connections;
mod full;
mod ledger;
mod outage;
mod overload;
mod stop;

use serde_json::{Value, json};
use vacate::client::{Answer, Client};
use vacate::domain::number::NumberText;
use vacate::storage::AnyConnection;

use crate::support::databases::{Kind, TestDatabase};

/// Stands in the way of every commit that is told the log, until what comes back goes.
fn hold_writes(database: &TestDatabase) -> AnyConnection {
    database.hold(match database.kind() {
        Kind::Sqlite => "BEGIN IMMEDIATE",
        Kind::Postgres => "BEGIN; SELECT position FROM log_head FOR UPDATE",
    })
}

/// Publishes an event that changes no answer; whatever comes back.
async fn publish(client: Client, id: String, number: NumberText) -> Answer {
    let item = json!({"id": id, "type": "held", "number": number.text(),
        "effective_on": "2026-11-01"});
    let request = hyper::Request::post("/v1/events").header("content-type", "application/json");
    let request = request.body(json!({"items": [item]}).to_string()).unwrap();
    client.raw(request).await.unwrap()
}

/// What an answer refuses: status and code.
fn refusal(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    format!("{} {}", answer.status.as_u16(), body["code"].as_str().unwrap_or("-"))
}
