//! Sessions that end without another word of their device: nobody will ever tell what became of their commands (DESIGN §3).

use model::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};

use super::{
    RecordedOutcome, SessionRecord,
    commit::{OUTCOMES, joined},
    session_record,
};
use crate::{Error, commit::Scope, entity::session};

/// How such a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unheard {
    /// Another one took its place.
    Superseded,
    /// The device was not heard of any more: worth keeping.
    Silent,
}

impl Unheard {
    fn name(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::Silent => "silent",
        }
    }
}

/// Ends open sessions of devices that are locked. What was outstanding is among their outcomes then, as unknown. One that
/// cannot be read ends as well, and is not returned.
pub(crate) async fn end_unheard(
    scope: &Scope<'_>,
    rows: Vec<session::Model>,
    how: Unheard,
    now: Timestamp,
) -> Result<Vec<SessionRecord>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut ended = session::ActiveModel {
        ended_at: Set(Some(now.as_micros())),
        ending: Set(Some(how.name().to_owned())),
        outstanding: Set(NOTHING.to_owned()),
        ..Default::default()
    };
    if how == Unheard::Silent {
        ended.eventful = Set(Some(true));
    }
    session::Entity::update_many()
        .set(ended)
        // Whoever is about to commit a message of such a session must see that it is over.
        .col_expr(session::Column::Revision, Expr::col(session::Column::Revision).add(1))
        .filter(session::Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(scope.tx)
        .await?;
    let mut records = Vec::new();
    for mut row in rows {
        let (session, device) = (row.id, row.device_id);
        (row.ended_at, row.ending) = (Some(now.as_micros()), Some(how.name().to_owned()));
        match told(scope, row).await {
            // One record that cannot be read must not keep the others open.
            Err(Error::Corrupt(what)) => {
                tracing::error!(%device, %session, what, "a session ends, and nobody can read it");
            }
            record => records.push(record?),
        }
    }
    Ok(records)
}

/// No outcomes, as they are stored.
pub(super) const NOTHING: &str = "[]";

async fn told(scope: &Scope<'_>, mut row: session::Model) -> Result<SessionRecord, Error> {
    let outstanding: Vec<RecordedOutcome> = serde_json::from_str(&row.outstanding)?;
    if !outstanding.is_empty() {
        row.outcomes = joined(&row.outcomes, &outstanding, OUTCOMES)?;
        session::Entity::update_many()
            .col_expr(session::Column::Outcomes, Expr::val(row.outcomes.clone()))
            .filter(session::Column::Id.eq(row.id))
            .exec(scope.tx)
            .await?;
    }
    session_record(row)
}
