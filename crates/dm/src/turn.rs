use std::fmt;

use model::Timestamp;
use syncml::Message;

use crate::{
    alert::{self, ReceivedAlert},
    command::Outgoing,
    dev_info::{self, DevInfo},
    outstanding::{self, Outcome, Package, Reading},
    receive::BodyHash,
    reply::{Close, Reply},
    scope::Scope,
    session::{Cut, Ending, Exchange, Session},
    settings::Settings,
};

/// A message that was believed: read it, then [`answer`](Self::answer) it.
pub struct Turn<'m> {
    message: &'m Message<'m>,
    scope: Scope,
    /// None for a message that belongs to no session.
    session: Option<Session>,
    opened: bool,
    replaced: Option<Cut>,
    course: Course,
    reading: Reading,
}

/// What comes out of a turn. Store it, then send the reply.
#[derive(Debug)]
pub struct Answer {
    /// The session as it is to be stored; None if the message belonged to none.
    pub session: Option<Session>,
    /// The reply's bytes.
    pub reply: Vec<u8>,
    /// How the session ended, if this reply ends it.
    pub ended: Option<Ending>,
    /// Commands that had no place in this reply; none if [`Turn::may_send`] said yes.
    pub unsent: Vec<Outgoing>,
}

/// Where a reply leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    /// Commands if there are any, otherwise the end.
    Onward,
    /// The device is busy: only Statuses, and no Final, which would end the session.
    Wait,
    /// The device has more to say first.
    Listen,
    /// The session ends.
    End(Ending),
    /// There is no session any more, or none that we know.
    Over,
}

impl<'m> Turn<'m> {
    pub(crate) fn in_session(
        message: &'m Message<'m>,
        body_hash: BodyHash,
        mut session: Session,
        now: Timestamp,
        settings: &Settings,
    ) -> Self {
        session.messages = session.messages.saturating_add(1);
        session.heard_at = now;
        session.last = Exchange { msg_id: message.header.msg_id, body_hash, reply: String::new() };
        let course = course(message, &session, settings);
        let package = match course {
            Course::Wait | Course::Listen => Package::GoesOn,
            Course::Onward | Course::End(_) | Course::Over => Package::Complete,
        };
        let outstanding = std::mem::take(&mut session.outstanding);
        Self {
            message,
            scope: session.scope,
            session: Some(session),
            opened: false,
            replaced: None,
            course,
            reading: outstanding::read(message, outstanding, package),
        }
    }

    pub(crate) fn stray(message: &'m Message<'m>, scope: Scope) -> Self {
        Self {
            message,
            scope,
            session: None,
            opened: false,
            replaced: None,
            course: Course::Over,
            reading: outstanding::read(message, Vec::new(), Package::Complete),
        }
    }

    pub(crate) fn opened_in_place_of(self, replaced: Option<Cut>) -> Self {
        Self { opened: true, replaced, ..self }
    }

    /// The name of the device.
    pub fn device(&self) -> &'m str {
        &self.message.header.source.uri
    }

    /// The session, this message counted; None if the message belongs to none that is known.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Whose session it is.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether the message begins the session.
    pub fn opened(&self) -> bool {
        self.opened
    }

    /// The open session that the new one takes the place of: store its end as well.
    pub fn replaced(&self) -> Option<&Cut> {
        self.replaced.as_ref()
    }

    /// The message's alerts, in order.
    pub fn alerts(&self) -> Vec<ReceivedAlert<'m>> {
        alert::read(self.message).collect()
    }

    /// What the device tells about itself, if it does.
    pub fn dev_info(&self) -> Option<DevInfo> {
        dev_info::read(self.message)
    }

    /// What became of commands that were sent in this session. Nothing is told twice.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.reading.outcomes
    }

    /// How many Statuses and Results items were about nothing that was outstanding.
    pub fn ignored(&self) -> usize {
        self.reading.ignored
    }

    /// Whether the user left the management (oma-dm.md §3.4).
    pub fn unenrolled(&self) -> bool {
        alert::read(self.message).any(|alert| alert.unenrolls())
    }

    /// Whether the device aborted the session.
    pub fn aborted(&self) -> bool {
        alert::read(self.message).any(|alert| alert.aborts())
    }

    /// Whether the reply may carry commands: the device has said everything, and the session goes on.
    pub fn may_send(&self) -> bool {
        self.course == Course::Onward
    }

    /// Makes the reply. Without commands the session is completed, unless the device has more to say.
    pub fn answer(self, commands: Vec<Outgoing>) -> Answer {
        let (commands, unsent) =
            if self.may_send() { (commands, Vec::new()) } else { (Vec::new(), commands) };
        let header_code = self.session.as_ref().map_or(200, |session| session.auth.accepted());
        let mut reply = Reply::to(self.message);
        reply.statuses(header_code, &self.reading.refused);
        let sent = reply.send(&commands);
        let (close, ended) = match self.course {
            Course::Onward if sent.is_empty() => (Close::Final, Some(Ending::Completed)),
            Course::Onward | Course::Over => (Close::Final, None),
            Course::End(ending) => (Close::Final, Some(ending)),
            Course::Wait => (Close::Open, None),
            Course::Listen => {
                reply.next_message();
                (Close::Open, None)
            }
        };
        let reply = reply.finish(close);
        let session = self.session.map(|mut session| {
            session.outstanding = self.reading.outstanding;
            session.outstanding.extend(sent);
            session.ended = session.ended.or(ended);
            session.last.reply.clone_from(&reply);
            session
        });
        Answer { session, reply: reply.into_bytes(), ended, unsent }
    }
}

fn course<'m>(message: &'m Message<'m>, session: &Session, settings: &Settings) -> Course {
    let says = |what: fn(&ReceivedAlert<'m>) -> bool| alert::read(message).any(|alert| what(&alert));
    if !session.is_open() {
        Course::Over
    } else if says(ReceivedAlert::unenrolls) {
        Course::End(Ending::Unenrolled)
    } else if says(ReceivedAlert::aborts) {
        Course::End(Ending::Aborted)
    } else if session.messages >= settings.max_messages {
        Course::End(Ending::TooManyMessages)
    } else if message.is_final {
        Course::Onward
    } else if says(ReceivedAlert::keeps_alive) {
        Course::Wait
    } else {
        Course::Listen
    }
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("device", &self.device())
            .field("session", &self.session)
            .field("opened", &self.opened)
            .field("outcomes", &self.reading.outcomes)
            .field("may_send", &self.may_send())
            .finish_non_exhaustive()
    }
}
