//! How a device answers a challenge (oma-dm.md §7).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use secrecy::ExposeSecret;
use syncml::{Chal, Cred, Meta, Secret};

use super::profile::Identity;

/// What a device was challenged with.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Md5 { nonce: Vec<u8> },
}

impl Challenge {
    /// Reads a `Chal`; `None` for a scheme that Windows does not know.
    pub(super) fn read(chal: &Chal<'_>) -> Option<Self> {
        match chal.meta.kind.as_deref()?.trim() {
            "syncml:auth-basic" => Some(Self::Basic),
            "syncml:auth-md5" => {
                let nonce = chal.meta.next_nonce.as_ref().map_or("", Secret::expose).trim();
                STANDARD.decode(nonce).ok().map(|nonce| Self::Md5 { nonce })
            }
            _ => None,
        }
    }

    /// The credential that answers it.
    pub(super) fn answer(&self, identity: &Identity) -> Cred<'static> {
        let plain = format!("{}:{}", identity.user, identity.password.expose_secret());
        let (kind, data) = match self {
            Self::Basic => ("syncml:auth-basic", STANDARD.encode(plain)),
            Self::Md5 { nonce } => ("syncml:auth-md5", digest(&plain, nonce)),
        };
        let meta = Meta { format: Some("b64".into()), ..Meta::kind(kind) };
        Cred { meta, data: Secret::new(data) }
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic => "Basic",
            Self::Md5 { .. } => "Md5",
        })
    }
}

/// `B64(MD5(B64(MD5(user:password)):nonce))`, with the nonce's raw bytes.
pub(super) fn digest(plain: &str, nonce: &[u8]) -> String {
    let inner = STANDARD.encode(Md5::digest(plain));
    let outer = Md5::new().chain_update(inner).chain_update(b":").chain_update(nonce);
    STANDARD.encode(outer.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_answer_of_the_specification() {
        assert_eq!(digest("Bruce2:OhBehave", b"Nonce"), "Zz6EivR3yeaaENcRN6lpAQ==");
    }
}
