//! What is to be said to a device: commands that wait, the object that goes over in chunks, and
//! commands that may have to be sent again.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use syncml::Message;

use crate::{
    alert::{self, ReceivedAlert},
    command::Outgoing,
    matching::{self, Matching, Package},
    object::{About, Sending},
    outcome::{self, Outcome},
    pending::{Pending, SentAs},
    reply::{Close, Reply},
    terms::{Plan, Terms, Unsendable},
};

/// What is to be said in the course of a session.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Outbox {
    queue: VecDeque<Outgoing>,
    sending: Option<Sending>,
    /// Commands under way, in case the device asks who we are first.
    kept: Vec<Kept>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    outgoing: Outgoing,
    sent_as: SentAs,
    /// How many `CmdID`s it and its inner commands have.
    count: u32,
}

/// What a reply said.
pub(crate) struct Spoken {
    /// What is to be answered.
    pub(crate) pending: Vec<Pending>,
    pub(crate) close: Close,
    /// The commands of the queue: under which number, and how many numbers each has.
    commands: Vec<(SentAs, u32)>,
    /// The chunk.
    chunk: Option<(SentAs, usize)>,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.sending.is_none()
    }

    /// Puts a command behind the others, or says why it can never be sent.
    pub(crate) fn add(&mut self, outgoing: Outgoing, terms: &Terms) -> Result<(), Unsendable> {
        terms.check(&outgoing)?;
        self.queue.push_back(outgoing);
        Ok(())
    }

    /// What the device says about the object that it is sent. Outcomes are told here if `matching`
    /// knows nothing that they could be told about.
    pub(crate) fn hear<'m>(
        &mut self,
        message: &'m Message<'m>,
        matching: &mut Matching,
        package: Package,
    ) -> Vec<Outcome> {
        let says = |what: fn(&ReceivedAlert<'m>) -> bool| alert::read(message).any(|alert| what(&alert));
        let Some(sending) = self.sending.take() else { return Vec::new() };
        if says(ReceivedAlert::misses_end) && sending.has_begun() {
            return sending.give_up(matching).into_iter().collect();
        }
        let asks_for_more = says(ReceivedAlert::asks_for_more);
        let about = About { asks_for_more, heard_of: matching::heard_of(message), package };
        self.sending = sending.hear(matching, &about);
        Vec::new()
    }

    /// Whether a chunk is to be sent next.
    pub(crate) fn is_mid_object(&self) -> bool {
        self.sending.as_ref().is_some_and(Sending::is_due)
    }

    /// The device wants to know who we are: what it has not executed is sent again, and first.
    pub(crate) fn take_back(&mut self, matching: &mut Matching) {
        if let Some(sending) = &mut self.sending {
            sending.take_back(matching);
        }
        for Kept { outgoing, sent_as, count } in std::mem::take(&mut self.kept).into_iter().rev() {
            if matching.take_back(sent_as, count) {
                self.queue.push_front(outgoing);
            }
        }
    }

    /// Nothing that was sent will be sent again.
    pub(crate) fn forget_sent(&mut self) {
        self.kept.clear();
    }

    /// The session ends: what becomes of commands that were not sent is unknown.
    pub(crate) fn abandon(&mut self) -> Vec<Outcome> {
        std::mem::take(self).unsent().collect()
    }

    /// What is known of commands of which nothing is under way.
    pub(crate) fn unsent(&self) -> impl Iterator<Item = Outcome> {
        let object = self.sending.iter().filter_map(Sending::unheard);
        object.chain(self.queue.iter().flat_map(outcome::unsent))
    }

    /// Readies what comes next, if it does not fit into the message as it is: it is sent in chunks,
    /// in parts, or refused because the device has changed its terms.
    pub(crate) fn prepare(&mut self, reply: &Reply<'_>, terms: &Terms) -> Vec<Unsendable> {
        let mut refused = Vec::new();
        while self.sending.is_none()
            && let Some(next) = self.queue.pop_front()
        {
            if reply.has_room(&next, terms.limit) {
                self.queue.push_front(next);
                break;
            }
            match terms.plan(next) {
                Plan::Whole(next) => {
                    self.queue.push_front(next);
                    break;
                }
                Plan::Parts(parts) => parts.into_iter().rev().for_each(|part| self.queue.push_front(part)),
                Plan::Object(sending) => self.sending = Some(sending),
                Plan::Refused(unsendable) => refused.push(unsendable),
            }
        }
        refused
    }

    /// Says what has room in the message.
    pub(crate) fn speak<'r>(&'r self, reply: &mut Reply<'r>, limit: usize) -> Spoken {
        match &self.sending {
            Some(sending) => speak_chunk(sending, reply, limit),
            None => self.speak_commands(reply, limit),
        }
    }

    fn speak_commands<'r>(&'r self, reply: &mut Reply<'r>, limit: usize) -> Spoken {
        let mut spoken = Spoken::nothing(if self.queue.is_empty() { Close::Final } else { Close::Open });
        for outgoing in &self.queue {
            let Some(pending) = reply.send(outgoing, limit) else { break };
            let count = u32::try_from(pending.len()).unwrap_or(u32::MAX);
            spoken.commands.push((pending[0].sent_as, count));
            spoken.pending.extend(pending);
            spoken.close = Close::Final;
        }
        spoken
    }

    /// What was said is not said again, unless it is to be kept for that.
    pub(crate) fn note(&mut self, spoken: Spoken, keep: bool) -> Vec<Pending> {
        let said = self.queue.drain(..spoken.commands.len()).zip(spoken.commands);
        let kept = said.filter(|_| keep);
        self.kept.extend(kept.map(|(outgoing, (sent_as, count))| Kept { outgoing, sent_as, count }));
        if let (Some(sending), Some((sent_as, bytes))) = (&mut self.sending, spoken.chunk) {
            sending.sent(sent_as, bytes);
        }
        spoken.pending
    }
}

fn speak_chunk<'r>(sending: &'r Sending, reply: &mut Reply<'r>, limit: usize) -> Spoken {
    let mut spoken = Spoken::nothing(Close::Open);
    let sent = sending.rest().and_then(|rest| reply.send_chunk(rest, limit));
    if let Some((pending, bytes, close)) = sent {
        spoken.chunk = Some((pending.sent_as, bytes));
        spoken.pending.push(pending);
        spoken.close = close;
    }
    spoken
}

impl Spoken {
    fn nothing(close: Close) -> Self {
        Self { pending: Vec::new(), close, commands: Vec::new(), chunk: None }
    }
}
