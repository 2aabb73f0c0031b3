//! When two URIs name the same node (oma-dm.md §2.3).

use serde::{Deserialize, Serialize};

/// A node's URI that is compared again and again: stored as it was spelled, brought to its normal form once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) struct Uri {
    spelled: String,
    normal: Vec<u8>,
}

impl Uri {
    pub(crate) fn as_str(&self) -> &str {
        &self.spelled
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.normal == other.normal
    }
}

impl From<String> for Uri {
    fn from(spelled: String) -> Self {
        let normal = normal(&spelled);
        Self { spelled, normal }
    }
}

impl From<Uri> for String {
    fn from(uri: Uri) -> Self {
        uri.spelled
    }
}

/// Decoded, without regard to case, with or without `./Device`: devices, documents and servers
/// spell the same node differently.
pub(crate) fn is_same(left: &str, right: &str) -> bool {
    left == right || normal(left) == normal(right)
}

fn normal(uri: &str) -> Vec<u8> {
    let mut uri = decode(uri.trim().as_bytes());
    uri.make_ascii_lowercase();
    if uri.last() == Some(&b'/') {
        uri.pop();
    }
    match uri.strip_prefix(b"./device/") {
        Some(rest) => [b"./", rest].concat(),
        None => uri,
    }
}

/// A `%` that is not followed by two hexadecimal digits stands for itself.
fn decode(uri: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(uri.len());
    let mut rest = uri;
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = tail.first_chunk().filter(|_| first == b'%').copied().and_then(byte);
        decoded.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    decoded
}

fn byte(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_has_many_spellings() {
        for (left, right, expect) in [
            ("./DevInfo/DevId", "./devinfo/DEVID", true),
            ("./Vendor/MSFT/X", "./Device/Vendor/MSFT/X", true),
            ("./Vendor/MSFT/MS%20DM%20Server", "./Vendor/MSFT/MS DM SERVER", true),
            ("./Vendor/MSFT/%7bA%7D", "./Vendor/MSFT/{a}", true),
            ("./Vendor/MSFT/X/", "./Vendor/MSFT/X", true),
            (" ./X", "./X", true),
            ("./User/Vendor/MSFT/X", "./Vendor/MSFT/X", false),
            ("./Vendor/MSFT/X", "./Vendor/MSFT/XY", false),
            ("./Device", "./", false),
            ("%", "%", true),
            ("%zz", "%", false),
            ("%ff", "\u{ff}", false),
        ] {
            assert_eq!(is_same(left, right), expect, "{left} {right}");
        }
    }
}
