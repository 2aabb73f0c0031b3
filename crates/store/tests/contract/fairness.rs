//! Nobody waits because others do.

use model::{DeviceId, Priority};
use sea_orm::{ConnectionTrait, TransactionTrait};
use store::{AskWake, ClaimRequest, ClaimedPush};

use crate::{
    database::Database,
    field::{Field, MINUTE, NOON, SECOND, app, claim_of, new_device, pfn, received, result},
};

fn devices(claimed: &[ClaimedPush]) -> Vec<DeviceId> {
    claimed.iter().map(|push| push.device).collect()
}

pub(crate) async fn a_flood_does_not_overtake_what_waits(database: Database) {
    let field = Field::new(database).await;
    let early = field.live_device("early").await;
    field.ask(early, NOON).await;
    field.push(NOON).await;
    let again = NOON + MINUTE * 10;
    let mut flood = Vec::new();
    for n in 1..=4 {
        let device = field.live_device(&format!("flood-{n}")).await;
        field.ask(device, again + SECOND * n).await;
        flood.push(device);
    }
    let later = again + MINUTE;
    let mut served = Vec::new();
    for _ in 0..=flood.len() {
        let one = field.store.claim(claim_of(&field.store, 1, later)).await.unwrap();
        served.extend(devices(&one));
    }
    assert_eq!(served, [vec![early], flood].concat(), "in the order in which they were due");
}

pub(crate) async fn every_app_and_priority_has_a_queue_of_its_own(database: Database) {
    let field = Field::new(database).await;
    let other = ("other".parse().unwrap(), pfn());
    field.store.register_apps(vec![(app(), pfn()), other.clone()], NOON).await.unwrap();
    let queues = [&app(), &other.0]
        .map(Clone::clone)
        .into_iter()
        .flat_map(|app| [Priority::Interactive, Priority::Bulk].map(|priority| (app.clone(), priority)));
    let queues: Vec<_> = queues.collect();
    let mut waiting = Vec::new();
    for (n, (app, priority)) in queues.iter().enumerate() {
        let name = format!("{n}");
        let new = store::NewDevice { push_app: app.clone(), ..new_device(&field.store, &name) };
        let device = field.store.create_device(new, NOON).await.unwrap().device.id;
        field.go_live(device, &name, NOON - MINUTE).await;
        let ask = AskWake { priority: *priority, ..field.wake(device, NOON) };
        field.store.ask(ask).await.unwrap().unwrap();
        waiting.push(device);
    }
    // The last one first: what comes before it does not stand in its way.
    for ((app, priority), device) in queues.into_iter().zip(waiting).rev() {
        let request = ClaimRequest { app, priority, ..claim_of(&field.store, 10, NOON) };
        assert_eq!(devices(&field.store.claim(request).await.unwrap()), [device]);
    }
}

/// SQLite has one writer at a time: there is nothing to be past.
pub(crate) async fn a_claim_goes_past_what_somebody_holds(database: Database) {
    let field = Field::new(database).await;
    let (held, free) = (field.live_device("held").await, field.live_device("free").await);
    field.ask(held, NOON).await;
    field.ask(free, NOON + SECOND).await;
    let one = || claim_of(&field.store, 1, NOON + MINUTE);
    if field.database.url.starts_with("postgres") {
        let raw = field.database.raw().await;
        let somebody = raw.begin().await.unwrap();
        somebody.execute_unprepared("SELECT id FROM devices WHERE name = 'held' FOR UPDATE").await.unwrap();
        assert_eq!(devices(&field.store.claim(one()).await.unwrap()), [free], "the place is not lost");
        somebody.rollback().await.unwrap();
        assert_eq!(devices(&field.store.claim(one()).await.unwrap()), [held]);
    } else {
        let first = field.store.claim(one()).await.unwrap();
        assert_eq!(devices(&first), [held]);
        field.store.conclude(result(&first[0], received(), NOON + MINUTE)).await.unwrap();
        assert_eq!(devices(&field.store.claim(one()).await.unwrap()), [free]);
    }
}

pub(crate) async fn what_is_over_takes_no_place(database: Database) {
    let field = Field::new(database).await;
    for n in 0..5 {
        let device = field.device(&format!("without-a-channel-{n}")).await;
        let ask = AskWake { timeout: MINUTE, ..field.wake(device, NOON) };
        field.store.ask(ask).await.unwrap().unwrap();
    }
    let later = NOON + MINUTE * 2;
    let fresh = [field.live_device("one").await, field.live_device("two").await];
    for device in fresh {
        field.ask(device, later).await;
    }
    let claimed = field.store.claim(claim_of(&field.store, 2, later)).await.unwrap();
    assert_eq!(claimed.len(), 2);
    assert!(devices(&claimed).iter().all(|device| fresh.contains(device)), "{claimed:?}");
    let next = field.store.next_due(&app(), Priority::Interactive).await.unwrap();
    assert!(next.is_none_or(|next| next > later), "nobody looks at them again and again: {next:?}");
    assert_eq!(field.store.end_due_wakes(later).await.unwrap().len(), 5);
}
