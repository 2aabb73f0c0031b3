//! What the demo's table shows, as it becomes known.

use std::{collections::VecDeque, time::Duration};

use reveille_api::v1::{ChannelState, WakeEvent, WakeEventType, WakeState};

use super::progress::Quantiles;
use crate::client::{watch, words};

/// How many events are kept: more than fit on any screen.
const EVENTS: usize = 200;

/// The upper ends of the bars of the times, in milliseconds; the last bar has none.
const BARS: [u64; 8] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/// Everything that is shown.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Where it is and how to try it.
    pub(super) title: String,
    pub(super) hint: String,
    /// Devices by the state of their channel.
    pub(super) channels: Vec<(ChannelState, i64)>,
    pub(super) wakes: Wakes,
    /// Milliseconds from wake to session.
    pub(super) millis: Vec<u64>,
    /// The newest last.
    pub(super) events: VecDeque<Event>,
}

/// Wakes by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wakes {
    pub(super) asked: u64,
    pub(super) answered: u64,
    pub(super) unanswered: u64,
    pub(super) failed: u64,
    pub(super) cancelled: u64,
}

/// Something that happened to a wake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) time: String,
    pub(super) device: String,
    pub(super) what: String,
    pub(super) ended: Option<WakeState>,
}

impl Wakes {
    pub(super) fn live(self) -> u64 {
        let ended = self.answered + self.unanswered + self.failed + self.cancelled;
        self.asked.saturating_sub(ended)
    }
}

impl Board {
    pub(super) fn heard(&mut self, event: &WakeEvent) {
        let wake = event.wake.clone().unwrap_or_default();
        let ended = (event.r#type() == WakeEventType::Ended).then(|| wake.state());
        match (event.r#type(), ended) {
            (WakeEventType::Asked, _) => self.wakes.asked += 1,
            (_, Some(WakeState::Answered)) => self.wakes.answered += 1,
            (_, Some(WakeState::Failed)) => self.wakes.failed += 1,
            (_, Some(WakeState::Cancelled)) => self.wakes.cancelled += 1,
            (_, Some(_)) => self.wakes.unanswered += 1,
            (_, None) => {}
        }
        let span = wake.answer.as_ref().and_then(|answer| words::duration(answer.time_to_session));
        self.millis.extend(ended.and(span).map(millis));
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        let time = words::time_of_day(event.time);
        self.events.push_back(Event { time, device: wake.device_name, what: watch::what(event), ended });
    }

    /// How many devices took how long.
    pub(super) fn times(&self) -> Vec<(String, u64)> {
        let bar = |millis: u64| BARS.iter().position(|end| millis < *end).unwrap_or(BARS.len());
        let mut counts = [0; BARS.len() + 1];
        self.millis.iter().for_each(|millis| counts[bar(*millis)] += 1);
        let named = |end: u64| words::span(Duration::from_millis(end));
        let below = BARS.iter().map(|end| format!("< {}", named(*end)));
        let rest = format!("≥ {}", named(BARS[BARS.len() - 1]));
        below.chain([rest]).zip(counts).collect()
    }

    pub(super) fn quantiles(&mut self) -> Quantiles {
        Quantiles::of(&mut self.millis)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
