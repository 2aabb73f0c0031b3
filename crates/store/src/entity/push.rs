//! Table `pushes`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "pushes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub summons_id: Uuid,
    pub device_id: Uuid,
    pub push_app: String,
    pub generation: i32,
    pub attempt: i32,
    pub ttl_seconds: i32,
    pub claimed_at: i64,
    pub finished_at: Option<i64>,
    pub verdict: Option<String>,
    pub http_status: Option<i32>,
    pub notification_status: Option<String>,
    pub connection_status: Option<String>,
    pub message_id: Option<String>,
    pub debug_trace: Option<String>,
    pub ms_cv: Option<String>,
    pub description: Option<String>,
    pub trace: String,
    pub lease_until: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
