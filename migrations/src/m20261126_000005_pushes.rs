//! Pushes, and the push apps that they are made for.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, integer, integer_null, pk_uuid, text, text_null, uuid},
};

use crate::{create, drop, index};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, [pushes(), push_apps()], indexes()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, ["push_apps", "pushes"]).await
    }
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
        // By the database's clock, of a push that outlives its summons; none while that one holds the lease.
        .col(big_integer_null("lease_until"))
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

/// The verdicts that tell whether a channel lives.
const ABOUT_CHANNELS: [&str; 5] = ["sent", "sent_unknown", "dropped", "channel_throttled", "channel_dead"];

fn indexes() -> [IndexCreateStatement; 4] {
    let left_alone = Expr::col("finished_at").is_null().and(Expr::col("lease_until").is_not_null());
    [
        index("pushes", "pushes_of_summons", &["summons_id", "claimed_at"]),
        index("pushes", "pushes_claimed", &["claimed_at"]),
        index("pushes", "pushes_left_alone", &["lease_until"]).and_where(left_alone).to_owned(),
        // They tell whether many channels of an app die at once, however many other pushes came after them.
        index("pushes", "pushes_about_channels", &["push_app", "finished_at"])
            .and_where(Expr::col("verdict").is_in(ABOUT_CHANNELS))
            .to_owned(),
    ]
}
