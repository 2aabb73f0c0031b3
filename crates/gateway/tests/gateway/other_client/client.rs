//! The other client: one session of it.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD as B64, Engine as _};
use url::Url;

use super::{
    digest::Account,
    letter::{Letter, Sender},
    reply::{Order, Reply},
};

/// A `ChannelURI` as WNS makes them.
pub(crate) const CHANNEL_URI: &str = "https://db5p.notify.windows.com/?token=AwYAAAD%2bother%2fclient%3d%3d";

/// What the client wants of the server's credential.
#[derive(Clone, Copy)]
pub(crate) enum Wants {
    /// It asks, and obeys whatever comes of it.
    Nothing,
    /// Nothing is done without the right one.
    Proof {
        of: Account,
        /// What a right one is answered with: 200, good for one message, or 212, for the session.
        code: u16,
    },
}

pub(crate) struct Other {
    pub(crate) name: String,
    pub(crate) account: Account,
    pub(crate) wants: Wants,
    pub(crate) url: Url,
    /// The management tree.
    pub(crate) nodes: BTreeMap<String, String>,
    /// Every code that the server gave our header, in order.
    pub(crate) verdicts: Vec<u16>,
    /// The verdicts about the server's credential, in order.
    pub(crate) judged: Vec<u16>,
    /// Which of our messages carried a credential.
    pub(crate) with_cred: Vec<bool>,
    session: String,
    msg_id: u32,
    /// What our next credential is made with, in base64; None: none is wanted any more.
    server_nonce: Option<String>,
    /// What the server's next credential is to be made with, in base64.
    demanded: Option<String>,
    trusts_server: bool,
}

/// More than this many messages, and the two do not understand each other.
const ENOUGH: u32 = 20;

/// The first reply cannot carry a credential, and one that does not fit may be a mistake (oma-dm.md §7.2).
const CHANCES: usize = 2;

impl Other {
    pub(crate) fn new(url: Url, name: &str, account: Account, wants: Wants) -> Self {
        let mut nodes = BTreeMap::new();
        for (node, value) in [
            ("./DevDetail/SwV", "10.0.19045.3693"),
            ("./DevDetail/LrgObj", "false"),
            ("./Vendor/MSFT/DMClient/Provider", "Reveille"),
        ] {
            nodes.insert(node.to_owned(), value.to_owned());
        }
        Self {
            name: name.to_owned(),
            account,
            wants,
            url,
            nodes,
            verdicts: Vec::new(),
            judged: Vec::new(),
            with_cred: Vec::new(),
            session: "C0DE".to_owned(),
            msg_id: 0,
            // A client that never heard of a nonce takes the empty one.
            server_nonce: Some(String::new()),
            demanded: None,
            trusts_server: false,
        }
    }

    /// Holds a session to its end. False if the client broke it off.
    pub(crate) async fn hold(&mut self) -> bool {
        let mut letter = self.letter();
        self.package_1(&mut letter);
        loop {
            let reply = self.post(letter.close()).await;
            self.verdicts.push(reply.header_status);
            letter = match reply.header_status {
                401 | 407 if reply.is_challenge => {
                    self.server_nonce.clone_from(&reply.next_nonce);
                    let mut letter = self.letter();
                    self.judge(&reply, &mut letter);
                    self.package_1(&mut letter);
                    letter
                }
                code @ (200 | 212) => {
                    match (code, &reply.next_nonce) {
                        // Accepted for the session: no credential any more.
                        (212, _) => self.server_nonce = None,
                        (_, Some(next)) => self.server_nonce = Some(next.clone()),
                        _ => {}
                    }
                    if reply.orders.is_empty() && reply.is_final {
                        return true;
                    }
                    let mut letter = self.letter();
                    if self.judge(&reply, &mut letter) {
                        self.obey(&reply.orders, &reply.msg_id, &mut letter);
                    } else if self.is_fed_up() {
                        letter.abort();
                        self.post(letter.close()).await;
                        return false;
                    } else {
                        refuse(&reply.orders, &reply.msg_id, &mut letter);
                    }
                    letter
                }
                code => panic!("the server answered {code}"),
            };
        }
    }

    fn letter(&mut self) -> Letter {
        self.msg_id += 1;
        assert!(self.msg_id < ENOUGH, "the session does not end: {:?}", self.verdicts);
        self.with_cred.push(self.server_nonce.is_some());
        let nonce = self.server_nonce.clone();
        Letter::from(&Sender {
            session: &self.session,
            msg_id: self.msg_id,
            server: self.url.as_str(),
            name: &self.name,
            cred: nonce.as_deref().map(|nonce| (self.account, nonce)),
        })
    }

    fn package_1(&self, letter: &mut Letter) {
        letter.client_initiated();
        letter.dev_info(&self.name);
    }

    /// The Status of the server's header, with a challenge while it has yet to prove itself. False if nothing that it
    /// wants is to be done.
    fn judge(&mut self, reply: &Reply, letter: &mut Letter) -> bool {
        let demanded = self.demanded.take();
        let verdict = match self.wants {
            // A question that may go unanswered.
            Wants::Nothing => 407,
            Wants::Proof { .. } if self.trusts_server => 200,
            Wants::Proof { of, code } => match (&reply.cred, demanded) {
                (Some(cred), Some(nonce)) if *cred == of.digest(&nonce) => {
                    assert_eq!(
                        reply.user.as_deref(),
                        Some(of.user),
                        "the user's name stands beside the credential"
                    );
                    code
                }
                (Some(_), Some(_)) => 401,
                _ => 407,
            },
        };
        self.judged.push(verdict);
        self.trusts_server |= verdict == 212;
        if !self.trusts_server {
            self.demanded = Some(B64.encode(format!("other-nonce-{}", self.judged.len())));
        }
        letter.header_status(&reply.msg_id, verdict, self.demanded.as_deref());
        verdict < 300 || matches!(self.wants, Wants::Nothing)
    }

    /// Whether the server had its chances to prove itself.
    fn is_fed_up(&self) -> bool {
        self.judged.iter().filter(|verdict| **verdict > 299).count() > CHANCES
    }

    fn obey(&mut self, orders: &[Order], msg_ref: &str, letter: &mut Letter) {
        for order in orders {
            match order.verb.as_str() {
                "Sequence" => {
                    letter.status(msg_ref, &order.id, "Sequence", None, 200);
                    self.obey(&order.inner, msg_ref, letter);
                }
                "Get" => self.read(order, msg_ref, letter),
                _ => {
                    for (node, value) in &order.items {
                        let code = self.write(&order.verb, node, value);
                        letter.status(msg_ref, &order.id, &order.verb, None, code);
                    }
                }
            }
        }
    }

    /// Results of each node by itself, and only then how it went.
    fn read(&mut self, order: &Order, msg_ref: &str, letter: &mut Letter) {
        let found: Vec<_> = order.items.iter().map(|(node, _)| (node, self.nodes.get(node))).collect();
        for (node, value) in &found {
            if let Some(value) = value {
                letter.results(msg_ref, &order.id, node, value);
            }
        }
        for (node, value) in found {
            let code = if value.is_some() { 200 } else { 404 };
            letter.status(msg_ref, &order.id, "Get", Some(node), code);
        }
    }

    fn write(&mut self, verb: &str, node: &str, value: &str) -> u16 {
        let is_there = self.nodes.contains_key(node);
        match verb {
            "Add" if is_there => 418,
            "Replace" if !is_there => 404,
            "Delete" => {
                self.nodes.retain(|other, _| !other.starts_with(node));
                if is_there { 200 } else { 404 }
            }
            "Add" | "Replace" => {
                self.nodes.insert(node.to_owned(), value.to_owned());
                if let Some(push) = node.strip_suffix("/PFN") {
                    self.nodes.insert(format!("{push}/ChannelURI"), CHANNEL_URI.to_owned());
                    self.nodes.insert(format!("{push}/Status"), "0".to_owned());
                }
                200
            }
            _ => 406,
        }
    }

    async fn post(&self, body: String) -> Reply {
        let request = reqwest::Client::new()
            .post(self.url.clone())
            .header("Content-Type", "application/vnd.syncml+xml; charset=\"utf-8\"")
            .body(body);
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status.as_u16(), 200, "{text}");
        Reply::read(&text)
    }
}

/// Nothing is carried out for somebody who did not prove who it is.
fn refuse(orders: &[Order], msg_ref: &str, letter: &mut Letter) {
    for order in orders {
        letter.status(msg_ref, &order.id, &order.verb, None, 407);
        refuse(&order.inner, msg_ref, letter);
    }
}
