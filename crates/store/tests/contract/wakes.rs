//! Asking for wakes, looking at them, calling them off.

use model::{Priority, Timestamp};
use push::{ChannelState, EndReason, Outcome};
use store::{AppCommand, AskWake, DeviceRef, EventKind, Expectation, PageRequest, Refused, WakeFilter};

use crate::{
    database::Database,
    field::{DAY, Field, HOUR, MINUTE, NOON, SECOND, app, key, result, said, trace},
};

pub(crate) async fn the_expectation_is_told(database: Database) {
    let field = Field::new(database).await;
    let fresh = field.ask(field.device("fresh").await, NOON).await;
    assert_eq!(
        (fresh.expectation, fresh.channel_state, fresh.obstacle),
        (Expectation::WaitsForSession, ChannelState::Unset, Some(EndReason::NoChannel))
    );
    let device = field.live_device("live").await;
    let asked = field.ask(device, NOON).await;
    assert_eq!(
        (asked.expectation, asked.channel_state, asked.obstacle),
        (Expectation::PushNow, ChannelState::Live, None)
    );
    let wake = field.again(&asked).await;
    assert_eq!(wake.wake, asked.wake.wake);
    assert_eq!((wake.caller.as_str(), wake.reason.as_str(), wake.trace), ("console", "policy", trace(1)));
    let push = field.claim_one(NOON).await;
    assert_eq!(field.ask(device, NOON).await.expectation, Expectation::PushNow, "one is on its way");
    field.store.conclude(result(&push, said("channelthrottled"), NOON)).await.unwrap();
    let gated = field.ask(device, NOON + SECOND).await;
    assert_eq!(gated.expectation, Expectation::GatedUntil(NOON + MINUTE * 10));
    assert_eq!(gated.obstacle, Some(EndReason::ChannelGated));
    field.store.command_app(&app(), AppCommand::Pause, NOON).await.unwrap();
    let paused = field.store.expect(field.again(&asked).await, NOON + SECOND).await.unwrap();
    assert_eq!(paused.expectation, Expectation::GatedUntil(Timestamp::MAX));
}

pub(crate) async fn an_unknown_device_is_refused(database: Database) {
    let field = Field::new(database).await;
    let nobody = DeviceRef::Name("nobody".parse().unwrap());
    let ask = AskWake { device: nobody, ..field.wake(field.store.new_id(), NOON) };
    assert_eq!(field.store.ask(ask).await.unwrap().unwrap_err(), Refused::UnknownDevice);
    let gone = field.wake(field.store.new_id(), NOON);
    assert_eq!(field.store.ask(gone).await.unwrap().unwrap_err(), Refused::UnknownDevice);
    assert!(field.events().await.is_empty());
}

pub(crate) async fn the_same_key_makes_one_wake(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let ask = |request: &str| AskWake { idempotency: Some(key("k", request)), ..field.wake(device, NOON) };
    let first = field.store.ask(ask("a")).await.unwrap().unwrap();
    let again = field.store.ask(ask("a")).await.unwrap().unwrap();
    assert_eq!(again.wake.wake, first.wake.wake);
    assert_eq!(again.expectation, Expectation::PushNow);
    let other = field.store.ask(ask("b")).await.unwrap();
    assert_eq!(other.unwrap_err(), Refused::IdempotencyMismatch);
    let stranger = AskWake { caller: "portal".into(), ..ask("b") };
    let stranger = field.store.ask(stranger).await.unwrap().unwrap();
    assert_ne!(stranger.wake.wake.id(), first.wake.wake.id(), "keys belong to their callers");
    assert_eq!(field.events().await.len(), 2);
    let (one, two) = tokio::join!(
        field.store.ask(AskWake { idempotency: Some(key("race", "a")), ..field.wake(device, NOON) }),
        field.store.ask(AskWake { idempotency: Some(key("race", "a")), ..field.wake(device, NOON) }),
    );
    assert_eq!(one.unwrap().unwrap().wake.wake.id(), two.unwrap().unwrap().wake.wake.id());
}

pub(crate) async fn a_key_is_free_again_a_day_after_its_wake(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let ask =
        |request: &str, now| AskWake { idempotency: Some(key("k", request)), ..field.wake(device, now) };
    let first = field.store.ask(ask("a", NOON)).await.unwrap().unwrap();
    let later = NOON + DAY * 2;
    let alive = field.store.ask(ask("b", later)).await.unwrap();
    assert_eq!(alive.unwrap_err(), Refused::IdempotencyMismatch, "as long as its wake lives");
    field.store.cancel_wake(first.wake.wake.id(), later).await.unwrap();
    let ended = field.store.ask(ask("a", later + HOUR * 23)).await.unwrap().unwrap();
    assert_eq!((ended.wake.wake.id(), ended.expectation), (first.wake.wake.id(), Expectation::Ended));
    let fresh = field.store.ask(ask("b", later + DAY)).await.unwrap().unwrap();
    assert_ne!(fresh.wake.wake.id(), first.wake.wake.id());
    field.store.cancel_wake(fresh.wake.wake.id(), later + DAY).await.unwrap();
    field.store.prune(later + DAY * 3).await.unwrap();
    assert_eq!(field.database.count("idempotency_keys").await, 0);
}

pub(crate) async fn wakes_share_a_summons(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let bulk = AskWake { priority: Priority::Bulk, ..field.wake(device, NOON) };
    let bulk = field.store.ask(bulk).await.unwrap().unwrap();
    assert!(field.claim(NOON).await.is_empty(), "bulk is not interactive");
    let urgent = AskWake { timeout: HOUR * 2, ..field.wake(device, NOON) };
    let urgent = field.store.ask(urgent).await.unwrap().unwrap();
    assert_eq!(urgent.wake.summons, bulk.wake.summons);
    assert_eq!(field.database.count("summonses").await, 1);
    let push = field.claim_one(NOON).await;
    assert_eq!(push.ttl, HOUR * 2, "the longest deadline");
    let served: Vec<_> = push.wakes.iter().map(|wake| wake.wake.id()).collect();
    assert_eq!(served, [bulk.wake.wake.id(), urgent.wake.wake.id()], "oldest first");
    assert!(field.claim(NOON).await.is_empty(), "one push for all");
}

pub(crate) async fn a_cancelled_wake_leaves_the_others(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let bulk = AskWake { priority: Priority::Bulk, ..field.wake(device, NOON) };
    let bulk = field.store.ask(bulk).await.unwrap().unwrap();
    let urgent = AskWake { timeout: HOUR * 2, ..field.wake(device, NOON) };
    let urgent = field.store.ask(urgent).await.unwrap().unwrap();
    let cancelled = field.store.cancel_wake(urgent.wake.wake.id(), NOON + MINUTE).await.unwrap();
    let end = cancelled.wake.wake.end().unwrap();
    assert_eq!((end.at, end.outcome), (NOON + MINUTE, Outcome::Cancelled));
    assert!(cancelled.ended_now);
    assert_eq!(field.again(&bulk).await.wake.end(), None);
    assert!(field.claim(NOON + MINUTE).await.is_empty(), "what is left is bulk");
    let main = app();
    assert_eq!(field.store.next_due(&main, Priority::Interactive).await.unwrap(), None);
    assert!(field.store.next_due(&main, Priority::Bulk).await.unwrap().is_some_and(|at| at <= NOON));
    let again = field.store.cancel_wake(urgent.wake.wake.id(), NOON + HOUR).await.unwrap();
    assert_eq!((again.wake.wake.end(), again.ended_now), (Some(end), false), "it ended once");
}

pub(crate) async fn the_last_cancelled_wake_ends_the_summons(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let asked = field.ask(device, NOON).await;
    field.store.cancel_wake(asked.wake.wake.id(), NOON).await.unwrap();
    assert_eq!(field.database.count("summonses").await, 0);
    assert!(field.claim(NOON).await.is_empty());
    let kinds: Vec<_> = field.events().await.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Asked, EventKind::Cancelled]);
    let missing = field.store.cancel_wake(field.store.new_id(), NOON).await;
    assert_eq!(missing.unwrap_err(), store::Error::NotFound);
}

pub(crate) async fn lists_are_filtered_and_paged_newest_first(database: Database) {
    let field = Field::new(database).await;
    let (one, two) = (field.live_device("one").await, field.live_device("two").await);
    let mut ids = Vec::new();
    for n in 0..7 {
        let caller = if n == 3 { "portal" } else { "console" };
        let device = if n < 5 { one } else { two };
        let ask = AskWake { caller: caller.into(), ..field.wake(device, NOON) };
        ids.push(field.store.ask(ask).await.unwrap().unwrap().wake.wake.id());
    }
    field.store.cancel_wake(ids[1], NOON).await.unwrap();
    let any = WakeFilter::default;
    let table = [
        (any(), vec![6, 5, 4, 3, 2, 1, 0]),
        (WakeFilter { device: Some(one), ..any() }, vec![4, 3, 2, 1, 0]),
        (WakeFilter { caller: Some("portal".into()), ..any() }, vec![3]),
        (WakeFilter { states: vec!["live"], device: Some(one), ..any() }, vec![4, 3, 2, 0]),
        (WakeFilter { states: vec!["cancelled", "answered"], ..any() }, vec![1]),
        (WakeFilter { states: vec!["failed"], ..any() }, vec![]),
    ];
    for (filter, expect) in table {
        let mut found = Vec::new();
        let mut request = PageRequest { size: 3, after: None };
        loop {
            let page = field.store.wakes(&filter, &request).await.unwrap();
            assert!(page.items.len() <= 3);
            found.extend(page.items.iter().map(|record| record.wake.id()));
            request.after = page.next;
            if request.after.is_none() {
                break;
            }
        }
        let expect: Vec<_> = expect.into_iter().map(|n: usize| ids[n]).collect();
        assert_eq!(found, expect, "{filter:?}");
    }
}
