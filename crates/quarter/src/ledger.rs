//! Who watches: what happened, counted apart from the rules, and every promise that was broken.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use model::Timestamp;
use push::{Attribution, Channel, ChannelState, EndReason, Outcome, UriFingerprint, Verdict, Wake};

use crate::pc::{DAY, HOUR};

/// Broken promises that are kept in words; all are counted.
const KEPT: usize = 50;

/// What happened.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) devices: Vec<Record>,
    pub(crate) violations: Vec<String>,
    pub(crate) broken: usize,
    pub(crate) wakes_asked: u64,
    pub(crate) wakes_ended: u64,
    pub(crate) moved_uris: u64,
    /// URIs of which WNS said 404 or 410, each with the device that it was pushed for: two that show one URI, since one has an
    /// image of the other's disk, are told one by one.
    dead: HashSet<(usize, UriFingerprint)>,
    ended: HashSet<model::WakeId>,
}

/// What happened to one device.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) sessions: u64,
    /// When its PFN was written, as the device counts it.
    pub(crate) writes: Vec<Timestamp>,
    /// The last write of each session that had one, since its channel was last good, and whether the device refused.
    fruitless: Vec<(Timestamp, bool)>,
    /// Sessions that were held to their end and left it without a good channel, since it last had one.
    in_vain: usize,
    pub(crate) renewed: u64,
    pub(crate) reset: u64,
    pub(crate) died: u64,
    pub(crate) pushes: BTreeMap<&'static str, u64>,
    pub(crate) answered: BTreeMap<&'static str, u64>,
    pub(crate) unanswered: BTreeMap<&'static str, u64>,
    /// From asking to the session, of wakes that a push answered.
    pub(crate) times: Vec<Duration>,
    last_push: Option<Timestamp>,
}

/// Writes in a row that bring nothing, until a device is left alone for a week (DESIGN §4).
const ATTEMPTS: usize = 3;

/// Rests count from when a write is sent, and here from when the device got it: a reply that was lost, it got later.
const LATE: Duration = Duration::from_secs(10);

impl Record {
    /// Whether it came so often that its channel could have been set up: a write is judged after two more sessions.
    pub(crate) fn was_neglected(&self) -> bool {
        self.in_vain >= 3
    }
}

impl Ledger {
    pub(crate) fn violation(&mut self, now: Timestamp, what: impl std::fmt::Display) {
        self.broken += 1;
        if self.violations.len() < KEPT {
            self.violations.push(format!("{now}: {what}"));
        }
    }

    /// A session is over, whole or broken off: the device got `writes` in it, and its channel is good now or not. A device that
    /// refuses the PFN is asked daily, others weekly at last.
    pub(crate) fn session_held(
        &mut self,
        device: usize,
        writes: &[Timestamp],
        (whole, live): (bool, bool),
        refuses: bool,
    ) {
        let record = &mut self.devices[device];
        record.sessions += 1;
        record.in_vain = match (whole, live) {
            (_, true) => 0,
            (true, false) => record.in_vain + 1,
            // It says nothing.
            (false, false) => record.in_vain,
        };
        let mut broken = Vec::new();
        if let (Some(&first), Some(&now)) = (writes.first(), writes.last()) {
            // A refusal is an answer: it is asked again daily, and says nothing of what a write brings that is taken.
            let taken = record.fruitless.iter().rev().take_while(|(_, refused)| !refused);
            let tired = taken.count() >= ATTEMPTS;
            if let Some((last, refused)) = record.fruitless.last() {
                let rest = if *refused { DAY } else { 7 * DAY };
                if (tired || *refused) && *last + rest > first + LATE {
                    broken.push("the PFN was written again before its rest was over");
                }
            }
            record.fruitless.push((now, refuses));
            record.writes.extend(writes);
            if record.writes.iter().rev().take_while(|at| **at + DAY > now).count() > 12 {
                broken.push("the PFN was written more than 12 times in a day");
            }
        }
        if live {
            record.fruitless.clear();
        }
        for what in broken {
            let at = writes.last().copied().unwrap_or_default();
            self.violation(at, format!("device {device}: {what}"));
        }
    }

    pub(crate) fn channel_changed(
        &mut self,
        device: usize,
        before: &Channel,
        after: &Channel,
        now: Timestamp,
    ) {
        let record = &mut self.devices[device];
        let changed =
            before.generation() > 0 && after.generation() > before.generation() && after.uri().is_some();
        let written = after.last_write().is_some_and(|at| now < at + HOUR);
        record.reset += u64::from(changed && written);
        record.renewed += u64::from(changed && !written);
        let dies = after.state() == ChannelState::Dead && before.state() != ChannelState::Dead;
        record.died += u64::from(dies);
        if dies && before.state() == ChannelState::Live {
            record.fruitless.clear();
        }
    }

    /// The device starts anew, or gets another PFN: what was written before is no measure any more.
    pub(crate) fn begins_anew(&mut self, device: usize) {
        self.devices[device].fruitless.clear();
    }

    pub(crate) fn uri_moved(&mut self) {
        self.moved_uris += 1;
    }

    /// A push went to this URI, after `dead` ones are known.
    pub(crate) fn pushed(&mut self, device: usize, uri: UriFingerprint, verdict: &Verdict, now: Timestamp) {
        if self.dead.contains(&(device, uri)) {
            self.violation(now, format!("device {device}: a dead generation was pushed to"));
        }
        if *verdict == Verdict::ChannelDead {
            self.dead.insert((device, uri));
            self.devices[device].died += 1;
        }
        if *verdict == Verdict::Mismatch {
            self.violation(
                now,
                format!("device {device}: a channel was pushed to by another app than its own"),
            );
        }
        let record = &mut self.devices[device];
        *record.pushes.entry(verdict.name()).or_default() += 1;
        let soon = record.last_push.is_some_and(|last| now < last + Duration::from_mins(1));
        // One that certainly did not arrive does not count.
        if verdict.accepted() || *verdict == Verdict::Ambiguous {
            record.last_push = Some(now);
        }
        if soon {
            self.violation(now, format!("device {device}: two unanswered pushes within a minute"));
        }
    }

    pub(crate) fn wake_ended(
        &mut self,
        wake: &Wake,
        device: usize,
        outcome: Outcome,
        was_live: bool,
        now: Timestamp,
    ) {
        if !was_live || !self.ended.insert(wake.id()) {
            self.violation(now, format!("wake {} ended twice", wake.id()));
        }
        self.wakes_ended += 1;
        let record = &mut self.devices[device];
        match outcome {
            Outcome::Answered(answer) => {
                record.last_push = None;
                *record.answered.entry(answer.attribution.name()).or_default() += 1;
                if answer.attribution != Attribution::Coincidence {
                    record.times.push(now.since(wake.asked_at()));
                }
            }
            Outcome::Unanswered(reason) | Outcome::Failed(reason) => {
                *record.unanswered.entry(EndReason::name(reason)).or_default() += 1;
            }
            Outcome::Cancelled => {}
        }
    }
}
