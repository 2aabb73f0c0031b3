//! How the database finds what the loops ask for again and again.

use model::{Priority, PushAppName, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement};

use crate::{
    Error, Store,
    dispatch::{due, last_answers, next},
    upkeep::{self, Forgettable},
};

/// How the database answers one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What is asked.
    pub question: &'static str,
    /// How it is answered, line by line, in the engine's own words.
    pub steps: Vec<String>,
}

impl Store {
    /// How the database answers each question that the loops ask every second, or after each push: for whoever wonders why
    /// it is busy. `app` is the push app that is asked about. The questions are really asked, and nothing comes of it. It
    /// is here, and not with the tests that hold the store to it, because only what is really asked is worth explaining.
    pub async fn plans(&self, app: &PushAppName, now: Timestamp) -> Result<Vec<Plan>, Error> {
        let rules = self.rules();
        let retention = self.tools().retention;
        let silent_since = now - retention.session_silence;
        let old = Forgettable::at(now, retention);
        Ok(vec![
            self.plan("due summonses", &due(app, Priority::Interactive, now, 64)).await?,
            self.plan("the next due summons", &next(app, Priority::Bulk)).await?,
            self.plan(
                "the last answers about an app's channels",
                &last_answers(app, Timestamp::EPOCH, rules),
            )
            .await?,
            self.plan("lost leases", &upkeep::lost_leases(now)).await?,
            self.plan("pushes that were left alone", &upkeep::left_alone(now)).await?,
            self.plan("deadlines that passed", &upkeep::passed_deadlines(now)).await?,
            self.plan("silent sessions", &upkeep::silent_sessions(silent_since)).await?,
            self.plan("channels that outlived themselves", &upkeep::outlived_channels(now)).await?,
            self.plan("replies to forget", &old.replies()).await?,
            self.plan("idempotency keys to forget", &old.keys()).await?,
            self.plan("sessions to forget", &old.sessions()).await?,
            self.plan("wakes to forget", &old.wakes()).await?,
            self.plan("pushes to forget", &old.pushes()).await?,
        ])
    }

    async fn plan(&self, question: &'static str, asked: &impl QueryTrait) -> Result<Plan, Error> {
        let backend = self.tools().backend;
        let (explain, column) = match backend {
            DbBackend::Postgres => {
                ("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)", "QUERY PLAN")
            }
            _ => ("EXPLAIN QUERY PLAN", "detail"),
        };
        let mut statement: Statement = asked.build(backend);
        statement.sql = format!("{explain} {}", statement.sql);
        let rows = self.readers().query_all_raw(statement).await?;
        let steps = rows.iter().map(|row| row.try_get("", column)).collect::<Result<_, _>>()?;
        Ok(Plan { question, steps })
    }
}
