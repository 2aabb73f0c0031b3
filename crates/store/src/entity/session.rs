//! Table `sessions`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub device_id: Uuid,
    pub scope: String,
    pub session_id: String,
    pub started_at: i64,
    pub heard_at: i64,
    pub ended_at: Option<i64>,
    pub ending: Option<String>,
    pub messages: i32,
    pub eventful: Option<bool>,
    pub alerts: String,
    pub origin: Option<String>,
    pub trace: String,
    pub parent: Option<String>,
    pub links: Option<String>,
    pub state: Option<Vec<u8>>,
    pub revision: i64,
    pub mode: Option<String>,
    pub platform: Option<String>,
    pub outcomes: String,
    pub ignored: i32,
    pub outstanding: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
