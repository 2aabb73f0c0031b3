//! A device that speaks like Windows: package 1, the challenge, package 1 again, Statuses.

use base64::{Engine, engine::general_purpose::STANDARD};
use dm::inner_hash;
use md5::{Digest, Md5};

use crate::gateway::{Gateway, Posted, Taken};

pub(crate) const DEVICE: &str = "0123456789ABCDEF0123456789ABCDEF";
pub(crate) const USER: &str = "user";
pub(crate) const PASSWORD: &str = "hunter2";
pub(crate) const SERVER: &str = "https://mdm.example.test/dm";

/// The commands of package 1 (oma-dm.md §3.2).
pub(crate) const PACKAGE_1: &str = "<Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Alert><CmdID>3</CmdID>\
    <Data>1224</Data><Item><Meta><Type xmlns=\"syncml:metinf\">com.microsoft/MDM/LoginStatus</Type></Meta>\
    <Data>user</Data></Item></Alert><Replace><CmdID>4</CmdID><Item><Source><LocURI>./DevInfo/DevId</LocURI>\
    </Source><Data>0123456789ABCDEF0123456789ABCDEF</Data></Item><Item><Source><LocURI>./DevInfo/Man</LocURI>\
    </Source><Data>Maker</Data></Item></Replace><Final/>";

/// One device: where it is in its session, and how it signs.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) session_id: String,
    pub(crate) msg_id: u32,
    pub(crate) cred: Cred,
}

/// What the device puts into its header.
#[derive(Clone)]
pub(crate) enum Cred {
    None,
    /// A digest with this nonce, in base64.
    Md5(String),
    Basic,
}

impl Device {
    /// A device before its first message.
    pub(crate) fn new(session_id: &str) -> Self {
        Self { session_id: session_id.to_owned(), msg_id: 0, cred: Cred::None }
    }

    /// A device whose session has begun: challenged, and believed with its second message, which
    /// the gateway answered with these commands.
    pub(crate) fn in_session(gateway: &mut Gateway, commands: Vec<dm::Outgoing>) -> (Self, Posted) {
        let mut device = Self::new("1");
        let challenge = gateway.post(&device.next(PACKAGE_1));
        assert_eq!(challenge.taken, Taken::Challenged);
        device.accept(&challenge);
        let posted = gateway.post_and_send(&device.next(PACKAGE_1), commands);
        assert!(posted.opened);
        (device, posted)
    }

    /// Takes the nonce of a challenge.
    pub(crate) fn accept(&mut self, challenge: &Posted) {
        let (_, nonce) = challenge.challenge().unwrap();
        self.cred = Cred::Md5(nonce.unwrap());
    }

    /// The next message with the content of its `SyncBody`.
    pub(crate) fn next(&mut self, body: &str) -> String {
        self.msg_id += 1;
        self.message(body)
    }

    /// A message under the last `MsgID`.
    pub(crate) fn message(&self, body: &str) -> String {
        let Self { session_id, msg_id, cred } = self;
        format!(
            "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
             <SessionID>{session_id}</SessionID><MsgID>{msg_id}</MsgID><Target><LocURI>{SERVER}</LocURI></Target>\
             <Source><LocURI>{DEVICE}</LocURI></Source>{}</SyncHdr><SyncBody>{body}</SyncBody></SyncML>",
            cred.element()
        )
    }
}

impl Cred {
    pub(crate) fn element(&self) -> String {
        let (scheme, data) = match self {
            Self::None => return String::new(),
            Self::Md5(nonce) => ("md5", digest(nonce)),
            Self::Basic => ("basic", STANDARD.encode(format!("{USER}:{PASSWORD}"))),
        };
        format!(
            "<Cred><Meta><Format>b64</Format><Type>syncml:auth-{scheme}</Type></Meta><Data>{data}</Data></Cred>"
        )
    }
}

/// The digest over the account's password and a nonce in base64 (oma-dm.md §7.1).
fn digest(nonce: &str) -> String {
    let digest = Md5::new()
        .chain_update(inner_hash(USER, PASSWORD).expose())
        .chain_update(":")
        .chain_update(STANDARD.decode(nonce).unwrap());
    STANDARD.encode(digest.finalize())
}

/// A Status of a command in the gateway's message.
pub(crate) fn status(msg_ref: u32, cmd_ref: u32, code: u16) -> String {
    format!(
        "<Status><CmdID>9</CmdID><MsgRef>{msg_ref}</MsgRef><CmdRef>{cmd_ref}</CmdRef><Cmd>Get</Cmd>\
         <Data>{code}</Data></Status>"
    )
}

/// A Status of one node of a command.
pub(crate) fn status_of(msg_ref: u32, cmd_ref: u32, target: &str, code: u16) -> String {
    status(msg_ref, cmd_ref, code).replace("<Data>", &format!("<TargetRef>{target}</TargetRef><Data>"))
}

/// Results with one item.
pub(crate) fn results(msg_ref: u32, cmd_ref: u32, target: &str, value: &str) -> String {
    format!(
        "<Results><CmdID>8</CmdID><MsgRef>{msg_ref}</MsgRef><CmdRef>{cmd_ref}</CmdRef><Item><Source>\
         <LocURI>{target}</LocURI></Source><Data>{value}</Data></Item></Results>"
    )
}

/// An alert with a type.
pub(crate) fn alert(code: u16, kind: &str, data: &str) -> String {
    format!(
        "<Alert><CmdID>5</CmdID><Data>{code}</Data><Item><Meta><Type>{kind}</Type></Meta><Data>{data}</Data>\
         </Item></Alert>"
    )
}
