//! Sealing: what is secret is encrypted before it reaches the database (DESIGN §4).

use std::{fmt, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use rand::TryRng;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hmac,
};
use secrecy::zeroize::Zeroizing;
use thiserror::Error;

use crate::Error;

/// The key of the sealed columns: 32 random bytes. Kept in a file or an environment variable as base64.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the key file {path} cannot be used: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not 32 bytes in base64.
    #[error("the key is not 32 bytes in base64 (make one with `openssl rand -base64 32`)")]
    Malformed,
    /// The system has no random numbers to make one of.
    #[error("the system gives no random numbers")]
    Random,
}

impl Key {
    /// Reads base64.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(text.trim()).map_err(|_| KeyError::Malformed)?);
        let key = bytes.as_slice().try_into().map_err(|_| KeyError::Malformed)?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Reads a key file.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(path).map_err(|source| file_error(path, source))?;
        Self::parse(&Zeroizing::new(text))
    }

    /// Makes a key and writes it to a new file that only its owner can read.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        use std::{io::Write, os::unix::fs::OpenOptionsExt};
        let key = Self::random()?;
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        let text = Zeroizing::new(BASE64_STANDARD.encode(key.0.as_slice()));
        file.and_then(|mut file| {
            writeln!(file, "{}", text.as_str())?;
            file.sync_all()
        })
        .map_err(|source| file_error(path, source))?;
        Ok(key)
    }

    /// A key that is forgotten with the process: for a throw-away database.
    pub fn random() -> Result<Self, KeyError> {
        let mut key = Zeroizing::new([0; 32]);
        rand::rngs::SysRng.try_fill_bytes(key.as_mut_slice()).map_err(|_| KeyError::Random)?;
        Ok(Self(key))
    }

    /// Another key, for `purpose` only: knowing it does not help to know this one.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice()), purpose.as_bytes());
        let mut derived = [0; 32];
        derived.copy_from_slice(tag.as_ref());
        derived
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

/// Seals and unseals columns. A sealed value is: 4 bytes key id, 12 bytes nonce, AES-256-GCM cipher text and tag. It is
/// bound to its column and row, so that it cannot be moved.
pub(crate) struct Sealer {
    key: LessSafeKey,
    id: [u8; 4],
}

impl Sealer {
    pub(crate) fn new(key: &Key) -> Self {
        let sealing = key.derive("sealed columns");
        let unbound = UnboundKey::new(&AES_256_GCM, &sealing).expect("AES-256 takes 32 bytes");
        let mut id = [0; 4];
        id.copy_from_slice(&digest::digest(&digest::SHA256, &key.derive("key id")).as_ref()[..4]);
        Self { key: LessSafeKey::new(unbound), id }
    }

    /// The key's id, for telling which key is missing.
    pub(crate) fn id(&self) -> String {
        BASE64_STANDARD.encode(self.id)
    }

    pub(crate) fn seal(&self, column: &str, row: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_LEN];
        let random = rand::rngs::SysRng.try_fill_bytes(&mut nonce);
        random.map_err(|_| Error::Corrupt("no random numbers for sealing".into()))?;
        let mut text = plain.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(column, row), &mut text)
            .map_err(|_| Error::Corrupt(format!("{column} is too long to be sealed")))?;
        Ok([&self.id, nonce.as_slice(), &text].concat())
    }

    pub(crate) fn unseal(&self, column: &str, row: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let bad = || Error::Corrupt(format!("{column} cannot be unsealed"));
        let (id, rest) = sealed.split_at_checked(self.id.len()).ok_or_else(bad)?;
        if id != self.id {
            let other = BASE64_STANDARD.encode(id);
            return Err(Error::Corrupt(format!("{column} was sealed with another key (id {other})")));
        }
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or_else(bad)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| bad())?;
        let mut text = text.to_vec();
        let plain = self.key.open_in_place(nonce, aad(column, row), &mut text).map_err(|_| bad())?;
        Ok(plain.to_vec())
    }
}

fn aad(column: &str, row: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([column.as_bytes(), b"\0", row].concat())
}

fn file_error(path: &Path, source: std::io::Error) -> KeyError {
    KeyError::File { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_values_stay_where_they_are() {
        let sealer = Sealer::new(&Key::random().unwrap());
        let sealed = sealer.seal("channels.uri", b"row", b"secret").unwrap();
        assert_eq!(sealer.unseal("channels.uri", b"row", &sealed).unwrap(), b"secret");
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
        assert!(sealer.unseal("channels.uri", b"other", &sealed).is_err(), "another row");
        assert!(sealer.unseal("devices.auth_hash", b"row", &sealed).is_err(), "another column");
        let other = Sealer::new(&Key::random().unwrap());
        let error = other.unseal("channels.uri", b"row", &sealed).unwrap_err().to_string();
        assert!(error.contains(&sealer.id()), "names the key: {error}");
        assert!(sealer.unseal("channels.uri", b"row", &sealed[..10]).is_err());
    }

    #[test]
    fn keys_hide_themselves_and_are_checked() {
        assert_eq!(format!("{:?}", Key::random().unwrap()), "Key([redacted])");
        for bad in ["", "c2hvcnQ=", "not base64 at all, I am afraid"] {
            assert!(Key::parse(bad).is_err());
        }
    }
}
