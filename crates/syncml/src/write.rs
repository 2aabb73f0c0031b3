//! From a [`Message`] to a compact document. Children come in the order of the DTD.

mod sink;

use std::borrow::Cow;

use self::sink::{Length, Sink};
use crate::{
    auth::{Chal, Cred, Secret},
    command::{Alert, Command, Group, NodeCommand, Results, Status, Unsupported},
    item::{Data, Item},
    message::{Header, Location, Message},
    meta::Meta,
};

/// The namespace of Windows' additions (oma-dm.md §2.1).
const MSFT: &str = "http://schemas.microsoft.com/MobileDevice/MDM";

pub(crate) fn message(message: &Message<'_>) -> String {
    let mut writer = Writer(String::with_capacity(1024));
    writer.message(message);
    writer.0
}

/// How many bytes [`message`] makes.
pub(crate) fn message_len(message: &Message<'_>) -> usize {
    let mut writer = Writer(Length(0));
    writer.message(message);
    writer.0.0
}

/// How many bytes of a message a command takes.
pub(crate) fn command_len(command: &Command<'_>) -> usize {
    let mut writer = Writer(Length(0));
    writer.command(command);
    writer.0.0
}

/// How many bytes `text` takes as character data in a document: `&`, `<`, `>` and the carriage return are written as
/// references, and a character that XML cannot carry becomes U+FFFD.
pub fn escaped_len(text: &str) -> usize {
    let mut writer = Writer(Length(0));
    writer.text(text);
    writer.0.0
}

type Token<'a> = Option<Cow<'a, str>>;

struct Writer<S>(S);

impl<S: Sink> Writer<S> {
    fn message(&mut self, message: &Message<'_>) {
        self.0.push("<SyncML xmlns=\"SYNCML:SYNCML1.2\">");
        self.header(&message.header);
        self.element("SyncBody", |writer| {
            message.commands.iter().for_each(|command| writer.command(command));
            if message.is_final {
                writer.0.push("<Final/>");
            }
        });
        self.0.push("</SyncML>");
    }

    fn header(&mut self, header: &Header<'_>) {
        self.element("SyncHdr", |writer| {
            writer.token("VerDTD", &header.ver_dtd);
            writer.token("VerProto", &header.ver_proto);
            writer.leaf("SessionID", &header.session_id);
            writer.leaf("MsgID", &header.msg_id.to_string());
            writer.location("Target", header.target.as_ref());
            writer.location("Source", Some(&header.source));
            writer.token("RespURI", &header.resp_uri);
            writer.cred(header.cred.as_ref());
            writer.meta(header.meta.as_ref());
        });
    }

    fn command(&mut self, command: &Command<'_>) {
        self.element(command.name(), |writer| match command {
            Command::Add(it)
            | Command::Delete(it)
            | Command::Exec(it)
            | Command::Get(it)
            | Command::Replace(it) => writer.node_command(it),
            Command::Alert(it) => writer.alert(it),
            Command::Atomic(it) | Command::Sequence(it) => writer.group(it),
            Command::Results(it) => writer.results(it),
            Command::Status(it) => writer.status(it),
            Command::Unsupported(Unsupported { cmd_id, .. }) => writer.token("CmdID", cmd_id),
        });
    }

    fn node_command(&mut self, command: &NodeCommand<'_>) {
        self.token("CmdID", &command.cmd_id);
        self.meta(command.meta.as_ref());
        self.items(&command.items);
    }

    fn alert(&mut self, alert: &Alert<'_>) {
        self.token("CmdID", &alert.cmd_id);
        self.token("Data", &alert.data);
        self.items(&alert.items);
    }

    fn group(&mut self, group: &Group<'_>) {
        self.token("CmdID", &group.cmd_id);
        self.meta(group.meta.as_ref());
        group.commands.iter().for_each(|command| self.command(command));
    }

    fn results(&mut self, results: &Results<'_>) {
        self.token("CmdID", &results.cmd_id);
        self.token("MsgRef", &results.msg_ref);
        self.token("CmdRef", &results.cmd_ref);
        self.token("Cmd", &results.cmd);
        self.meta(results.meta.as_ref());
        self.token("TargetRef", &results.target_ref);
        self.token("SourceRef", &results.source_ref);
        self.items(&results.items);
    }

    fn status(&mut self, status: &Status<'_>) {
        self.token("CmdID", &status.cmd_id);
        self.token("MsgRef", &status.msg_ref);
        self.token("CmdRef", &status.cmd_ref);
        self.token("Cmd", &status.cmd);
        status.target_refs.iter().for_each(|uri| self.leaf("TargetRef", uri));
        status.source_refs.iter().for_each(|uri| self.leaf("SourceRef", uri));
        self.cred(status.cred.as_deref());
        self.chal(status.chal.as_deref());
        self.status_data(status);
        self.items(&status.items);
    }

    fn status_data(&mut self, status: &Status<'_>) {
        let (Some(data), Some(error)) = (&status.data, &status.original_error) else {
            return self.token("Data", &status.data);
        };
        self.pieces(&["<Data xmlns:msft=\"", MSFT, "\" msft:originalerror=\""]);
        self.attribute(error);
        self.0.push("\">");
        self.text(data);
        self.0.push("</Data>");
    }

    fn items(&mut self, items: &[Item<'_>]) {
        for item in items {
            self.element("Item", |writer| {
                writer.location("Target", item.target.as_ref());
                writer.location("Source", item.source.as_ref());
                writer.meta(item.meta.as_ref());
                writer.data(item.data.as_ref());
                if item.more_data {
                    writer.0.push("<MoreData/>");
                }
            });
        }
    }

    fn data(&mut self, data: Option<&Data<'_>>) {
        match data {
            None => {}
            Some(Data::Text(text)) => self.leaf("Data", text),
            Some(Data::Markup(markup)) => {
                self.element("Data", |writer| writer.0.push(markup.as_str()));
            }
        }
    }

    fn location(&mut self, name: &str, location: Option<&Location<'_>>) {
        let Some(location) = location else { return };
        self.element(name, |writer| {
            writer.leaf("LocURI", &location.uri);
            writer.token("LocName", &location.name);
        });
    }

    fn cred(&mut self, cred: Option<&Cred<'_>>) {
        let Some(cred) = cred else { return };
        self.element("Cred", |writer| {
            writer.meta(Some(&cred.meta));
            writer.leaf("Data", cred.data.expose());
        });
    }

    /// Type before Format here, as the specification's examples have it (oma-dm.md §7.2).
    fn chal(&mut self, chal: Option<&Chal<'_>>) {
        let Some(chal) = chal else { return };
        let Meta { format, kind, .. } = &chal.meta;
        self.element("Chal", |writer| {
            writer.element("Meta", |writer| {
                writer.metinf("Type", kind.as_deref());
                writer.metinf("Format", format.as_deref());
                writer.meta_rest(&chal.meta);
            });
        });
    }

    fn meta(&mut self, meta: Option<&Meta<'_>>) {
        let Some(meta) = meta else { return };
        self.element("Meta", |writer| {
            writer.metinf("Format", meta.format.as_deref());
            writer.metinf("Type", meta.kind.as_deref());
            writer.meta_rest(meta);
        });
    }

    fn meta_rest(&mut self, meta: &Meta<'_>) {
        self.metinf("Mark", meta.mark.as_deref());
        self.metinf("Size", meta.size.as_deref());
        self.metinf("NextNonce", meta.next_nonce.as_ref().map(Secret::expose));
        self.metinf("MaxMsgSize", meta.max_msg_size.as_deref());
        self.metinf("MaxObjSize", meta.max_obj_size.as_deref());
    }

    fn metinf(&mut self, name: &str, text: Option<&str>) {
        let Some(text) = text else { return };
        self.pieces(&["<", name, " xmlns=\"syncml:metinf\">"]);
        self.text(text);
        self.pieces(&["</", name, ">"]);
    }

    fn token(&mut self, name: &str, text: &Token<'_>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    fn leaf(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            self.pieces(&["<", name, "/>"]);
            return;
        }
        self.element(name, |writer| writer.text(text));
    }

    fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.pieces(&["<", name, ">"]);
        content(self);
        self.pieces(&["</", name, ">"]);
    }
}
