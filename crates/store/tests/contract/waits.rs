//! Replicas wait for each other, but not crosswise, and not for long.

use std::time::Duration;

use futures_util::future::BoxFuture;
use model::{DeviceId, PushAppName};
use push::ChannelState;
use sea_orm::ConnectionTrait;
use store::{
    AppCommand, ClaimRequest, ClaimedPush, Error, ImportAction, ImportMode, PushResult, SessionCommit, Store,
};

use crate::{
    database::Database,
    field::{
        DAY, Field, HOUR, MINUTE, NOON, app, claim_of, ended, new_device, pfn, received, responded, result,
    },
    imports,
};

/// For what needs no waiting at all.
const PATIENCE: Duration = Duration::from_secs(20);

async fn at_once<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("there is nobody to wait for")
}

/// A session in which the device tells this URI.
async fn telling(field: &Field, device: DeviceId, token: &str) -> SessionCommit {
    let channel = Some(field.with_uri(device, token, NOON).await);
    SessionCommit { channel, ..field.start(device, NOON).await }
}

pub(crate) async fn whoever_waits_for_its_device_has_no_turn(database: Database) {
    let field = Field::new(database).await;
    let replica = field.database.open().await.unwrap();
    let first = telling(&field, field.device("busy").await, "one").await;
    let second = telling(&field, field.device("other").await, "two").await;
    let somebody = field.database.hold("SELECT id FROM devices WHERE name = 'busy' FOR UPDATE").await;
    let store = field.store.clone();
    let waits = tokio::spawn(async move { store.commit_session(first).await });
    if let Some(somebody) = somebody {
        field.database.until_one_waits().await;
        at_once(replica.commit_session(second)).await.unwrap();
        somebody.rollback().await.unwrap();
    } else {
        replica.commit_session(second).await.unwrap();
    }
    waits.await.unwrap().unwrap();
}

pub(crate) async fn a_uri_is_not_taken_from_a_device_that_is_busy(database: Database) {
    let field = Field::new(database).await;
    let (owner, heir) = (field.live_device("owner").await, field.device("heir").await);
    let commit = telling(&field, heir, "owner").await;
    if let Some(somebody) =
        field.database.hold("SELECT id FROM devices WHERE name = 'owner' FOR UPDATE").await
    {
        let refused = at_once(field.store.commit_session(commit.clone())).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "it may be waiting for the heir: {refused:?}");
        somebody.rollback().await.unwrap();
    }
    field.store.commit_session(commit).await.unwrap();
    assert_eq!(field.channel(owner).await.state(), ChannelState::Unset);
    assert_eq!(field.channel(heir).await.state(), ChannelState::Live);
}

/// A push of a new device of this app, claimed.
async fn claimed(field: &Field, app: &PushAppName, name: &str) -> ClaimedPush {
    let new = store::NewDevice { push_app: app.clone(), ..new_device(&field.store, name) };
    let device = field.store.create_device(new, NOON).await.unwrap().device.id;
    field.go_live(device, name, NOON - MINUTE).await;
    field.ask(device, NOON).await;
    let request = ClaimRequest { app: app.clone(), ..claim_of(&field.store, 1, NOON) };
    field.store.claim(request).await.unwrap().remove(0)
}

type Work = BoxFuture<'static, Result<(), Error>>;

fn throttled(store: &Store, push: &ClaimedPush, app: &PushAppName) -> Work {
    let result = PushResult { app: app.clone(), ..result(push, responded(503), NOON) };
    let store = store.clone();
    Box::pin(async move { store.conclude(result).await.map(|_| ()) })
}

fn mended(store: &Store) -> Work {
    let store = store.clone();
    Box::pin(async move { store.command_app(&app(), AppCommand::Mended, NOON).await.map(|_| ()) })
}

pub(crate) async fn apps_are_waited_for_in_one_order(database: Database) {
    let field = Field::new(database).await;
    let spare: PushAppName = "spare".parse().unwrap();
    field.store.register_apps(vec![(app(), pfn()), (spare.clone(), pfn())], NOON).await.unwrap();
    let blocker = field.device("blocker").await;
    for n in 0..2 {
        // The device of the later app comes first, or the earlier app comes without a device.
        let later = claimed(&field, &spare, &format!("spare-{n}")).await;
        let earlier = claimed(&field, &app(), &format!("main-{n}")).await;
        let both = [
            throttled(&field.store, &later, &spare),
            if n == 0 { throttled(&field.store, &earlier, &app()) } else { mended(&field.store) },
        ];
        let rows = Rows {
            held: &format!("devices WHERE name = '{}'", later.device_name),
            free: "push_apps WHERE name = 'spare'",
        };
        in_one_batch(&field, blocker, both, rows).await;
    }
}

pub(crate) async fn what_is_old_is_taken_last(database: Database) {
    let field = Field::new(database).await;
    let blocker = field.device("blocker").await;
    let gone = field.live_device("gone").await;
    field.store.commit_session(ended(field.start(gone, NOON).await)).await.unwrap();
    field.ask(gone, NOON).await;
    let lost = ClaimRequest { lease: Duration::ZERO, ..claim_of(&field.store, 1, NOON) };
    field.store.claim(lost).await.unwrap();
    field.store.end_due_wakes(NOON + HOUR).await.unwrap();
    for name in ["leases", "prune"] {
        field.store.command_app(&app(), AppCommand::Resume, NOON).await.unwrap();
        let push = claimed(&field, &app(), name).await;
        let store = field.store.clone();
        let (old, free): (Work, _) = match name {
            "leases" => (
                Box::pin(async move { store.expire_leases(NOON + HOUR).await.map(|_| ()) }),
                "pushes WHERE lease_until IS NOT NULL",
            ),
            _ => (
                Box::pin(async move { store.prune(NOON + DAY).await.map(|_| ()) }),
                "sessions WHERE state IS NOT NULL",
            ),
        };
        let rows = Rows { held: &format!("devices WHERE name = '{}'", push.device_name), free };
        in_one_batch(&field, blocker, [old, throttled(&field.store, &push, &app())], rows).await;
    }
    assert_eq!(field.database.count("pushes WHERE verdict = 'lease_expired'").await, 1);
    assert_eq!(field.database.count("sessions WHERE state IS NOT NULL").await, 0);
}

/// What the transaction has while it waits for the app `main`, and what it has not.
struct Rows<'a> {
    held: &'a str,
    free: &'a str,
}

async fn is_free(database: &Database, rows: &str) -> bool {
    let somebody = database.raw().await;
    let tried = somebody.execute_unprepared(&format!("SELECT FROM {rows} FOR UPDATE NOWAIT")).await;
    tried.is_ok()
}

/// Two units of one transaction, one of which waits for the app `main`.
async fn in_one_batch(field: &Field, blocker: DeviceId, both: [Work; 2], rows: Rows<'_>) {
    let database = &field.database;
    let device = database.hold("SELECT id FROM devices WHERE name = 'blocker' FOR UPDATE").await;
    let main = database.hold("SELECT name FROM push_apps WHERE name = 'main' FOR UPDATE").await;
    let (Some(device), Some(main)) = (device, main) else {
        futures_util::future::try_join_all(both).await.unwrap();
        return;
    };
    let (store, ask) = (field.store.clone(), field.wake(blocker, NOON));
    let asked = tokio::spawn(async move { store.ask(ask).await });
    database.until_one_waits().await;
    let both = both.map(tokio::spawn);
    while field.store.queued() < both.len() {
        tokio::task::yield_now().await;
    }
    device.rollback().await.unwrap();
    asked.await.unwrap().unwrap().unwrap();
    while field.store.queued() > 0 {
        tokio::task::yield_now().await;
    }
    database.until_one_waits().await;
    assert!(!is_free(database, rows.held).await, "it has {}", rows.held);
    assert!(is_free(database, rows.free).await, "it has {}", rows.free);
    main.rollback().await.unwrap();
    for unit in both {
        unit.await.unwrap().unwrap();
    }
}

pub(crate) async fn an_import_does_not_wait_for_a_device_that_it_comes_upon(database: Database) {
    let field = Field::new(database).await;
    let replica = field.database.open().await.unwrap();
    let blocker = field.device("blocker").await;
    let push = claimed(&field, &app(), "pushed").await;
    let database = &field.database;
    let Some(device) = database.hold("SELECT id FROM devices WHERE name = 'blocker' FOR UPDATE").await else {
        return;
    };
    let (store, ask) = (field.store.clone(), field.wake(blocker, NOON));
    let asked = tokio::spawn(async move { store.ask(ask).await });
    database.until_one_waits().await;
    let (store, import) = (field.store.clone(), imports::reached(&field.store, "late"));
    let import = tokio::spawn(async move { store.import_device(import, ImportMode::Apply, NOON).await });
    let push = tokio::spawn(throttled(&field.store, &push, &app()));
    while field.store.queued() < 2 {
        tokio::task::yield_now().await;
    }
    replica.create_device(new_device(&replica, "late"), NOON).await.unwrap();
    let busy = database.hold("SELECT id FROM devices WHERE name = 'late' FOR UPDATE").await;
    device.rollback().await.unwrap();
    asked.await.unwrap().unwrap().unwrap();
    at_once(push).await.unwrap().unwrap();
    busy.unwrap().rollback().await.unwrap();
    let imported = import.await.unwrap().unwrap().unwrap();
    assert_eq!((imported.action, imported.channel), (ImportAction::Updated, ChannelState::Live));
}

pub(crate) async fn a_start_holds_nobody_up(database: Database) {
    let field = Field::new(database).await;
    let replica = field.database.open().await.unwrap();
    field.ask(field.live_device("one").await, NOON).await;
    let push = field.claim_one(NOON).await;
    field.store.conclude(result(&push, received(), NOON)).await.unwrap();
    field.store.beat(NOON + MINUTE).await.unwrap();
    let back = NOON + MINUTE * 21;
    let somebody = field.database.hold("SELECT id FROM summonses FOR UPDATE").await;
    let resumed = tokio::spawn(async move { replica.resume_windows(back).await });
    if let Some(somebody) = somebody {
        field.database.until_one_waits().await;
        at_once(field.store.beat(back)).await.unwrap();
        somebody.rollback().await.unwrap();
    }
    assert_eq!(resumed.await.unwrap().unwrap(), MINUTE * 20);
}
