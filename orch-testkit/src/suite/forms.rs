//! In which form identities are made: no two releases accept one kind in two.

use std::sync::Arc;

use orch_core::store::{Acceptance, Admitted, Store};
use orch_core::words::{BizKey, Command, Fingerprint, IdentityForm, OpId, StoredForm};
use tokio::task::JoinSet;

use crate::fixture::{World, acceptance, ended, fail, kind, other_kind};

const FIRST: IdentityForm = IdentityForm { number: 1, keys: "biz_key = \"{order_id}\"" };
const SECOND: IdentityForm = IdentityForm { number: 2, keys: "biz_key = \"{shop}-{order_id}\"" };
const THIRD: IdentityForm = IdentityForm { number: 3, keys: "biz_key = \"{shop}/{order_id}\"" };

/// The biz key of the fixture's commands, which is that of the first form here.
const OF_FIRST: &str = "ORDER-1";

/// A request under this key, as a release with this form makes it.
fn asked(form: IdentityForm, key: &str) -> Acceptance {
    let biz_key = match form.number {
        1 => OF_FIRST,
        2 => "SHOP-ORDER-1",
        _ => "SHOP/ORDER-1",
    };
    let before = ["SHOP-ORDER-1", OF_FIRST].into_iter().skip(if form.number > 2 { 0 } else { 1 });
    let earlier = before.take(form.number as usize - 1).map(|key| BizKey::new(key).unwrap());
    let command = Command::new("PAYMENT", "CHARGE", biz_key, key, r#"{"amount":5}"#).unwrap();
    Acceptance { command, form: Some(form), earlier: earlier.collect(), ..acceptance(key) }
}

async fn identify(world: &World, form: IdentityForm) -> StoredForm {
    world.store.identify(&kind(), form).await.unwrap()
}

fn in_another(stored: Option<IdentityForm>) -> Admitted {
    Admitted::OtherForm { stored: stored.map(StoredForm::from) }
}

pub async fn the_first_is_kept_and_a_later_one_replaces_it(world: World) {
    assert_eq!(world.store.forms().await.unwrap(), []);
    for form in [FIRST, FIRST, SECOND, SECOND] {
        assert_eq!(identify(&world, form).await, form.into());
    }
    let other = world.store.identify(&other_kind(), FIRST).await.unwrap();
    assert_eq!(other, FIRST.into(), "another kind's are its own");
    let mut forms = world.reopened().await.store.forms().await.unwrap();
    forms.sort_by_key(|(kind, _)| kind.to_string());
    assert_eq!(forms, [(kind(), SECOND.into()), (other_kind(), FIRST.into())]);
}

pub async fn an_earlier_one_or_other_keys_are_refused(world: World) {
    identify(&world, SECOND).await;
    assert_eq!(identify(&world, FIRST).await, SECOND.into());
    let other = IdentityForm { keys: "biz_key = \"{customer}\"", ..SECOND };
    assert_eq!(identify(&world, other).await, SECOND.into());
    assert_eq!(world.admit(asked(other, "a")).await, in_another(Some(SECOND)));
    assert!(world.all().await.is_empty());
}

pub async fn nothing_is_accepted_before_its_form_is_stored(world: World) {
    let item = asked(FIRST, "a");
    assert_eq!(world.admit(item.clone()).await, in_another(None));
    assert!(world.all().await.is_empty());
    identify(&world, FIRST).await;
    world.accepted_as(item.clone()).await;
    assert_eq!(world.admit(asked(SECOND, "b")).await, in_another(Some(FIRST)), "nor a later one");
    identify(&world, SECOND).await;
    assert_eq!(
        world.admit(asked(FIRST, "c")).await,
        in_another(Some(SECOND)),
        "nor an earlier one"
    );
    world.accepted_as(asked(SECOND, "b")).await;
}

pub async fn a_request_of_an_earlier_form_is_the_same_one(world: World) {
    identify(&world, FIRST).await;
    let op_id = world.accepted_as(asked(FIRST, "a")).await;
    for form in [SECOND, THIRD] {
        identify(&world, form).await;
        assert_eq!(world.admit(asked(form, "a")).await, Admitted::Replayed { op_id });
    }
    let body = Command::new("PAYMENT", "CHARGE", "SHOP/ORDER-1", "a", r#"{"amount":6}"#).unwrap();
    let fingerprint = Fingerprint::of(body.payload());
    let other = Acceptance { command: body, fingerprint, ..asked(THIRD, "a") };
    let payload = r#"{"amount":5}"#.into();
    assert_eq!(world.admit(other).await, Admitted::Conflict { op_id, payload });
    let new = asked(THIRD, "b");
    assert_eq!(world.admit(new.clone()).await, Admitted::Created { op_id: new.op_id });
    assert_eq!(world.all().await.len(), 2);
}

/// As where one was accepted by its untyped command, of which no form is known.
pub async fn its_own_biz_key_comes_before_earlier_ones(world: World) {
    identify(&world, FIRST).await;
    world.accepted_as(asked(FIRST, "a")).await;
    let untyped = Acceptance { form: None, earlier: Vec::new(), ..asked(SECOND, "a") };
    let op_id = world.accepted_as(untyped).await;
    identify(&world, SECOND).await;
    assert_eq!(world.admit(asked(SECOND, "a")).await, Admitted::Replayed { op_id });
}

pub async fn one_that_has_failed_is_still_the_same_request(world: World) {
    identify(&world, FIRST).await;
    let op_id = world.accepted_as(asked(FIRST, "a")).await;
    let claim = world.claim().await;
    world.settle(ended(claim, fail("CARD_DECLINED"))).await;
    world.redrive(op_id, false).await;
    identify(&world, SECOND).await;
    assert_eq!(world.admit(asked(SECOND, "a")).await, Admitted::Replayed { op_id });
}

pub async fn an_accept_whose_reply_was_lost_is_answered_in_any_form(world: World) {
    identify(&world, FIRST).await;
    let item = asked(FIRST, "a");
    let op_id = world.accepted_as(item.clone()).await;
    identify(&world, SECOND).await;
    assert_eq!(world.admit(item.clone()).await, Admitted::Created { op_id });
    let again = Acceptance { op_id: OpId::generate(), ..item };
    assert_eq!(
        world.admit(again).await,
        Admitted::Replayed { op_id },
        "it is there: no second one"
    );
}

pub async fn others_of_a_batch_are_not_held_up(world: World) {
    identify(&world, SECOND).await;
    let refund = |key| {
        let command = Command::new("PAYMENT", "REFUND", "ORDER-1", key, "{}").unwrap();
        Acceptance { command, ..acceptance(key) }
    };
    let new_kind = Acceptance { form: Some(FIRST), ..refund("new") };
    let refund = refund("r");
    let (own, plain) = (asked(SECOND, "b"), acceptance("plain"));
    let batch = vec![asked(FIRST, "a"), own.clone(), plain.clone(), new_kind, refund.clone()];
    let created = |item: &Acceptance| Admitted::Created { op_id: item.op_id };
    let answers = world.store.accept(batch).await.unwrap();
    assert_eq!(answers[..3], [in_another(Some(SECOND)), created(&own), created(&plain)]);
    assert_eq!(answers[3..], [in_another(None), created(&refund)]);
    assert_eq!(world.all().await.len(), 3);
}

pub async fn of_two_who_come_next_at_once_one_is_refused(world: World) {
    identify(&world, FIRST).await;
    let other = IdentityForm { keys: "biz_key = \"{customer}\"", ..SECOND };
    let mut calls = JoinSet::new();
    for n in 0..20 {
        let (store, form) = (Arc::clone(&world.store), if n % 2 == 0 { SECOND } else { other });
        calls.spawn(async move { (form, identify_on(&*store, form).await) });
    }
    let answers = calls.join_all().await;
    let stored = world.store.forms().await.unwrap().remove(0).1;
    assert!(answers.iter().all(|(_, answer)| *answer == stored), "{answers:?}");
    assert_eq!(stored.number, 2);
}

/// The release before goes on accepting while the next one stores its form and repeats each request.
pub async fn a_request_repeated_across_a_change_is_one_operation(world: World) {
    identify(&world, FIRST).await;
    let mut calls = JoinSet::new();
    for n in 0..60 {
        let (store, key) = (Arc::clone(&world.store), format!("k-{n}"));
        calls.spawn(async move {
            if n == 20 {
                identify_on(&*store, SECOND).await;
            }
            let mut op_ids = Vec::new();
            for form in [FIRST, SECOND, FIRST, SECOND] {
                op_ids.extend(accept_on(&*store, asked(form, &key)).await);
            }
            op_ids
        });
    }
    for op_ids in calls.join_all().await {
        assert!(op_ids.windows(2).all(|two| two[0] == two[1]), "{op_ids:?}");
    }
    for n in 0..60 {
        let key = format!("k-{n}");
        let again = accept_on(&*world.store, asked(SECOND, &key)).await;
        assert!(again.is_some(), "it is accepted in the end");
    }
    assert_eq!(world.all().await.len(), 60);
}

async fn identify_on(store: &dyn Store, form: IdentityForm) -> StoredForm {
    loop {
        match store.identify(&kind(), form).await {
            Err(error) if error.is_transient() => {}
            stored => return stored.unwrap(),
        }
    }
}

/// The operation, unless the form is refused.
async fn accept_on(store: &dyn Store, item: Acceptance) -> Option<OpId> {
    loop {
        match store.accept(vec![item.clone()]).await.map(|mut answers| answers.remove(0)) {
            Err(error) if error.is_transient() => {}
            Ok(Admitted::OtherForm { .. }) => return None,
            Ok(Admitted::Created { op_id } | Admitted::Replayed { op_id }) => return Some(op_id),
            other => panic!("{other:?}"),
        }
    }
}
