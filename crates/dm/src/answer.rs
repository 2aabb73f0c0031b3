//! From what was heard to what is said.

use syncml::Message;

use crate::{
    command::Outgoing,
    course::Course,
    hear::Heard,
    reply::{Close, Reply, Signature},
    session::{Ending, Session},
    settings::Settings,
    terms::{Terms, Unsendable},
};

/// What comes out of a turn. Store it, then send the reply.
#[derive(Debug)]
pub struct Answer {
    /// The session as it is to be stored; None if the message belonged to none.
    pub session: Option<Session>,
    /// The reply's bytes.
    pub reply: Vec<u8>,
    /// How the session ended, if this reply ends it.
    pub ended: Option<Ending>,
    /// Commands that had no place in this reply nor behind others, because the device has more to
    /// say first or the session is over; none if [`Turn::may_send`](crate::Turn::may_send) said yes.
    pub unsent: Vec<Outgoing>,
    /// Commands that this device can never be sent. They have no outcomes.
    pub refused: Vec<Unsendable>,
}

/// Says what follows from a message.
pub(crate) struct Speaker<'m> {
    pub(crate) message: &'m Message<'m>,
    pub(crate) settings: &'m Settings,
    pub(crate) large_objects: bool,
    pub(crate) heard: Heard,
}

/// A reply that is written, and how it ends the session.
struct Written {
    reply: String,
    ended: Option<Ending>,
    refused: Vec<Unsendable>,
}

impl Speaker<'_> {
    pub(crate) fn stray(self, commands: Vec<Outgoing>) -> Answer {
        let mut reply = Reply::to(self.message);
        reply.statuses(200, &self.heard.pieces);
        let reply = reply.finish(Close::Final).into_bytes();
        Answer { session: None, reply, ended: None, unsent: commands, refused: Vec::new() }
    }

    pub(crate) fn in_session(mut self, mut session: Session, commands: Vec<Outgoing>) -> Answer {
        session.outstanding = std::mem::take(&mut self.heard.told.outstanding);
        let (unsent, written) = match self.heard.course {
            Course::Onward | Course::Next => (Vec::new(), self.speak(&mut session, commands)),
            Course::Wait => (commands, self.only_statuses(&session, Close::Open, None)),
            Course::Listen => (commands, self.ask_for_more(&session)),
            Course::End(ending) => (commands, self.only_statuses(&session, Close::Final, Some(ending))),
            Course::Over => (commands, self.only_statuses(&session, Close::Final, None)),
        };
        let Written { reply, ended, refused } = written;
        session.ended = session.ended.or(ended);
        session.last.reply.clone_from(&reply);
        Answer { session: Some(session), reply: reply.into_bytes(), ended, unsent, refused }
    }

    fn speak(&self, session: &mut Session, commands: Vec<Outgoing>) -> Written {
        let terms = Terms::new(self.message, session.bounds, self.large_objects, self.settings);
        let added = commands.into_iter().map(|outgoing| session.outbox.add(outgoing, &terms));
        let mut refused: Vec<Unsendable> = added.filter_map(Result::err).collect();
        let mut reply = self.statuses(session);
        refused.extend(session.outbox.prepare(&reply, &terms));
        let spoken = session.outbox.speak(&mut reply, terms.limit);
        let reply = reply.finish(spoken.close);
        let keep = self.settings.server.is_some() && session.mutual.may_be_asked();
        session.outstanding.extend(session.outbox.note(spoken, keep));
        let is_over = session.outstanding.is_empty() && session.outbox.is_empty();
        Written { reply, ended: is_over.then_some(Ending::Completed), refused }
    }

    fn only_statuses(&self, session: &Session, close: Close, ended: Option<Ending>) -> Written {
        Written { reply: self.statuses(session).finish(close), ended, refused: Vec::new() }
    }

    /// The device has more to say: it is asked for the next message of its package (alert 1222).
    fn ask_for_more(&self, session: &Session) -> Written {
        let mut reply = self.statuses(session);
        reply.alert(1222, None);
        Written { reply: reply.finish(Close::Open), ended: None, refused: Vec::new() }
    }

    /// What every reply begins with.
    fn statuses<'r>(&'r self, session: &Session) -> Reply<'r> {
        let signature = self.settings.server.as_ref().and_then(|server| {
            let cred = session.mutual.cred(server)?;
            Some(Signature { user: &server.user, cred })
        });
        let mut reply = Reply::to(self.message).signed(signature);
        reply.statuses(session.auth.accepted(), &self.heard.pieces);
        for node in &self.heard.pieces.cut_off {
            reply.alert(1225, node.clone());
        }
        reply
    }
}
