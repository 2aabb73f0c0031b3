//! Where a rule is played: one device, one gateway.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD as B64, Engine as _};
use md5::{Digest, Md5};
use store::{DeviceRecord, SessionRecord};

use super::{
    column,
    reply::Reply,
    rule::{Envelope, Identity, Rule, Sender, Setup, Step},
};
use crate::{
    authority::Issued,
    field::{ACCOUNT, Field, SYNCML},
};

/// One device at one gateway, and what was said last.
pub(crate) struct Scene {
    pub(crate) field: Arc<Field>,
    pub(crate) identity: Identity,
    pub(crate) name: String,
    pub(crate) reply: Reply,
    /// The replies that were got before the last one, the newest last.
    pub(crate) earlier: Vec<Reply>,
    pub(crate) session: String,
    pub(crate) msg_id: u32,
    /// What is added to the gateway's address.
    pub(crate) query: String,
    /// The value of `UserAgentOrigin`; empty: no such header.
    pub(crate) origin: &'static str,
    /// The `MaxMsgSize` that the device announces.
    pub(crate) max_msg_size: Option<usize>,
    /// The last reply to the device itself.
    believed: Reply,
    /// The last of those that held commands.
    asked: Reply,
    setup: Setup,
    pub(crate) nonce: Option<String>,
    /// What was sent last, and by whom.
    pub(crate) last: (String, Sender),
    own: Issued,
    device: reqwest::Client,
    neighbour: reqwest::Client,
    stranger: reqwest::Client,
}

/// The push nodes of the provider.
pub(crate) const PUSH: &str = "./Vendor/MSFT/DMClient/Provider/Reveille/Push";

/// The user and the password of a device whose credential is tried for others.
pub(crate) const NEIGHBOUR: (&str, &str) = ("neighbour", "another password");

impl Scene {
    /// A new device at this gateway, and a neighbour of it.
    pub(crate) async fn new(field: Arc<Field>, identity: Identity, setup: Setup, name: String) -> Self {
        let (own, other) = (field.authority.common_name("nobody"), field.authority.common_name("nobody"));
        let known = |issued: &Issued| (identity == Identity::Certificate).then(|| issued.fingerprint());
        let account = (identity == Identity::Md5 || setup == Setup::BothProofs).then_some(ACCOUNT);
        field.create_as(&name, account, known(&own)).await;
        let neighbour = account.map(|_| NEIGHBOUR);
        field.create_as(&format!("{name}-NEIGHBOUR"), neighbour, known(&other)).await;
        Self {
            identity,
            name,
            reply: Reply::default(),
            earlier: Vec::new(),
            session: "1".to_owned(),
            msg_id: 0,
            query: String::new(),
            origin: "",
            max_msg_size: None,
            believed: Reply::default(),
            asked: Reply::default(),
            setup,
            nonce: None,
            last: (String::new(), Sender::Device),
            device: builder(&field, identity, Some(&own)).build().unwrap(),
            neighbour: builder(&field, identity, Some(&other)).build().unwrap(),
            stranger: builder(&field, identity, None).build().unwrap(),
            own,
            field,
        }
    }

    pub(crate) async fn play(&mut self, rule: &Rule) {
        for step in &rule.steps {
            match step {
                Step::Opens(body) => self.open(body).await,
                Step::Says(body) => self.say(body).await,
                Step::Repeats => {
                    let (message, sender) = self.last.clone();
                    self.post(message, sender).await;
                }
                Step::Sends(envelope, body) => self.send(*envelope, body).await,
                Step::Gets(shape) => self.assert(shape),
                Step::GetsEach { md5, certificate } => {
                    self.assert(if self.identity == Identity::Md5 { md5 } else { certificate });
                }
                Step::Checks(check) => check(self),
                Step::Sees(look) => look(self).await,
            }
        }
    }

    /// Begins a session: by md5 after a challenge.
    pub(crate) async fn open(&mut self, body: &str) {
        (self.msg_id, self.nonce) = (0, None);
        self.say(body).await;
        if self.reply.nonce.is_some() {
            self.say(body).await;
        }
    }

    /// The device's next message.
    pub(crate) async fn say(&mut self, body: &str) {
        self.send(Envelope::default(), body).await;
    }

    pub(crate) async fn send(&mut self, envelope: Envelope, body: &str) {
        let msg_id = self.msg_id.checked_add_signed(envelope.ahead.try_into().unwrap()).unwrap();
        let session = &self.session;
        let source = envelope.source.replace("{name}", &self.name);
        let cred = self.cred(envelope.sender);
        let body = self.fill(body);
        let meta = self.max_msg_size.map_or(String::new(), |bytes| {
            format!("<Meta><MaxMsgSize xmlns=\"syncml:metinf\">{bytes}</MaxMsgSize></Meta>")
        });
        let message = format!(
            "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>\
             {session}</SessionID><MsgID>{msg_id}</MsgID><Target><LocURI>https://mdm.example.test/dm</LocURI></Target>\
             <Source><LocURI>{source}</LocURI></Source>{cred}{meta}</SyncHdr><SyncBody>{body}</SyncBody></SyncML>"
        );
        if envelope.sender.is_device() {
            self.msg_id = self.msg_id.max(msg_id);
        }
        self.post(message, envelope.sender).await;
    }

    /// Posts bytes as they are.
    pub(crate) async fn post(&mut self, message: String, sender: Sender) {
        self.last = (message.clone(), sender);
        let mut request = self.http(sender).post(format!("{}{}", self.field.url, self.query));
        if !self.origin.is_empty() {
            request = request.header("UserAgentOrigin", self.origin);
        }
        let response = request.header("content-type", SYNCML).body(message).send().await.unwrap();
        let status = response.status().as_u16();
        let reply = Reply::read(status, response.text().await.unwrap());
        if sender.is_device() {
            self.nonce = reply.nonce.clone().or(self.nonce.take());
            self.believed = reply.clone();
            if reply.commands.iter().any(|(_, verb, _)| verb != "Alert") {
                self.asked = reply.clone();
            }
        }
        self.earlier.push(std::mem::replace(&mut self.reply, reply));
    }

    /// The HTTP client of whoever sends.
    pub(crate) fn http(&self, sender: Sender) -> &reqwest::Client {
        match sender {
            Sender::Stranger => &self.stranger,
            Sender::Neighbour => &self.neighbour,
            Sender::Device | Sender::Nonce(_) | Sender::Basic => &self.device,
        }
    }

    /// A new HTTP client of the device.
    pub(crate) fn builder(&self) -> reqwest::ClientBuilder {
        builder(&self.field, self.identity, Some(&self.own))
    }

    pub(crate) async fn record(&self) -> DeviceRecord {
        self.field.record(&self.name).await
    }

    /// The device's sessions, the newest first.
    pub(crate) async fn sessions(&self) -> Vec<SessionRecord> {
        self.field.sessions(&self.name).await
    }

    /// Fills a body's places: `{name}`; `{pfn}`, ours; `{uri}`, a channel of this device, `{uri start}` and
    /// `{uri rest}` its two halves, `{uri size}` its bytes; `{push}`, its push nodes;
    /// `{header}`, the Status of the gateway's last header; `{msg}`, the message that
    /// last held commands, `{Get}` the `CmdID` of its first Get, `{Get 2}` of its second, and so on; `{404}`, that answer
    /// to each of its nodes.
    pub(crate) fn fill(&self, body: &str) -> String {
        let mut text = body.replace("{name}", &self.name).replace("{msg}", &self.asked.msg_id);
        let uri = self.channel_uri();
        let (start, rest) = uri.split_at(uri.len() / 2);
        for (place, value) in [
            ("{pfn}", self.field.pfn.as_str()),
            ("{push}", PUSH),
            ("{uri}", &uri),
            ("{uri start}", start),
            ("{uri rest}", rest),
            ("{uri size}", &uri.len().to_string()),
        ] {
            text = text.replace(place, value);
        }
        text = text.replace("{header}", &status(&self.believed.msg_id, "0", "SyncHdr", None, 200));
        for verb in ["Get", "Add", "Replace", "Delete", "Sequence"] {
            for (place, nth) in
                [(format!("{{{verb}}}"), 0), (format!("{{{verb} 2}}"), 1), (format!("{{{verb} 3}}"), 2)]
            {
                if text.contains(&place) {
                    text = text.replace(&place, &self.asked.id_of(verb, nth));
                }
            }
        }
        for code in [404, 406] {
            let answers = self.asked.commands.iter().map(|command| self.answers_to(command, code));
            text = text.replace(&format!("{{{code}}}"), &answers.collect::<String>());
        }
        text
    }

    /// A `ChannelURI` that no other device has.
    pub(crate) fn channel_uri(&self) -> String {
        format!("https://db5p.notify.windows.com/?token=AwYAAAD%2b{}-{}", self.name, column(self.identity))
    }

    fn answers_to(&self, (id, verb, nodes): &(String, String, Vec<String>), code: u16) -> String {
        let message = &self.asked.msg_id;
        if nodes.len() < 2 {
            return status(message, id, verb, None, code);
        }
        nodes.iter().map(|node| status(message, id, verb, Some(node), code)).collect()
    }

    fn uses_md5(&self) -> bool {
        self.identity == Identity::Md5 || self.setup == Setup::BothProofs
    }

    fn cred(&self, sender: Sender) -> String {
        let (account, nonce) = match sender {
            Sender::Stranger => return String::new(),
            Sender::Basic => {
                let plain = B64.encode(format!("{}:{}", ACCOUNT.0, ACCOUNT.1));
                return element("syncml:auth-basic", &plain);
            }
            Sender::Nonce(nonce) => (ACCOUNT, nonce),
            Sender::Device | Sender::Neighbour if !self.uses_md5() => return String::new(),
            Sender::Neighbour => (NEIGHBOUR, self.nonce.as_deref().unwrap_or_default()),
            Sender::Device => match &self.nonce {
                Some(nonce) => (ACCOUNT, nonce.as_str()),
                None => return String::new(),
            },
        };
        element("syncml:auth-md5", &digest(account, nonce))
    }

    #[track_caller]
    fn assert(&self, shape: &str) {
        assert_eq!(self.reply.shape, shape, "\nsent: {}\ngot:  {}", self.last.0, self.reply.text);
    }
}

/// A Status of the device.
pub(crate) fn status(message: &str, id: &str, verb: &str, node: Option<&str>, code: u16) -> String {
    let target = node.map_or(String::new(), |node| format!("<TargetRef>{node}</TargetRef>"));
    format!(
        "<Status><CmdID>1</CmdID><MsgRef>{message}</MsgRef><CmdRef>{id}</CmdRef><Cmd>{verb}</Cmd>{target}\
         <Data>{code}</Data></Status>"
    )
}

fn element(kind: &str, data: &str) -> String {
    format!("<Cred><Meta><Format>b64</Format><Type>{kind}</Type></Meta><Data>{data}</Data></Cred>")
}

/// `B64(MD5(B64(MD5(user:password)):nonce))` (oma-dm.md §7.1).
fn digest((user, password): (&str, &str), nonce: &str) -> String {
    let inner = B64.encode(Md5::digest(format!("{user}:{password}")));
    let nonce = B64.decode(nonce).unwrap();
    B64.encode(Md5::new().chain_update(inner).chain_update(":").chain_update(nonce).finalize())
}

fn builder(field: &Field, identity: Identity, certificate: Option<&Issued>) -> reqwest::ClientBuilder {
    let ca = reqwest::Certificate::from_pem(field.authority.pem().as_bytes()).unwrap();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
    match certificate.filter(|_| identity == Identity::Certificate) {
        Some(issued) => builder.identity(issued.identity()),
        None => builder,
    }
}
