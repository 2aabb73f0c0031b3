//! What may be sent to a device, and in how many pieces (oma-dm.md §6).

use serde::{Deserialize, Serialize};
use syncml::{Alert, Header, Message};
use thiserror::Error;

use crate::{
    command::{Command, Kind, Outgoing, Tag, Verb},
    mutual,
    node::Node,
    object::{Pieces, Sending},
    reply::{Reply, Signature},
    settings::{ServerAccount, Settings},
    wire,
};

/// A command that this device cannot be sent. It has no outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsendable {
    /// The command's name.
    pub tag: Tag,
    /// Why not.
    pub error: SendError,
}

/// Why a device cannot be sent a command. The caller's mistake: the sizes are of the command as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// It does not fit into a message, and the device takes no large objects.
    #[error(
        "the command takes {needed} bytes and a message to the device has room for {allowed}; \
         the device takes no large objects (./DevDetail/LrgObj): send less at once"
    )]
    TooLarge {
        /// Bytes of the command.
        needed: usize,
        /// Bytes that a message has for it.
        allowed: usize,
    },
    /// It does not fit into a message, and only the data of one node can be sent in chunks.
    #[error(
        "the command takes {needed} bytes and a message to the device has room for {allowed}; \
         an Atomic, a Sequence or a target cannot be cut: send less at once"
    )]
    Indivisible {
        /// Bytes of the command.
        needed: usize,
        /// Bytes that a message has for it.
        allowed: usize,
    },
    /// The device takes no object of this size (`MaxObjSize`).
    #[error("the data has {needed} bytes and the device takes objects of {allowed} (MaxObjSize)")]
    ObjectTooLarge {
        /// Bytes of the data.
        needed: usize,
        /// Bytes that the device takes.
        allowed: usize,
    },
}

/// What a device said of its limits, in the headers of its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Bounds {
    message: Option<usize>,
    object: Option<usize>,
}

/// What may be sent to a device.
pub(crate) struct Terms {
    /// Bytes of a message.
    pub(crate) limit: usize,
    /// Bytes that the shortest message has for a command.
    room: usize,
    /// Whether the device takes large objects, and how long ones.
    objects: Option<usize>,
}

/// How a command is to be sent.
pub(crate) enum Plan {
    Whole(Outgoing),
    /// One command for each of its nodes.
    Parts(Vec<Outgoing>),
    Object(Sending),
    Refused(Unsendable),
}

impl Bounds {
    /// A size that is no number, or nothing, is none.
    pub(crate) fn learn(&mut self, header: &Header<'_>) {
        let Some(meta) = &header.meta else { return };
        let size = |text: Option<&str>| text?.trim().parse().ok().filter(|size| *size > 0);
        self.message = size(meta.max_msg_size.as_deref()).or(self.message);
        self.object = size(meta.max_obj_size.as_deref()).or(self.object);
    }
}

impl Terms {
    pub(crate) fn new(
        message: &Message<'_>,
        bounds: Bounds,
        large_objects: bool,
        settings: &Settings,
    ) -> Self {
        let limit = bounds.message.unwrap_or(usize::MAX).min(settings.max_message_bytes);
        let room = limit.saturating_sub(shortest(message, settings.server.as_ref()));
        let objects = large_objects.then(|| bounds.object.unwrap_or(usize::MAX));
        Self { limit, room, objects }
    }

    /// Whether a command can be sent at all, however long it has to wait.
    pub(crate) fn check(&self, outgoing: &Outgoing) -> Result<(), Unsendable> {
        if wire::bytes(outgoing) <= self.room {
            return Ok(());
        }
        match self.in_pieces(outgoing.clone()) {
            Plan::Parts(parts) => parts.iter().try_for_each(|part| self.check(part)),
            Plan::Refused(unsendable) => Err(unsendable),
            Plan::Whole(_) | Plan::Object(_) => Ok(()),
        }
    }

    /// How a command is to be sent that a message has no room for: one that fits into the shortest
    /// waits for that.
    pub(crate) fn plan(&self, outgoing: Outgoing) -> Plan {
        if wire::bytes(&outgoing) <= self.room { Plan::Whole(outgoing) } else { self.in_pieces(outgoing) }
    }

    fn in_pieces(&self, outgoing: Outgoing) -> Plan {
        let (needed, allowed) = (wire::bytes(&outgoing), self.room);
        let Outgoing { tag, command: Command(kind) } = outgoing;
        let refused = |tag, error| Plan::Refused(Unsendable { tag, error });
        let indivisible = SendError::Indivisible { needed, allowed };
        let (verb, mut nodes) = match kind {
            Kind::About(verb, nodes) => (verb, nodes),
            Kind::Group(..) => return refused(tag, indivisible),
        };
        // Their order is kept, and each has an outcome of its own as before.
        if nodes.len() > 1 {
            let part = |node| Outgoing::new(tag.as_str(), Command(Kind::About(verb, vec![node])));
            return Plan::Parts(nodes.into_iter().map(part).collect());
        }
        let Some(node) = nodes.pop() else { return refused(tag, indivisible) };
        match self.object_error(verb, &node, needed) {
            Some(error) => refused(tag, error),
            None => Plan::Object(Sending::new(tag, verb, node)),
        }
    }

    /// Why a node's data cannot go over in chunks.
    fn object_error(&self, verb: Verb, node: &Node, needed: usize) -> Option<SendError> {
        let allowed = self.room;
        let bytes = node.data.as_ref().map_or(0, |(_, data)| data.len());
        let escaped = node.data.as_ref().map_or(0, |(_, data)| syncml::escaped_len(data));
        let around = needed.saturating_sub(escaped) + AROUND_CHUNK;
        let is_writing = matches!(verb, Verb::Add | Verb::Replace | Verb::Exec);
        match self.objects {
            _ if !is_writing || bytes == 0 => Some(SendError::Indivisible { needed, allowed }),
            None => Some(SendError::TooLarge { needed, allowed }),
            Some(_) if around > allowed => Some(SendError::Indivisible { needed, allowed }),
            Some(most) if bytes > most => Some(SendError::ObjectTooLarge { needed: bytes, allowed: most }),
            Some(_) => None,
        }
    }
}

/// `Size`, `MoreData`, larger numbers, and some data: less is not worth a message.
const AROUND_CHUNK: usize = 192;

/// Bytes of a message that says nothing but what it must: it is addressed, signed if it may have to
/// be, and answers a message that only asks for it.
fn shortest(message: &Message<'_>, server: Option<&ServerAccount>) -> usize {
    let asks = Alert { cmd_id: Some("99999".into()), data: Some("1222".into()), items: Vec::new() };
    let longest = Message {
        header: Header { msg_id: u32::MAX, ..message.header.clone() },
        commands: vec![syncml::Command::Alert(asks)],
        is_final: false,
    };
    let signature = server.map(|server| Signature { user: &server.user, cred: mutual::cred(server, &[]) });
    let mut reply = Reply::to(&longest).signed(signature);
    reply.statuses(200, &Pieces::default());
    reply.len()
}
