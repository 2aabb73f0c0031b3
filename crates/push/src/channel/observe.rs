//! What a session's answers say about the channel (DESIGN §4, oma-dm.md §8.1).

use serde::{Deserialize, Serialize};

use super::{Channel, ChannelState, Context, PollObservation, Refusal};
use crate::ChannelUri;

/// What a device answered to the Get of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reading<T> {
    /// It was not asked, or did not answer: this says nothing.
    #[default]
    Unanswered,
    /// Status 404, no Results item, or an empty one (oma-dm.md §0.1).
    Absent,
    /// The node's value.
    Value(T),
    /// Another Status code.
    Failed(u16),
}

/// The push nodes, read at one point of a session.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Readings {
    /// `Push/PFN`.
    pub pfn: Reading<String>,
    /// `Push/ChannelURI`, as it came.
    pub uri: Reading<String>,
    /// `Push/Status`.
    pub status: Reading<i32>,
}

/// What the device said to the write of the PFN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteAnswer {
    /// A success code.
    Done,
    /// 404: `Replace` found none; for an `Add`, cloud notifications are turned off by policy (oma-dm.md §8.1).
    NotFound,
    /// 418: `Add` found one.
    Exists,
    /// The `Sequence` around it was answered 400, 405, 406 or 500: nothing in it ran.
    SequenceRefused,
    /// Any other code.
    Failed(u16),
    /// No Status came.
    Unanswered,
}

/// Everything that one message of a device says about its push channel.
#[derive(Clone, Default)]
pub struct Observation {
    /// What was read before any write of the same message.
    pub before: Readings,
    /// Whether `DMClient/Provider` lists our provider id.
    pub provider: Reading<bool>,
    /// What became of the write.
    pub write: Option<WriteAnswer>,
    /// What was read after the write.
    pub after: Readings,
    /// What the device said of its polling.
    pub polling: PollObservation,
}

impl Observation {
    /// As if nothing had been written, nor read after it.
    pub(crate) fn without_write(&self) -> Self {
        Self { write: None, after: Readings::default(), ..self.clone() }
    }

    /// Whether it says anything of the channel.
    fn tells(&self) -> bool {
        let read = |read: &Readings| read.pfn.is_told() || read.uri.is_told() || read.status.is_told();
        self.write == Some(WriteAnswer::Done)
            || self.provider.is_told()
            || read(&self.before)
            || read(&self.after)
    }
}

impl<T> Reading<T> {
    fn is_told(&self) -> bool {
        matches!(self, Self::Value(_) | Self::Absent)
    }
}

impl Channel {
    /// Takes in what a message said, except a failed write, which the visit may still turn into another form.
    pub(crate) fn observe(&mut self, seen: &Observation, context: &Context<'_>) {
        self.told |= seen.tells();
        self.take_in(&seen.before, context);
        match seen.provider {
            Reading::Value(false) | Reading::Absent if self.unwritten() => {
                self.enter(ChannelState::Refused(Refusal::Provider), context.now);
            }
            Reading::Value(true) if self.state == ChannelState::Refused(Refusal::Provider) => {
                self.enter(ChannelState::Unset, context.now);
            }
            _ => {}
        }
        if seen.write == Some(WriteAnswer::Done) {
            self.written(context);
        }
        if seen.write == Some(WriteAnswer::SequenceRefused) {
            self.plain_writes = true;
        }
        self.take_in(&seen.after, context);
        self.observe_polling(&seen.polling, context.now);
    }

    /// No form of the write was accepted: this is final until tomorrow.
    pub(crate) fn write_refused(&mut self, code: u16, context: &Context<'_>) {
        self.told = true;
        self.repair.refused(context.now + context.settings.refused_write_retry);
        // The old app's channel works on.
        if self.state != ChannelState::Moving {
            self.enter(ChannelState::Refused(Refusal::Write(code)), context.now);
        }
    }

    fn unwritten(&self) -> bool {
        matches!(self.state, ChannelState::Unset | ChannelState::Refused(Refusal::Provider))
    }

    fn written(&mut self, context: &Context<'_>) {
        self.pfn = Some(context.pfn.clone());
        self.repair.confirmed(context.now);
        if self.state == ChannelState::Moving {
            return self.part(ChannelState::Pending, context.now);
        }
        let waits = matches!(self.state, ChannelState::Unset | ChannelState::Refused(_));
        if waits {
            self.enter(ChannelState::Pending, context.now);
        }
    }

    fn take_in(&mut self, read: &Readings, context: &Context<'_>) {
        if self.still_moving(read, context) || !self.under_our_pfn(&read.pfn, context) {
            return;
        }
        if let Reading::Value(status) = read.status {
            // One reset for each time it turns up, not one for each session that reports it again.
            if matches!(status, 3 | 6) && self.push_status != Some(status) {
                self.repair.plan();
            }
            self.push_status = Some(status);
        }
        let status = match read.status {
            Reading::Value(status) => Some(status),
            _ => None,
        };
        match &read.uri {
            Reading::Value(text) => match ChannelUri::parse(text, &context.settings.extra_origins) {
                Ok(uri) => self.reported(uri, status, context),
                Err(_) => self.enter(ChannelState::Refused(Refusal::InvalidUri), context.now),
            },
            Reading::Absent => self.without_uri(status, context),
            Reading::Unanswered | Reading::Failed(_) => {}
        }
        self.heed_status(status, context);
    }

    /// Whether what was read belongs to our PFN; notes it when the device has none or another's.
    fn under_our_pfn(&mut self, pfn: &Reading<String>, context: &Context<'_>) -> bool {
        match pfn {
            Reading::Value(pfn) if pfn == context.pfn.as_str() => {
                self.pfn = Some(context.pfn.clone());
                match self.state {
                    ChannelState::Unset => self.enter(ChannelState::Pending, context.now),
                    ChannelState::Moving => self.part(ChannelState::Pending, context.now),
                    _ => {}
                }
                true
            }
            Reading::Value(_) | Reading::Absent => {
                self.pfn = None;
                if self.state == ChannelState::Moving {
                    self.part(ChannelState::Unset, context.now);
                }
                let refused =
                    matches!(self.state, ChannelState::Refused(Refusal::Provider | Refusal::Write(_)));
                if !refused {
                    self.enter(ChannelState::Unset, context.now);
                }
                false
            }
            // Read after a write, or not at all: what is known of the PFN stays.
            Reading::Unanswered | Reading::Failed(_) => self.pfn.as_ref() == Some(context.pfn),
        }
    }

    fn reported(&mut self, uri: ChannelUri, status: Option<i32>, context: &Context<'_>) {
        if self.dead.contains(&uri.fingerprint()) {
            // Reported again, or brought back: WNS has called it dead.
            return self.enter(ChannelState::Dead, context.now);
        }
        if self.former == Some(uri.fingerprint()) {
            return self.without_uri(status, context);
        }
        if self.uri.as_ref() != Some(&uri) {
            return self.new_generation(uri, context);
        }
        let renewed =
            self.aged_from.and_then(|from| self.repair.succeeded_since(from)).filter(|_| status == Some(0));
        let over = matches!(self.state, ChannelState::Stale | ChannelState::Dead);
        if over {
            // The same URI may have been renewed (wns.md §5): a reset since it ended must say so.
            let Some(at) = renewed.filter(|&at| at >= self.since) else { return };
            self.aged_from = Some(at);
        } else if let Some(at) = renewed {
            self.aged_from = Some(at);
        }
        let mends = !matches!(self.state, ChannelState::Refused(_)) || status == Some(0);
        if mends {
            self.live(context);
        }
    }

    fn new_generation(&mut self, uri: ChannelUri, context: &Context<'_>) {
        self.uri = Some(uri);
        self.former = None;
        self.generation += 1;
        self.first_seen = Some(context.now);
        self.aged_from = Some(context.now);
        self.gate = super::Gate::default();
        self.live(context);
    }

    fn live(&mut self, context: &Context<'_>) {
        self.enter(ChannelState::Live, context.now);
        if !self.aged(context) {
            self.repair.healed();
        }
    }

    fn without_uri(&mut self, status: Option<i32>, context: &Context<'_>) {
        let unknown = status.filter(|status| !(0..=7).contains(status));
        if let Some(status) = unknown {
            return self.enter(ChannelState::Refused(Refusal::PushStatus(status)), context.now);
        }
        let over = matches!(self.state, ChannelState::Dead | ChannelState::Stale);
        let waits = over && self.repair.succeeded_since(self.since).is_none();
        if waits || matches!(status, Some(1 | 5)) {
            // Dead until it is repaired; and the Status says more than the missing URI.
            return;
        }
        if self.state == ChannelState::Pending {
            self.repair.pending_session();
        }
        self.enter(ChannelState::Pending, context.now);
    }

    /// The two codes that count whatever the URI looks like.
    fn heed_status(&mut self, status: Option<i32>, context: &Context<'_>) {
        match status {
            Some(1) => self.enter(ChannelState::Refused(Refusal::PushStatus(1)), context.now),
            Some(5) => self.enter(ChannelState::Dead, context.now),
            _ => {}
        }
    }
}
