//! Many channels of one app that die at once (DESIGN §4): WNS's "sender blocked" may look like that (wns.md §3.1), and
//! setting up a whole fleet anew would be the worst answer. So the deaths are held as suspect and the app is shut; probes
//! that WNS takes, or an operator, open it again. Then the suspects are pushed to once more, and die or live.

use model::Timestamp;

use super::{AppCondition, Fault, FaultKind};
use crate::{
    Settings, Verdict,
    settings::{DAY, doubled},
};

/// What WNS last said about the channels of one app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deaths {
    /// Answers that say whether a channel lives; [`Settings::mass_death_window`] of them at most, the newest.
    pub judged: u32,
    /// 404 and 410 among them.
    pub died: u32,
}

/// Probes in a row that WNS takes until the suspicion is over: one may be the only channel that lives.
const ENOUGH: u8 = 3;
/// For how long an operator's word stands that deaths are real: a fleet's worth of wakes passes in it.
const VOUCHED: std::time::Duration = DAY;

impl AppCondition {
    /// Whether channels that WNS calls dead are held as suspect.
    pub fn suspects_deaths(&self) -> bool {
        self.suspicion.is_some()
    }

    /// Pushes that ended before this time say nothing any more about deaths.
    pub fn deaths_count_from(&self) -> Timestamp {
        self.deaths_count_from.unwrap_or(Timestamp::EPOCH)
    }

    /// Looks whether too many channels died, the newest among them. Says whether deaths are suspect from now on, and were
    /// not before.
    pub fn weigh_deaths(&mut self, deaths: Deaths, now: Timestamp, settings: &Settings) -> bool {
        let many = deaths.judged >= settings.mass_death_least.into() && deaths.died * 2 > deaths.judged;
        let vouched = self.deaths_vouched_until.is_some_and(|until| now < until);
        if !many || vouched || self.suspects_deaths() {
            return false;
        }
        self.suspicion = Some(Fault {
            since: now,
            kind: FaultKind::MassDeath,
            description: format!(
                "WNS called {} of the last {} channels dead: that looks like a blocked sender",
                deaths.died, deaths.judged
            ),
            probe_at: now + settings.fault_probe,
            step: 0,
        });
        self.probes_taken = 0;
        self.closings.times = self.closings.times.wrapping_add(1);
        true
    }

    /// What an answer about one channel says about the suspicion.
    pub(super) fn weigh_probe(&mut self, verdict: &Verdict, now: Timestamp, settings: &Settings) {
        let Some(suspicion) = &mut self.suspicion else { return };
        // It was sent before the app was shut: that is no probe.
        if suspicion.probe_at > now {
            return;
        }
        if *verdict == Verdict::ChannelSuspect {
            self.probes_taken = 0;
            suspicion.step += 1;
            suspicion.probe_at =
                now + doubled(settings.fault_probe, suspicion.step, settings.fault_probe_max);
            return;
        }
        self.probes_taken += 1;
        if self.probes_taken >= ENOUGH {
            (self.suspicion, self.deaths_count_from) = (None, Some(now));
        }
    }

    /// An operator says that the deaths are real.
    pub(super) fn vouch(&mut self, now: Timestamp) {
        let suspected = self.suspicion.take().is_some();
        self.deaths_vouched_until = if suspected { Some(now + VOUCHED) } else { self.deaths_vouched_until };
        self.deaths_count_from = Some(now);
    }
}
