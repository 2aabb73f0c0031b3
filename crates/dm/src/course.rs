use syncml::Message;

use crate::{
    alert::{self, ReceivedAlert},
    matching::Package,
    session::{Ending, Session},
    settings::Settings,
};

/// Where a reply leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// Commands if there are any, otherwise the end.
    Onward,
    /// The device wants more of us before it goes on.
    Next,
    /// The device is busy: only Statuses, and no Final, which would end the session.
    Wait,
    /// The device has more to say first.
    Listen,
    /// The session ends.
    End(Ending),
    /// There is no session any more, or none that we know.
    Over,
}

impl Course {
    /// `wants_more` is whether the device has yet to send the rest of a large object.
    pub(crate) fn of<'m>(
        message: &'m Message<'m>,
        session: &Session,
        wants_more: bool,
        settings: &Settings,
    ) -> Self {
        let says = |what: fn(&ReceivedAlert<'m>) -> bool| alert::read(message).any(|alert| what(&alert));
        if !session.is_open() {
            Self::Over
        } else if says(ReceivedAlert::unenrolls) {
            Self::End(Ending::Unenrolled)
        } else if says(ReceivedAlert::aborts) {
            Self::End(Ending::Aborted)
        } else if session.messages >= settings.max_messages {
            Self::End(Ending::TooManyMessages)
        } else if !message.is_final && says(ReceivedAlert::keeps_alive) {
            Self::Wait
        } else if wants_more {
            Self::Listen
        } else if message.is_final {
            Self::Onward
        } else if says(ReceivedAlert::asks_for_more) {
            Self::Next
        } else {
            Self::Listen
        }
    }

    /// Whether the device may say more about what it was sent.
    pub(crate) fn package(self) -> Package {
        match self {
            Self::Onward | Self::End(_) | Self::Over => Package::Complete,
            Self::Next | Self::Wait | Self::Listen => Package::GoesOn,
        }
    }
}
