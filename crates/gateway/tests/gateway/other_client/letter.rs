//! How the other client writes: indented, attributes in single quotes, `CmdID`s from 1, Results before Status.

use std::fmt::Write as _;

use super::digest::Account;

/// A message in the making.
pub(crate) struct Letter {
    text: String,
    commands: u32,
}

/// The header's fields that change.
pub(crate) struct Sender<'a> {
    pub(crate) session: &'a str,
    pub(crate) msg_id: u32,
    pub(crate) server: &'a str,
    pub(crate) name: &'a str,
    /// The account and the nonce of the credential, if one goes along.
    pub(crate) cred: Option<(Account, &'a str)>,
}

impl Letter {
    pub(crate) fn from(sender: &Sender<'_>) -> Self {
        let Sender { session, msg_id, server, name, .. } = sender;
        let (login, cred) = match sender.cred {
            Some((account, nonce)) => (
                format!("\n      <LocName>{}</LocName>", account.user),
                format!(
                    "\n    <Cred>\n      <Meta>\n        <Type xmlns='syncml:metinf'>syncml:auth-md5</Type>\n        \
                     <Format xmlns='syncml:metinf'>b64</Format>\n      </Meta>\n      <Data>{}</Data>\n    </Cred>",
                    account.digest(nonce)
                ),
            ),
            None => (String::new(), String::new()),
        };
        let text = format!(
            "<?xml version='1.0' encoding='UTF-8'?>\n<SyncML xmlns='SYNCML:SYNCML1.2'>\n  <SyncHdr>\n    \
             <VerDTD>1.2</VerDTD>\n    <VerProto>DM/1.2</VerProto>\n    <SessionID>{session}</SessionID>\n    \
             <MsgID>{msg_id}</MsgID>\n    <Target>\n      <LocURI>{server}</LocURI>\n    </Target>\n    <Source>\n      \
             <LocURI>{name}</LocURI>{login}\n    </Source>{cred}\n    <Meta>\n      \
             <MaxMsgSize xmlns='syncml:metinf'>16384</MaxMsgSize>\n    </Meta>\n  </SyncHdr>\n  <SyncBody>\n"
        );
        Self { text, commands: 0 }
    }

    pub(crate) fn client_initiated(&mut self) {
        let id = self.next();
        self.line(&format!("<Alert>\n      <CmdID>{id}</CmdID>\n      <Data>1201</Data>\n    </Alert>"));
    }

    pub(crate) fn abort(&mut self) {
        let id = self.next();
        self.line(&format!("<Alert>\n      <CmdID>{id}</CmdID>\n      <Data>1223</Data>\n    </Alert>"));
    }

    pub(crate) fn dev_info(&mut self, name: &str) {
        let id = self.next();
        let mut items = String::new();
        for (node, value) in [("DevId", name), ("Man", "Other &amp; Sons"), ("Mod", "O-1"), ("DmV", "1.2")] {
            write!(
                items,
                "\n      <Item>\n        <Source>\n          <LocURI>./DevInfo/{node}</LocURI>\n        </Source>\
                 \n        <Data>{value}</Data>\n      </Item>"
            )
            .unwrap();
        }
        self.line(&format!("<Replace>\n      <CmdID>{id}</CmdID>{items}\n    </Replace>"));
    }

    /// The verdict about the server's header, with a challenge if there is a nonce for it.
    pub(crate) fn header_status(&mut self, msg_ref: &str, code: u16, next_nonce: Option<&str>) {
        let id = self.next();
        let chal = next_nonce.map_or(String::new(), |nonce| {
            format!(
                "\n      <Chal>\n        <Meta>\n          <NextNonce xmlns='syncml:metinf'>{nonce}</NextNonce>\n          \
                 <Format xmlns='syncml:metinf'>b64</Format>\n          \
                 <Type xmlns='syncml:metinf'>syncml:auth-md5</Type>\n        </Meta>\n      </Chal>"
            )
        });
        self.line(&format!(
            "<Status>\n      <CmdID>{id}</CmdID>\n      <MsgRef>{msg_ref}</MsgRef>\n      <CmdRef>0</CmdRef>\n      \
             <Cmd>SyncHdr</Cmd>{chal}\n      <Data>{code}</Data>\n    </Status>"
        ));
    }

    pub(crate) fn status(&mut self, msg_ref: &str, cmd_ref: &str, verb: &str, node: Option<&str>, code: u16) {
        let id = self.next();
        let target = node.map_or(String::new(), |node| format!("\n      <TargetRef>{node}</TargetRef>"));
        self.line(&format!(
            "<Status>\n      <CmdID>{id}</CmdID>\n      <MsgRef>{msg_ref}</MsgRef>\n      <CmdRef>{cmd_ref}</CmdRef>\n      \
             <Cmd>{verb}</Cmd>{target}\n      <Data>{code}</Data>\n    </Status>"
        ));
    }

    pub(crate) fn results(&mut self, msg_ref: &str, cmd_ref: &str, node: &str, value: &str) {
        let id = self.next();
        let value = value.replace('&', "&amp;").replace('<', "&lt;");
        self.line(&format!(
            "<Results>\n      <CmdID>{id}</CmdID>\n      <MsgRef>{msg_ref}</MsgRef>\n      <CmdRef>{cmd_ref}</CmdRef>\n      \
             <Cmd>Get</Cmd>\n      <Item>\n        <Source>\n          <LocURI>\n            {node}\n          </LocURI>\
             \n        </Source>\n        <Data>{value}</Data>\n      </Item>\n    </Results>"
        ));
    }

    pub(crate) fn close(mut self) -> String {
        self.line("<Final/>");
        self.text + "  </SyncBody>\n</SyncML>\n"
    }

    fn line(&mut self, text: &str) {
        writeln!(self.text, "    {text}").unwrap();
    }

    fn next(&mut self) -> u32 {
        self.commands += 1;
        self.commands
    }
}
