//! What is wrong is refused with its code, at its place, without repeating it; and a phone number that
//! somebody put into a wrong place is neither logged nor kept.

mod evaluate;
mod numbers;
mod requests;
mod table;

use serde_json::Value;
use vacate::client::{Answer, Client};

/// What an answer refuses: status, code and field; of a batch, the first item that is refused.
fn refusal(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let items = body["items"].as_array().into_iter().flatten();
    let item = items.map(|item| &item["error"]).find(|error| error.is_object());
    let problem = item.unwrap_or(&body);
    let text = |member: &str| problem[member].as_str().unwrap_or("-").to_owned();
    format!("{} {} {}", answer.status.as_u16(), text("code"), text("field"))
}

/// Makes a call, given as method and path.
async fn send(client: &Client, call: &str, body: &str) -> Answer {
    let (method, path) = call.split_once(' ').expect("a method and a path");
    let request = hyper::Request::builder().method(method).uri(path).body(body.to_owned()).unwrap();
    client.raw(request).await.expect("an answer")
}
