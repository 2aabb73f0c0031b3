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

/// Ends open sessions of devices that are locked. What was outstanding is among their outcomes then, as unknown.
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
        if row.outstanding != NOTHING {
            tell(scope, &mut row).await?;
        }
        (row.ended_at, row.ending) = (Some(now.as_micros()), Some(how.name().to_owned()));
        records.push(session_record(row)?);
    }
    Ok(records)
}

/// No outcomes, as they are stored.
pub(super) const NOTHING: &str = "[]";

async fn tell(scope: &Scope<'_>, row: &mut session::Model) -> Result<(), Error> {
    let outstanding: Vec<RecordedOutcome> = serde_json::from_str(&row.outstanding)?;
    row.outcomes = joined(&row.outcomes, &outstanding, OUTCOMES)?;
    session::Entity::update_many()
        .col_expr(session::Column::Outcomes, Expr::val(row.outcomes.clone()))
        .filter(session::Column::Id.eq(row.id))
        .exec(scope.tx)
        .await?;
    Ok(())
}
