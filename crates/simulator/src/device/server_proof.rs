//! Whether the server is who it should be: the device challenges it (oma-dm.md §7.2).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret;
use syncml::{Chal, Header, Meta, Secret};

use super::{
    credential::digest,
    profile::{ProofLasts, ServerAccount},
};

const MISSING: u16 = 407;
const WRONG: u16 = 401;
const FOR_THE_MESSAGE: u16 = 200;
const FOR_THE_SESSION: u16 = 212;

/// What a session knows of its server.
#[derive(Clone)]
pub(super) struct ServerProof {
    account: ServerAccount,
    /// What makes the session's nonces.
    seed: String,
    challenges: u32,
    is_proven: bool,
}

/// The verdict about a message of the server: the Status of its `SyncHdr`.
pub(super) struct Judgement {
    pub(super) code: u16,
    pub(super) chal: Option<Chal<'static>>,
}

impl ServerProof {
    pub(super) fn new(account: ServerAccount, seed: String) -> Self {
        Self { account, seed, challenges: 0, is_proven: false }
    }

    /// Judges a message of the server.
    pub(super) fn judge(&mut self, header: &Header<'_>) -> Judgement {
        if self.is_proven {
            return Judgement { code: FOR_THE_MESSAGE, chal: None };
        }
        let (code, is_right) = match &header.cred {
            None => (MISSING, false),
            Some(cred) if self.fits(cred.data.expose(), header.source.name.as_deref()) => {
                (self.accepted(), true)
            }
            Some(_) => (WRONG, false),
        };
        self.is_proven = is_right && self.account.lasts == ProofLasts::Session;
        let chal = (!self.is_proven).then(|| self.challenge());
        Judgement { code, chal }
    }

    fn accepted(&self) -> u16 {
        match self.account.lasts {
            ProofLasts::Message => FOR_THE_MESSAGE,
            ProofLasts::Session => FOR_THE_SESSION,
        }
    }

    fn fits(&self, cred: &str, user: Option<&str>) -> bool {
        let ServerAccount { user: expected, password, .. } = &self.account;
        let plain = format!("{expected}:{}", password.expose_secret());
        self.challenges > 0 && user == Some(expected) && cred == digest(&plain, self.nonce().as_bytes())
    }

    /// A nonce that was not used before; the next message's credential is to be made with it.
    fn challenge(&mut self) -> Chal<'static> {
        self.challenges += 1;
        let next_nonce = Some(Secret::new(STANDARD.encode(self.nonce())));
        let meta = Meta { format: Some("b64".into()), next_nonce, ..Meta::kind("syncml:auth-md5") };
        Chal { meta }
    }

    fn nonce(&self) -> String {
        format!("{}/{}", self.seed, self.challenges)
    }
}

impl Judgement {
    /// Whether the server's commands are carried out.
    pub(super) fn is_believed(&self) -> bool {
        self.code < 300
    }
}

impl fmt::Debug for ServerProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerProof")
            .field("challenges", &self.challenges)
            .field("is_proven", &self.is_proven)
            .finish_non_exhaustive()
    }
}
