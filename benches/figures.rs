//! First figures: what the parts cost, against one another in one run.
//!
//! `cargo bench` prints them. Machines are noisy: compare within a run, never between two.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use vacate::domain::event::{ParticipantId, Says, SealedId, Statement};
use vacate::domain::number::{E164, Guard, NumberId, NumberText};
use vacate::domain::policy::Policy;
use vacate::domain::seal::Handle;
use vacate::domain::summary::fold;
use vacate::domain::time::{DAY, Moment, Stated};
use vacate::domain::verdict::{Coverage, Facts, NotCovered, Scope, judge};
use vacate::entropy::Entropy;
use vacate::keys::{Keys, Secrets};

fn statements(count: u32) -> Vec<Statement> {
    (0..count)
        .map(|place| {
            let at = Stated::At(Moment::from_seconds(place * 100 * DAY));
            let says = if place % 2 == 0 { Says::Disconnected(at) } else { Says::Reassigned(at) };
            let id = SealedId(place.to_be_bytes().to_vec());
            Statement { carrier: ParticipantId(1), id, says }
        })
        .collect()
}

fn rules(criterion: &mut Criterion) {
    let policy = Policy::default();
    for count in [2, 10, 50] {
        let said = statements(count);
        criterion.bench_function(&format!("fold of {count} events"), |bench| {
            bench.iter(|| fold(black_box(&said), &policy));
        });
    }
    let summary = fold(&statements(4), &policy);
    let now = Moment::from_seconds(9_000 * DAY);
    let scope = Some(Scope { since: Moment::ZERO, through: now });
    let coverage = Coverage { scope, ..Coverage::default() };
    let facts = Facts { summary: &summary, coverage, dispute: None, policy: &policy, now };
    criterion.bench_function("judge", |bench| {
        bench.iter(|| judge(black_box(&facts), now.into(), NotCovered::StepUp));
    });
}

fn numbers(criterion: &mut Criterion) {
    let keys = Keys::new(Secrets::generate(&Entropy::repeatable(1)));
    let number: E164 = "+491701234567".parse().expect("a number");
    let digest = keys.secrets().directory.digest(&number);
    criterion.bench_function("digest to element", |bench| {
        bench.iter(|| keys.element(black_box(&digest)));
    });
    let handle =
        Handle { number_id: NumberId(1), guard: Guard([1; 4]), verified_at: 1_700_000_000 };
    let text = keys.seal_handle("skyfare", number.calling_code(), &handle);
    criterion.bench_function("handle: parse and open", |bench| {
        bench.iter(|| {
            let number: NumberText = black_box(&text).parse().expect("a handle");
            keys.open_handle("skyfare", &number)
        });
    });
}

criterion_group!(figures, rules, numbers);
criterion_main!(figures);
