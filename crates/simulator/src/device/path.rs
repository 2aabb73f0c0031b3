//! Node addresses as a device understands them (oma-dm.md §2.3).

use std::fmt::Write;

/// A node's address, in a form in which equal nodes are equal: decoded, without `./` and `./Device`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// Reads a `LocURI`; `None` if it cannot be one.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        let uri = uri.strip_prefix("./").unwrap_or(uri);
        if uri.is_empty() || uri.starts_with('/') || uri.contains('?') {
            return None;
        }
        let mut segments = Vec::new();
        for segment in uri.split('/') {
            let segment = decode(segment)?.to_lowercase();
            if segment.is_empty() || segment == "*" || segment == "." {
                return None;
            }
            segments.push(segment);
        }
        if segments[0] == "device" && segments.len() > 1 {
            segments.remove(0);
        }
        Some(Self(segments))
    }

    /// The address of a child, its name not encoded.
    pub(super) fn child(&self, name: &str) -> Self {
        let mut segments = self.0.clone();
        segments.push(name.to_lowercase());
        Self(segments)
    }

    pub(super) fn parent(&self) -> Option<Self> {
        let (_, parents) = self.0.split_last()?;
        (!parents.is_empty()).then(|| Self(parents.to_vec()))
    }

    /// The node's own name, in lower case.
    pub(super) fn last(&self) -> &str {
        self.0.last().expect("an address has a segment")
    }

    pub(super) fn is_below(&self, ancestor: &Self) -> bool {
        self.0.len() > ancestor.0.len() && self.0.starts_with(&ancestor.0)
    }
}

/// A node's name as it stands in a list of children: percent-encoded, so that the separator is unmistakable.
pub(super) fn encode(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// The last segment of a `LocURI`, decoded, in its own case.
pub(super) fn name(uri: &str) -> Option<String> {
    decode(uri.rsplit('/').next()?)
}

fn decode(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_node_are_equal() {
        let node = Path::parse("./Vendor/MSFT/DMClient/Provider/MS DM Server/Push/PFN");
        assert!(node.is_some());
        for uri in [
            "./Device/Vendor/MSFT/DMClient/Provider/MS%20DM%20SERVER/Push/PFN",
            "Vendor/MSFT/dmclient/Provider/MS%20DM%20Server/push/pfn",
        ] {
            assert_eq!(Path::parse(uri), node, "{uri}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for uri in ["", "./", "/Vendor", "./Vendor//MSFT", "./Vendor/*", "./Vendor/%zz", "./Vendor?prop=Type"]
        {
            assert_eq!(Path::parse(uri), None, "{uri}");
        }
    }
}
