//! One request that a device open a session, and how it ended (DESIGN §5).

use std::time::Duration;

use model::{DeviceId, Priority, PushId, SessionKey, Timestamp, WakeId};
use serde::{Deserialize, Serialize};

/// The longest that a wake may live.
pub const MAX_DEADLINE: Duration = Duration::from_hours(30 * 24);

/// One request that a device open a session. It ends exactly once.
#[derive(Clone, Debug, PartialEq)]
pub struct Wake {
    id: WakeId,
    device: DeviceId,
    asked_at: Timestamp,
    deadline: Timestamp,
    priority: Priority,
    end: Option<End>,
}

/// When and how a wake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
}

/// How a wake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A session of the device started after the wake was asked for.
    Answered(Answer),
    /// The deadline passed, or nothing can come any more.
    Unanswered(EndReason),
    /// Its caller called it off.
    Cancelled,
    /// It could not be pushed, and that is our fault.
    Failed(EndReason),
}

/// The session that satisfied a wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The session.
    pub session: SessionKey,
    /// Why it came, as far as can be told.
    pub attribution: Attribution,
    /// The push that it is credited to; none for a coincidence.
    pub push: Option<PushId>,
}

/// Whether a push caused a session (DESIGN §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// The device says so: `UserAgentOrigin` 3 (oma-dm.md §1.1).
    Confirmed,
    /// It came within the answer window of an accepted push.
    Likely,
    /// It came by itself, by its schedule or by a user.
    Coincidence,
}

/// Why a wake ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The device has no live channel.
    NoChannel,
    /// WNS throttled the channel, or refused it.
    ChannelGated,
    /// WNS throttled the push app, or was out of reach.
    AppGated,
    /// WNS refuses the push app's credentials.
    CredentialFault,
    /// The device was not connected to WNS.
    DeviceOffline,
    /// WNS took the push, and no session came.
    NoSession,
    /// An operator paused the push app.
    AppPaused,
    /// WNS blocked the push app for abuse.
    AppBlocked,
    /// Push is switched off.
    PushOff,
    /// The device left the management.
    Unenrolled,
    /// The device was deleted.
    Deleted,
    /// WNS found the push malformed.
    MalformedPush,
    /// The last push failed on the way or inside WNS, or may have.
    PushFailed,
    /// None was due in time: an open session or pacing held it back.
    NotPushed,
}

impl Outcome {
    /// The name in records, metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::Unanswered(_) => "unanswered",
            Self::Cancelled => "cancelled",
            Self::Failed(_) => "failed",
        }
    }

    /// Why there was no answer, unless nobody wanted one any more.
    pub fn reason(self) -> Option<EndReason> {
        match self {
            Self::Unanswered(reason) | Self::Failed(reason) => Some(reason),
            Self::Answered(_) | Self::Cancelled => None,
        }
    }

    /// The answer.
    pub fn answer(self) -> Option<Answer> {
        match self {
            Self::Answered(answer) => Some(answer),
            Self::Unanswered(_) | Self::Cancelled | Self::Failed(_) => None,
        }
    }
}

impl Attribution {
    /// The name in records, metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Likely => "likely",
            Self::Coincidence => "coincidence",
        }
    }
}

impl EndReason {
    /// The name in records, metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoChannel => "no_channel",
            Self::ChannelGated => "channel_gated",
            Self::AppGated => "app_gated",
            Self::CredentialFault => "credential_fault",
            Self::DeviceOffline => "device_offline",
            Self::NoSession => "no_session",
            Self::AppPaused => "app_paused",
            Self::AppBlocked => "app_blocked",
            Self::PushOff => "push_off",
            Self::Unenrolled => "unenrolled",
            Self::Deleted => "deleted",
            Self::MalformedPush => "malformed_push",
            Self::PushFailed => "push_failed",
            Self::NotPushed => "not_pushed",
        }
    }
}

impl Wake {
    /// A new wake. `timeout` is cut to [`MAX_DEADLINE`]; the edge refuses longer ones before.
    pub fn ask(id: WakeId, device: DeviceId, priority: Priority, timeout: Duration, now: Timestamp) -> Self {
        Self { id, device, asked_at: now, deadline: now + timeout.min(MAX_DEADLINE), priority, end: None }
    }

    /// The wake as it was stored.
    pub fn restore(
        (id, device): (WakeId, DeviceId),
        (asked_at, deadline): (Timestamp, Timestamp),
        priority: Priority,
        end: Option<End>,
    ) -> Self {
        Self { id, device, asked_at, deadline, priority, end }
    }

    /// Its id.
    pub fn id(&self) -> WakeId {
        self.id
    }

    /// The device it is for.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// When it was asked for.
    pub fn asked_at(&self) -> Timestamp {
        self.asked_at
    }

    /// When it ends unanswered.
    pub fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// How urgent it is.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Its end, if it has ended.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Ends it. Says whether it was live: an ended wake stays as it is.
    pub fn finish(&mut self, outcome: Outcome, now: Timestamp) -> bool {
        let live = self.end.is_none();
        if live {
            self.end = Some(End { at: now, outcome });
        }
        live
    }
}
