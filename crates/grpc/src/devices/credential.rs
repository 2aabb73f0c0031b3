//! Credentials: they come in, and never go out.

use reveille_api::v1::{self as api, credential::Secret};
use store::{Credential, InvalidCredential};

use crate::request::Reader;

/// A credential of the field `credential`. No violation quotes the secret.
pub(super) fn credential(reader: &mut Reader, given: api::Credential) -> Option<Credential> {
    let Some(secret) = given.secret else {
        reader.wrong("credential.secret", "give a password or an inner hash");
        return None;
    };
    let made = make(&given.user, &secret);
    if let Err(error) = &made {
        reader.wrong(field(*error), error.to_string());
    }
    // The user is looked at first. Should it be wrong, the secret may be too.
    if let (
        Err(InvalidCredential::User | InvalidCredential::Control | InvalidCredential::Colon),
        Err(error),
    ) = (&made, make("anybody", &secret))
    {
        reader.wrong(field(error), error.to_string());
    }
    made.ok()
}

fn make(user: &str, secret: &Secret) -> Result<Credential, InvalidCredential> {
    match secret {
        Secret::Password(password) => Credential::from_password(user, password),
        Secret::InnerHash(hash) => Credential::from_inner_hash(user, hash),
    }
}

fn field(error: InvalidCredential) -> &'static str {
    match error {
        InvalidCredential::User | InvalidCredential::Control | InvalidCredential::Colon => "credential.user",
        InvalidCredential::Password => "credential.password",
        InvalidCredential::InnerHash => "credential.inner_hash",
    }
}
