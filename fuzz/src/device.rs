//! A device that says what the script wants, in words that refer to what it was told.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use syncml::{
    Alert, Chal, Command, Cred, Data, Group, Header, Item, Limits, Location, Message, Meta, NodeCommand,
    Results, Secret, Status, Unsupported,
};

use crate::{
    gateway::{DEVICE, PASSWORD, USER},
    script::{Challenge, Chunk, Head, Number, Piece, Refs, Saying, SessionId, Who},
};

type Text = Cow<'static, str>;

/// Where the device is in its session.
pub(crate) struct Device {
    session: u32,
    msg_id: u32,
    /// The last nonce that it was challenged with, in base64.
    nonce: String,
    /// What it was told last: under which `MsgID`, and to do what.
    told_in: u32,
    told: Vec<(String, Vec<String>)>,
    last: Said,
}

/// A message, and who sent it.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) body: Vec<u8>,
    pub(crate) who: Who,
}

impl Default for Device {
    fn default() -> Self {
        let last = Said { body: Vec::new(), who: Who::Nobody };
        Self { session: 1, msg_id: 0, nonce: String::new(), told_in: 0, told: Vec::new(), last }
    }
}

impl Device {
    /// The last message.
    pub(crate) fn last(&self) -> Said {
        self.last.clone()
    }

    /// A message.
    pub(crate) fn says(&mut self, saying: &Saying) -> Said {
        let header = self.header(&saying.head, saying.who);
        let mut ids = 1..;
        let commands = saying.body.iter().take(24).map(|piece| self.command(piece, &mut ids, 0)).collect();
        let message = Message { header, commands, is_final: saying.is_final };
        let written = message.to_xml();
        let read = Message::parse(written.as_bytes(), &Limits::default());
        assert!(read.is_ok_and(|read| read == message), "what is written can be read");
        self.last = Said { body: written.into_bytes(), who: saying.who };
        self.last()
    }

    /// A message whose body is any text.
    pub(crate) fn says_raw(&mut self, who: Who, inner: &str) -> Said {
        let head = Head {
            session: SessionId::Same,
            number: Number::Next,
            max_msg_size: None,
            max_obj_size: None,
            odd: false,
        };
        let header = self.header(&head, who);
        let empty = Message { header, commands: Vec::new(), is_final: false }.to_xml();
        let body = empty.replace("</SyncBody>", &format!("{inner}</SyncBody>")).into_bytes();
        self.last = Said { body, who };
        self.last()
    }

    /// Takes a reply.
    pub(crate) fn hears(&mut self, reply: Option<Vec<u8>>) {
        let Some(reply) = reply else { return };
        let message = Message::parse(&reply, &Limits::default()).expect("a reply is a message");
        self.told_in = message.header.msg_id;
        self.told.clear();
        for command in &message.commands {
            self.is_told(command);
        }
    }

    fn is_told(&mut self, command: &Command<'_>) {
        let id = command.cmd_id().unwrap_or_default().to_owned();
        match command {
            Command::Status(status) => {
                let nonce = status.chal.as_ref().and_then(|chal| chal.meta.next_nonce.as_ref());
                if let Some(nonce) = nonce {
                    nonce.expose().clone_into(&mut self.nonce);
                }
            }
            Command::Add(it)
            | Command::Delete(it)
            | Command::Exec(it)
            | Command::Get(it)
            | Command::Replace(it) => {
                let uris = it.items.iter().filter_map(|item| item.uri().map(str::to_owned));
                self.told.push((id, uris.collect()));
            }
            Command::Atomic(group) | Command::Sequence(group) => {
                self.told.push((id, Vec::new()));
                group.commands.iter().for_each(|inner| self.is_told(inner));
            }
            Command::Alert(_) | Command::Results(_) | Command::Unsupported(_) => {}
        }
    }

    fn header(&mut self, head: &Head, who: Who) -> Header<'static> {
        match head.session {
            SessionId::Same => {}
            SessionId::Next => (self.session, self.msg_id) = (self.session % 9 + 1, 0),
            SessionId::First => (self.session, self.msg_id) = (1, 0),
            SessionId::Long => self.session = u32::MAX,
        }
        self.msg_id = match head.number {
            Number::Next => self.msg_id.wrapping_add(1),
            Number::Same => self.msg_id,
            Number::First => 1,
            Number::Skip(by) => self.msg_id.wrapping_add(by.into()),
            Number::Any(number) => number,
        };
        let session_id = if self.session == u32::MAX { "x".repeat(80) } else { self.session.to_string() };
        let name = if who == Who::Unknown { "FFFF" } else { DEVICE };
        let target = Location::new("https://mdm.example.test/dm");
        let mut header = Header::new(session_id, self.msg_id, target, Location::new(name));
        header.cred = self.cred(who);
        let [max_msg_size, max_obj_size] =
            [head.max_msg_size, head.max_obj_size].map(|size| size.map(|size| Text::from(size.to_string())));
        if max_msg_size.is_some() || max_obj_size.is_some() {
            header.meta = Some(Meta { max_msg_size, max_obj_size, ..Meta::default() });
        }
        if head.odd {
            (header.ver_dtd, header.ver_proto, header.target) = (None, None, None);
        }
        header
    }

    fn cred(&self, who: Who) -> Option<Cred<'static>> {
        let (scheme, data) = match who {
            Who::Digest | Who::CertificateAndDigest | Who::Unknown => ("md5", self.digest()),
            Who::Basic => ("basic", STANDARD.encode(format!("{USER}:{PASSWORD}"))),
            Who::Forger => ("md5", STANDARD.encode([0; 16])),
            Who::Certificate | Who::Nobody => return None,
        };
        let meta = Meta { format: Some("b64".into()), ..Meta::kind(format!("syncml:auth-{scheme}")) };
        Some(Cred { meta, data: Secret::new(data) })
    }

    /// The digest of oma-dm.md §7.1.
    fn digest(&self) -> String {
        let inner = dm::inner_hash(USER, PASSWORD);
        let nonce = STANDARD.decode(&self.nonce).unwrap_or_default();
        let digest = Md5::new().chain_update(inner.expose()).chain_update(":").chain_update(nonce);
        STANDARD.encode(digest.finalize())
    }

    fn command(&self, piece: &Piece, ids: &mut impl Iterator<Item = u32>, depth: usize) -> Command<'static> {
        let mut cmd_id = ids.next().map(|id| Text::from(id.to_string()));
        match piece {
            Piece::Begins { called } => alert(cmd_id, if *called { 1200 } else { 1201 }, vec![]),
            Piece::IsOf { user } => {
                let data = if *user { "user" } else { "device" };
                alert(cmd_id, 1224, vec![item(None, Some("com.microsoft.mdm.synctype"), Some(data.into()))])
            }
            Piece::Alert { code, kind, data } => {
                let code = pick(&[1222, 1223, 1224, 1225, 1226], *code);
                let kind = KINDS[usize::from(*kind) % KINDS.len()];
                alert(cmd_id, code, vec![item(None, Some(kind), data.as_deref().map(plain))])
            }
            Piece::Info { other } => {
                let id = if *other { "somebody else" } else { DEVICE };
                let items =
                    [("./DevInfo/DevId", id), ("./DevInfo/Man", "Maker"), ("./DevDetail/LrgObj", "true")];
                let items = items.map(|(uri, data)| item(Some(uri), None, Some(data.into()))).to_vec();
                Command::Replace(NodeCommand { cmd_id, meta: None, items })
            }
            Piece::Answer { command, node, code, original_error } => {
                Command::Status(self.status(cmd_id, *command, *node, *code, *original_error))
            }
            Piece::Value { command, node, refs, chunk } => {
                Command::Results(self.results(cmd_id, *command, *node, refs, chunk))
            }
            Piece::Part { chunk } => {
                alert(cmd_id, 1226, vec![chunked(item(Some("./A"), Some("t"), None), chunk)])
            }
            Piece::Header { code, chal } => Command::Status(Status {
                cmd_id,
                msg_ref: Some(self.told_in.to_string().into()),
                cmd_ref: Some("0".into()),
                cmd: Some("SyncHdr".into()),
                chal: chal.as_ref().map(|chal| Box::new(challenge(chal))),
                data: Some(pick(&[200, 212, 401, 407], *code).to_string().into()),
                ..Status::default()
            }),
            Piece::Odd { verb, cmd_id: id, inside } => {
                cmd_id = id.map(|id| id.to_string().into());
                let inside = if depth < 6 { &inside[..inside.len().min(4)] } else { &[] };
                odd(*verb, cmd_id, inside.iter().map(|piece| self.command(piece, ids, depth + 1)).collect())
            }
        }
    }

    fn status(
        &self,
        cmd_id: Option<Text>,
        command: u8,
        node: Option<u8>,
        code: u16,
        error: bool,
    ) -> Status<'static> {
        let (cmd_ref, uris) = self.at(command);
        let uri = node.and_then(|node| uris.get(usize::from(node) % uris.len().max(1)));
        Status {
            cmd_id,
            msg_ref: Some(self.told_in.to_string().into()),
            cmd_ref: Some(cmd_ref.into()),
            target_refs: uri.map(|uri| uri.clone().into()).into_iter().collect(),
            data: Some(
                pick(&[200, 101, 202, 213, 401, 404, 418, 424, 500, 216, 507], code).to_string().into(),
            ),
            original_error: error.then(|| "0x86000002".into()),
            ..Status::default()
        }
    }

    fn results(
        &self,
        cmd_id: Option<Text>,
        command: u8,
        node: u8,
        refs: &Refs,
        chunk: &Chunk,
    ) -> Results<'static> {
        let (right, uris) = self.at(command);
        let (msg_ref, cmd_ref) = match refs {
            Refs::Right => (Some(self.told_in.to_string()), Some(right)),
            Refs::Missing => (None, None),
            Refs::Any(message, command) => (Some(message.to_string()), Some(command.to_string())),
        };
        let uri = uris.get(usize::from(node) % uris.len().max(1)).map_or("./A", String::as_str);
        let items = vec![chunked(item(Some(uri), None, None), chunk)];
        let [msg_ref, cmd_ref] = [msg_ref, cmd_ref].map(|text| text.map(Text::from));
        Results { cmd_id, msg_ref, cmd_ref, items, ..Results::default() }
    }

    fn at(&self, command: u8) -> (String, &[String]) {
        match self.told.len() {
            0 => (command.to_string(), &[]),
            count => {
                let (id, uris) = &self.told[usize::from(command) % count];
                (id.clone(), uris)
            }
        }
    }
}

const KINDS: [&str; 5] = [
    "com.microsoft/MDM/LoginStatus",
    "com.microsoft/MDM/AADUserToken",
    "Reversed-Domain-Name:com.microsoft.mdm.requestpending",
    "com.microsoft:mdm.unenrollment.userrequest",
    "",
];

/// One of the numbers that mean something, or another.
fn pick(known: &[u16], number: u16) -> u16 {
    known.get(usize::from(number) % 16).copied().unwrap_or(number)
}

/// What XML can carry of a text, so that it is read as it was written.
fn plain(text: &str) -> Text {
    text.chars().filter(|c| syncml::is_text(c.encode_utf8(&mut [0; 4]))).collect::<String>().into()
}

fn item(uri: Option<&str>, kind: Option<&'static str>, data: Option<Text>) -> Item<'static> {
    Item {
        source: uri.map(|uri| Location::new(uri.to_owned())),
        meta: kind.map(Meta::kind),
        data: data.map(Data::Text),
        ..Item::default()
    }
}

fn chunked(item: Item<'static>, chunk: &Chunk) -> Item<'static> {
    let size = chunk.size.map(|size| Text::from((size % 600).to_string()));
    let meta = Some(Meta { size, ..item.meta.unwrap_or_default() });
    let data = Some(Data::text("é&<x".repeat(usize::from(chunk.bytes) / 4)));
    Item { meta, data, more_data: chunk.more, ..item }
}

fn alert(cmd_id: Option<Text>, code: u16, items: Vec<Item<'static>>) -> Command<'static> {
    Command::Alert(Alert { cmd_id, data: Some(code.to_string().into()), items })
}

fn challenge(chal: &Challenge) -> Chal<'static> {
    let (kind, next_nonce) = match chal {
        Challenge::Md5 => ("syncml:auth-md5", Some(Secret::new("bm9uY2U="))),
        Challenge::Md5WithoutNonce => ("syncml:auth-md5", None),
        Challenge::Basic => ("syncml:auth-basic", None),
        Challenge::Other => ("syncml:auth-MAC", Some(Secret::new("?"))),
    };
    Chal { meta: Meta { next_nonce, ..Meta::kind(kind) } }
}

fn odd(verb: u8, cmd_id: Option<Text>, commands: Vec<Command<'static>>) -> Command<'static> {
    let about =
        NodeCommand { cmd_id: cmd_id.clone(), meta: None, items: vec![item(Some("./A"), None, None)] };
    let group = Group { cmd_id: cmd_id.clone(), meta: None, commands };
    match verb % 8 {
        0 => Command::Get(about),
        1 => Command::Add(about),
        2 => Command::Delete(about),
        3 => Command::Exec(about),
        4 => Command::Replace(about),
        5 => Command::Sequence(group),
        6 => Command::Atomic(group),
        _ => Command::Unsupported(Unsupported { name: "Copy".into(), cmd_id }),
    }
}
