//! Certificates, named by their fingerprints.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The SHA-256 of a certificate in DER: what binds a client certificate to a device (oma-dm.md §7.4). Not a secret.
///
/// Parsed from 64 hexadecimal digits of any case, with a colon after each pair or without, as tools print it; shown as
/// 64 lower-case digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CertificateFingerprint([u8; LENGTH]);

/// Bytes of a SHA-256.
const LENGTH: usize = 32;

/// Why a text is not the fingerprint of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidFingerprint {
    /// Something else than hexadecimal digits, or colons in odd places.
    #[error("must be hexadecimal digits, with a colon after each pair or without any")]
    Digit,
    /// Another length: not the SHA-256, but perhaps the SHA-1 that Windows calls thumbprint.
    #[error(
        "has {0} digits: the SHA-256 of a certificate has 64 (the thumbprint that Windows shows is a SHA-1)"
    )]
    Length(usize),
}

impl CertificateFingerprint {
    /// The fingerprint of a certificate whose DER has this SHA-256.
    pub const fn new(sha256: [u8; LENGTH]) -> Self {
        Self(sha256)
    }

    /// The SHA-256 itself.
    pub const fn bytes(self) -> [u8; LENGTH] {
        self.0
    }
}

impl FromStr for CertificateFingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let digits = if text.contains(':') { without_colons(text)? } else { text.to_owned() };
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidFingerprint::Digit);
        }
        if digits.len() != LENGTH * 2 {
            return Err(InvalidFingerprint::Length(digits.len()));
        }
        let mut sha256 = [0; LENGTH];
        for (byte, at) in sha256.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| InvalidFingerprint::Digit)?;
        }
        Ok(Self(sha256))
    }
}

fn without_colons(text: &str) -> Result<String, InvalidFingerprint> {
    let pairs: Vec<_> = text.split(':').collect();
    let regular = pairs.iter().all(|pair| pair.len() == 2);
    regular.then(|| pairs.concat()).ok_or(InvalidFingerprint::Digit)
}

impl TryFrom<String> for CertificateFingerprint {
    type Error = InvalidFingerprint;

    fn try_from(text: String) -> Result<Self, InvalidFingerprint> {
        text.parse()
    }
}

impl From<CertificateFingerprint> for String {
    fn from(fingerprint: CertificateFingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl fmt::Display for CertificateFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_print_fingerprints_in_many_ways() {
        let plain = "00ff10".to_owned() + &"ab".repeat(29);
        let pairs: Vec<_> = (0..32).map(|n| plain[n * 2..n * 2 + 2].to_ascii_uppercase()).collect();
        for text in [plain.clone(), plain.to_ascii_uppercase(), pairs.join(":")] {
            let fingerprint: CertificateFingerprint = text.parse().unwrap();
            assert_eq!(fingerprint.to_string(), plain, "{text}");
            assert_eq!(CertificateFingerprint::new(fingerprint.bytes()), fingerprint);
        }
    }

    #[test]
    fn what_is_no_fingerprint_says_why() {
        use InvalidFingerprint::{Digit, Length};
        let long = "ab".repeat(32);
        for (text, why) in [
            (String::new(), Length(0)),
            ("ab".repeat(20), Length(40)),
            (["ab"; 20].join(":"), Length(40)),
            ("ab".repeat(33), Length(66)),
            (long.replace("abab", "xyxy"), Digit),
            (long.replacen("abab", "a:bab", 1), Digit),
            (format!(":{long}"), Digit),
            (format!(" {long}"), Digit),
            ("ä".repeat(32), Digit),
            (["ä"; 32].join(":"), Digit),
        ] {
            assert_eq!(text.parse::<CertificateFingerprint>(), Err(why), "{text}");
        }
    }
}
