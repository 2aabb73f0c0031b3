//! The condition of a push app: gates, faults, blocks (DESIGN §5), shared by all replicas.

use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{EndReason, Settings, Verdict, settings::doubled};

mod mass_death;
mod probe;

pub use mass_death::Deaths;

use probe::ProbeUnderWay;

/// What keeps a push app from pushing, and what happened lately.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AppCondition {
    gate_until: Option<Timestamp>,
    /// Gates in a row, for doubling.
    gate_step: u32,
    fault: Option<Fault>,
    /// WNS blocked the app at this time; only an operator lifts it.
    blocked_at: Option<Timestamp>,
    paused: bool,
    mismatches: u16,
    malformed: u16,
    failures: u16,
    /// A gate or a fault was there: the next push is a probe, then the start is slow.
    probing: bool,
    /// The probe that is under way, on whichever replica.
    #[serde(default)]
    probe: Option<ProbeUnderWay>,
    #[serde(default)]
    closings: Closings,
    /// Too many channels died at once.
    #[serde(default)]
    suspicion: Option<Fault>,
    /// Probes in a row that WNS took since then.
    #[serde(default)]
    probes_taken: u8,
    /// Deaths before this are forgotten.
    #[serde(default)]
    deaths_count_from: Option<Timestamp>,
    /// Until then deaths are real, says an operator.
    #[serde(default)]
    deaths_vouched_until: Option<Timestamp>,
}

/// Why an app's pushes are held back until somebody mends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Since when.
    pub since: Timestamp,
    /// What it is.
    pub kind: FaultKind,
    /// WNS's or the token endpoint's description, bounded, without secrets.
    pub description: String,
    probe_at: Timestamp,
    step: u32,
}

impl Fault {
    /// When it is tried again whether the app is well.
    pub fn probe_at(&self) -> Timestamp {
        self.probe_at
    }
}

/// What is wrong with an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Its credentials are refused.
    Credential,
    /// WNS says of many channels that they belong to another app.
    Mismatch,
    /// WNS finds its pushes malformed.
    Malformed,
    /// WNS calls more than half of its channels dead: they are held as suspect.
    MassDeath,
}

/// How often an app was shut. Replicas compare it with what they saw last, so that each of them starts slowly after each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closings {
    /// By a gate, a fault or a block.
    pub times: u32,
    /// Among them, because WNS throttled or blocked it.
    pub throttled: u32,
}

/// Whether an app may push now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// It may.
    Open,
    /// One push, to see whether it may.
    Probe,
    /// That push is under way. If nothing is heard of it, another one may go after this.
    Probing(Timestamp),
    /// Not before this; [`Timestamp::MAX`] means until an operator acts.
    Shut(Timestamp),
}

impl AppCondition {
    /// Whether it may push.
    pub fn door(&self, now: Timestamp) -> Door {
        if self.paused || self.blocked_at.is_some() {
            return Door::Shut(Timestamp::MAX);
        }
        let faults = [&self.fault, &self.suspicion].into_iter().flatten();
        let until = self.gate_until.max(faults.map(|fault| fault.probe_at).max());
        match until {
            Some(until) if until > now => Door::Shut(until),
            _ if self.fault().is_some() || self.probing => self.probe_door(now),
            _ => Door::Open,
        }
    }

    /// The reason that its wakes end for, if it is what holds them back.
    pub fn reason(&self, now: Timestamp) -> Option<EndReason> {
        if self.paused {
            return Some(EndReason::AppPaused);
        }
        if self.blocked_at.is_some() {
            return Some(EndReason::AppBlocked);
        }
        if let Some(fault) = &self.fault {
            return Some(match fault.kind {
                FaultKind::Malformed => EndReason::MalformedPush,
                FaultKind::Credential | FaultKind::Mismatch => EndReason::CredentialFault,
                FaultKind::MassDeath => EndReason::AppGated,
            });
        }
        if self.suspects_deaths() {
            return Some(EndReason::AppGated);
        }
        self.gate_until.filter(|&until| until > now).map(|_| EndReason::AppGated)
    }

    /// Its fault; or that too many of its channels died.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref().or(self.suspicion.as_ref())
    }

    /// When WNS blocked it.
    pub fn blocked_at(&self) -> Option<Timestamp> {
        self.blocked_at
    }

    /// Until when it is gated.
    pub fn gate_until(&self) -> Option<Timestamp> {
        self.gate_until
    }

    /// Whether an operator paused it.
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// Whether a gate, a fault or a block is there. A gate that is over counts until a push shows it; a pause, and the probe
    /// after a start, are none.
    pub fn is_held_back(&self) -> bool {
        self.gate_until.is_some() || self.blocked_at.is_some() || self.fault().is_some()
    }

    /// How often it was shut.
    pub fn closings(&self) -> Closings {
        self.closings
    }

    /// What a push said about the app. Says whether anything changed that other replicas must know.
    pub fn judge(
        &mut self,
        verdict: &Verdict,
        description: Option<&str>,
        now: Timestamp,
        settings: &Settings,
    ) -> bool {
        let before = self.clone();
        match verdict {
            Verdict::AppThrottled { retry_after } | Verdict::TokenUnavailable { retry_after } => {
                let by_wns = matches!(verdict, Verdict::AppThrottled { .. });
                let shut = self.gate_until.is_some_and(|until| until > now);
                self.closings.throttled = self.closings.throttled.wrapping_add(u32::from(by_wns && !shut));
                let asked = retry_after.map(|span| span.clamp(shortest(settings), settings.app_gate_max));
                self.gate(asked, settings.app_gate, now, settings);
            }
            Verdict::CredentialFault => self.find_fault(FaultKind::Credential, description, now, settings),
            Verdict::AppBlocked => self.block(now),
            Verdict::Mismatch => {
                self.mismatches = self.mismatches.saturating_add(1);
                if self.mismatches >= settings.app_patience {
                    self.find_fault(FaultKind::Mismatch, description, now, settings);
                }
            }
            Verdict::Malformed => {
                self.malformed = self.malformed.saturating_add(1);
                if self.malformed >= settings.app_patience {
                    self.find_fault(FaultKind::Malformed, description, now, settings);
                }
            }
            Verdict::Failed | Verdict::Ambiguous => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= settings.app_patience {
                    self.failures = 0;
                    self.gate(None, settings.backoff, now, settings);
                }
            }
            // The token was accepted, and the answer is about one channel.
            Verdict::Sent { .. }
            | Verdict::SentUnknown
            | Verdict::Dropped
            | Verdict::ChannelThrottled
            | Verdict::ChannelDead
            | Verdict::ChannelSuspect => {
                self.weigh_probe(verdict, now, settings);
                self.healed(now);
            }
        }
        *self != before
    }

    /// An operator pauses it: wakes wait.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Its credentials were replaced: a fault of theirs is probed at once.
    pub fn mended(&mut self, now: Timestamp) {
        if let Some(fault) = &mut self.fault
            && matches!(fault.kind, FaultKind::Credential | FaultKind::Mismatch)
        {
            fault.probe_at = fault.probe_at.min(now);
        }
    }

    /// A token was asked for, to see whether the credentials are taken again. `refused` says why they are not; if they
    /// are, the next push shows the rest.
    pub fn credentials_probed(&mut self, refused: Option<&str>, now: Timestamp, settings: &Settings) {
        if self.fault.as_ref().is_none_or(|fault| fault.kind != FaultKind::Credential) {
            return;
        }
        if refused.is_some() {
            self.find_fault(FaultKind::Credential, refused, now, settings);
        } else {
            (self.fault, self.probing) = (None, true);
        }
    }

    /// An operator lifts pause, block, gate and fault; the next push is a probe. If deaths were suspect, they are real
    /// for a day.
    pub fn resume(&mut self, now: Timestamp) {
        self.vouch(now);
        *self = Self { probing: true, ..self.kept() };
    }

    /// Shuts the app for as long as WNS asks, or for twice as long as the last time.
    fn gate(&mut self, asked: Option<Duration>, base: Duration, now: Timestamp, settings: &Settings) {
        let shut = self.gate_until.is_some_and(|until| until > now);
        self.probing = true;
        self.closings.times = self.closings.times.wrapping_add(u32::from(!shut));
        match asked {
            Some(span) => self.gate_until = self.gate_until.max(Some(now + span)),
            // Answers to pushes that were under way together count as one.
            None if shut => {}
            None => {
                self.gate_until = Some(now + doubled(base, self.gate_step, settings.app_gate_max));
                self.gate_step = (self.gate_step + 1).min(20);
            }
        }
    }

    /// WNS had enough of it.
    fn block(&mut self, now: Timestamp) {
        if self.blocked_at.replace(self.blocked_at.unwrap_or(now)).is_none() {
            self.closings.times = self.closings.times.wrapping_add(1);
            self.closings.throttled = self.closings.throttled.wrapping_add(1);
        }
    }

    fn find_fault(
        &mut self,
        kind: FaultKind,
        description: Option<&str>,
        now: Timestamp,
        settings: &Settings,
    ) {
        self.closings.times = self.closings.times.wrapping_add(u32::from(self.fault.is_none()));
        let (since, step) = match &self.fault {
            // A burst of failures that were under way together is one.
            Some(fault) if fault.probe_at > now => (fault.since, fault.step),
            Some(fault) => (fault.since, fault.step + 1),
            None => (now, 0),
        };
        let probe_at = now + doubled(settings.fault_probe, step, settings.fault_probe_max);
        let description = description.unwrap_or_default().to_owned();
        self.fault = Some(Fault { since, kind, description, probe_at, step });
    }

    fn healed(&mut self, now: Timestamp) {
        (self.mismatches, self.malformed, self.failures) = (0, 0, 0);
        // It was sent before the app was shut: that is no probe.
        if matches!(self.door(now), Door::Shut(_)) {
            return;
        }
        // While deaths are suspect it takes more probes than one: this may be the answer to another push.
        let probe = self.probe.take_if(|_| self.suspicion.is_some());
        *self = Self { paused: self.paused, blocked_at: self.blocked_at, probe, ..self.kept() };
    }

    /// A clean record, but for what is known of deaths, and how often it was shut.
    fn kept(&self) -> Self {
        Self {
            closings: self.closings,
            suspicion: self.suspicion.clone(),
            probes_taken: self.probes_taken,
            deaths_count_from: self.deaths_count_from,
            deaths_vouched_until: self.deaths_vouched_until,
            ..Self::default()
        }
    }
}

/// The shortest gate that WNS may ask for.
fn shortest(settings: &Settings) -> Duration {
    settings.backoff.min(settings.app_gate_max)
}
