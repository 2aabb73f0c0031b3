//! One simulated PC: a Windows, and what its people do with it.

use std::time::Duration;

use model::Timestamp;
use simulator::{
    device::{
        Device, Identity, NoChannelReply, OriginHeader, PfnWrite, Profile, RegistrationTime, SequenceSupport,
    },
    habits::{self, Habits},
    wns::Renewal,
};

use crate::{build::Build, chance::Chance, mix::Odds};

pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// The provider id that everybody was enrolled with.
pub(crate) const PROVIDER: &str = "Reveille";
/// Where everybody is managed; nothing is ever sent there.
const ADDRESS: &str = "https://mdm.example/dm";

/// A PC.
pub(crate) struct Pc {
    pub(crate) build: Build,
    pub(crate) device: Device,
    pub(crate) habits: Habits,
    pub(crate) on: bool,
    /// Sessions that its schedule started since it enrolled.
    pub(crate) polls: u32,
    pub(crate) poll_at: Timestamp,
    pub(crate) trouble: Trouble,
    /// Its last three sessions, the newest last.
    pub(crate) sessions: Vec<Timestamp>,
}

/// What keeps a PC from being woken.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trouble {
    /// Of a hundred pushes, so many come while battery saver forbids a session (Push/Status 7).
    pub(crate) saver: u64,
    /// Of a hundred hours that it is on, it is without WNS for so many: Data Sense, metered networks.
    pub(crate) metered: u64,
    /// The PFN cannot be written before this: a policy, or a client that hangs.
    pub(crate) mended_at: Option<Timestamp>,
}

impl Pc {
    /// The PC of this number, as chance will have it.
    pub(crate) fn new(number: usize, odds: &Odds, start: Timestamp, days: u32, chance: &mut Chance) -> Self {
        let build = odds.build(chance.between(0, 100));
        let mut profile = variant(build, chance);
        let trouble = trouble(build, odds, &mut profile, (start, days), chance);
        let name = format!("QUARTER{number:06}");
        let device = Device::new(Identity::new(&name, &name, "quarter"), profile, ADDRESS);
        let habits = habits(odds, start, days, chance);
        let enrolled = start + chance.span(Duration::ZERO, 2 * DAY);
        Self { build, device, habits, on: false, polls: 0, poll_at: enrolled, trouble, sessions: Vec::new() }
    }

    /// Another PC with an image of this one's disk.
    pub(crate) fn imaged(&self, number: usize, now: Timestamp) -> Self {
        let name = format!("QUARTER{number:06}");
        let device = self.device.imaged(Identity::new(&name, &name, "quarter"));
        let (habits, trouble) = (self.habits.clone(), self.trouble);
        Self {
            build: self.build,
            device,
            habits,
            on: false,
            polls: 0,
            poll_at: now + HOUR,
            trouble,
            sessions: Vec::new(),
        }
    }

    /// What was in the way of the PFN is gone at its time.
    pub(crate) fn mend(&mut self, now: Timestamp) {
        if self.trouble.mended_at.is_some_and(|at| at <= now) {
            self.device.profile_mut().pfn_write = PfnWrite::Works;
        }
    }

    /// It held a session.
    pub(crate) fn visited(&mut self, at: Timestamp) {
        self.sessions.push(at);
        let surplus = self.sessions.len().saturating_sub(3);
        self.sessions.drain(..surplus);
    }

    /// Whether a service can have set it up by `end`: it was there three times in the last week, and nothing of its own is in
    /// the way. What hung is tried once a week.
    pub(crate) fn is_reachable(&self, end: Timestamp) -> bool {
        let there = self.sessions.len() == 3 && self.sessions.first().is_some_and(|at| *at + 7 * DAY > end);
        let mended = self.trouble.mended_at.is_none_or(|at| at + 12 * DAY < end);
        there && mended && self.device.profile().pfn_write == PfnWrite::Works
    }

    pub(crate) fn name(&self) -> &str {
        &self.device.identity().name
    }
}

/// Devices of one build differ in what nobody knows for sure (oma-dm.md §11).
fn variant(build: Build, chance: &mut Chance) -> Profile {
    let mut profile = build.profile(PROVIDER);
    if chance.percent(40) {
        profile.registration = RegistrationTime::AfterSession;
    }
    if chance.percent(50) {
        profile.reset = Renewal::Same;
    }
    if chance.percent(25) {
        profile.no_channel = NoChannelReply::Empty;
    }
    if build == Build::Windows11 && chance.percent(50) {
        profile.origin = OriginHeader::Sent;
    }
    profile.sequence = match chance.between(0, 10) {
        0 => SequenceSupport::Refused(406),
        1 | 2 => SequenceSupport::Stops,
        _ => SequenceSupport::Continues,
    };
    profile
}

fn trouble(
    build: Build,
    odds: &Odds,
    profile: &mut Profile,
    (start, days): (Timestamp, u32),
    chance: &mut Chance,
) -> Trouble {
    let mut trouble = Trouble::default();
    if chance.percent(odds.saver) {
        trouble.saver = chance.between(5, 60);
    }
    if chance.percent(odds.metered) {
        trouble.metered = chance.between(10, 50);
    }
    // The policy NoCloudApplicationNotification (oma-dm.md §8.1), or a client that hangs (§9.1).
    let kept_from = match (build.is_old(), chance.between(0, 100)) {
        (_, drawn) if drawn < odds.refuses => PfnWrite::Refused(404),
        (true, drawn) if drawn < odds.refuses + odds.hangs => PfnWrite::Hangs,
        _ => PfnWrite::Works,
    };
    if kept_from != PfnWrite::Works {
        profile.pfn_write = kept_from;
        let mended = chance.percent(odds.mended);
        let when = DAY * u32::try_from(chance.between(1, 2 + u64::from(days) / 2)).unwrap_or(1);
        trouble.mended_at = Some(if mended { start + when } else { Timestamp::MAX });
    }
    trouble
}

fn habits(odds: &Odds, start: Timestamp, days: u32, chance: &mut Chance) -> Habits {
    if chance.percent(odds.always_on) {
        return Habits::always_on();
    }
    let first = habits::day(start);
    let mut away = Vec::new();
    if chance.percent(odds.away) {
        // Holidays; a few lie in a drawer for longer than a channel lives.
        let length = if chance.percent(20) { chance.between(31, 45) } else { chance.between(5, 22) };
        let from = first + chance.between(3, 4 + u64::from(days));
        away.push((from, from + length));
    }
    Habits {
        from: chance.span(HOUR * 6, HOUR * 11),
        hours: chance.span(HOUR * 5, HOUR * 12),
        weekends: chance.percent(odds.weekends),
        away,
    }
}
