//! The sequence of events, and the committer beneath it.

use futures_util::future::{FutureExt, join_all};
use store::{DeviceRef, Error, EventKind};

use crate::{
    database::Database,
    field::{DAY, Field, NOON, new_device, received, result},
};

pub(crate) async fn numbers_are_consecutive_under_concurrency(database: Database) {
    let field = Field::new(database).await;
    let replica = field.database.open().await.unwrap();
    let mut devices = Vec::new();
    for n in 0..20 {
        devices.push(field.live_device(&format!("{n}")).await);
    }
    let asks = (0..200).map(|n| {
        let store = if n % 2 == 0 { &field.store } else { &replica };
        store.ask(field.wake(devices[n % devices.len()], NOON))
    });
    let watch = async {
        let mut seen = Vec::new();
        while seen.len() < 200 {
            let after = seen.last().copied().unwrap_or(0);
            let events = replica.events_after(after, 30).await.unwrap();
            seen.extend(events.iter().map(|event| event.seq));
        }
        seen
    };
    let (asked, seen) = tokio::join!(join_all(asks), watch);
    let mut wakes: Vec<_> = asked.into_iter().map(|asked| asked.unwrap().unwrap().wake.wake.id()).collect();
    assert_eq!(seen, (1..=200).collect::<Vec<i64>>(), "a reader who follows sees no gap");
    let events = field.events().await;
    let mut told: Vec<_> = events.iter().map(|event| event.wake).collect();
    wakes.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, wakes);
    assert!(events.iter().all(|event| event.kind == EventKind::Asked && event.at == NOON));
    assert_eq!(field.store.event_range().await.unwrap(), Some(1..=200));
}

pub(crate) async fn one_bad_unit_does_not_fail_its_neighbours(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("taken").await;
    let bad = (0..3).map(|_| field.store.create_device(new_device(&field.store, "taken"), NOON));
    let good = (0..20).map(|n| field.store.create_device(new_device(&field.store, &format!("{n}")), NOON));
    let asks = (0..20).map(|_| field.store.ask(field.wake(device, NOON)));
    let (bad, good, asks) = tokio::join!(join_all(bad), join_all(good), join_all(asks));
    assert!(bad.iter().all(|result| matches!(result, Err(Error::Conflict(_)))), "{bad:?}");
    assert!(good.iter().all(Result::is_ok), "{good:?}");
    assert!(asks.iter().all(|result| matches!(result, Ok(Ok(_)))), "{asks:?}");
    let numbers: Vec<_> = field.events().await.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<i64>>(), "what was repeated is told once");
    assert_eq!(field.database.count("devices").await, 21);
}

pub(crate) async fn a_full_queue_is_busy(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    field.ask(device, NOON).await;
    let push = field.claim_one(NOON).await;
    // The committer does not run while nothing is awaited.
    let (mut accepted, mut calm) = (Vec::new(), 0);
    let refused = loop {
        calm += usize::from(!field.store.is_crowded());
        let mut beat = Box::pin(field.store.beat(NOON));
        match (&mut beat).now_or_never() {
            None => accepted.push(beat),
            Some(ended) => break ended,
        }
        assert!(accepted.len() < 10_000, "the queue is bounded");
    };
    let verdict = field.store.conclude(result(&push, received(), NOON));
    assert!(matches!(refused, Err(Error::Busy(after)) if !after.is_zero()), "{refused:?}");
    assert!(accepted.len() > 1_000, "{}", accepted.len());
    assert!(calm.abs_diff(accepted.len() / 2) <= 1, "crowded at the half of {}: {calm}", accepted.len());
    let (accepted, verdict) = tokio::join!(join_all(accepted), verdict);
    assert!(accepted.iter().all(Result::is_ok), "what was accepted is done");
    assert!(verdict.is_ok(), "a verdict waits for room: {verdict:?}");
    field.store.beat(NOON).await.unwrap();
    assert!(!field.store.is_crowded(), "not any more");
}

pub(crate) async fn a_forgotten_cursor_shows_in_the_first_number(database: Database) {
    let field = Field::new(database).await;
    assert_eq!(field.store.event_range().await.unwrap(), None);
    let device = field.live_device("one").await;
    for n in 0..3 {
        field.ask(device, NOON + DAY * n).await;
    }
    assert!(!field.store.prune(NOON + DAY * 31).await.unwrap(), "that was all");
    let left: Vec<_> = field.events().await.iter().map(|event| event.seq).collect();
    assert_eq!(left, [3], "those of thirty days ago and before are gone");
    assert_eq!(field.store.event_range().await.unwrap(), Some(3..=3));
    field.store.prune(NOON + DAY * 300).await.unwrap();
    assert_eq!(field.store.event_range().await.unwrap(), Some(3..=3), "the newest stays");
    assert!(field.store.events_after(3, 10).await.unwrap().is_empty());
    field.ask(device, NOON + DAY * 300).await;
    assert_eq!(field.store.events_after(3, 10).await.unwrap()[0].seq, 4);
}

pub(crate) async fn what_is_news_raises_the_signal(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    let mut changed = field.store.changed();
    changed.mark_unchanged();
    field.store.device(&DeviceRef::Id(device)).await.unwrap();
    field.store.beat(NOON).await.unwrap();
    assert!(field.claim(NOON).await.is_empty());
    assert!(
        !changed.has_changed().unwrap(),
        "neither reading, nor a life sign, nor a claim of nothing is news"
    );
    field.ask(device, NOON).await;
    changed.changed().await.unwrap();
}
