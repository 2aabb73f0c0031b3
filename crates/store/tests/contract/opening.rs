//! The schema and the key.

use model::SessionKey;
use store::{Key, OpenError, schema_down, schema_status, schema_up};

use crate::{
    database::Database,
    field::{Field, trace},
};

pub(crate) async fn a_missing_schema_is_refused(database: Database) {
    let refused = database.open().await.map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::Outdated(missing) if missing > 0), "{refused}");
}

pub(crate) async fn the_schema_goes_up_and_down(database: Database) {
    let fresh = schema_status(&database.url).await.unwrap();
    assert!(fresh.applied.is_empty() && !fresh.pending.is_empty());
    for _ in 0..2 {
        schema_up(&database.url).await.unwrap();
        let up = schema_status(&database.url).await.unwrap();
        assert_eq!((&up.applied, up.pending.len()), (&fresh.pending, 0), "twice is as good as once");
    }
    for _ in &fresh.pending {
        schema_down(&database.url).await.unwrap();
    }
    assert_eq!(schema_status(&database.url).await.unwrap(), fresh);
    Field::new(database).await.device("one").await;
}

pub(crate) async fn a_newer_schema_is_welcome(database: Database) {
    schema_up(&database.url).await.unwrap();
    database
        .execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20991231_future', 0)")
        .await;
    schema_up(&database.url).await.unwrap();
    let status = schema_status(&database.url).await.unwrap();
    assert!(status.pending.is_empty() && status.applied.iter().any(|name| name.contains("future")));
    database.open().await.unwrap();
}

/// By that a release may go on writing that does not know a column yet.
pub(crate) async fn a_row_need_not_name_what_has_a_default(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    // Under the device's own id.
    let columns = "device_id, scope, session_id, started_at, heard_at, messages, alerts, trace, revision";
    let values = format!("id, 'device', '1', 0, 0, 1, '[]', '{}', 0", trace(7));
    let insert = format!("INSERT INTO sessions (id, {columns}) SELECT id, {values} FROM devices");
    field.database.execute(&insert).await;
    let record = field.store.session(SessionKey::new(device.uuid())).await.unwrap();
    assert_eq!((record.device, record.mode, record.ignored), (device, None, 0));
    assert!(record.outcomes.is_empty());
}

pub(crate) async fn several_processes_migrate_and_open_at_once(database: Database) {
    let start = || async {
        schema_up(&database.url).await.unwrap();
        database.open().await.unwrap()
    };
    let (one, two, three) = tokio::join!(start(), start(), start());
    for store in [one, two, three] {
        store.probe().await.unwrap();
    }
    assert_eq!(database.count("key_check").await, 1);
}

pub(crate) async fn another_key_is_refused_by_its_id(database: Database) {
    database.store().await;
    let refused = database.open_with(Key::random().unwrap()).await.map(|_| ()).unwrap_err();
    let OpenError::WrongKey { given, reason } = &refused else { panic!("{refused}") };
    let sealed = database.blobs("key_check", "sealed").await;
    let right = refused.to_string();
    assert!(right.contains(given) && reason.contains("another key (id "), "{refused}");
    assert!(!reason.contains(given), "the id of the right key is told: {reason}");
    assert!(sealed[0].len() > 8);
    database.open().await.unwrap();
}
