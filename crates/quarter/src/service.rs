//! The service without store and network: `dm` holds the sessions, `push` decides, the gateway's housekeeper translates.

use std::collections::{BTreeMap, HashMap, VecDeque};

use dm::{BodyHash, Identified, Newest, NonceKey, Stored, Transport, Turn, inner_hash};
use gateway::{Household, Housekeeper};
use model::{DeviceId, Pfn, ProviderId, SessionKey, Timestamp};
use push::{
    AppCondition, ChannelState, Context, Detail, EndReason, Origin, Outcome, Settings, UriFingerprint,
};
use syncml::{Limits, Message};

use crate::{
    ledger::Ledger,
    managed::Managed,
    pc::{DAY, HOUR},
};

/// How often a device's details are read.
const DETAIL_EVERY: std::time::Duration = std::time::Duration::from_hours(7 * 24);

/// The service: every device that it manages, and its push apps.
pub(crate) struct Service {
    pub(crate) rules: Settings,
    pub(crate) devices: Vec<Managed>,
    pub(crate) apps: BTreeMap<Pfn, AppCondition>,
    /// The PFN that devices are to have.
    pub(crate) pfn: Pfn,
    sessions: dm::Settings,
    nonces: NonceKey,
    housekeeper: Housekeeper,
    provider: ProviderId,
    /// Which device a live URI belongs to.
    owners: HashMap<UriFingerprint, usize>,
    /// Writes of the last hour, and how many there may be (`pfn_writes_per_hour`).
    writes: VecDeque<Timestamp>,
    writes_per_hour: usize,
}

impl Service {
    pub(crate) fn new(
        rules: Settings,
        (provider, pfn): (ProviderId, Pfn),
        writes_per_hour: usize,
        key: &[u8; 32],
    ) -> Self {
        Self {
            rules,
            devices: Vec::new(),
            apps: BTreeMap::new(),
            pfn,
            sessions: dm::Settings::default(),
            nonces: NonceKey::new(key),
            housekeeper: Housekeeper::new("./Vendor/MSFT"),
            provider,
            owners: HashMap::new(),
            writes: VecDeque::new(),
            writes_per_hour,
        }
    }

    /// A device is made known; its name is its user.
    pub(crate) fn create(&mut self, id: DeviceId, name: &str, password: &str) {
        let account = dm::Account { user: name.to_owned(), inner_hash: inner_hash(name, password) };
        self.devices.push(Managed::new(self.devices.len(), id, account));
    }

    /// Answers a message. `key` is for the session that it may open.
    pub(crate) fn receive(
        &mut self,
        index: usize,
        bytes: &[u8],
        (origin, key): (Origin, SessionKey),
        now: Timestamp,
        ledger: &mut Ledger,
    ) -> Result<Vec<u8>, syncml::ParseError> {
        let message = Message::parse(bytes, &Limits::default())?;
        let sessions = self.sessions.clone();
        let device = &self.devices[index];
        let newest = device.newest.map(|key| Newest { key, session: device.session.clone() });
        let stored = Stored { device: newest, user: None, large_objects: false };
        let identify = dm::receive(&message, BodyHash::of(bytes), stored, now, &sessions);
        let turn = match identify.verify(Some(&device.account), Transport::Anonymous, &self.nonces) {
            Identified::Repeat(reply) | Identified::Challenge { reply, .. } => return Ok(reply),
            Identified::Refused { reply, why } => {
                ledger.violation(now, format!("a message was refused: {}", why.name()));
                return Ok(reply);
            }
            Identified::Opening(opening) => opening.begin(key),
            Identified::Turn(turn) => turn,
        };
        Ok(self.answer(index, turn, (origin, key), now, ledger))
    }

    fn answer(
        &mut self,
        index: usize,
        turn: Turn<'_>,
        (origin, key): (Origin, SessionKey),
        now: Timestamp,
        ledger: &mut Ledger,
    ) -> Vec<u8> {
        if turn.session().is_none_or(|session| session.ended().is_some()) {
            return turn.answer(Vec::new()).reply;
        }
        let may_write = self.may_write(now);
        let (opened, unenrolled) = (turn.opened(), turn.unenrolled());
        let device = &mut self.devices[index];
        if opened {
            device.visit = None;
            device.newest = Some(key);
            device.answer(key, origin, now, ledger);
        }
        let context = Context {
            now,
            settings: &self.rules,
            pfn: &self.pfn,
            device: device.id,
            old_build: push::renewal_fails(device.os_version.as_deref().unwrap_or_default()),
            may_write,
        };
        let known = device.detail_read_at.is_some_and(|at| now < at + DETAIL_EVERY);
        let detail = if known { Detail::Known } else { Detail::Due };
        let household = Household { provider: &self.provider, detail, unenrolled: device.unenrolled };
        let before = device.channel.clone();
        let (channel, visit) = (&mut device.channel, &mut device.visit);
        let commands = self.housekeeper.step(&turn, household, channel, visit, &context);
        let commands = commands.unwrap_or_else(|error| {
            ledger.violation(now, format!("a command cannot be made: {error}"));
            Vec::new()
        });
        if let Some(info) = Housekeeper::detail(&turn) {
            device.os_version = info.os_version.or(device.os_version.take());
            device.detail_read_at = Some(now);
        }
        if opened {
            device.unenrolled = false;
        }
        let answer = turn.answer(commands);
        if unenrolled {
            device.unenrolled = true;
            device.channel.forget(now);
            device.end_all(Outcome::Unanswered(EndReason::Unenrolled), now, ledger);
        }
        let wait = if answer.ended.is_some() {
            self.rules.open_session_delay
        } else {
            self.rules.open_session_silence
        };
        if let Some(summons) = device.summons.as_mut().filter(|_| !opened) {
            summons.hold(now + wait);
        }
        device.session = answer.session;
        ledger.channel_changed(index, &before, &device.channel, now);
        if device.channel.last_write() == Some(now) && before.last_write() != Some(now) {
            self.writes.push_back(now);
        }
        self.take_uri(index, now, ledger);
        answer.reply
    }

    /// One URI on two devices: the newest authenticated owner keeps it.
    fn take_uri(&mut self, index: usize, now: Timestamp, ledger: &mut Ledger) {
        let channel = &self.devices[index].channel;
        let uri = channel.uri().filter(|_| channel.state() == ChannelState::Live);
        let Some(uri) = uri.map(push::ChannelUri::fingerprint) else { return };
        let Some(former) = self.owners.insert(uri, index).filter(|former| *former != index) else { return };
        let other = &mut self.devices[former].channel;
        if other.uri().map(push::ChannelUri::fingerprint) == Some(uri) {
            other.lose_uri(now);
            ledger.uri_moved();
        }
    }

    /// Whether the fleet's budget for planned writes has room.
    fn may_write(&mut self, now: Timestamp) -> bool {
        while self.writes.front().is_some_and(|at| *at + HOUR <= now) {
            self.writes.pop_front();
        }
        self.writes.len() < self.writes_per_hour
    }

    /// Why an app that a device's channel belongs to holds its pushes back.
    pub(crate) fn app_reason(&self, index: usize, now: Timestamp) -> Option<EndReason> {
        let pfn = self.devices[index].channel.pfn()?;
        self.apps.get(pfn)?.reason(now)
    }
}

/// How a device is told to poll: four times soon after it enrolled, then once a day, since a push brings it.
pub(crate) fn poll_schedule() -> push::PollSchedule {
    let set = |interval, count| push::PollSet { interval, count };
    let day = u32::try_from(DAY.as_secs() / 60).unwrap_or(u32::MAX);
    push::PollSchedule::new(set(15, 4), set(0, 0), set(day, 0), push::PollLogins::default())
        .expect("a schedule that goes on without end")
}
