//! Our commands as `SyncML`.

use std::borrow::Cow;

use syncml::{Alert, Command, Data, Group, Item, Location, Meta, NodeCommand};

use crate::{
    command::{Grouping, Kind, Outgoing, Verb},
    node::Node,
    object::Slice,
    pending::{Pending, SentAs},
};

/// Numbers the commands of one message.
#[derive(Clone)]
pub(crate) struct Numbering {
    msg_id: u32,
    last_id: u32,
}

impl Numbering {
    pub(crate) fn new(msg_id: u32) -> Self {
        Self { msg_id, last_id: 0 }
    }

    pub(crate) fn next(&mut self) -> Cow<'static, str> {
        self.last_id += 1;
        self.last_id.to_string().into()
    }

    pub(crate) fn last(&self) -> SentAs {
        SentAs { msg_id: self.msg_id, cmd_id: self.last_id }
    }

    /// A command and what is inside it, and what is to be answered about each.
    pub(crate) fn command<'r>(&mut self, outgoing: &'r Outgoing, pending: &mut Vec<Pending>) -> Command<'r> {
        let cmd_id = self.next();
        let targets = outgoing.command.0.nodes().iter().map(|node| node.target.clone()).collect();
        pending.push(Pending::new(self.last(), outgoing.tag.clone(), targets));
        match &outgoing.command.0 {
            Kind::About(verb, nodes) => about(*verb, cmd_id, nodes.iter().map(item).collect()),
            Kind::Group(grouping, inner) => {
                let commands = inner.iter().map(|inner| self.command(inner, pending)).collect();
                let group = Group { cmd_id: Some(cmd_id), meta: None, commands };
                match grouping {
                    Grouping::Sequence => Command::Sequence(group),
                    Grouping::Atomic => Command::Atomic(group),
                }
            }
        }
    }

    /// One chunk of a command's data.
    pub(crate) fn chunk<'r>(&mut self, slice: Slice<'r>) -> (Command<'r>, Pending) {
        let cmd_id = self.next();
        let targets = vec![slice.node.target.clone()];
        let pending = Pending::new(self.last(), slice.tag.clone(), targets);
        (about(slice.verb, cmd_id, vec![piece(slice)]), pending)
    }

    /// An alert that steers the session; 1225 names the node that it is about (oma-dm.md §6).
    pub(crate) fn alert(&mut self, code: u16, about: Option<String>) -> Command<'static> {
        let item = |uri: String| Item { source: Some(Location::new(uri)), ..Item::default() };
        Command::Alert(Alert {
            cmd_id: Some(self.next()),
            data: Some(code.to_string().into()),
            items: about.map(item).into_iter().collect(),
        })
    }
}

/// Bytes that a command takes in the shortest message that it can be in: after the Statuses of the
/// header and of an alert.
pub(crate) fn bytes(outgoing: &Outgoing) -> usize {
    let mut numbering = Numbering { msg_id: u32::MAX, last_id: 2 };
    numbering.command(outgoing, &mut Vec::new()).xml_len()
}

/// Bytes that a chunk takes besides its data.
pub(crate) fn around_chunk(slice: Slice<'_>) -> usize {
    let mut numbering = Numbering { msg_id: u32::MAX, last_id: HIGH_ID };
    let (command, _) = numbering.chunk(Slice { data: "x", is_last: false, ..slice });
    command.xml_len() - 1
}

/// More commands than one message has.
const HIGH_ID: u32 = 99_999;

fn about<'r>(verb: Verb, cmd_id: Cow<'r, str>, items: Vec<Item<'r>>) -> Command<'r> {
    let command = NodeCommand { cmd_id: Some(cmd_id), meta: None, items };
    match verb {
        Verb::Get => Command::Get(command),
        Verb::Add => Command::Add(command),
        Verb::Replace => Command::Replace(command),
        Verb::Delete => Command::Delete(command),
        Verb::Exec => Command::Exec(command),
    }
}

fn item(node: &Node) -> Item<'_> {
    let data = node.data.as_ref().map(|(_, data)| Data::text(data.as_str()));
    Item { target: Some(Location::new(node.target.as_str())), meta: meta(node), data, ..Item::default() }
}

fn piece(Slice { node, data, size, is_last, .. }: Slice<'_>) -> Item<'_> {
    let size = size.map(|size| Cow::Owned(size.to_string()));
    let meta = meta(node).map(|meta| Meta { size, ..meta });
    Item { meta, data: Some(Data::text(data)), more_data: !is_last, ..item(node) }
}

fn meta(node: &Node) -> Option<Meta<'_>> {
    let kind = node.kind.as_deref().map(Cow::Borrowed);
    let format = node.data.as_ref().map(|(format, _)| Cow::Borrowed(format.wire()));
    (kind.is_some() || format.is_some()).then(|| Meta { format, kind, ..Meta::default() })
}
