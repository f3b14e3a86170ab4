use orch_core::store::{ConfirmParams, Confirmed, Store};
use orch_core::words::{ClaimId, Confirmation, Fence};

/// The incarnation since which the generated histories are whole; some are of one before.
pub(super) const WHOLE_SINCE: u32 = 2;

/// Lets an operator report that the database was restored, or is a copy.
pub(super) async fn lose_history(store: &dyn Store, copied: bool) {
    let first = store.incarnation().await.unwrap();
    let params = ConfirmParams {
        number: first.number,
        opened_at: first.opened_at,
        confirmed: true,
        confirmation: if copied { Confirmation::Copied } else { Confirmation::Restored },
        who: "kim".to_owned(),
        why: "a disk was lost".to_owned(),
    };
    let confirmed = store.confirm(params).await.unwrap();
    assert_eq!(confirmed, Confirmed::Confirmed { number: WHOLE_SINCE });
}

/// The ids of the claims of a row's history, and of those that it has lost.
pub(super) const OURS: u64 = 0x1000;
pub(super) const ANOTHER: u64 = 0x2000;

/// The fence with this count: of a claim or, every third, of a take-over.
pub(super) fn fence(count: i64, history: u64) -> Fence {
    let id = match count % 3 {
        0 => ClaimId::NONE,
        _ => ClaimId::of(history + count.unsigned_abs()),
    };
    Fence::new((count - 1) << Fence::CLAIM_ID_BITS).next(id)
}
