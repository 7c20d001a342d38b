//! Budgets: how many different numbers an organisation may name, counted so that they bind.

mod ledger;
mod organisation;
mod sketch;
mod wire;

use vacate::domain::participant::App;
use vacate::domain::rejection::{Code, Rejection};
use vacate::registry::Outcome;

use crate::support::node::Node;

/// When the tests' accounts were verified.
const VERIFIED: &str = "2025-06-01T12:00:00Z";

/// One of ten million numbers.
fn number(n: u32) -> String {
    format!("+49170{n:07}")
}

/// Names numbers in checks, one after another; how many were answered before the first refusal.
fn answered(node: &Node, app: &App, numbers: impl IntoIterator<Item = u32>) -> u32 {
    let mut count = 0;
    for n in numbers {
        match node.check_number(app, &number(n), VERIFIED) {
            Ok(_) => count += 1,
            Err(refused) => {
                must_be_exhausted(&refused);
                break;
            }
        }
    }
    count
}

/// Binds an account to each number, one after another; how many were bound before the first refusal.
fn bound(node: &Node, app: &App, numbers: impl IntoIterator<Item = u32>) -> u32 {
    let mut count = 0;
    for n in numbers {
        match node.try_bind(app, &format!("u-{n}"), node.digest(&number(n)), VERIFIED) {
            Outcome::Accepted(_) | Outcome::Duplicate(_) => count += 1,
            Outcome::Rejected(refused) => {
                must_be_exhausted(&refused);
                break;
            }
        }
    }
    count
}

fn must_be_exhausted(refused: &Rejection) {
    assert_eq!(refused.code, Code::BudgetExhausted, "{refused:?}");
}
