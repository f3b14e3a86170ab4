use super::*;

/// One order, charged once and completed: the world in which all is well.
struct World {
    accepted: HashMap<u64, OpId>,
    stored: Vec<Stored>,
    ledger: Vec<Entry>,
}

const ORDER: u64 = 7;
const AMOUNT: u64 = 500;

impl World {
    fn sound() -> Self {
        let op_id = OpId::generate();
        let receipt = Receipt { receipt_id: "ch_1".into(), amount: AMOUNT };
        let operation = Stored {
            op_id,
            order_id: ORDER,
            amount: AMOUNT,
            end: End::Completed(receipt),
            retries: 0,
            lost_attempts: 0,
            late_answers: 0,
            stale_writes: 0,
        };
        let mut world =
            Self { accepted: [(ORDER, op_id)].into(), stored: vec![operation], ledger: Vec::new() };
        world.call();
        world.charge("ch_1", AMOUNT);
        world
    }

    fn key(&self) -> String {
        <ProviderKey>::text_of(self.accepted[&ORDER], 0)
    }

    fn call(&mut self) {
        let (key, attempt) = (self.key(), 1);
        let call = CallEntry { order_id: ORDER, key, attempt, worker: 1, behaviour: None };
        self.ledger.push(Entry::Call(call));
    }

    fn charge(&mut self, receipt_id: &str, amount: u64) {
        let (key, receipt_id) = (self.key(), receipt_id.to_owned());
        self.ledger.push(Entry::Charge(ChargeEntry { order_id: ORDER, key, amount, receipt_id }));
    }

    fn without_charges(mut self) -> Self {
        self.ledger.retain(|entry| matches!(entry, Entry::Call(_)));
        self
    }

    fn ended(mut self, end: End) -> Self {
        self.stored[0].end = end;
        self
    }

    fn verdict(&self) -> Verdict {
        compare(&self.accepted, &self.stored, &self.ledger)
    }
}

fn failed(uncertain: bool) -> End {
    End::Failed { code: "CARD_DECLINED".into(), uncertain }
}

#[test]
fn a_sound_world_matches() {
    let verdict = World::sound().verdict();
    assert!(verdict.ledger_matches(), "{:?}", verdict.findings);
    assert_eq!((verdict.accepted, verdict.completed, verdict.calls), (1, 1, 1));
    assert_eq!((verdict.amount_stored, verdict.amount_charged), (AMOUNT, AMOUNT));
    assert!(verdict.findings.is_empty());
}

#[test]
fn a_double_charge_is_found_whatever_its_key() {
    for other_key in [false, true] {
        let mut world = World::sound();
        world.charge("ch_2", AMOUNT);
        if let (true, Some(Entry::Charge(charge))) = (other_key, world.ledger.last_mut()) {
            charge.key = "another".into();
        }
        let verdict = world.verdict();
        assert_eq!(verdict.charged_twice, 1);
        assert!(!verdict.ledger_matches() && !verdict.amounts_equal());
    }
}

#[test]
fn completed_without_a_charge_is_found() {
    let verdict = World::sound().without_charges().verdict();
    assert_eq!(verdict.mismatches, 1);
    assert!(!verdict.ledger_matches() && !verdict.amounts_equal());
}

#[test]
fn failed_with_a_charge_is_found() {
    let verdict = World::sound().ended(failed(false)).verdict();
    assert_eq!((verdict.mismatches, verdict.failed_total()), (1, 1));
    assert!(!verdict.ledger_matches());
}

#[test]
fn failed_without_a_charge_is_sound() {
    let verdict = World::sound().without_charges().ended(failed(false)).verdict();
    assert!(verdict.ledger_matches(), "{:?}", verdict.findings);
    assert_eq!(verdict.failed["CARD_DECLINED"], 1);
}

#[test]
fn an_uncertain_failure_is_counted_apart_and_explains_its_charge() {
    let verdict = World::sound().ended(failed(true)).verdict();
    assert_eq!((verdict.uncertain, verdict.uncertain_charged), (1, 1));
    assert!(verdict.ledger_matches(), "{:?}", verdict.findings);
    assert_eq!(World::sound().without_charges().ended(failed(true)).verdict().uncertain_charged, 0);
}

#[test]
fn an_amount_that_differs_is_found() {
    let mut world = World::sound().without_charges();
    world.charge("ch_1", AMOUNT + 1);
    let verdict = world.verdict();
    assert_eq!(verdict.mismatches, 1);
    assert!(!verdict.amounts_equal() && !verdict.ledger_matches());
}

#[test]
fn a_receipt_of_another_charge_is_found() {
    let mut world = World::sound().without_charges();
    world.charge("ch_9", AMOUNT);
    let verdict = world.verdict();
    assert_eq!(verdict.mismatches, 1);
    assert!(verdict.amounts_equal() && !verdict.ledger_matches());
}

#[test]
fn an_operation_without_an_end_is_lost() {
    let verdict = World::sound().ended(End::Unfinished("IN_PROGRESS".into())).verdict();
    assert_eq!(verdict.lost, 1);
    assert!(!verdict.ledger_matches());
}

#[test]
fn an_operation_that_is_gone_is_lost_and_its_charge_is_nobodys() {
    let mut world = World::sound();
    world.stored.clear();
    let verdict = world.verdict();
    assert_eq!((verdict.lost, verdict.mismatches), (1, 1));
    assert!(!verdict.ledger_matches());
}

#[test]
fn a_second_operation_for_one_order_is_found() {
    let mut world = World::sound();
    let mut second = world.stored[0].clone();
    second.op_id = OpId::generate();
    world.stored.push(second);
    assert!(!world.verdict().ledger_matches());
}

#[test]
fn a_call_with_another_key_is_found() {
    let mut world = World::sound();
    if let Some(Entry::Call(call)) = world.ledger.first_mut() {
        call.key = "another".into();
    }
    assert_eq!(world.verdict().mismatches, 1);
}

#[test]
fn calls_are_bounded_by_retries_and_lost_attempts() {
    let mut world = World::sound();
    world.call();
    world.call();
    assert_eq!(world.verdict().beyond_bound, 1);
    assert!(!world.verdict().ledger_matches());
    world.stored[0].retries = 1;
    assert_eq!(world.verdict().beyond_bound, 1);
    world.stored[0].lost_attempts = 1;
    let verdict = world.verdict();
    assert_eq!((verdict.beyond_bound, verdict.calls, verdict.repeated_calls), (0, 3, 2));
    assert!(verdict.ledger_matches(), "{:?}", verdict.findings);
}

#[test]
fn a_write_under_an_old_fence_is_found_although_the_money_is_right() {
    let mut world = World::sound();
    world.stored[0].stale_writes = 1;
    let verdict = world.verdict();
    assert_eq!(verdict.mismatches, 1);
    assert!(verdict.amounts_equal() && !verdict.ledger_matches());
}
