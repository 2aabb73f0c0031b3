//! What a message says, in the course of its session.

use syncml::Message;

use crate::{
    course::Course,
    matching::{Matching, Told},
    object::{Incoming, Pieces},
    session::Session,
    settings::Settings,
};

/// What a message said, and where it leads.
pub(crate) struct Heard {
    pub(crate) course: Course,
    pub(crate) told: Told,
    pub(crate) pieces: Pieces,
}

/// Takes a message into its session. `previous` is the `MsgID` of the one before, if there was one.
pub(crate) fn in_session<'m>(
    message: &'m Message<'m>,
    session: &mut Session,
    previous: Option<u32>,
    settings: &Settings,
) -> Heard {
    session.bounds.learn(&message.header);
    let most = if session.is_open() { settings.max_object_bytes } else { 0 };
    let mut pieces = Pieces::of(message, std::mem::take(&mut session.incoming), most);
    let wants_more = pieces.wants_more();
    let course = Course::of(message, session, wants_more, settings);
    let mut matching = Matching::of(message, std::mem::take(&mut session.outstanding), &mut pieces);
    if settings.server.is_some() && session.mutual.hear(message, previous) {
        session.outbox.take_back(&mut matching);
    }
    let lost = session.outbox.hear(message, &mut matching, course.package());
    let course = if wants_more { course } else { go_on(course, session) };
    let mut told = matching.deliver(course.package());
    told.outcomes.extend(lost);
    if !told.outcomes.is_empty() {
        session.outbox.forget_sent();
    }
    let course = settle(course, session, &told);
    if matches!(course, Course::End(_)) {
        told.outcomes.extend(session.outbox.abandon());
    } else {
        session.incoming = std::mem::take(&mut pieces.incoming);
    }
    Heard { course, told, pieces }
}

/// A message that belongs to no session.
pub(crate) fn stray(message: &Message<'_>) -> Heard {
    let mut pieces = Pieces::of(message, Incoming::default(), 0);
    let told = Matching::of(message, Vec::new(), &mut pieces).deliver(Course::Over.package());
    Heard { course: Course::Over, told, pieces }
}

/// A device that has a chunk gets the next one, whether it asks for it or not.
fn go_on(course: Course, session: &Session) -> Course {
    match course {
        Course::Listen if session.outbox.is_mid_object() => Course::Next,
        course => course,
    }
}

/// A device that asks for more than there is goes on if it owes answers; otherwise it is our turn.
fn settle(course: Course, session: &Session, told: &Told) -> Course {
    match course {
        Course::Next if !session.outbox.is_empty() => Course::Next,
        Course::Next if told.outstanding.is_empty() => Course::Onward,
        Course::Next => Course::Listen,
        course => course,
    }
}
