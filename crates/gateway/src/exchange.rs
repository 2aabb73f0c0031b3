//! The path of one message: load, identify, decide, commit.

use dm::{BodyHash, Ending, Identified, Received, Turn};
use model::{DeviceName, Scope, Timestamp};
use push::{Channel, Context, Detail, Origin, Visit};
use store::{
    DeviceInfo, Error, RecordedAlert, SessionCommit, SessionStart, StoredChannel, StoredSession, Visitor,
};
use syncml::Message;

use crate::{Inner, known::Known, observation, refusal::Refusal, state::State};

/// How often a message is taken in again because something changed under our hands.
const TRIES: usize = 5;
/// Of an alert's data, this many bytes are kept.
const ALERT_DATA: usize = 4_096;

/// What a message leads to.
struct Decision {
    reply: Vec<u8>,
    /// None if nothing is to be stored: a challenge, a repeat, a session that is over.
    commit: Option<SessionCommit>,
    /// The session as it was stored before.
    earlier: Option<StoredSession>,
}

impl Inner {
    /// Answers a message. What the answer promises is stored when this returns.
    pub(crate) async fn exchange(
        &self,
        bytes: &[u8],
        message: &Message<'_>,
        origin: Origin,
    ) -> Result<Vec<u8>, Refusal> {
        let started = self.store.now();
        for _ in 1..TRIES {
            match self.attempt(bytes, message, origin, started).await {
                Err(Error::Conflict(_) | Error::NotFound) => {}
                other => return Ok(other?),
            }
        }
        Ok(self.attempt(bytes, message, origin, started).await?)
    }

    async fn attempt(
        &self,
        bytes: &[u8],
        message: &Message<'_>,
        origin: Origin,
        started: Timestamp,
    ) -> Result<Vec<u8>, Error> {
        let visitor = self.visitor(message).await?;
        let may_write = self.may_write().await?;
        let decision = self.decide(bytes, message, visitor.as_ref(), origin, may_write);
        if let Some(commit) = decision.commit {
            let committed = self.store.commit_session(commit.clone()).await?;
            self.report(message, &commit, &committed, decision.earlier.as_ref(), started);
        }
        Ok(decision.reply)
    }

    /// What is known of the device that the message names. A name that cannot be one is unknown like any other.
    async fn visitor(&self, message: &Message<'_>) -> Result<Option<Visitor>, Error> {
        let Ok(name) = message.header.source.uri.parse::<DeviceName>() else { return Ok(None) };
        match self.store.visitor(&name).await {
            Ok(visitor) => Ok(Some(visitor)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the fleet's budget for planned writes has room.
    async fn may_write(&self) -> Result<bool, Error> {
        let budget = self.settings.pfn_writes_per_hour;
        if budget == 0 {
            return Ok(true);
        }
        let hour_ago = self.store.now() - std::time::Duration::from_hours(1);
        Ok(self.store.pfn_writes_since(hour_ago).await? < budget)
    }

    fn decide(
        &self,
        bytes: &[u8],
        message: &Message<'_>,
        visitor: Option<&Visitor>,
        origin: Origin,
        may_write: bool,
    ) -> Decision {
        let now = self.store.now();
        let known = visitor.map(Known::of);
        let stored = known.as_ref().map(Known::stored).unwrap_or_default();
        let hash = BodyHash::of(bytes);
        let identify = match dm::receive(message, hash, stored, now, &self.settings.sessions) {
            Received::Repeat(reply) => return Decision::reply(reply),
            Received::Identify(identify) => identify,
        };
        let account = known.as_ref().and_then(|known| known.account.as_ref());
        let turn = match identify.verify(account, &self.nonces) {
            Identified::Challenge(reply) => {
                tracing::debug!(device = %message.header.source.uri, "challenged");
                return Decision::reply(reply);
            }
            Identified::Refused(reply) => {
                tracing::info!(device = %message.header.source.uri, "a message with wrong credentials was refused");
                return Decision::reply(reply);
            }
            Identified::Opening(opening) => opening.begin(self.store.new_id()),
            Identified::Turn(turn) => turn,
        };
        match known {
            Some(known) => self.answer(turn, &known, &Moment { now, origin, may_write }),
            // Only devices that are known can be identified.
            None => Decision::reply(turn.answer(Vec::new()).reply),
        }
    }

    fn answer(&self, turn: Turn<'_>, known: &Known<'_>, moment: &Moment) -> Decision {
        let open = turn.session().is_some_and(|session| session.ended().is_none());
        if !open {
            return Decision::reply(turn.answer(Vec::new()).reply);
        }
        let visitor = known.visitor;
        let earlier = known.earlier(&turn).cloned();
        let mut channel = visitor.channel.channel.clone();
        let mut visit = if turn.opened() { None } else { known.visit(&turn) };
        let commands = self.housekeep(&turn, visitor, &mut channel, &mut visit, moment);
        if turn.unenrolled() {
            channel.forget(moment.now);
        }
        let told = Told::by(&turn, visitor);
        let answer = turn.answer(commands);
        let Some(session) = answer.session else { return Decision::reply(answer.reply) };
        let before = &visitor.channel;
        let commit = SessionCommit {
            device: visitor.device.id,
            key: session.key(),
            scope: told.scope,
            session_id: session.session_id().to_owned(),
            start: match &earlier {
                Some(earlier) if !told.opened => SessionStart::GoesOn { revision: earlier.revision },
                _ => SessionStart::Starts { newest: known.newest(told.scope) },
            },
            messages: session.messages(),
            ending: answer.ended.map(ending_name),
            alerts: told.alerts,
            eventful: is_eventful(&before.channel, &channel, answer.ended),
            origin: moment.origin,
            info: told.info,
            detail_read: told.detail_read,
            unenrolled: told.unenrolled,
            trace: earlier.as_ref().map_or_else(|| telemetry::new_context(None), |earlier| earlier.trace),
            now: moment.now,
            state: State { session, visit }.encode(),
            channel: (channel != before.channel)
                .then_some(StoredChannel { channel, revision: before.revision }),
        };
        Decision { reply: answer.reply, commit: Some(commit), earlier }
    }

    /// What the device said about its channel, and what to ask it next.
    fn housekeep(
        &self,
        turn: &Turn<'_>,
        visitor: &Visitor,
        channel: &mut Channel,
        visit: &mut Option<Visit>,
        moment: &Moment,
    ) -> Vec<dm::Outgoing> {
        let device = &visitor.device;
        let off = self.store.rules().mode == push::Mode::Off;
        if off || turn.scope() == Scope::User {
            return Vec::new();
        }
        let Some(pfn) = self.settings.apps.get(&device.push_app) else {
            tracing::warn!(device = %device.name, push_app = %device.push_app, "the device's push app is not configured");
            return Vec::new();
        };
        if turn.opened() && device.unenrolled_at.is_some() {
            channel.forget(moment.now);
        }
        let os_version = device.info.os_version.as_deref().unwrap_or_default();
        let context = Context {
            now: moment.now,
            settings: self.store.rules(),
            pfn,
            device: device.id,
            old_build: fails_to_renew(os_version),
            may_write: moment.may_write,
        };
        let seen = observation::of(turn.outcomes(), &device.provider_id);
        let steps = match visit {
            Some(visit) if turn.may_send() => visit.proceed(channel, &seen, &context),
            Some(visit) => {
                visit.note(channel, &seen, &context);
                Vec::new()
            }
            None if turn.may_send() => {
                let (begun, steps) = Visit::begin(channel, self.detail(visitor, moment.now), &context);
                *visit = Some(begun);
                steps
            }
            None => Vec::new(),
        };
        self.nodes.commands(&device.provider_id, &steps).unwrap_or_else(|error| {
            tracing::error!(device = %device.name, %error, "housekeeping cannot be put into commands");
            Vec::new()
        })
    }

    fn detail(&self, visitor: &Visitor, now: Timestamp) -> Detail {
        let known_until = visitor.device.detail_read_at.map(|at| at + self.settings.detail_every);
        if known_until.is_some_and(|until| now < until) { Detail::Known } else { Detail::Due }
    }
}

/// When a message is handled, and what is known besides it.
struct Moment {
    now: Timestamp,
    origin: Origin,
    may_write: bool,
}

/// What a message told besides its channel.
struct Told {
    scope: Scope,
    opened: bool,
    unenrolled: bool,
    info: DeviceInfo,
    detail_read: bool,
    alerts: Vec<RecordedAlert>,
}

impl Told {
    fn by(turn: &Turn<'_>, visitor: &Visitor) -> Self {
        Self {
            scope: turn.scope(),
            opened: turn.opened(),
            unenrolled: turn.unenrolled(),
            info: info(turn, visitor),
            detail_read: observation::detail(turn.outcomes()).is_some(),
            alerts: alerts(turn),
        }
    }
}

impl Decision {
    fn reply(reply: Vec<u8>) -> Self {
        Self { reply, commit: None, earlier: None }
    }
}

/// Whether something happened that is worth keeping for long.
fn is_eventful(before: &Channel, after: &Channel, ended: Option<Ending>) -> bool {
    let facts = |channel: &Channel| (channel.state(), channel.generation(), channel.last_write());
    facts(before) != facts(after) || ended.is_some_and(|ending| ending != Ending::Completed)
}

/// Windows 8.x and 10.0.10586, whose channel renewal is known to fail (oma-dm.md §9.1).
fn fails_to_renew(os_version: &str) -> bool {
    ["6.2.", "6.3.", "8.", "10.0.10586"].iter().any(|old| os_version.starts_with(old))
}

/// What the device told of itself that was not known.
fn info(turn: &Turn<'_>, visitor: &Visitor) -> DeviceInfo {
    let said = turn.dev_info().unwrap_or_default();
    let detail = observation::detail(turn.outcomes()).unwrap_or_default();
    let known = &visitor.device.info;
    let new = |said: Option<String>, known: &Option<String>| said.filter(|said| known.as_ref() != Some(said));
    DeviceInfo {
        manufacturer: new(said.man, &known.manufacturer),
        model: new(said.model, &known.model),
        dm_version: new(said.dm_v, &known.dm_version),
        language: new(said.lang, &known.language),
        os_version: new(detail.os_version, &known.os_version),
        large_objects: detail.large_objects,
    }
}

/// The message's alerts; `dm` has left out what carries a token.
fn alerts(turn: &Turn<'_>) -> Vec<RecordedAlert> {
    let alert = |alert: dm::ReceivedAlert<'_>| RecordedAlert {
        code: alert.code,
        kind: alert.kind.map(str::to_owned),
        source: alert.source.map(str::to_owned),
        data: alert.data.map(|data| data.chars().take(ALERT_DATA).collect()),
    };
    turn.alerts().into_iter().map(alert).collect()
}

fn ending_name(ending: Ending) -> &'static str {
    match ending {
        Ending::Completed => "completed",
        Ending::Aborted => "aborted",
        Ending::Unenrolled => "unenrolled",
        Ending::TooManyMessages => "too_many_messages",
        Ending::Silent => "silent",
        Ending::Replaced => "superseded",
    }
}
