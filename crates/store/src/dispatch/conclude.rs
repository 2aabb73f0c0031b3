//! Concluding: what WNS said, and all that follows from it, in one transaction.

use ::push::{AppCondition, Deaths, EndReason, Exchange, TokenTrouble, Verdict, WnsResponse};
use model::DeviceId;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::{Judged, PushResult, mass_death};
use crate::{
    Error, WakeRecord,
    commit::{Operation, Scope, Shared},
    entity::push,
    event::EventKind,
    record::{condition_of, load_channel, lock_if_known, save_channel, save_summons, summons_of_device},
    wake::{End, end_all, event, live_wakes},
};

impl Operation for PushResult {
    type Output = Judged;

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    fn shared(&self) -> Option<Shared<'_>> {
        Some(Shared::App(self.app.as_str()))
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Judged, Error> {
        // The device may have been deleted meanwhile; WNS's answer about the app counts all the same.
        let known = lock_if_known(scope, self.device).await?.is_some();
        let found = match Verdict::of(&self.exchange) {
            Verdict::ChannelDead => mass_death::weigh(scope, self).await?,
            verdict => Found { verdict, deaths: None },
        };
        let verdict = found.verdict.clone();
        let told_before = self.record(scope, &verdict).await?;
        let app = self.judge_app(scope, &found).await?;
        let failed = if known { self.judge_device(scope, &verdict).await? } else { Vec::new() };
        let reopened = app.as_ref().is_some_and(|app| app.reopened);
        Ok(Judged { verdict, failed, condition: app.map(|app| app.condition), reopened, told_before })
    }
}

/// What is made of an answer.
pub(super) struct Found {
    pub(super) verdict: Verdict,
    /// Too many channels of the app died; so many.
    pub(super) deaths: Option<Deaths>,
}

/// What an answer made of the push app.
struct JudgedApp {
    condition: AppCondition,
    reopened: bool,
}

impl PushResult {
    /// Says whether the push was closed before: its lease ran out while the database was away, for instance. What WNS said
    /// is recorded all the same.
    async fn record(&self, scope: &Scope<'_>, verdict: &Verdict) -> Result<bool, Error> {
        let answer = match &self.exchange {
            Exchange::Responded(response) => Some(response),
            Exchange::NotSent(_) | Exchange::Ambiguous(_) | Exchange::NoToken(_) => None,
        };
        let said =
            |field: fn(&WnsResponse) -> &Option<String>| answer.and_then(|answer| field(answer).clone());
        let ms_cv = said(|answer| &answer.ms_cv).unwrap_or_else(|| self.ms_cv.clone());
        let row = push::ActiveModel {
            finished_at: Set(Some(self.now.as_micros())),
            verdict: Set(Some(verdict.name().to_owned())),
            http_status: Set(answer.map(|answer| answer.status.into())),
            notification_status: Set(said(|answer| &answer.notification_status)),
            connection_status: Set(answer
                .and_then(|answer| answer.connection)
                .map(|status| status.to_string())),
            message_id: Set(said(|answer| &answer.message_id)),
            debug_trace: Set(said(|answer| &answer.debug_trace)),
            ms_cv: Set(Some(ms_cv)),
            description: Set(self.description().map(str::to_owned)),
            ..Default::default()
        };
        let update = push::Entity::update_many().set(row).filter(push::Column::Id.eq(self.id.uuid()));
        let open = update.clone().filter(push::Column::FinishedAt.is_null());
        if open.exec(scope.tx).await?.rows_affected > 0 {
            return Ok(false);
        }
        // Of a device that was deleted meanwhile, nothing is there.
        Ok(update.exec(scope.tx).await?.rows_affected > 0)
    }

    /// Most verdicts change nothing about an app: its row is locked only when one does.
    async fn judge_app(&self, scope: &Scope<'_>, found: &Found) -> Result<Option<JudgedApp>, Error> {
        let (rules, verdict) = (&scope.tools.rules, &found.verdict);
        let description = self.description();
        let mut condition = condition_of(scope, self.app.as_str()).await?;
        let tells = found.deaths.is_some() || condition.is_probed_by(self.id);
        if !tells && !condition.judge(verdict, description, self.now, rules) {
            return Ok(None);
        }
        let Some(mut condition) = crate::app::locked_condition(scope, &self.app).await? else {
            return Ok(None);
        };
        let held_back = condition.is_held_back();
        if let Some(deaths) = found.deaths
            && condition.weigh_deaths(deaths, self.now, rules)
        {
            mass_death::doubt(scope, &self.app, condition.deaths_count_from(), self.now).await?;
        }
        condition.judge(verdict, description, self.now, rules);
        condition.end_probe(self.id);
        crate::app::save_condition(scope, &self.app, &condition).await?;
        let reopened = held_back && !condition.is_held_back();
        Ok(Some(JudgedApp { condition, reopened }))
    }

    async fn judge_device(&self, scope: &Scope<'_>, verdict: &Verdict) -> Result<Vec<WakeRecord>, Error> {
        let rules = &scope.tools.rules;
        let mut stored = load_channel(scope, self.device).await?;
        let before = stored.channel.clone();
        stored.channel.judge(self.generation, verdict, self.now, rules);
        if !verdict.may_have_arrived() {
            stored.channel.unsent(self.id);
        }
        let changed = stored.channel != before;
        if changed {
            save_channel(scope, self.device, &stored).await?;
        }
        let Some(mut summons) = summons_of_device(scope, self.device).await? else { return Ok(Vec::new()) };
        // Another summons may have begun while the push was under way: then the push does not serve it.
        let served = summons.in_flight() == Some(self.id);
        if served {
            summons.judge(self.id, self.ttl, verdict, (self.now, self.chance), rules);
        }
        if served || changed {
            save_summons(scope, &summons, &stored.channel, self.now).await?;
        }
        if !served {
            return Ok(Vec::new());
        }
        let wakes = live_wakes(scope, self.device).await?;
        let kind = if verdict.accepted() { EventKind::Pushed } else { EventKind::PushFailed };
        for wake in &wakes {
            scope.event(event(wake, kind, self.now, Some(self.id)));
        }
        if *verdict == Verdict::Malformed && self.app_is_well(scope).await? {
            return end_all(scope, self.device, End::Failed(EndReason::MalformedPush), self.now).await;
        }
        Ok(Vec::new())
    }

    /// Malformed pushes again and again are the app's fault: then its wakes wait instead of failing one by one.
    async fn app_is_well(&self, scope: &Scope<'_>) -> Result<bool, Error> {
        Ok(condition_of(scope, self.app.as_str()).await?.fault().is_none())
    }

    fn description(&self) -> Option<&str> {
        match &self.exchange {
            Exchange::Responded(response) => response.error_description.as_deref(),
            Exchange::NotSent(why) | Exchange::Ambiguous(why) => Some(why),
            Exchange::NoToken(
                TokenTrouble::Credential { description } | TokenTrouble::Unavailable { description, .. },
            ) => Some(description),
        }
    }
}
