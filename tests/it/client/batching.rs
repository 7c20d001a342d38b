//! Big files in batches.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vacate::client::batches::{self, TRIES_MAX, Waits};
use vacate::client::{Error, Item, Problem};

use super::registry::FakeRegistry;

fn refused(code: &str, status: u16) -> Error {
    let problem = Box::new(problem(code));
    Error::Refused { status, problem, correlator: None, retry_after: Some(Duration::ZERO) }
}

fn problem(code: &str) -> Problem {
    Problem {
        code: code.to_owned(),
        title: String::new(),
        detail: String::new(),
        field: None,
        remedy: String::new(),
    }
}

/// Every hundredth item is rejected, every tenth known.
fn judge(item: &u64) -> Item<u64> {
    match item {
        item if item % 100 == 0 => Item::Rejected(problem("event_id_reused")),
        item if item % 10 == 0 => Item::Duplicate(*item),
        item => Item::Accepted(*item),
    }
}

#[tokio::test]
async fn a_file_is_cut_into_batches_and_all_of_it_is_sent_once() {
    let sizes = Mutex::new(Vec::new());
    let told = Mutex::new(Vec::new());
    let rejected = Mutex::new(Vec::new());
    let send = async |batch: &[u64]| {
        sizes.lock().unwrap().push(batch.len());
        // Later batches answer earlier.
        for _ in 0..10_000 / (batch[0] + 1) {
            tokio::task::yield_now().await;
        }
        Ok(batch.iter().map(judge).collect())
    };
    let answered = |batch: &[u64], items: &[Item<u64>]| {
        assert_eq!(batch.len(), items.len());
        told.lock().unwrap().extend_from_slice(batch);
        let refused = batch.iter().zip(items).filter(|(_, item)| item.told().is_err());
        rejected.lock().unwrap().extend(refused.map(|(item, _)| *item));
    };
    let report = batches::send(0..5_500, send, answered).await.unwrap();
    assert_eq!((report.accepted, report.duplicate), (4_950, 495));
    assert_eq!(report.rejected, 55);
    let mut rejected = rejected.into_inner().unwrap();
    rejected.sort_unstable();
    assert_eq!(rejected, (0..5_500).step_by(100).collect::<Vec<u64>>());
    assert_eq!(*sizes.lock().unwrap(), [1_000, 1_000, 1_000, 1_000, 1_000, 500]);
    let mut told = told.into_inner().unwrap();
    assert_ne!(told, (0..5_500).collect::<Vec<u64>>());
    told.sort_unstable();
    assert_eq!(told, (0..5_500).collect::<Vec<u64>>());
}

#[tokio::test]
async fn four_batches_are_under_way_at_a_time() {
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let send = async |batch: &[u64]| {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        now.fetch_sub(1, Ordering::SeqCst);
        Ok(batch.iter().map(judge).collect())
    };
    batches::send(0..20_000, send, |_: &[u64], _: &[Item<u64>]| {}).await.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn an_empty_file_sends_nothing() {
    let send = async |_: &[u64]| -> Result<Vec<Item<u64>>, Error> { panic!("nothing to send") };
    let report = batches::send([], send, |_, _| {}).await.unwrap();
    assert_eq!((report.accepted, report.duplicate, report.rejected), (0, 0, 0));
}

#[tokio::test]
async fn what_is_unavailable_is_sent_again() {
    let tries: Mutex<BTreeMap<u64, u32>> = Mutex::default();
    let send = async |batch: &[u64]| {
        let tried = {
            let mut tries = tries.lock().unwrap();
            let tried = tries.entry(batch[0]).or_default();
            *tried += 1;
            *tried
        };
        match (batch[0], tried) {
            (1_000, 1..TRIES_MAX) => Err(refused("outcome_unknown", 503)),
            (2_000, 1) => Err(refused("rate_limited", 429)),
            (3_000, 1) => Err(Error::Unreachable("refused".to_owned())),
            (4_000, 1) => Err(Error::TooSlow),
            _ => Ok(batch.iter().map(judge).collect()),
        }
    };
    let report = batches::send(0..5_000, send, |_: &[u64], _: &[Item<u64>]| {}).await.unwrap();
    assert_eq!(report.accepted + report.duplicate + report.rejected, 5_000);
    let tries: Vec<u32> = tries.into_inner().unwrap().into_values().collect();
    assert_eq!(tries, [1, TRIES_MAX, 2, 2, 2]);
}

#[tokio::test]
async fn a_registry_that_takes_fewer_items_gets_fewer() {
    let sizes = Mutex::new(Vec::new());
    let send = async |batch: &[u64]| {
        sizes.lock().unwrap().push(batch.len());
        if batch.len() > 300 {
            return Err(refused("items_out_of_range", 422));
        }
        Ok(batch.iter().map(judge).collect())
    };
    let told = Mutex::new(Vec::new());
    let answered = |batch: &[u64], items: &[Item<u64>]| {
        assert_eq!(batch.len(), items.len());
        told.lock().unwrap().extend_from_slice(batch);
    };
    let report = batches::send(0..9_999, send, answered).await.unwrap();
    assert_eq!(report.accepted + report.duplicate + report.rejected, 9_999);
    let mut told = told.into_inner().unwrap();
    told.sort_unstable();
    assert_eq!(told, (0..9_999).collect::<Vec<u64>>());
    // It is asked for more only until that is known.
    let sizes = sizes.into_inner().unwrap();
    assert!(sizes.iter().filter(|size| **size > 300).count() <= 8, "{sizes:?}");
}

#[tokio::test]
async fn a_batch_of_one_that_is_out_of_range_ends_it() {
    let send = async |_: &[u64]| -> Result<Vec<Item<u64>>, Error> {
        Err(refused("items_out_of_range", 422))
    };
    let stopped = batches::send([1, 2], send, |_, _| {}).await.unwrap_err();
    assert_eq!(stopped.error.code(), Some("items_out_of_range"));
}

#[tokio::test]
async fn whoever_waits_is_told_why_and_how_long() {
    let tried = AtomicUsize::new(0);
    let send = async |batch: &[u64]| match tried.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Err(refused("unavailable", 503)),
        _ => Ok(batch.iter().map(judge).collect()),
    };
    let told = Mutex::new(Vec::new());
    let waits = |waits: Waits<'_>| {
        let code = waits.error.code().unwrap().to_owned();
        told.lock().unwrap().push((code, waits.wait, waits.tried));
    };
    batches::send_telling([1], send, |_, _| {}, waits).await.unwrap();
    let expected = [1, 2].map(|tried| ("unavailable".to_owned(), Duration::ZERO, tried));
    assert_eq!(told.into_inner().unwrap(), expected);
}

#[tokio::test]
async fn what_stays_unavailable_is_given_up_and_nothing_more_is_sent() {
    let sent = AtomicUsize::new(0);
    let send = async |batch: &[u64]| {
        sent.fetch_add(1, Ordering::SeqCst);
        match batch[0] {
            0 => Err(refused("unavailable", 503)),
            _ => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(batch.iter().map(judge).collect())
            }
        }
    };
    let stopped =
        batches::send(0..50_000, send, |_: &[u64], _: &[Item<u64>]| {}).await.unwrap_err();
    assert_eq!(stopped.error.code(), Some("unavailable"));
    assert_eq!(sent.load(Ordering::SeqCst), 8 + 3);
    // What was under way was waited for.
    assert_eq!(stopped.report.accepted, 3 * 900);
}

#[tokio::test]
async fn what_is_refused_is_not_sent_again() {
    let sent = AtomicUsize::new(0);
    let send = async |_: &[u64]| -> Result<Vec<Item<u64>>, Error> {
        sent.fetch_add(1, Ordering::SeqCst);
        Err(refused("key_revoked", 401))
    };
    let stopped = batches::send(0..50_000, send, |_, _| {}).await.unwrap_err();
    assert_eq!(stopped.to_string(), stopped.error.to_string());
    assert_eq!(stopped.error.code(), Some("key_revoked"));
    assert_eq!(sent.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_call_of_the_client_is_what_sends() {
    let answer = r#"{"summary": {"accepted": 1, "duplicate": 0, "rejected": 0},
        "items": [{"account_ref": "u-1", "outcome": "accepted"}]}"#;
    let registry = FakeRegistry::answering(200, answer).await;
    let client = registry.client();
    let send = async |batch: &[&str]| Ok(client.unbind(batch).await?.items);
    assert_eq!(batches::send(["u-1"], send, |_, _| {}).await.unwrap().accepted, 1);
}
