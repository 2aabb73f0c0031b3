use std::fmt;

use syncml::Message;

use crate::{
    alert::{self, ReceivedAlert},
    answer::{Answer, Speaker},
    command::Outgoing,
    course::Course,
    dev_info::{self, DevInfo},
    hear::{self, Heard},
    identify::Identify,
    outcome::Outcome,
    scope::Scope,
    session::{Cut, Exchange, Session},
    settings::Settings,
};

/// A message that was believed: read it, then [`answer`](Self::answer) it.
pub struct Turn<'m> {
    message: &'m Message<'m>,
    settings: &'m Settings,
    scope: Scope,
    /// Whether the device takes large objects.
    large_objects: bool,
    /// None for a message that belongs to no session.
    session: Option<Session>,
    opened: bool,
    replaced: Option<Cut>,
    heard: Heard,
}

impl<'m> Turn<'m> {
    pub(crate) fn in_session(identify: &Identify<'m>, mut session: Session, signed: bool) -> Self {
        let Identify { message, body_hash, large_objects, now, settings, .. } = *identify;
        let previous = (session.messages > 0).then_some(session.last.msg_id);
        session.messages = session.messages.saturating_add(1);
        session.heard_at = now;
        session.last = Exchange { msg_id: message.header.msg_id, body_hash, signed, reply: String::new() };
        let heard = hear::in_session(message, &mut session, previous, settings);
        let scope = session.scope;
        let session = Some(session);
        Self { message, settings, scope, large_objects, session, opened: false, replaced: None, heard }
    }

    pub(crate) fn stray(message: &'m Message<'m>, scope: Scope, settings: &'m Settings) -> Self {
        Self {
            message,
            settings,
            scope,
            large_objects: false,
            session: None,
            opened: false,
            replaced: None,
            heard: hear::stray(message),
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

    /// The message's alerts, in order. One that came in pieces is among those of the message that
    /// brought its last one.
    pub fn alerts(&self) -> Vec<ReceivedAlert<'_>> {
        alert::read_whole(self.message, &self.heard.pieces)
    }

    /// What the device tells about itself, if it does.
    pub fn dev_info(&self) -> Option<DevInfo> {
        dev_info::read(self.message, &self.heard.pieces)
    }

    /// What became of commands of this session, whether they were sent or not. Nothing is told twice.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.heard.told.outcomes
    }

    /// How many Statuses and Results items were about nothing that was outstanding.
    pub fn ignored(&self) -> usize {
        self.heard.told.ignored
    }

    /// Whether the user left the management (oma-dm.md §3.4).
    pub fn unenrolled(&self) -> bool {
        alert::read(self.message).any(|alert| alert.unenrolls())
    }

    /// Whether the device aborted the session.
    pub fn aborted(&self) -> bool {
        alert::read(self.message).any(|alert| alert.aborts())
    }

    /// Whether commands that are given now go into the reply, as many of them as have room: the
    /// device has said everything, the session goes on, and no earlier command waits.
    pub fn may_send(&self) -> bool {
        let waits = self.session.as_ref().is_some_and(|session| !session.outbox.is_empty());
        self.heard.course == Course::Onward && !waits
    }

    /// Makes the reply: commands go behind those that wait, and what has room is sent. Without any
    /// the session is completed, unless the device has more to say.
    pub fn answer(self, commands: Vec<Outgoing>) -> Answer {
        let Self { message, settings, large_objects, session, heard, .. } = self;
        let speaker = Speaker { message, settings, large_objects, heard };
        match session {
            Some(session) => speaker.in_session(session, commands),
            None => speaker.stray(commands),
        }
    }
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("device", &self.device())
            .field("session", &self.session)
            .field("opened", &self.opened)
            .field("outcomes", &self.heard.told.outcomes)
            .field("may_send", &self.may_send())
            .finish_non_exhaustive()
    }
}
