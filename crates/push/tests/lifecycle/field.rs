//! One device with its channel in virtual time, and the small steps that most tests are made of.

use std::time::Duration;

use model::{DeviceId, Pfn, Priority, PushId, SummonsId, Timestamp};
use push::{
    Channel, ChannelState, Context, Detail, Housekeeping, Observation, Reading, Readings, Settings, Summons,
    Visit, WriteAnswer,
};
use uuid::Uuid;

pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// One device, its server-side channel, and a clock.
pub(crate) struct Field {
    pub(crate) settings: Settings,
    pub(crate) pfn: Pfn,
    pub(crate) channel: Channel,
    pub(crate) now: Timestamp,
    pub(crate) old_build: bool,
}

impl Field {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings::default(),
            pfn: "App_1".parse().unwrap(),
            channel: Channel::default(),
            now: Timestamp::EPOCH + DAY * 10_000,
            old_build: false,
        }
    }

    /// A field whose channel became live at the first session.
    pub(crate) fn live() -> Self {
        let mut field = Self::new();
        field.setting_up("a");
        assert_eq!(field.channel.state(), ChannelState::Live);
        field
    }

    pub(crate) fn setting_up(&mut self, uri: &str) {
        let (mut visit, _) = self.begin();
        let mut nothing = Observation { before: absent(), ..Observation::default() };
        nothing.provider = Reading::Value(true);
        self.proceed(&mut visit, &nothing);
        let done =
            Observation { write: Some(WriteAnswer::Done), after: after(uri, 0), ..Observation::default() };
        self.proceed(&mut visit, &done);
    }

    pub(crate) fn context<'a>(settings: &'a Settings, pfn: &'a Pfn, now: Timestamp) -> Context<'a> {
        let device = DeviceId::new(Uuid::nil());
        Context { now, settings, pfn, device, old_build: false, may_write: true }
    }

    pub(crate) fn begin(&mut self) -> (Visit, Vec<Housekeeping>) {
        let context = Self::context(&self.settings, &self.pfn, self.now);
        let context = Context { old_build: self.old_build, ..context };
        Visit::begin(&mut self.channel, Detail::Known, &context)
    }

    pub(crate) fn proceed(&mut self, visit: &mut Visit, seen: &Observation) -> Vec<Housekeeping> {
        let context = Self::context(&self.settings, &self.pfn, self.now);
        let context = Context { old_build: self.old_build, ..context };
        visit.proceed(&mut self.channel, seen, &context)
    }

    /// A session in which the device only answers what it is asked; true if the PFN was to be written.
    pub(crate) fn session(&mut self, read: Readings) -> bool {
        let (mut visit, asked) = self.begin();
        let wrote_first = writes(&asked);
        let seen = Observation { before: read, ..Observation::default() };
        let asked = self.proceed(&mut visit, &seen);
        wrote_first || writes(&asked)
    }
}

pub(crate) fn writes(asked: &[Housekeeping]) -> bool {
    asked.iter().any(|step| !matches!(step, Housekeeping::ReadPush | Housekeeping::ReadProviders))
}

pub(crate) fn uri(name: &str) -> Reading<String> {
    Reading::Value(format!("https://a.notify.windows.com/?token={name}"))
}

pub(crate) fn absent() -> Readings {
    Readings { pfn: Reading::Absent, uri: Reading::Absent, status: Reading::Absent }
}

pub(crate) fn after(name: &str, status: i32) -> Readings {
    Readings { pfn: Reading::Unanswered, uri: uri(name), status: Reading::Value(status) }
}

pub(crate) fn ours(name: &str, status: i32) -> Readings {
    Readings { pfn: Reading::Value("App_1".into()), ..after(name, status) }
}

pub(crate) fn ours_without_uri(status: i32) -> Readings {
    Readings { uri: Reading::Absent, ..ours("", status) }
}

/// A summons with an hour to go, and a live channel.
pub(crate) fn summoned() -> (Field, Summons) {
    let field = Field::live();
    let deadline = field.now + HOUR;
    let id = SummonsId::new(Uuid::nil());
    let summons = Summons::open(id, Priority::Interactive, deadline, field.now, &field.settings);
    (field, summons)
}

pub(crate) fn push_id(n: u128) -> PushId {
    PushId::new(Uuid::from_u128(n))
}

pub(crate) fn serde_round_trip(channel: &Channel) -> Channel {
    let text = serde_json::to_string(channel).unwrap();
    assert!(!text.contains("notify.windows.com"), "the URI is not stored with the rest");
    let restored: Channel = serde_json::from_str(&text).unwrap();
    restored.restore(channel.uri().cloned())
}
