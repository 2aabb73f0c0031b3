//! From a message that borrows from its document to one that does not.

use std::borrow::Cow;

use crate::{
    auth::{Chal, Cred},
    command::{Alert, Command, Group, NodeCommand, Results, Status, Unsupported},
    item::{Data, Item},
    message::{Header, Location, Message},
    meta::Meta,
};

type Text = Cow<'static, str>;

fn text(text: Cow<'_, str>) -> Text {
    Cow::Owned(text.into_owned())
}

fn texts(texts: Vec<Cow<'_, str>>) -> Vec<Text> {
    texts.into_iter().map(text).collect()
}

fn token(token: Option<Cow<'_, str>>) -> Option<Text> {
    token.map(text)
}

fn boxed<T, U>(it: Option<Box<T>>, into_owned: impl FnOnce(T) -> U) -> Option<Box<U>> {
    it.map(|it| Box::new(into_owned(*it)))
}

fn items(items: Vec<Item<'_>>) -> Vec<Item<'static>> {
    items.into_iter().map(Item::into_owned).collect()
}

fn meta(meta: Option<Meta<'_>>) -> Option<Meta<'static>> {
    meta.map(Meta::into_owned)
}

impl Message<'_> {
    /// The same message, which no longer borrows from its document.
    pub fn into_owned(self) -> Message<'static> {
        Message {
            header: self.header.into_owned(),
            commands: self.commands.into_iter().map(Command::into_owned).collect(),
            is_final: self.is_final,
        }
    }
}

impl Header<'_> {
    fn into_owned(self) -> Header<'static> {
        Header {
            ver_dtd: token(self.ver_dtd),
            ver_proto: token(self.ver_proto),
            session_id: text(self.session_id),
            msg_id: self.msg_id,
            target: self.target.map(Location::into_owned),
            source: self.source.into_owned(),
            resp_uri: token(self.resp_uri),
            cred: self.cred.map(Cred::into_owned),
            meta: meta(self.meta),
        }
    }
}

impl Location<'_> {
    fn into_owned(self) -> Location<'static> {
        Location { uri: text(self.uri), name: token(self.name) }
    }
}

impl Cred<'_> {
    fn into_owned(self) -> Cred<'static> {
        Cred { meta: self.meta.into_owned(), data: self.data.into_owned() }
    }
}

impl Chal<'_> {
    fn into_owned(self) -> Chal<'static> {
        Chal { meta: self.meta.into_owned() }
    }
}

impl Meta<'_> {
    fn into_owned(self) -> Meta<'static> {
        Meta {
            format: token(self.format),
            kind: token(self.kind),
            mark: token(self.mark),
            size: token(self.size),
            next_nonce: self.next_nonce.map(crate::Secret::into_owned),
            max_msg_size: token(self.max_msg_size),
            max_obj_size: token(self.max_obj_size),
        }
    }
}

impl Item<'_> {
    fn into_owned(self) -> Item<'static> {
        Item {
            target: self.target.map(Location::into_owned),
            source: self.source.map(Location::into_owned),
            meta: meta(self.meta),
            data: self.data.map(|data| match data {
                Data::Text(it) => Data::Text(text(it)),
                Data::Markup(it) => Data::Markup(it.into_owned()),
            }),
            more_data: self.more_data,
        }
    }
}

impl Command<'_> {
    fn into_owned(self) -> Command<'static> {
        match self {
            Self::Add(it) => Command::Add(it.into_owned()),
            Self::Alert(it) => Command::Alert(it.into_owned()),
            Self::Atomic(it) => Command::Atomic(it.into_owned()),
            Self::Delete(it) => Command::Delete(it.into_owned()),
            Self::Exec(it) => Command::Exec(it.into_owned()),
            Self::Get(it) => Command::Get(it.into_owned()),
            Self::Replace(it) => Command::Replace(it.into_owned()),
            Self::Results(it) => Command::Results(it.into_owned()),
            Self::Sequence(it) => Command::Sequence(it.into_owned()),
            Self::Status(it) => Command::Status(it.into_owned()),
            Self::Unsupported(it) => {
                Command::Unsupported(Unsupported { name: text(it.name), cmd_id: token(it.cmd_id) })
            }
        }
    }
}

impl NodeCommand<'_> {
    fn into_owned(self) -> NodeCommand<'static> {
        NodeCommand { cmd_id: token(self.cmd_id), meta: meta(self.meta), items: items(self.items) }
    }
}

impl Alert<'_> {
    fn into_owned(self) -> Alert<'static> {
        Alert { cmd_id: token(self.cmd_id), data: token(self.data), items: items(self.items) }
    }
}

impl Group<'_> {
    fn into_owned(self) -> Group<'static> {
        let commands = self.commands.into_iter().map(Command::into_owned).collect();
        Group { cmd_id: token(self.cmd_id), meta: meta(self.meta), commands }
    }
}

impl Results<'_> {
    fn into_owned(self) -> Results<'static> {
        Results {
            cmd_id: token(self.cmd_id),
            msg_ref: token(self.msg_ref),
            cmd_ref: token(self.cmd_ref),
            cmd: token(self.cmd),
            meta: meta(self.meta),
            target_ref: token(self.target_ref),
            source_ref: token(self.source_ref),
            items: items(self.items),
        }
    }
}

impl Status<'_> {
    fn into_owned(self) -> Status<'static> {
        Status {
            cmd_id: token(self.cmd_id),
            msg_ref: token(self.msg_ref),
            cmd_ref: token(self.cmd_ref),
            cmd: token(self.cmd),
            target_refs: texts(self.target_refs),
            source_refs: texts(self.source_refs),
            cred: boxed(self.cred, Cred::into_owned),
            chal: boxed(self.chal, Chal::into_owned),
            data: token(self.data),
            original_error: token(self.original_error),
            items: items(self.items),
        }
    }
}
