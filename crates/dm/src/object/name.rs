//! What tells one object of a device from another. Names are kept from message to message and compared with those of
//! each item that comes, so that they are short.

use serde::{Deserialize, Serialize};

use crate::target;

/// What tells one object from another.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Name {
    command: String,
    msg_ref: Option<String>,
    cmd_ref: Option<String>,
    uri: Option<target::Uri>,
}

/// What a command says that its items belong to.
#[derive(Clone, Copy)]
pub(super) struct Refs<'m> {
    pub(super) command: &'m str,
    pub(super) msg_ref: Option<&'m str>,
    pub(super) cmd_ref: Option<&'m str>,
}

const BAD_REQUEST: u16 = 400;
const URI_TOO_LONG: u16 = 414;

/// Bytes of a URI or of a reference: many times what Windows sends.
const LONGEST: usize = 2_048;

impl Refs<'_> {
    /// The code for an item of a name that is too long to be kept. It is not heard even if it seems whole: it may be an
    /// object's last piece.
    pub(super) fn refused(self, uri: Option<&str>) -> Option<u16> {
        let is_long = |text: Option<&str>| text.is_some_and(|text| text.len() > LONGEST);
        match () {
            () if is_long(uri) => Some(URI_TOO_LONG),
            () if is_long(self.msg_ref) || is_long(self.cmd_ref) => Some(BAD_REQUEST),
            () => None,
        }
    }
}

impl Name {
    pub(super) fn new(Refs { command, msg_ref, cmd_ref }: Refs<'_>, uri: Option<&str>) -> Self {
        Self {
            command: command.to_owned(),
            msg_ref: msg_ref.map(str::to_owned),
            cmd_ref: cmd_ref.map(str::to_owned),
            uri: uri.map(|uri| uri.to_owned().into()),
        }
    }

    pub(super) fn uri(&self) -> Option<&str> {
        self.uri.as_ref().map(target::Uri::as_str)
    }

    /// Whether a later piece of this name is of the same object.
    pub(super) fn is_same(&self, later: &Self) -> bool {
        self.refs() == later.refs() && self.is_same_node(later)
    }

    fn refs(&self) -> (&str, Option<&str>, Option<&str>) {
        (&self.command, self.msg_ref.as_deref(), self.cmd_ref.as_deref())
    }

    fn is_same_node(&self, later: &Self) -> bool {
        match (&self.uri, &later.uri) {
            (Some(uri), Some(later)) => uri.is_same(later),
            // A later piece need not name the node again.
            (_, None) => true,
            (None, Some(_)) => false,
        }
    }
}
