//! Wakes, the summonses that they share, and what happened to them.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, blob, integer, pk_uuid, small_integer, text, text_null, uuid,
        uuid_null,
    },
};

use crate::{create, drop, index, of_device};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = [summonses(), wakes(), idempotency_keys(), wake_events(), event_counter()];
        create(manager, tables, indexes()).await?;
        let first = Query::insert()
            .into_table("event_counter")
            .columns(["id", "seq"])
            .values_panic([1.into(), 0_i64.into()])
            .to_owned();
        manager.execute(first).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, ["event_counter", "wake_events", "idempotency_keys", "wakes", "summonses"]).await
    }
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

fn indexes() -> [IndexCreateStatement; 8] {
    let live = || Expr::col("state").eq("live");
    [
        index("summonses", "summonses_due", &["push_app", "priority", "next_at"])
            .and_where(Expr::col("push_id").is_null())
            .to_owned(),
        index("summonses", "summonses_in_flight", &["lease_until"])
            .and_where(Expr::col("push_id").is_not_null())
            .to_owned(),
        index("wakes", "wakes_of_device", &["device_id", "id"]),
        index("wakes", "wakes_live", &["deadline"]).and_where(live()).to_owned(),
        index("wakes", "wakes_live_of_device", &["device_id", "id"]).and_where(live()).to_owned(),
        index("wakes", "wakes_ended", &["ended_at"])
            .and_where(Expr::col("ended_at").is_not_null())
            .to_owned(),
        index("idempotency_keys", "idempotency_keys_expiring", &["expires_at"]),
        index("idempotency_keys", "idempotency_keys_of_wake", &["wake_id"]),
    ]
}
