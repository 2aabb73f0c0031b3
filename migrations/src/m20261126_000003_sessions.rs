//! Sessions of devices.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, blob_null, boolean_null, integer, pk_uuid, text, text_null, uuid,
    },
};

use crate::{create, drop, index, of_device};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, [sessions()], indexes()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, ["sessions"]).await
    }
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
        .col(text_null("origin"))
        // `mode` and `Platform` of the query.
        .col(text_null("mode"))
        .col(text_null("platform"))
        // JSON: its alerts, what became of commands, and what becomes of the others if the session ends now.
        .col(text("alerts"))
        .col(text("outcomes").default("[]"))
        .col(text("outstanding").default("[]"))
        // Statuses and Results for commands that were never sent.
        .col(integer("ignored").default(0))
        // The contexts of its span and of the span's parent.
        .col(text("trace"))
        .col(text_null("parent"))
        // Those of the wakes that it answered besides the oldest, separated by spaces.
        .col(text_null("links"))
        // Sealed: the session's nonce is in it.
        .col(blob_null("state"))
        .col(big_integer("revision"))
        .foreign_key(&mut of_device("sessions"))
        .to_owned()
}

fn indexes() -> [IndexCreateStatement; 4] {
    let ended = || Expr::col("ended_at").is_not_null();
    [
        index("sessions", "sessions_of_device", &["device_id", "started_at"]),
        index("sessions", "sessions_open", &["heard_at"])
            .and_where(Expr::col("ended_at").is_null())
            .to_owned(),
        // What is forgotten after its time: whole sessions, and before that the last replies.
        index("sessions", "sessions_ended", &["ended_at"]).and_where(ended()).to_owned(),
        index("sessions", "sessions_with_reply", &["ended_at"])
            .and_where(ended().and(Expr::col("state").is_not_null()))
            .to_owned(),
    ]
}
