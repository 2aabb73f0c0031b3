//! What a message leads to: decided without I/O, between loading and committing.

use dm::{BodyHash, Ending, Identified, Turn};
use model::Timestamp;
use push::Channel;
use store::{SessionCommit, SessionStart, StoredChannel, StoredSession, Visitor};

use crate::{
    Inner,
    exchange::Arrival,
    guessing::Claim,
    identity::Standing,
    known::Known,
    refusal::Refusal,
    state::State,
    told::{Told, recorded, unsendable},
};

/// What a message leads to.
pub(crate) enum Decision {
    /// Nothing is to be stored: a repeat, a session that is over.
    Reply(Vec<u8>),
    /// A turn of a session.
    Commit {
        reply: Vec<u8>,
        commit: Box<SessionCommit>,
        /// The session as it was stored before.
        earlier: Option<StoredSession>,
    },
    /// The sender is asked for a credential, or told that it is refused. Nothing of a session is stored.
    No { reply: Vec<u8>, refused: Option<dm::Refusal> },
}

/// When a message is handled, and what may be done.
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    pub(crate) may_write: bool,
}

impl Inner {
    pub(crate) fn decide(
        &self,
        arrival: &Arrival<'_>,
        claim: Claim,
        standing: &Standing,
        visitor: Option<&Visitor>,
        may_write: bool,
    ) -> Result<Decision, Refusal> {
        let now = self.store.now();
        let moment = Moment { now, may_write };
        let known = visitor.map(Known::of);
        let stored = known.as_ref().map(Known::stored).unwrap_or_default();
        let hash = BodyHash::of(arrival.bytes);
        let identify = dm::receive(arrival.message, hash, stored, now, &self.settings.sessions);
        let account = known.as_ref().and_then(|known| known.account.as_ref());
        let transport = standing.transport(visitor.map(|visitor| visitor.device.id));
        let vouched_enough = transport == dm::Transport::Vouched && self.certificates_suffice();
        if arrival.has_credential() && !vouched_enough {
            self.door.check(claim, now)?;
        }
        let identified = identify.verify(account, transport, &self.nonces);
        self.learn(&identified, arrival, claim, transport, now);
        let turn = match identified {
            Identified::Repeat(reply) => return Ok(Decision::Reply(reply)),
            Identified::Challenge { reply, .. } => return Ok(Decision::No { reply, refused: None }),
            Identified::Refused { reply, why } => return Ok(Decision::No { reply, refused: Some(why) }),
            Identified::Opening(opening) => opening.begin(self.store.new_id()),
            Identified::Turn(turn) => turn,
        };
        Ok(match known {
            Some(known) => self.answer(turn, &known, arrival, &moment),
            // Only devices that are known can be identified.
            None => Decision::Reply(turn.answer(Vec::new()).reply),
        })
    }

    /// Counts right and wrong credentials.
    fn learn(
        &self,
        identified: &Identified<'_>,
        arrival: &Arrival<'_>,
        claim: Claim,
        transport: dm::Transport,
        now: Timestamp,
    ) {
        let believed = match identified {
            // Nobody guessed, and nobody proved anything now.
            Identified::Challenge { stale: true, .. } => return,
            Identified::Challenge { .. } | Identified::Refused { why: dm::Refusal::Credential, .. } => false,
            Identified::Turn(_)
            | Identified::Opening(_)
            | Identified::Repeat(_)
            | Identified::Refused { .. } => true,
        };
        match (believed, arrival.has_credential()) {
            (true, true) => self.door.right(claim),
            (true, false) if transport == dm::Transport::Vouched => self.door.right(claim),
            (false, true) => {
                self.door.wrong(claim, now);
                telemetry::metrics().wrong_credential();
                self.tell_wrong(arrival);
            }
            // A challenge, or a session that was accepted as a whole: nothing was shown.
            (_, false) => {}
        }
    }

    fn answer(&self, turn: Turn<'_>, known: &Known<'_>, arrival: &Arrival<'_>, moment: &Moment) -> Decision {
        let open = turn.session().is_some_and(|session| session.ended().is_none());
        if !open {
            return Decision::Reply(turn.answer(Vec::new()).reply);
        }
        let visitor = known.visitor;
        let earlier = known.earlier(&turn).cloned();
        let mut channel = visitor.channel.channel.clone();
        let mut visit = if turn.opened() { None } else { known.visit(&turn) };
        let commands = self.housekeep(&turn, visitor, &mut channel, &mut visit, moment);
        if turn.unenrolled() {
            channel.forget(moment.now);
        }
        let mut told = Told::by(&turn, visitor);
        let answer = turn.answer(commands);
        told.outcomes.extend(unsendable(&visitor.device.name, &answer));
        let Some(session) = answer.session else { return Decision::Reply(answer.reply) };
        let before = &visitor.channel;
        let commit = SessionCommit {
            device: visitor.device.id,
            key: session.key(),
            scope: told.scope,
            session_id: session.session_id().to_owned(),
            start: match &earlier {
                Some(earlier) if !told.opened => SessionStart::GoesOn { revision: earlier.revision },
                _ => SessionStart::Starts { newest: known.newest(told.scope) },
            },
            messages: session.messages(),
            ending: answer.ended.map(ending_name),
            mode: arrival.hints.mode.clone(),
            platform: arrival.hints.platform.clone(),
            alerts: told.alerts,
            outcomes: told.outcomes,
            outstanding: session.outstanding().iter().map(recorded).collect(),
            ignored: told.ignored,
            eventful: is_eventful(&before.channel, &channel, answer.ended),
            origin: arrival.hints.origin,
            info: told.info,
            detail_read: told.detail_read,
            unenrolled: told.unenrolled,
            trace: earlier.as_ref().map_or_else(|| telemetry::new_context(None), |earlier| earlier.trace),
            now: moment.now,
            state: State { session, visit }.encode(),
            channel: (channel != before.channel)
                .then_some(StoredChannel { channel, revision: before.revision }),
        };
        Decision::Commit { reply: answer.reply, commit: Box::new(commit), earlier }
    }
}

/// Whether something happened that is worth keeping for long.
fn is_eventful(before: &Channel, after: &Channel, ended: Option<Ending>) -> bool {
    let facts = |channel: &Channel| (channel.state(), channel.generation(), channel.last_write());
    facts(before) != facts(after) || ended.is_some_and(|ending| ending != Ending::Completed)
}

fn ending_name(ending: Ending) -> &'static str {
    match ending {
        Ending::Completed => "completed",
        Ending::Aborted => "aborted",
        Ending::Unenrolled => "unenrolled",
        Ending::TooManyMessages => "too_many_messages",
        Ending::Silent => "silent",
        Ending::Replaced => "superseded",
    }
}
