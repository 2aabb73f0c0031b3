//! Between the contract's words and ours, one file per resource.

use std::time::Duration;

use model::Timestamp;

pub(crate) mod app;
pub(crate) mod channel;
pub(crate) mod device;
pub(crate) mod event;
pub(crate) mod import;
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

/// A time of the wire; none if it is none, or out of our range.
pub(crate) fn timestamp(time: prost_types::Timestamp) -> Option<Timestamp> {
    let micros = time.seconds.checked_mul(1_000_000)?.checked_add(i64::from(time.nanos) / 1_000)?;
    (0..1_000_000_000).contains(&time.nanos).then(|| Timestamp::from_micros(micros))
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
            assert_eq!(timestamp(expect), Some(Timestamp::from_micros(micros)));
        };
        check(0, 0, 0);
        check(1_500_000, 1, 500_000_000);
        check(-1, -1, 999_999_000);
        for (seconds, nanos) in [(0, -1), (0, 1_000_000_000), (i64::MAX, 0), (i64::MIN, 0)] {
            assert_eq!(timestamp(prost_types::Timestamp { seconds, nanos }), None);
        }
    }
}
