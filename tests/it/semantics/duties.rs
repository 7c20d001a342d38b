//! What is demanded of an app, what it may answer and what it is told: a sentence for each rule.

use vacate::domain::binding::{
    Acknowledged, Binding, Change, Did, Holder, Move, Moved, Placed, Proof, Put, Stored, put,
};
use vacate::domain::duty::{Demand, Duty, MessageType, Response, demand, recompute_at};
use vacate::domain::event::{ParticipantId, Says, SealedId, Statement};
use vacate::domain::policy::Policy;
use vacate::domain::rejection::{Code, Rejection};
use vacate::domain::summary::{Summary, fold};
use vacate::domain::time::{DAY, Moment, Stated};
use vacate::domain::verdict::{Coverage, Facts, OpenDispute, Reason, Scope};

/// A number and what is said of it, in a calling code with aging of 45 days that is covered.
#[derive(Default)]
struct Number {
    statements: Vec<Statement>,
    policy: Policy,
    summary: Summary,
    dispute: Option<OpenDispute>,
    uncovered: bool,
    now: Moment,
}

impl Number {
    fn at(day: u32) -> Number {
        Number { now: days(day), ..Number::default() }
    }

    fn lost(&mut self, day: u32) {
        self.said(Says::Disconnected(Stated::At(days(day))));
    }

    fn given_on(&mut self, day: u32) {
        self.said(Says::Reassigned(Stated::At(days(day))));
    }

    fn retracted(&mut self, place: usize) {
        self.said(Says::Retracted { undoes: self.statements[place].id.clone() });
    }

    fn said(&mut self, says: Says) {
        let id = SealedId(self.statements.len().to_be_bytes().to_vec());
        self.statements.push(Statement { carrier: ParticipantId(1), id, says });
        self.summary = fold(&self.statements, &self.policy);
    }

    /// Somebody proves the number on that day; it lapses after 72 hours.
    fn disputed(&mut self, day: u32, answer_by: Option<Moment>) {
        let (held_from, lapses_at) = (days(day), days(day + 3));
        self.dispute = Some(OpenDispute { held_from, lapses_at, answer_by });
    }

    fn facts(&self) -> Facts<'_> {
        let scope = Some(Scope { since: Moment::ZERO, through: self.now });
        let coverage = Coverage { scope: scope.filter(|_| !self.uncovered), ..Coverage::default() };
        let Number { summary, policy, dispute, now, .. } = self;
        Facts { summary, coverage, dispute: *dispute, policy, now: *now }
    }

    fn put(&self, stored: Stored, sent: Put) -> Result<Placed, Code> {
        put(stored, sent, &self.facts()).map_err(|rejection: Rejection| rejection.code)
    }

    fn bound(&self, verified: u32) -> Moved {
        accepted(self.put(Stored::Nothing, sent(verified))).1
    }

    /// The registry looks at the binding again.
    fn recomputed(&self, binding: Binding) -> Moved {
        let again = binding.duty.recomputed(&self.facts(), binding.verified_at.into());
        Moved { binding: Binding { duty: again.duty, ..binding }, message: again.message }
    }

    fn did(&self, binding: Binding, did: Move) -> Result<Acknowledged, Code> {
        self.did_at(binding, did, None)
    }

    fn did_at(
        &self,
        binding: Binding,
        did: Move,
        guard: Option<u32>,
    ) -> Result<Acknowledged, Code> {
        binding.acknowledge(did, guard, &self.facts()).map_err(|rejection| rejection.code)
    }

    fn responded(&self, binding: Binding, did: Move) -> Binding {
        let Moved { binding, message } = acknowledged(self.did(binding, did));
        assert_eq!(message, None, "the app knows what it did");
        binding
    }
}

fn days(day: u32) -> Moment {
    Moment::from_seconds(day * DAY)
}

fn sent(verified: u32) -> Put {
    Put { verified_at: days(verified), holder: None, proof: None }
}

fn proved(verified: u32) -> Put {
    Put { proof: Some(Proof::Passkey), ..sent(verified) }
}

fn verified(day: u32) -> Move {
    Move::Verified { at: days(day), proof: Some(Proof::Document) }
}

fn by_code(day: u32) -> Move {
    Move::Verified { at: days(day), proof: None }
}

fn accepted(placed: Result<Placed, Code>) -> (Change, Moved) {
    let Ok(Placed::Accepted(change, moved)) = placed else { panic!("{placed:?}") };
    (change, moved)
}

fn acknowledged(outcome: Result<Acknowledged, Code>) -> Moved {
    let Ok(Acknowledged::Accepted(moved)) = outcome else { panic!("{outcome:?}") };
    moved
}

/// Verified on day 100, lost on day 200, looked at then: `freeze` at revision 1.
fn frozen_account() -> (Number, Binding) {
    let mut number = Number::at(150);
    let binding = number.bound(100).binding;
    number.now = days(200);
    number.lost(200);
    let binding = number.recomputed(binding).binding;
    (number, binding)
}

// What is demanded.

#[test]
fn a_binding_of_which_nothing_is_demanded_begins_at_revision_0_and_without_a_message() {
    let Moved { binding, message } = Number::at(150).bound(100);
    assert_eq!((binding.duty, message), (Duty::default(), None));
}

#[test]
fn a_loss_demands_a_freeze_within_a_day() {
    let mut number = Number::at(150);
    let binding = number.bound(100).binding;
    number.now = days(200);
    number.lost(200);
    let Moved { binding, message } = number.recomputed(binding);
    let expected = Duty {
        revision: 1,
        demand: Demand::Freeze,
        reason: Some(Reason::Disconnected),
        freeze_by: Some(days(201)),
        ..Duty::default()
    };
    assert_eq!((binding.duty, message), (expected, Some(MessageType::FreezeRequested)));
    assert!(binding.duty.open());
}

#[test]
fn a_binding_put_on_a_number_that_was_lost_since_is_demanded_at_once() {
    let (number, _) = frozen_account();
    let Moved { binding, message } = number.bound(100);
    assert_eq!((binding.duty.demand, binding.duty.revision), (Demand::Freeze, 1));
    assert_eq!(message, Some(MessageType::FreezeRequested));
}

#[test]
fn looking_again_changes_nothing_and_tells_nobody() {
    let (mut number, binding) = frozen_account();
    number.now = days(220);
    assert_eq!(number.recomputed(binding), Moved { binding, message: None });
}

#[test]
fn a_freeze_becomes_a_detach_when_aging_is_over() {
    let (mut number, binding) = frozen_account();
    let due = recompute_at(&number.facts(), binding.verified_at.into());
    assert_eq!(due, Some(days(245)));

    number.now = days(245);
    let Moved { binding: detached, message } = number.recomputed(binding);
    let expected = Duty {
        revision: 2,
        demand: Demand::Detach,
        detach_by: Some(days(250)),
        ..binding.duty // freeze_by and reason stay
    };
    assert_eq!((detached.duty, message), (expected, Some(MessageType::DetachRequested)));
    assert_eq!(recompute_at(&number.facts(), binding.verified_at.into()), None);
}

#[test]
fn a_reassignment_demands_a_detach_and_sets_both_dates_if_it_is_the_first_that_is_heard() {
    let mut number = Number::at(250);
    number.lost(200);
    number.given_on(246);
    let Moved { binding, message } = number.bound(100);
    let Duty { demand, reason, freeze_by, detach_by, .. } = binding.duty;
    assert_eq!((demand, reason), (Demand::Detach, Some(Reason::Reassigned)));
    assert_eq!((freeze_by, detach_by), (Some(days(251)), Some(days(255))));
    assert_eq!(message, Some(MessageType::DetachRequested));
}

#[test]
fn a_second_recycling_makes_no_second_duty() {
    let (mut number, binding) = frozen_account();
    number.now = days(245);
    let binding = number.recomputed(binding).binding;
    number.now = days(500);
    for (lost, given_on) in [(246, 300), (400, 450)] {
        number.given_on(given_on);
        number.lost(lost);
    }
    let again = number.recomputed(binding);
    assert_eq!((again.binding.duty.demand, again.message), (Demand::Detach, None));
    assert_eq!(again.binding.duty.freeze_by, binding.duty.freeze_by);
    assert_eq!(again.binding.duty.detach_by, binding.duty.detach_by);
}

#[test]
fn a_retraction_asks_for_release_and_clears_the_dates() {
    let (mut number, binding) = frozen_account();
    let binding = number.responded(binding, Move::Frozen);
    number.retracted(0);
    let Moved { binding, message } = number.recomputed(binding);
    let expected = Duty { revision: 2, response: Response::Frozen, ..Duty::default() };
    assert_eq!((binding.duty, message), (expected, Some(MessageType::ReleaseRequested)));
    let released = number.responded(binding, Move::Released).duty;
    assert_eq!(released, Duty { revision: 2, ..Duty::default() });
}

#[test]
fn a_retraction_that_leaves_a_doubt_asks_for_step_up() {
    let (mut number, binding) = frozen_account();
    number.given_on(199);
    number.retracted(0);
    let Moved { binding, message } = number.recomputed(binding);
    assert_eq!(binding.duty.demand, Demand::StepUp);
    assert_eq!(binding.duty.reason, Some(Reason::Uncorroborated));
    assert_eq!(message, Some(MessageType::StepUpRequested));
    assert!(!binding.duty.open());
    let released = number.responded(binding, Move::Frozen);
    assert_eq!(number.responded(released, Move::Released).duty.response, Response::None);
}

#[test]
fn who_has_detached_is_still_told_that_the_cause_is_gone() {
    let (mut number, binding) = frozen_account();
    let binding = number.responded(binding, Move::Detached);
    number.now = days(202);
    number.retracted(0);
    let Moved { binding, message } = number.recomputed(binding);
    assert_eq!(message, Some(MessageType::ReleaseRequested));
    assert_eq!(binding.duty.response, Response::Detached);

    let released = number.responded(binding, Move::Released);
    assert_eq!(released.duty.response, Response::None);
    let (change, again) = accepted(number.put(Stored::SameNumber(binding), sent(201)));
    assert_eq!((change, again.binding.duty.response), (Change::Refreshed, Response::None));
}

#[test]
fn a_demand_that_comes_back_has_a_new_date() {
    let (mut number, binding) = frozen_account();
    number.retracted(0);
    let binding = number.recomputed(binding).binding;
    number.now = days(210);
    number.lost(210);
    let Moved { binding, message } = number.recomputed(binding);
    assert_eq!((binding.duty.revision, binding.duty.freeze_by), (3, Some(days(211))));
    assert_eq!(message, Some(MessageType::FreezeRequested));
}

#[test]
fn a_change_of_reason_alone_is_not_told() {
    let mut number = Number::at(210);
    number.lost(200);
    let binding = number.bound(205).binding;
    assert_eq!(binding.duty.reason, Some(Reason::VerifiedInAging));
    number.given_on(209);
    number.retracted(0);
    let Moved { binding: after, message } = number.recomputed(binding);
    let duty = Duty { reason: Some(Reason::Uncorroborated), ..binding.duty };
    assert_eq!((after.duty, message), (duty, None));
}

#[test]
fn neither_a_date_ahead_nor_the_horizon_of_retention_demands_anything() {
    let number = Number::at(150);
    let mut facts = number.facts();
    facts.coverage.retained_since = Some(days(120));
    for day in [100, 160] {
        assert_eq!(demand(&facts, days(day).into()), (Demand::None, None));
    }
}

#[test]
fn a_duty_is_overdue_by_the_first_date_that_was_not_met() {
    let (mut number, binding) = frozen_account();
    number.now = days(245);
    let duty = number.recomputed(binding).binding.duty;
    let frozen = Duty { response: Response::Frozen, ..duty };
    let detached = Duty { response: Response::Detached, ..duty };
    assert!(!binding.duty.overdue(days(201)) && binding.duty.overdue(days(201).plus(1)));
    assert!(duty.overdue(days(246)));
    assert!(!frozen.overdue(days(250)) && frozen.overdue(days(250).plus(1)));
    assert!(!detached.overdue(days(999)));
    assert!(frozen.open() && !detached.open());
}

// Disputes.

#[test]
fn a_dispute_demands_step_up_and_an_answer() {
    let mut number = Number::at(150);
    let binding = number.bound(100).binding;
    number.disputed(150, Some(days(157)));
    let Moved { binding, message } = number.recomputed(binding);
    let expected = Duty {
        revision: 1,
        demand: Demand::StepUp,
        reason: Some(Reason::Disputed),
        answer_by: Some(days(157)),
        ..Duty::default()
    };
    assert_eq!((binding.duty, message), (expected, Some(MessageType::StepUpRequested)));
    assert!(binding.duty.open() && !binding.duty.overdue(days(157)));
    assert!(binding.duty.overdue(days(158)));
}

#[test]
fn a_dispute_is_answered_by_the_proof_of_the_owner_or_by_letting_go() {
    let mut number = Number::at(150);
    number.disputed(150, Some(days(157)));
    let disputed = number.bound(100).binding;
    assert_eq!(number.did(disputed, by_code(150)), Err(Code::ProofMissing));

    let kept = acknowledged(number.did(disputed, verified(150)));
    assert_eq!(kept.binding.duty, Duty { revision: 2, ..Duty::default() });
    assert_eq!(kept.message, Some(MessageType::ReleaseRequested));

    let let_go = number.responded(disputed, Move::Detached).duty;
    assert_eq!((let_go.answer_by, let_go.open()), (None, false));
    assert_eq!(number.recomputed(Binding { duty: let_go, ..disputed }).binding.duty, let_go);
}

#[test]
fn neither_freezing_nor_taking_back_answers_a_dispute() {
    let mut number = Number::at(150);
    number.disputed(150, Some(days(157)));
    let frozen = number.responded(number.bound(100).binding, Move::Frozen);
    let let_go = number.responded(frozen, Move::Detached);
    let again = number.responded(let_go, Move::Released);
    assert!(frozen.duty.open() && !let_go.duty.open());
    assert_eq!(again.duty.answer_by, Some(days(157)));
}

#[test]
fn a_dispute_alone_never_detaches_an_organisation() {
    let mut number = Number::at(150);
    number.disputed(150, Some(days(157)));
    let organisation = Put { holder: Some(Holder::Organisation), ..sent(100) };
    let (_, Moved { binding, .. }) = accepted(number.put(Stored::Nothing, organisation));
    assert_eq!(number.did(binding, Move::Detached), Err(Code::HolderIsOrganisation));
    number.lost(140);
    let lost = number.recomputed(binding).binding;
    assert_eq!(number.responded(lost, Move::Detached).duty.response, Response::Detached);
}

#[test]
fn a_dispute_that_does_not_name_the_app_demands_nothing_but_stops_codes() {
    let mut number = Number::at(150);
    let binding = number.bound(100).binding;
    number.disputed(150, None);
    assert_eq!(number.recomputed(binding), Moved { binding, message: None });
    assert_eq!(number.put(Stored::SameNumber(binding), sent(149)), Err(Code::ProofMissing));
}

#[test]
fn a_dispute_lapses_where_reports_are_fresh_and_nowhere_else() {
    let mut number = Number::at(150);
    number.disputed(150, Some(days(157)));
    let binding = number.bound(100).binding;
    assert_eq!(recompute_at(&number.facts(), days(100).into()), Some(days(153)));
    number.now = days(153);
    assert_eq!(number.recomputed(binding).message, Some(MessageType::ReleaseRequested));
    number.uncovered = true;
    assert_eq!(number.recomputed(binding), Moved { binding, message: None });
}

#[test]
fn where_an_event_demands_more_a_dispute_is_not_even_told() {
    let (mut number, binding) = frozen_account();
    number.disputed(200, Some(days(207)));
    assert_eq!(number.recomputed(binding), Moved { binding, message: None });
}

// What the app may say.

#[test]
fn frozen_and_detached_are_kept_and_a_repetition_is_a_duplicate() {
    let (number, binding) = frozen_account();
    let frozen = number.responded(binding, Move::Frozen);
    assert_eq!(frozen.duty, Duty { response: Response::Frozen, ..binding.duty });
    assert!(!frozen.duty.open());
    assert_eq!(number.did(frozen, Move::Frozen), Ok(Acknowledged::Duplicate));
    let detached = number.responded(frozen, Move::Detached);
    assert_eq!(number.did(detached, Move::Detached), Ok(Acknowledged::Duplicate));
}

#[test]
fn frozen_after_detached_is_refused() {
    let (number, binding) = frozen_account();
    let detached = number.responded(binding, Move::Detached);
    assert_eq!(number.did(detached, Move::Frozen), Err(Code::AlreadyDetached));
}

#[test]
fn released_is_refused_while_a_freeze_or_a_detach_is_demanded() {
    let (mut number, binding) = frozen_account();
    assert_eq!(number.did(binding, Move::Released), Err(Code::StillDemanded));
    let frozen = number.responded(binding, Move::Frozen);
    number.now = days(245);
    let detach = number.recomputed(frozen).binding;
    assert_eq!(number.did(detach, Move::Released), Err(Code::StillDemanded));
}

#[test]
fn released_where_nothing_was_done_is_a_duplicate() {
    let number = Number::at(150);
    let binding = number.bound(100).binding;
    assert_eq!(number.did(binding, Move::Released), Ok(Acknowledged::Duplicate));
}

#[test]
fn an_acknowledgement_of_an_old_revision_is_refused_unless_it_changes_nothing() {
    let (mut number, binding) = frozen_account();
    assert_eq!(number.did_at(binding, Move::Frozen, Some(0)), Err(Code::RevisionOld));
    let frozen = acknowledged(number.did_at(binding, Move::Frozen, Some(1))).binding;
    number.now = days(245);
    let detach = number.recomputed(frozen).binding;
    assert_eq!(number.did_at(detach, Move::Detached, Some(1)), Err(Code::RevisionOld));
    assert_eq!(number.did_at(detach, Move::Frozen, Some(1)), Ok(Acknowledged::Duplicate));
}

#[test]
fn a_login_code_washes_no_account_clean() {
    let (mut number, binding) = frozen_account();
    number.now = days(300);
    number.given_on(246);
    for duty in [binding, number.recomputed(binding).binding] {
        assert_eq!(number.did(duty, by_code(299)), Err(Code::ProofMissing));
        assert_eq!(number.put(Stored::SameNumber(duty), sent(299)), Err(Code::ProofMissing));
    }
}

#[test]
fn verified_moves_the_date_resets_the_response_and_tells_of_the_change() {
    let (mut number, binding) = frozen_account();
    let frozen = number.responded(binding, Move::Frozen);
    number.now = days(246);
    let Moved { binding: kept, message } = acknowledged(number.did(frozen, verified(246)));
    assert_eq!(kept.verified_at, days(246));
    assert_eq!(kept.duty, Duty { revision: 2, ..Duty::default() });
    assert_eq!(message, Some(MessageType::ReleaseRequested));
}

#[test]
fn verified_inside_aging_leaves_a_step_up() {
    let (mut number, binding) = frozen_account();
    number.now = days(210);
    let Moved { binding: kept, message } = acknowledged(number.did(binding, verified(205)));
    assert_eq!((kept.duty.demand, kept.duty.revision), (Demand::StepUp, 2));
    assert_eq!(message, Some(MessageType::StepUpRequested));
}

#[test]
fn verified_before_the_loss_is_still_changed() {
    let (number, binding) = frozen_account();
    assert_eq!(number.did(binding, verified(150)), Err(Code::StillChanged));
    assert_eq!(number.put(Stored::SameNumber(binding), proved(150)), Err(Code::StillChanged));
}

#[test]
fn verified_again_is_a_duplicate_even_under_its_own_old_revision() {
    let (mut number, binding) = frozen_account();
    number.now = days(246);
    let kept = acknowledged(number.did_at(binding, verified(246), Some(1))).binding;
    assert_eq!(number.did_at(kept, verified(246), Some(1)), Ok(Acknowledged::Duplicate));
    assert_eq!(number.did(kept, verified(220)), Ok(Acknowledged::Duplicate));
}

#[test]
fn verified_needs_no_proof_while_nothing_is_demanded_and_the_old_date_is_unchanged() {
    let mut number = Number::at(150);
    let binding = number.bound(100).binding;
    let moved = acknowledged(number.did(binding, by_code(140)));
    assert_eq!((moved.binding.verified_at, moved.message), (days(140), None));
    assert_eq!(moved.binding.duty, Duty::default());
    number.uncovered = true;
    assert_eq!(number.did(binding, by_code(140)), Err(Code::ProofMissing));
    assert_eq!(acknowledged(number.did(binding, verified(140))).message, None);
}

#[test]
fn only_verified_carries_a_date_and_it_must() {
    let code = |did, at, proof| Move::from_parts(did, at, proof).map_err(|it| it.code);
    assert_eq!(code(Did::Verified, None, Some(Proof::Passkey)), Err(Code::ProofMissing));
    assert_eq!(code(Did::Verified, Some(days(1)), None), Ok(by_code(1)));
    assert_eq!(code(Did::Frozen, Some(days(1)), None), Err(Code::FieldUnknown));
    assert_eq!(code(Did::Released, None, Some(Proof::Passkey)), Err(Code::FieldUnknown));
    assert_eq!(code(Did::Detached, None, None), Ok(Move::Detached));
}

// Putting a binding.

#[test]
fn the_same_number_with_a_date_that_is_not_later_is_a_duplicate() {
    let (number, binding) = frozen_account();
    for put in [sent(100), sent(99), proved(100)] {
        assert_eq!(number.put(Stored::SameNumber(binding), put), Ok(Placed::Duplicate));
    }
}

#[test]
fn a_later_date_of_the_same_number_refreshes_while_the_old_one_is_unchanged() {
    let number = Number::at(150);
    let binding = number.bound(100).binding;
    let organisation = Put { holder: Some(Holder::Organisation), ..sent(140) };
    let (change, moved) = accepted(number.put(Stored::SameNumber(binding), organisation));
    let expected = Binding { verified_at: days(140), holder: Holder::Organisation, ..binding };
    assert_eq!((change, moved.binding, moved.message), (Change::Refreshed, expected, None));
}

#[test]
fn a_later_date_with_a_proof_is_the_same_as_verified() {
    let (mut number, binding) = frozen_account();
    let frozen = number.responded(binding, Move::Frozen);
    number.now = days(246);
    let (change, moved) = accepted(number.put(Stored::SameNumber(frozen), proved(246)));
    assert_eq!(change, Change::Refreshed);
    assert_eq!(moved, acknowledged(number.did(frozen, verified(246))));
}

#[test]
fn another_number_with_an_older_date_undoes_nothing() {
    let (_, binding) = frozen_account();
    for put in [sent(100), proved(99)] {
        let placed = Number::at(210).put(Stored::OtherNumber(binding), put);
        assert_eq!(placed, Err(Code::BindingNewer));
    }
}

#[test]
fn rebinding_to_a_quiet_number_goes_on_in_revision_and_tells_nobody() {
    let (number, binding) = frozen_account();
    let frozen = number.responded(binding, Move::Frozen);
    let (change, moved) = accepted(Number::at(210).put(Stored::OtherNumber(frozen), sent(205)));
    assert_eq!((change, moved.message), (Change::Rebound, None));
    assert_eq!(moved.binding.duty, Duty { revision: 2, ..Duty::default() });
}

#[test]
fn rebinding_to_a_number_that_was_lost_is_a_new_demand_even_if_it_is_the_same_one() {
    let (_, binding) = frozen_account();
    let mut other = Number::at(210);
    other.lost(209);
    let (_, Moved { binding, message }) =
        accepted(other.put(Stored::OtherNumber(binding), sent(205)));
    assert_eq!((binding.duty.demand, binding.duty.revision), (Demand::Freeze, 2));
    assert_eq!(binding.duty.freeze_by, Some(days(211)), "the old date was about the old number");
    assert_eq!(message, Some(MessageType::FreezeRequested));
}

#[test]
fn removing_an_account_that_should_be_frozen_counts_as_detached() {
    let (_, binding) = frozen_account();
    let removed = binding.duty.removed();
    assert_eq!(removed, Duty { response: Response::Detached, ..binding.duty });
    assert!(!removed.open() && !removed.overdue(days(999)));
    let quiet = Number::at(150).bound(100).binding.duty;
    assert_eq!(quiet.removed(), quiet);
}

#[test]
fn an_account_that_is_bound_again_goes_on_in_revision() {
    let (number, binding) = frozen_account();
    let removed = Stored::Removed(binding.duty.removed());
    let (change, again) = accepted(number.put(removed, sent(100)));
    assert_eq!((change, again.message), (Change::Bound, Some(MessageType::FreezeRequested)));
    assert_eq!((again.binding.duty.revision, again.binding.duty.response), (2, Response::None));

    let (_, quiet) = accepted(Number::at(210).put(removed, sent(205)));
    assert_eq!((quiet.binding.duty.revision, quiet.message), (2, None));
    let never_told = Stored::Removed(Duty::default());
    let (_, quiet) = accepted(Number::at(210).put(never_told, sent(205)));
    assert_eq!(quiet.binding.duty.revision, 0);
}
