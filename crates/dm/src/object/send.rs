//! A large object on its way to a device.

use serde::{Deserialize, Serialize};

use crate::{
    command::{Tag, Verb},
    matching::{Matching, Package},
    node::Node,
    outcome::Outcome,
    pending::SentAs,
};

/// A command about one node whose data goes over in chunks.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sending {
    tag: Tag,
    verb: Verb,
    node: Node,
    /// Bytes of the data that the device has.
    taken: usize,
    /// The chunk that it was sent; None if it has to be sent.
    under_way: Option<Chunk>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Chunk {
    sent_as: SentAs,
    bytes: usize,
}

/// What a message says besides the Statuses of chunks.
pub(crate) struct About {
    /// It wants the next message of our package.
    pub(crate) asks_for_more: bool,
    /// The last message of ours that it speaks of.
    pub(crate) heard_of: Option<u32>,
    /// Whether it will say more about what it was sent.
    pub(crate) package: Package,
}

/// What is to be sent of an object.
#[derive(Clone, Copy)]
pub(crate) struct Slice<'s> {
    pub(crate) tag: &'s Tag,
    pub(crate) verb: Verb,
    pub(crate) node: &'s Node,
    pub(crate) data: &'s str,
    /// Of the whole object, in its first chunk.
    pub(crate) size: Option<usize>,
    pub(crate) is_last: bool,
}

impl Sending {
    pub(crate) fn new(tag: Tag, verb: Verb, node: Node) -> Self {
        Self { tag, verb, node, taken: 0, under_way: None }
    }

    /// What the device says about the chunk that it was sent. None if no chunk follows; `matching`
    /// then has what became of the command.
    pub(crate) fn hear(mut self, matching: &mut Matching, about: &About) -> Option<Self> {
        let Some(Chunk { sent_as, bytes }) = self.under_way.take() else { return Some(self) };
        let is_last = self.taken + bytes == self.data().len();
        let said = matching.said(sent_as);
        let came = about.heard_of == Some(sent_as.msg_id);
        let has_it = said.as_ref().map_or(about.asks_for_more && came, |said| !said.is_final());
        if !is_last && has_it {
            matching.forget(sent_as);
            self.taken += bytes;
            return Some(self);
        }
        if said.is_none() && about.asks_for_more && !came {
            // It never saw the message: the chunk is sent again.
            matching.forget(sent_as);
            return Some(self);
        }
        if said.is_none() && about.package == Package::GoesOn {
            self.under_way = Some(Chunk { sent_as, bytes });
            return Some(self);
        }
        // Success before the end: it took a chunk for the whole.
        if !is_last && said.is_some_and(|said| said.code < 300) {
            matching.lose(sent_as);
        }
        None
    }

    /// The device gave the object up. The command's outcome, if no chunk is under way that it could
    /// be told about.
    pub(crate) fn give_up(self, matching: &mut Matching) -> Option<Outcome> {
        if let Some(Chunk { sent_as, .. }) = &self.under_way {
            matching.lose(*sent_as);
        }
        self.unheard()
    }

    /// The last chunk has to be sent again, unless the device has dealt with it.
    pub(crate) fn take_back(&mut self, matching: &mut Matching) {
        if let Some(Chunk { sent_as, .. }) = &self.under_way
            && matching.take_back(*sent_as, 1)
        {
            self.under_way = None;
        }
    }

    /// What the device does not have yet, as if it went over at once; None while a chunk is under way.
    pub(crate) fn rest(&self) -> Option<Slice<'_>> {
        let Self { tag, verb, node, taken, under_way: None } = self else { return None };
        let size = (*taken == 0).then_some(self.data().len());
        Some(Slice { tag, verb: *verb, node, data: &self.data()[*taken..], size, is_last: true })
    }

    pub(crate) fn sent(&mut self, sent_as: SentAs, bytes: usize) {
        self.under_way = Some(Chunk { sent_as, bytes });
    }

    /// Whether the next chunk has to be sent.
    pub(crate) fn is_due(&self) -> bool {
        self.under_way.is_none()
    }

    /// What is known of a command that no chunk is under way of.
    pub(crate) fn unheard(&self) -> Option<Outcome> {
        let target = || Some(self.node.target.clone());
        self.under_way.is_none().then(|| Outcome::new(self.tag.clone(), target(), None, None))
    }

    /// Whether the device has heard of it.
    pub(crate) fn has_begun(&self) -> bool {
        self.taken > 0 || self.under_way.is_some()
    }

    fn data(&self) -> &str {
        self.node.data.as_ref().map_or("", |(_, data)| data)
    }
}

impl Slice<'_> {
    /// As much of it as takes at most `room` bytes when it is written.
    pub(crate) fn cut(self, room: usize) -> Self {
        let data = &self.data[..fitting(self.data, room)];
        Self { data, is_last: self.is_last && data.len() == self.data.len(), ..self }
    }
}

/// How many bytes of `text` take at most `room` bytes when they are written.
fn fitting(text: &str, room: usize) -> usize {
    let mut left = room;
    for (at, c) in text.char_indices() {
        let takes = syncml::escaped_len(c.encode_utf8(&mut [0; 4]));
        let Some(rest) = left.checked_sub(takes) else { return at };
        left = rest;
    }
    text.len()
}
