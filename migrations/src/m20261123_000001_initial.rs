//! The first schema.
//!
//! Timestamps are `BIGINT` UTC microseconds. `rules` columns hold what only the rules of `push` read, as JSON; what is
//! searched for stands in columns beside them. `sealed` in a comment: encrypted by the store.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, blob, blob_null, boolean_null, integer, integer_null, pk_uuid,
        small_integer, text, text_null, uuid, uuid_null,
    },
    sea_orm::DbBackend,
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const TABLES: [&str; 12] = [
    "heartbeats",
    "event_counter",
    "wake_events",
    "push_apps",
    "pushes",
    "idempotency_keys",
    "wakes",
    "summonses",
    "sessions",
    "channels",
    "devices",
    "key_check",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            devices(manager.get_database_backend()),
            channels(),
            sessions(),
            summonses(),
            wakes(),
            idempotency_keys(),
        ] {
            manager.create_table(table).await?;
        }
        for table in [pushes(), push_apps(), wake_events(), event_counter(), heartbeats(), key_check()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        let first = Query::insert()
            .into_table("event_counter")
            .columns(["id", "seq"])
            .values_panic([1.into(), 0_i64.into()])
            .to_owned();
        manager.execute(first).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn devices(backend: DbBackend) -> TableCreateStatement {
    let mut name = text("name");
    name.unique_key();
    if backend == DbBackend::Postgres {
        // Compared byte by byte, as SQLite does: lists are paged in this order, whatever the database's language.
        name.extra("COLLATE \"C\"");
    }
    Table::create()
        .table("devices")
        .col(pk_uuid("id"))
        .col(name)
        .col(text("provider_id"))
        .col(text("push_app"))
        .col(text("labels"))
        .col(text_null("external_id"))
        .col(text_null("auth_user"))
        // Sealed: the inner hash of user and password.
        .col(blob_null("auth_hash"))
        .col(big_integer("created_at"))
        .col(big_integer_null("last_seen_at"))
        .col(big_integer_null("unenrolled_at"))
        .col(text_null("manufacturer"))
        .col(text_null("model"))
        .col(text_null("dm_version"))
        .col(text_null("language"))
        .col(text_null("os_version"))
        .col(boolean_null("large_objects"))
        .col(big_integer_null("detail_read_at"))
        // The newest session of each scope, open or not.
        .col(uuid_null("device_session"))
        .col(uuid_null("user_session"))
        .col(big_integer("revision"))
        .to_owned()
}

fn channels() -> TableCreateStatement {
    Table::create()
        .table("channels")
        .col(pk_uuid("device_id"))
        .col(text("push_app"))
        .col(text("state"))
        .col(integer("generation"))
        // Sealed.
        .col(blob_null("uri"))
        .col(blob_null("uri_fingerprint"))
        .col(big_integer_null("expires_at"))
        .col(big_integer_null("written_at"))
        .col(text("rules"))
        .col(big_integer("revision"))
        .foreign_key(&mut of_device("channels"))
        .to_owned()
}

fn sessions() -> TableCreateStatement {
    Table::create()
        .table("sessions")
        .col(pk_uuid("id"))
        .col(uuid("device_id"))
        .col(text("scope"))
        .col(text("session_id"))
        .col(big_integer("started_at"))
        .col(big_integer("heard_at"))
        .col(big_integer_null("ended_at"))
        .col(text_null("ending"))
        .col(integer("messages"))
        // Whether it answered a wake, changed a channel or failed: then it is kept longer.
        .col(boolean_null("eventful"))
        .col(text("alerts"))
        .col(text_null("origin"))
        // The contexts of its span and of the span's parent.
        .col(text("trace"))
        .col(text_null("parent"))
        // Sealed: the session's nonce is in it.
        .col(blob_null("state"))
        .col(big_integer("revision"))
        .foreign_key(&mut of_device("sessions"))
        .to_owned()
}

fn summonses() -> TableCreateStatement {
    Table::create()
        .table("summonses")
        .col(pk_uuid("id"))
        .col(uuid("device_id").unique_key())
        .col(text("push_app"))
        .col(small_integer("priority"))
        .col(big_integer("next_at"))
        // The push in flight, and when its lease runs out by the database's clock.
        .col(uuid_null("push_id"))
        .col(big_integer_null("lease_until"))
        .col(text("rules"))
        .foreign_key(&mut of_device("summonses"))
        .to_owned()
}

fn wakes() -> TableCreateStatement {
    Table::create()
        .table("wakes")
        .col(pk_uuid("id"))
        .col(uuid("device_id"))
        .col(text("device_name"))
        .col(uuid_null("summons_id"))
        .col(text("caller"))
        .col(text("reason"))
        .col(text("labels"))
        .col(small_integer("priority"))
        .col(big_integer("asked_at"))
        .col(big_integer("deadline"))
        .col(text("state"))
        .col(big_integer_null("ended_at"))
        .col(text_null("end_reason"))
        .col(uuid_null("session_id"))
        .col(text_null("attribution"))
        .col(uuid_null("push_id"))
        // The contexts of its span and of the span's parent.
        .col(text("trace"))
        .col(text_null("parent"))
        .to_owned()
}

fn idempotency_keys() -> TableCreateStatement {
    Table::create()
        .table("idempotency_keys")
        .col(text("caller"))
        .col(text("key"))
        .col(uuid("wake_id"))
        .col(blob("request_hash"))
        // 24 h after the wake ended.
        .col(big_integer_null("expires_at"))
        .primary_key(Index::create().col("caller").col("key"))
        .to_owned()
}

fn pushes() -> TableCreateStatement {
    Table::create()
        .table("pushes")
        .col(pk_uuid("id"))
        .col(uuid("summons_id"))
        .col(uuid("device_id"))
        .col(text("push_app"))
        .col(integer("generation"))
        .col(integer("attempt"))
        .col(integer("ttl_seconds"))
        .col(big_integer("claimed_at"))
        .col(big_integer_null("finished_at"))
        .col(text_null("verdict"))
        .col(integer_null("http_status"))
        .col(text_null("notification_status"))
        .col(text_null("connection_status"))
        .col(text_null("message_id"))
        .col(text_null("debug_trace"))
        .col(text_null("ms_cv"))
        .col(text_null("description"))
        .col(text("trace"))
        .to_owned()
}

fn push_apps() -> TableCreateStatement {
    Table::create()
        .table("push_apps")
        .col(text("name").primary_key())
        .col(text("pfn"))
        .col(text("condition"))
        .to_owned()
}

fn wake_events() -> TableCreateStatement {
    Table::create()
        .table("wake_events")
        .col(big_integer("seq").primary_key())
        .col(uuid("wake_id"))
        .col(uuid("device_id"))
        .col(text("caller"))
        .col(text("kind"))
        .col(big_integer("at"))
        .col(uuid_null("push_id"))
        .to_owned()
}

fn event_counter() -> TableCreateStatement {
    Table::create().table("event_counter").col(integer("id").primary_key()).col(big_integer("seq")).to_owned()
}

fn heartbeats() -> TableCreateStatement {
    Table::create().table("heartbeats").col(text("name").primary_key()).col(big_integer("at")).to_owned()
}

fn key_check() -> TableCreateStatement {
    Table::create()
        .table("key_check")
        .col(integer("id").primary_key())
        // Sealed: a constant.
        .col(blob("sealed"))
        .to_owned()
}

fn of_device(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "device_id")
        .to("devices", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |table: &'static str, name: &'static str, columns: &[&'static str]| {
        let mut index = Index::create();
        index.table(table).name(name);
        for column in columns {
            index.col(*column);
        }
        index
    };
    vec![
        index("devices", "devices_by_app", &["push_app", "name"]),
        index("channels", "channels_by_state", &["push_app", "state"]),
        index("channels", "channels_by_uri", &["uri_fingerprint"]),
        index("channels", "channels_by_write", &["written_at"]),
        index("channels", "channels_live", &["expires_at"])
            .and_where(Expr::col("state").eq("live"))
            .to_owned(),
        index("sessions", "sessions_of_device", &["device_id", "started_at"]),
        index("sessions", "sessions_open", &["heard_at"])
            .and_where(Expr::col("ended_at").is_null())
            .to_owned(),
        // What is forgotten after its time: whole sessions, and before that the last replies.
        index("sessions", "sessions_ended", &["ended_at"])
            .and_where(Expr::col("ended_at").is_not_null())
            .to_owned(),
        index("sessions", "sessions_with_reply", &["ended_at"])
            .and_where(Expr::col("ended_at").is_not_null().and(Expr::col("state").is_not_null()))
            .to_owned(),
        index("summonses", "summonses_due", &["push_app", "priority", "next_at"])
            .and_where(Expr::col("push_id").is_null())
            .to_owned(),
        index("summonses", "summonses_in_flight", &["lease_until"])
            .and_where(Expr::col("push_id").is_not_null())
            .to_owned(),
        index("wakes", "wakes_of_device", &["device_id", "id"]),
        index("wakes", "wakes_live", &["deadline"]).and_where(Expr::col("state").eq("live")).to_owned(),
        index("wakes", "wakes_live_of_device", &["device_id", "id"])
            .and_where(Expr::col("state").eq("live"))
            .to_owned(),
        index("wakes", "wakes_ended", &["ended_at"])
            .and_where(Expr::col("ended_at").is_not_null())
            .to_owned(),
        index("idempotency_keys", "idempotency_keys_expiring", &["expires_at"]),
        index("idempotency_keys", "idempotency_keys_of_wake", &["wake_id"]),
        index("pushes", "pushes_of_summons", &["summons_id", "claimed_at"]),
        index("pushes", "pushes_claimed", &["claimed_at"]),
    ]
}
