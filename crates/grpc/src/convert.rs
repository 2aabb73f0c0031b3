//! Between the contract's words and ours, one file per resource.

use std::time::Duration;

use model::Timestamp;

pub(crate) mod app;
pub(crate) mod channel;
pub(crate) mod device;
pub(crate) mod polling;
pub(crate) mod push;
pub(crate) mod session;
pub(crate) mod wake;

pub(crate) fn time(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_micros().div_euclid(1_000_000),
        nanos: i32::try_from(at.as_micros().rem_euclid(1_000_000) * 1_000).unwrap_or_default(),
    }
}

pub(crate) fn span(span: Duration) -> prost_types::Duration {
    // A span too long for the wire is "for ever" to everybody.
    span.try_into().unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_epoch_have_nanoseconds_that_count_up() {
        let check = |micros, seconds, nanos| {
            let expect = prost_types::Timestamp { seconds, nanos };
            assert_eq!(time(Timestamp::from_micros(micros)), expect);
        };
        check(0, 0, 0);
        check(1_500_000, 1, 500_000_000);
        check(-1, -1, 999_999_000);
    }
}
