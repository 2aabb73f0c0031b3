//! How we prove to a device who we are, if it asks (oma-dm.md §7.2).

use serde::{Deserialize, Serialize};
use syncml::{Chal, Command, Cred, Message, Meta, Secret, Status};

use crate::{
    account::{decode, digest, encode},
    credential::Scheme,
    matching::is_about_header,
    settings::ServerAccount,
};

/// Where we stand with a device. The nonce is a secret.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Mutual {
    stand: Stand,
    /// The last nonce that the device gave.
    nonce: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
enum Stand {
    /// The device takes us as we are.
    #[default]
    Unasked,
    /// It has our answer to a challenge, and has not said what it makes of it.
    Answering,
    /// It believed us for one message: each has a credential.
    EachMessage,
    /// It believed us for the session.
    WholeSession,
    /// It will not believe us: we carry on, and its Statuses are what became of our commands.
    GivenUp,
}

impl Mutual {
    /// Takes in what the device says about our message's `SyncHdr`; `previous` is that message's
    /// `MsgID`, None before the session's first. True if our commands are to be sent again, with
    /// a credential.
    pub(crate) fn hear(&mut self, message: &Message<'_>, previous: Option<u32>) -> bool {
        let Some(status) = about_us(message, previous) else { return false };
        let next_nonce = status.chal.as_deref().and_then(nonce);
        match status.code() {
            Some(401 | 407) => self.is_challenged(status.chal.as_deref(), next_nonce),
            Some(212) => {
                self.nonce = next_nonce.or(self.nonce.take());
                self.stand = Stand::WholeSession;
                false
            }
            Some(200..=299) => {
                self.nonce = next_nonce.or(self.nonce.take());
                if self.stand == Stand::Answering {
                    self.stand = Stand::EachMessage;
                }
                false
            }
            _ => false,
        }
    }

    /// One answer to each challenge: refused a second time, we give up.
    fn is_challenged(&mut self, chal: Option<&Chal<'_>>, next_nonce: Option<Vec<u8>>) -> bool {
        // A challenge without a scheme means the one that it was before.
        let scheme = chal.and_then(|chal| chal.meta.kind.as_deref()).map_or(Some(Scheme::Md5), Scheme::of);
        self.nonce = next_nonce.or(self.nonce.take());
        let can_answer = scheme == Some(Scheme::Md5) && self.nonce.is_some();
        self.stand = match self.stand {
            Stand::Unasked | Stand::EachMessage | Stand::WholeSession if can_answer => Stand::Answering,
            _ => Stand::GivenUp,
        };
        self.stand == Stand::Answering
    }

    /// The credential that the next message carries, if it does.
    pub(crate) fn cred(&self, server: &ServerAccount) -> Option<Cred<'static>> {
        let nonce = match self.stand {
            Stand::Answering | Stand::EachMessage => self.nonce.as_deref()?,
            Stand::Unasked | Stand::WholeSession | Stand::GivenUp => return None,
        };
        Some(cred(server, nonce))
    }

    /// Whether commands may have to be sent again.
    pub(crate) fn may_be_asked(&self) -> bool {
        self.stand != Stand::GivenUp
    }
}

/// The digest that answers a challenge.
pub(crate) fn cred(server: &ServerAccount, nonce: &[u8]) -> Cred<'static> {
    let meta = Meta { format: Some("b64".into()), ..Meta::kind(Scheme::Md5.kind()) };
    Cred { meta, data: Secret::new(encode(&digest(&server.inner_hash, nonce))) }
}

/// The last Status about the `SyncHdr` of our last message. A device that begins a session may
/// still speak of the message that challenged it.
fn about_us<'m>(message: &'m Message<'m>, previous: Option<u32>) -> Option<&'m Status<'m>> {
    let is_it = |status: &&Status<'_>| {
        let msg_ref = status.msg_ref.as_deref().and_then(|text| text.parse::<u32>().ok());
        is_about_header(status) && (previous.is_none() || msg_ref.is_none() || msg_ref == previous)
    };
    let mut statuses = message.commands.iter().filter_map(|command| match command {
        Command::Status(status) => Some(status),
        _ => None,
    });
    statuses.rfind(is_it)
}

fn nonce(chal: &Chal<'_>) -> Option<Vec<u8>> {
    let nonce = decode(chal.meta.next_nonce.as_ref()?.expose())?;
    (1..=LONGEST_NONCE).contains(&nonce.len()).then_some(nonce)
}

/// 16 bytes are suggested; some send a UUID as text.
const LONGEST_NONCE: usize = 256;
