//! Passwords of devices that need one.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::TryRng;

use crate::failure::Failure;

/// A password with 144 random bits, in 24 characters that need no quoting.
pub(crate) fn random() -> Result<String, Failure> {
    let mut bytes = [0; 18];
    let drawn = rand::rngs::SysRng.try_fill_bytes(&mut bytes);
    drawn.map_err(|_| {
        Failure::new("The system gives no random numbers to make a password of: use --password-stdin.")
    })?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
