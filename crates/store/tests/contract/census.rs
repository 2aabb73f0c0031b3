//! Counting the fleet, and what shows that the database is as it should be.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use model::Priority;
use sea_orm::ConnectionTrait;
use store::{Batch, ChannelCount, DueCount};

use crate::{
    database::Database,
    field::{DAY, Field, MINUTE, NOON, SECOND},
};

pub(crate) async fn one_replica_counts_for_all(database: Database) {
    let field = Field::new(database).await;
    let other = field.database.open().await.unwrap();
    let device = field.live_device("one").await;
    field.ask(device, NOON).await;
    let at = NOON + SECOND;
    let counted = field.store.census(MINUTE, at).await.unwrap().unwrap();
    let live = ChannelCount { app: "main".into(), state: "live".into(), count: 1 };
    assert_eq!((counted.channels.as_slice(), counted.live_wakes), ([live].as_slice(), 1));
    let due = DueCount { app: "main".into(), priority: Priority::Interactive, count: 1, since: NOON };
    assert_eq!(counted.due, [due]);

    field.live_device("two").await;
    let told = other.census(MINUTE, at + 59 * SECOND).await.unwrap().unwrap();
    assert_eq!(told, counted, "it is not time yet: the other replica tells the same");
    let anew = other.census(MINUTE, at + MINUTE).await.unwrap().unwrap();
    assert_eq!(anew.channels[0].count, 2, "now it counts");
    assert_eq!(field.store.census(MINUTE, at + MINUTE).await.unwrap(), Some(anew), "and this one tells it");
}

pub(crate) async fn a_count_from_the_future_does_not_stand(database: Database) {
    let field = Field::new(database).await;
    let fast = field.database.open().await.unwrap();
    field.live_device("one").await;
    for (week, ahead, anew) in [(1, 59 * SECOND, false), (2, MINUTE, true), (3, DAY, true)] {
        let now = NOON + DAY * 7 * week;
        let counted = fast.census(MINUTE, now + ahead).await.unwrap().unwrap();
        field.live_device(&format!("since week {week}")).await;
        let told = field.store.census(MINUTE, now).await.unwrap().unwrap();
        assert_eq!(told != counted, anew, "counted {ahead:?} ahead");
    }
}

pub(crate) async fn of_those_who_want_to_count_one_does(database: Database) {
    let field = Field::new(database).await;
    field.live_device("one").await;
    let other = field.database.open().await.unwrap();
    let transactions: Arc<AtomicUsize> = Arc::default();
    for store in [&field.store, &other] {
        let count = transactions.clone();
        store.on_batch(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
    }
    let (here, there) = tokio::join!(field.store.census(MINUTE, NOON), other.census(MINUTE, NOON));
    // Each may ask whether it is the one; the one then saves what it counted.
    let written = transactions.load(Ordering::Relaxed);
    assert!((2..=3).contains(&written), "both counted: {written} transactions");
    let known: Vec<_> = [here, there].into_iter().filter_map(Result::unwrap).collect();
    assert!(!known.is_empty(), "somebody counted");
    assert!(known.iter().all(|census| census.channels[0].count == 1));
    let again = field.store.census(MINUTE, NOON).await.unwrap();
    assert_eq!(again.as_ref(), known.first(), "whoever did not count knows by now");
}

pub(crate) async fn a_push_that_is_under_way_is_not_due(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    field.ask(device, NOON).await;
    field.claim_one(NOON).await;
    assert_eq!(field.store.census(MINUTE, NOON).await.unwrap().unwrap().due, []);
}

pub(crate) async fn a_schema_and_a_key_that_do_not_fit_any_more_are_seen(database: Database) {
    let field = Field::new(database).await;
    assert_eq!(field.store.schema_lacks().await, Ok(0));
    assert_eq!(field.store.key_fits().await, Ok(true));
    let raw = field.database.raw().await;
    raw.execute_unprepared("DELETE FROM key_check").await.unwrap();
    assert_eq!(field.store.key_fits().await, Ok(false), "nobody seals a new record behind the store's back");
    store::schema_down(&field.database.url).await.unwrap();
    assert_eq!(field.store.schema_lacks().await, Ok(1));
}

pub(crate) async fn every_transaction_is_told(database: Database) {
    let field = Field::new(database).await;
    let told: Arc<Mutex<Vec<Batch>>> = Arc::default();
    let tell = told.clone();
    field.store.on_batch(move |batch| tell.lock().unwrap().push(batch));
    field.device("one").await;
    assert!(field.store.create_device(crate::field::new_device(&field.store, "one"), NOON).await.is_err());
    let told = told.lock().unwrap().clone();
    assert_eq!(
        told.iter().map(|batch| (batch.units, batch.committed)).collect::<Vec<_>>(),
        [(1, true), (1, false)]
    );
    assert_eq!(field.store.queued(), 0);
}
