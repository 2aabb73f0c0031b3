//! A place in a distributed trace, as it is stored with wakes and sessions.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The W3C trace context of a span: what a later span needs to become its child (DESIGN §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace; never all zero.
    pub trace_id: [u8; 16],
    /// The span; never all zero.
    pub span_id: [u8; 8],
    /// The trace flags; bit 0 says that the trace is sampled.
    pub flags: u8,
}

/// A text is not a version 00 `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a W3C traceparent")]
pub struct InvalidTraceparent;

impl TraceContext {
    /// Whether the trace is recorded.
    pub const fn sampled(self) -> bool {
        self.flags & 1 == 1
    }

    /// The trace id as 32 lower-case hexadecimal digits.
    pub fn trace_id_hex(self) -> String {
        hex(&self.trace_id)
    }

    /// The span id as 16 lower-case hexadecimal digits.
    pub fn span_id_hex(self) -> String {
        hex(&self.span_id)
    }
}

impl fmt::Display for TraceContext {
    /// As a `traceparent` header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", hex(&self.trace_id), hex(&self.span_id), self.flags)
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceparent> {
        let mut parts = text.trim().split('-');
        let mut part = || parts.next().ok_or(InvalidTraceparent);
        let (version, trace, span, flags) = (part()?, part()?, part()?, part()?);
        let [version] = unhex::<1>(version)?;
        let [flags] = unhex::<1>(flags)?;
        let context = Self { trace_id: unhex(trace)?, span_id: unhex(span)?, flags };
        let more = parts.next().is_some();
        // Later versions may append fields; version 00 has exactly four, and ff is forbidden.
        let bad = version == 0xff || (version == 0 && more);
        if bad || context.trace_id == [0; 16] || context.span_id == [0; 8] {
            return Err(InvalidTraceparent);
        }
        Ok(context)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N], InvalidTraceparent> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(InvalidTraceparent);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| InvalidTraceparent)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidTraceparent)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_traceparents() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context: TraceContext = text.parse().unwrap();
        assert!(context.sampled());
        assert_eq!(context.to_string(), text);
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-+1",
        ] {
            assert_eq!(bad.parse::<TraceContext>(), Err(InvalidTraceparent), "{bad}");
        }
    }
}
