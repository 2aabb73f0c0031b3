//! Committing what a message brought.

use model::{DeviceId, SessionKey, Timestamp, TraceContext};
use push::{Answer, ChannelState, ChannelUri, Origin};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    STATE, SessionCommit, SessionCommitted, SessionRecord, SessionScope, SessionStart, Unheard, end_unheard,
    unheard::NOTHING,
};
use crate::{
    Error, WakeRecord,
    commit::{Operation, Scope, Shared, Tools},
    entity::{channel, device, session},
    record::{
        URI_TURN, bring_uri, load_channel, lock_device, lock_free_devices, others_with, save_channel,
        save_summons, summons_of_device,
    },
    wake::{End, end_all, live_wakes},
};

/// Alerts that are kept of a session, and outcomes: the first ones. A device may send more than anybody reads.
const ALERTS: usize = 256;
pub(super) const OUTCOMES: usize = 64;
/// Wakes besides the oldest whose spans a session's is linked with: what a span can hold.
const LINKS: usize = 127;

impl Operation for SessionCommit {
    type Output = SessionCommitted;

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    fn shared(&self) -> Option<Shared<'_>> {
        self.live_uri().map(|_| URI_TURN)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<SessionCommitted, Error> {
        let (device, clones) = self.lock(scope).await?;
        let mut trace = self.trace;
        let (mut answered, mut superseded) = (Vec::new(), Vec::new());
        match self.start {
            SessionStart::Starts { newest } => {
                superseded = self.supersede(scope, &device, newest).await?;
                let mut started_at = self.now;
                if self.scope == SessionScope::Device {
                    started_at = self.starts_at(scope).await?;
                    answered = self.answer(scope, started_at).await?;
                }
                if let Some(oldest) = answered.first() {
                    (trace.trace_id, trace.flags) = (oldest.trace.trace_id, oldest.trace.flags);
                }
                self.insert(scope, started_at, trace, &answered).await?;
            }
            SessionStart::GoesOn { revision } => self.update(scope, revision).await?,
        }
        if let Some(stored) = &self.channel {
            save_channel(scope, self.device, stored).await?;
        }
        for clone in clones {
            self.take_from(scope, clone).await?;
        }
        self.update_device(scope).await?;
        let mut ended = Vec::new();
        if self.unenrolled {
            ended =
                end_all(scope, self.device, End::Unanswered(push::EndReason::Unenrolled), self.now).await?;
        }
        self.hold_summons(scope).await?;
        Ok(SessionCommitted { answered, ended, superseded, trace })
    }
}

impl SessionCommit {
    /// Locks the device, and then those from which its channel takes the URI: the other way round it could wait crosswise.
    async fn lock(&self, scope: &Scope<'_>) -> Result<(device::Model, Vec<DeviceId>), Error> {
        let own = lock_device(scope, self.device).await?;
        let clones = self.clones(scope).await?;
        let locked = lock_free_devices(scope, clones.clone()).await?;
        if locked.len() < clones.len() {
            return Err(Error::Conflict("a device with the same ChannelURI is busy"));
        }
        Ok((own, clones.into_iter().map(DeviceId::new).collect()))
    }

    /// Other devices with the same URI.
    async fn clones(&self, scope: &Scope<'_>) -> Result<Vec<Uuid>, Error> {
        let Some(uri) = self.live_uri() else { return Ok(Vec::new()) };
        let own = channel::Entity::find_by_id(self.device.uuid())
            .filter(channel::Column::State.eq(ChannelState::Live.name()))
            .filter(channel::Column::UriFingerprint.eq(uri.fingerprint().bytes().to_vec()));
        if own.one(scope.tx).await?.is_none() {
            bring_uri(scope, self.now).await?;
        }
        others_with(scope, self.device, uri).await
    }

    fn live_uri(&self) -> Option<&ChannelUri> {
        let channel = &self.channel.as_ref()?.channel;
        channel.uri().filter(|_| channel.state() == ChannelState::Live)
    }

    /// The newest session of a scope wins; older open ones are over.
    async fn supersede(
        &self,
        scope: &Scope<'_>,
        device: &device::Model,
        newest: Option<SessionKey>,
    ) -> Result<Vec<SessionRecord>, Error> {
        let current = match self.scope {
            SessionScope::Device => device.device_session,
            SessionScope::User => device.user_session,
        };
        if current.map(SessionKey::new) != newest {
            return Err(Error::Conflict("another session started meanwhile"));
        }
        let open = Condition::all()
            .add(session::Column::DeviceId.eq(device.id))
            .add(session::Column::Scope.eq(self.scope.name()))
            .add(session::Column::EndedAt.is_null());
        let older = session::Entity::find().filter(open).all(scope.tx).await?;
        let superseded = end_unheard(scope, older, Unheard::Superseded, self.now).await?;
        self.forget_uneventful(scope).await?;
        Ok(superseded)
    }

    /// Of the sessions in which nothing happened, a device's last few are enough. The one that starts is among them.
    async fn forget_uneventful(&self, scope: &Scope<'_>) -> Result<(), Error> {
        let uneventful = || {
            Condition::all()
                .add(session::Column::DeviceId.eq(self.device.uuid()))
                .add(session::Column::Eventful.eq(false))
        };
        let first_too_many = session::Entity::find()
            .select_only()
            .column(session::Column::StartedAt)
            .filter(uneventful())
            .order_by_desc(session::Column::StartedAt)
            .offset(scope.tools.retention.uneventful_sessions.saturating_sub(1))
            .limit(1)
            .into_query();
        session::Entity::delete_many()
            .filter(uneventful())
            .filter(session::Column::EndedAt.is_not_null())
            .filter(
                Expr::col(session::Column::StartedAt)
                    .lte(Expr::SubQuery(None, Box::new(first_too_many.into()))),
            )
            .exec(scope.tx)
            .await?;
        Ok(())
    }

    /// A session starts when it is committed (DESIGN §1). Its clock was read when its message came, and a wake may have been
    /// asked for since: the session comes after it.
    async fn starts_at(&self, scope: &Scope<'_>) -> Result<Timestamp, Error> {
        let wakes = live_wakes(scope, self.device).await?;
        Ok(wakes.iter().map(|record| record.wake.asked_at()).fold(self.now, Timestamp::max))
    }

    /// A session that starts answers every wake that was made before it.
    async fn answer(&self, scope: &Scope<'_>, started_at: Timestamp) -> Result<Vec<WakeRecord>, Error> {
        let summons = summons_of_device(scope, self.device).await?;
        let Some(summons) = summons else { return Ok(Vec::new()) };
        let (attribution, push) = summons.attribute(self.origin, self.now);
        let answer = Answer { session: self.key, attribution, push };
        end_all(scope, self.device, End::Answered(answer), started_at).await
    }

    async fn insert(
        &self,
        scope: &Scope<'_>,
        started_at: Timestamp,
        trace: TraceContext,
        answered: &[WakeRecord],
    ) -> Result<(), Error> {
        let parent = answered.first().map(|oldest| oldest.trace);
        let origin = match self.origin {
            Origin::Push => Some("push".to_owned()),
            Origin::Other => Some("other".to_owned()),
            Origin::Unknown => None,
        };
        let row = session::ActiveModel {
            id: Set(self.key.uuid()),
            device_id: Set(self.device.uuid()),
            scope: Set(self.scope.name().to_owned()),
            session_id: Set(self.session_id.clone()),
            started_at: Set(started_at.as_micros()),
            mode: Set(self.mode.clone()),
            platform: Set(self.platform.clone()),
            alerts: Set(joined("[]", &self.alerts, ALERTS)?),
            outcomes: Set(joined("[]", &self.outcomes, OUTCOMES)?),
            ignored: Set(count(self.ignored)),
            origin: Set(origin),
            trace: Set(trace.to_string()),
            parent: Set(parent.map(|parent| parent.to_string())),
            links: Set(links(answered)),
            eventful: Set(Some(self.eventful || parent.is_some())),
            revision: Set(0),
            ..self.columns(scope.tools)?
        };
        session::Entity::insert(row).exec_without_returning(scope.tx).await?;
        Ok(())
    }

    async fn update(&self, scope: &Scope<'_>, revision: i64) -> Result<(), Error> {
        let mut row = self.columns(scope.tools)?;
        row.revision = Set(revision + 1);
        if self.eventful {
            row.eventful = Set(Some(true));
        }
        if !self.alerts.is_empty() || !self.outcomes.is_empty() || self.ignored > 0 {
            let earlier =
                session::Entity::find_by_id(self.key.uuid()).one(scope.tx).await?.ok_or(Error::NotFound)?;
            row.alerts = Set(joined(&earlier.alerts, &self.alerts, ALERTS)?);
            row.outcomes = Set(joined(&earlier.outcomes, &self.outcomes, OUTCOMES)?);
            row.ignored = Set(earlier.ignored.saturating_add(count(self.ignored)));
        }
        let updated = session::Entity::update_many()
            .set(row)
            .filter(session::Column::Id.eq(self.key.uuid()))
            .filter(session::Column::Revision.eq(revision))
            .exec(scope.tx)
            .await?;
        if updated.rows_affected == 1 {
            Ok(())
        } else {
            Err(Error::Conflict("the session went on meanwhile"))
        }
    }

    fn columns(&self, tools: &Tools) -> Result<session::ActiveModel, Error> {
        let ended = self.ending.map(|_| self.now.as_micros());
        let state = tools.sealer.seal(STATE, self.key.uuid().as_bytes(), &self.state)?;
        Ok(session::ActiveModel {
            heard_at: Set(self.now.as_micros()),
            ended_at: Set(ended),
            ending: Set(self.ending.map(str::to_owned)),
            messages: Set(count(self.messages)),
            state: Set(Some(state)),
            outstanding: Set(joined(NOTHING, &self.outstanding, OUTCOMES)?),
            ..Default::default()
        })
    }

    async fn update_device(&self, scope: &Scope<'_>) -> Result<(), Error> {
        let mut row =
            device::ActiveModel { last_seen_at: Set(Some(self.now.as_micros())), ..Default::default() };
        if let SessionStart::Starts { .. } = self.start {
            match self.scope {
                SessionScope::Device => row.device_session = Set(Some(self.key.uuid())),
                SessionScope::User => row.user_session = Set(Some(self.key.uuid())),
            }
            row.unenrolled_at = Set(None);
        }
        if self.unenrolled {
            row.unenrolled_at = Set(Some(self.now.as_micros()));
        }
        let info = &self.info;
        let texts = [
            (&mut row.manufacturer, &info.manufacturer),
            (&mut row.model, &info.model),
            (&mut row.dm_version, &info.dm_version),
            (&mut row.language, &info.language),
            (&mut row.os_version, &info.os_version),
        ];
        for (column, said) in texts.into_iter().filter(|(_, said)| said.is_some()) {
            *column = Set(said.clone());
        }
        if info.large_objects.is_some() {
            row.large_objects = Set(info.large_objects);
        }
        if self.detail_read {
            row.detail_read_at = Set(Some(self.now.as_micros()));
        }
        let update = device::Entity::update_many().set(row);
        update.filter(device::Column::Id.eq(self.device.uuid())).exec(scope.tx).await?;
        Ok(())
    }

    /// One URI on two devices: the newest authenticated owner keeps it.
    async fn take_from(&self, scope: &Scope<'_>, clone: DeviceId) -> Result<(), Error> {
        let mut stored = load_channel(scope, clone).await?;
        // It may have got another one while its row was not locked yet.
        if stored.channel.uri() != self.live_uri() {
            return Ok(());
        }
        stored.channel.lose_uri(self.now);
        save_channel(scope, clone, &stored).await?;
        if let Some(summons) = summons_of_device(scope, clone).await? {
            save_summons(scope, &summons, &stored.channel, self.now).await?;
        }
        Ok(())
    }

    /// Wakes that were asked for during the session wait for its end, and a moment longer. When a session starts, there are
    /// none: it answered them all.
    async fn hold_summons(&self, scope: &Scope<'_>) -> Result<(), Error> {
        let goes_on = matches!(self.start, SessionStart::GoesOn { .. });
        if self.scope != SessionScope::Device || !goes_on {
            return Ok(());
        }
        let Some(mut summons) = summons_of_device(scope, self.device).await? else { return Ok(()) };
        let rules = &scope.tools.rules;
        let wait = if self.ending.is_some() { rules.open_session_delay } else { rules.open_session_silence };
        summons.hold(self.now + wait);
        let stored = load_channel(scope, self.device).await?;
        save_summons(scope, &summons, &stored.channel, self.now).await
    }
}

/// The contexts of the wakes besides the oldest, as they are stored.
fn links(answered: &[WakeRecord]) -> Option<String> {
    let others = answered.iter().skip(1).take(LINKS);
    let links: Vec<_> = others.map(|wake| wake.trace.to_string()).collect();
    (!links.is_empty()).then(|| links.join(" "))
}

/// A column of recorded things with more of them, up to a limit.
pub(super) fn joined<T: Clone + Serialize + DeserializeOwned>(
    earlier: &str,
    more: &[T],
    limit: usize,
) -> Result<String, Error> {
    let mut all: Vec<T> = serde_json::from_str(earlier)?;
    let room = limit.saturating_sub(all.len());
    all.extend(more.iter().take(room).cloned());
    Ok(serde_json::to_string(&all)?)
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
