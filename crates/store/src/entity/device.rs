//! Table `devices`.

use sea_orm::entity::prelude::*;

#[expect(clippy::struct_field_names, reason = "a device's model is called that")]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "devices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub provider_id: String,
    pub push_app: String,
    pub labels: String,
    pub external_id: Option<String>,
    pub auth_user: Option<String>,
    pub auth_hash: Option<Vec<u8>>,
    pub created_at: i64,
    pub last_seen_at: Option<i64>,
    pub unenrolled_at: Option<i64>,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub dm_version: Option<String>,
    pub language: Option<String>,
    pub os_version: Option<String>,
    pub large_objects: Option<bool>,
    pub detail_read_at: Option<i64>,
    pub device_session: Option<Uuid>,
    pub user_session: Option<Uuid>,
    pub revision: i64,
    pub certificate: Option<String>,
    pub refusal: Option<String>,
    pub refused_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(has_one = "super::channel::Entity")]
    Channel,
}

impl Related<super::channel::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Channel.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
