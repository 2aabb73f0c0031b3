//! Devices and their channels.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, blob_null, boolean_null, integer, pk_uuid, text, text_null, uuid_null,
    },
    sea_orm::DbBackend,
};

use crate::{create, drop, index, of_device};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, [devices(manager.get_database_backend()), channels()], indexes()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, ["channels", "devices"]).await
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
        // SHA-256 of the certificate's DER, 64 lower-case hexadecimal digits.
        .col(text_null("certificate"))
        .col(big_integer("created_at"))
        .col(big_integer_null("last_seen_at"))
        .col(big_integer_null("unenrolled_at"))
        // Why a message was last refused that spoke for the device, and when.
        .col(text_null("refusal"))
        .col(big_integer_null("refused_at"))
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

fn indexes() -> [IndexCreateStatement; 6] {
    [
        index("devices", "devices_by_app", &["push_app", "name"]),
        index("devices", "devices_by_certificate", &["certificate"])
            .unique()
            .and_where(Expr::col("certificate").is_not_null())
            .to_owned(),
        index("channels", "channels_by_state", &["push_app", "state"]),
        index("channels", "channels_by_uri", &["uri_fingerprint"]),
        index("channels", "channels_by_write", &["written_at"]),
        index("channels", "channels_live", &["expires_at"])
            .and_where(Expr::col("state").eq("live"))
            .to_owned(),
    ]
}
