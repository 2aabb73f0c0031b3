//! A device that answers now and then badly, in pieces, or not at all.

use syncml::{Command, Item, Message};

use crate::device::{results, status, status_of};

/// How the device goes about it.
#[derive(Clone)]
pub(crate) struct Client {
    seed: u32,
    /// The rest of a value of which the first piece went out.
    rest: Option<String>,
    /// What came of a large object, and how much it is to be.
    object: String,
    size: usize,
}

/// What is read of every node.
pub(crate) const VALUE: &str = "value";

const NEXT: &str = "<Alert><CmdID>3</CmdID><Data>1222</Data></Alert>";
const FINAL: &str = "<Final/>";

impl Client {
    pub(crate) fn new(seed: u32) -> Self {
        Self { seed, rest: None, object: String::new(), size: 0 }
    }

    /// Another session: what was under way is forgotten.
    pub(crate) fn start_over(&mut self) {
        *self = Self::new(self.seed);
    }

    /// A small, repeatable chance from 0 to 7.
    pub(crate) fn chance(&mut self) -> u32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.seed >> 29
    }

    /// What the device says to a message, as the content of its `SyncBody`.
    pub(crate) fn answer(&mut self, message: &Message<'_>) -> String {
        if self.chance() == 0 {
            return challenge(message);
        }
        let mut body = self.rest.take().unwrap_or_default();
        for command in &message.commands {
            self.obey(message.header.msg_id, command, &mut body);
        }
        let is_listening = message.commands.iter().any(|it| matches!(it, Command::Alert(_)));
        let asks = !message.is_final && !is_listening && self.chance() > 0;
        match self.rest {
            Some(_) => body,
            None if asks => body + NEXT,
            None => body + FINAL,
        }
    }

    fn obey(&mut self, msg_id: u32, command: &Command<'_>, body: &mut String) {
        let cmd_id = command.cmd_id().and_then(|id| id.parse().ok()).unwrap_or(0);
        match command {
            Command::Get(get) => {
                for item in &get.items {
                    self.read(msg_id, cmd_id, item.uri().unwrap(), body);
                }
            }
            Command::Sequence(group) => {
                *body += &status(msg_id, cmd_id, 200);
                for inner in &group.commands {
                    self.obey(msg_id, inner, body);
                }
            }
            Command::Add(add) => {
                if let Some(code) = self.take(&add.items[0]) {
                    *body += &status(msg_id, cmd_id, code);
                }
            }
            _ => {}
        }
    }

    fn read(&mut self, msg_id: u32, cmd_id: u32, uri: &str, body: &mut String) {
        match self.chance() {
            0 => {}
            1 => *body += &status_of(msg_id, cmd_id, uri, 404),
            2 => *body += &results(msg_id, cmd_id, uri, VALUE),
            3 => {
                let (first, rest) = VALUE.split_at(3);
                let meta = format!("</Source><Meta><Size>{}</Size></Meta>", VALUE.len());
                let piece = results(msg_id, cmd_id, uri, first).replace("</Source>", &meta);
                *body += &(status(msg_id, cmd_id, 200) + &piece.replace("</Item>", "<MoreData/></Item>"));
                self.rest = Some(results(msg_id, cmd_id, uri, rest));
            }
            _ => *body += &(status(msg_id, cmd_id, 200) + &results(msg_id, cmd_id, uri, VALUE)),
        }
    }

    /// The code for a value that was written, or a chunk of one.
    fn take(&mut self, item: &Item<'_>) -> Option<u16> {
        let size = item.meta.as_ref().and_then(|meta| meta.size.as_ref()).map(|size| size.parse().unwrap());
        if let Some(size) = size {
            (self.object, self.size) = (String::new(), size);
        }
        // The gateway may have given the object up: then this is something else.
        if item.value().starts_with('x') {
            self.size = 0;
        }
        self.object += item.value();
        if size.is_none() && !item.more_data && self.size > 0 {
            assert_eq!(self.object.len(), self.size, "the chunks make the whole");
            self.size = 0;
        }
        let code = match (self.chance(), item.more_data) {
            (0, _) => None,
            (1, true) => Some(424),
            (_, true) => Some(213),
            (chance, false) => Some([200, 202, 418, 500][chance as usize % 4]),
        };
        if code != Some(213) {
            self.size = 0;
        }
        code
    }
}

/// The device wants to know who we are, and does nothing before it does.
fn challenge(message: &Message<'_>) -> String {
    let msg_id = message.header.msg_id;
    let chal = "<Chal><Meta><Type>syncml:auth-md5</Type><NextNonce>bm9uY2U=</NextNonce></Meta></Chal><Data>";
    let header = status(msg_id, 0, 407).replace("Get", "SyncHdr").replace("<Data>", chal);
    let ids = message.commands.iter().filter(|it| !matches!(it, Command::Status(_) | Command::Alert(_)));
    let ids = ids.filter_map(|command| command.cmd_id()?.parse().ok());
    header + &ids.map(|id| status(msg_id, id, 407)).collect::<String>() + FINAL
}
