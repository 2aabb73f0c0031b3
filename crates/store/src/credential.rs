//! How a device proves who it is.

use std::fmt;

use dm::InnerHash;
use secrecy::SecretString;
use thiserror::Error;

/// A device's md5 or basic credential: never the password, only its inner hash (oma-dm.md §7.1).
#[derive(Clone)]
pub struct Credential {
    /// The user name.
    pub user: String,
    /// `B64(MD5(user:password))`.
    pub inner_hash: SecretString,
}

/// Why a credential cannot be one. Never holds the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidCredential {
    /// There is no user name, or one that is too long.
    #[error("the user name must have 1 to 255 bytes")]
    User,
    /// It holds a control character.
    #[error("the user name must not hold control characters")]
    Control,
    /// Basic separates user and password by a colon (oma-dm.md §7.1).
    #[error("the user name must not hold a colon")]
    Colon,
    /// There is no password, or one that is too long.
    #[error("the password must have 1 to 255 bytes")]
    Password,
    /// The hash is not one.
    #[error("the inner hash must be the base64 of the 16 bytes of MD5(user:password)")]
    InnerHash,
}

/// Bytes of a user name, and of a password.
const LONGEST: usize = 255;

impl Credential {
    /// Of a password, which is forgotten.
    pub fn from_password(user: &str, password: &str) -> Result<Self, InvalidCredential> {
        check_user(user)?;
        if password.is_empty() || password.len() > LONGEST {
            return Err(InvalidCredential::Password);
        }
        Ok(Self::new(user, &dm::inner_hash(user, password)))
    }

    /// Of an inner hash that somebody else made.
    pub fn from_inner_hash(user: &str, hash: &str) -> Result<Self, InvalidCredential> {
        check_user(user)?;
        InnerHash::parse(hash).map(|hash| Self::new(user, &hash)).ok_or(InvalidCredential::InnerHash)
    }

    fn new(user: &str, hash: &InnerHash) -> Self {
        Self { user: user.to_owned(), inner_hash: SecretString::from(hash.expose()) }
    }
}

fn check_user(user: &str) -> Result<(), InvalidCredential> {
    match user {
        "" => Err(InvalidCredential::User),
        user if user.len() > LONGEST => Err(InvalidCredential::User),
        user if user.chars().any(char::is_control) => Err(InvalidCredential::Control),
        user if user.contains(':') => Err(InvalidCredential::Colon),
        _ => Ok(()),
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("user", &self.user).finish_non_exhaustive()
    }
}
