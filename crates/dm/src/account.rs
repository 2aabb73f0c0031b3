//! Who may speak, and the base64 in which secrets travel (oma-dm.md §7.1).

use std::fmt;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};

/// What a device's credential is checked against.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user name. A device puts it into the Source's `LocName`.
    pub user: String,
    /// What is known of the password.
    pub inner_hash: InnerHash,
}

/// `B64(MD5(user ":" password))`: enough to verify every scheme, and as good as the password to
/// a thief. Never shown.
#[derive(Clone)]
pub struct InnerHash(SecretString);

/// The inner hash of a user's password.
pub fn inner_hash(user: &str, password: &str) -> InnerHash {
    let digest = Md5::new().chain_update(user).chain_update(":").chain_update(password);
    InnerHash(SecretString::from(BASE64.encode(digest.finalize())))
}

/// `MD5(inner ":" nonce)`, with the nonce as it is before base64.
pub(crate) fn digest(inner_hash: &InnerHash, nonce: &[u8]) -> Vec<u8> {
    Md5::new().chain_update(inner_hash.expose()).chain_update(":").chain_update(nonce).finalize().to_vec()
}

impl InnerHash {
    /// What a device that does not exist is measured by, so that it takes the same time.
    pub(crate) fn of_nobody() -> Self {
        Self(SecretString::from("AAAAAAAAAAAAAAAAAAAAAA=="))
    }

    /// An inner hash in its stored or imported form; None if it is not base64 of 16 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = decode(text).filter(|bytes| bytes.len() == 16)?;
        Some(Self(SecretString::from(encode(&bytes))))
    }

    /// The hash in base64, to be sealed and stored.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for InnerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InnerHash(…)")
    }
}

/// Padding may be missing; devices differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// White space between the characters is possible (oma-dm.md §6).
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account { user: "Bruce2".to_owned(), inner_hash: inner_hash("Bruce2", "OhBehave") }
    }

    #[test]
    fn the_known_answer() {
        // oma-dm.md §7.1.
        assert_eq!(encode(&digest(&account().inner_hash, b"Nonce")), "Zz6EivR3yeaaENcRN6lpAQ==");
    }

    #[test]
    fn inner_hashes_are_parsed_and_never_shown() {
        let hash = inner_hash("Bruce2", "OhBehave");
        assert_eq!(InnerHash::parse(hash.expose()).unwrap().expose(), hash.expose());
        assert!(!format!("{:?}", account()).contains(hash.expose()));
        for text in ["", "AAAA", "not base64 at all!!", "AAAAAAAAAAAAAAAAAAAAAAAAAA=="] {
            assert!(InnerHash::parse(text).is_none(), "{text}");
        }
    }
}
