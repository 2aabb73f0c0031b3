//! What holds a push app back.

use std::time::Duration;

use model::Timestamp;
use push::{AppCondition, Door, EndReason, Settings, Verdict};

use crate::field::{DAY, HOUR, MINUTE};

#[test]
fn a_push_app_is_gated_faulted_probed_and_healed() {
    let settings = Settings::default();
    let start = Timestamp::EPOCH + DAY;
    let mut app = AppCondition::default();
    assert_eq!(app.door(start), Door::Open);
    let wait = Some(Duration::from_mins(15));
    app.judge(&Verdict::AppThrottled { retry_after: wait }, None, start, &settings);
    let until = start + MINUTE * 15;
    assert_eq!((app.door(start), app.reason(start)), (Door::Shut(until), Some(EndReason::AppGated)));
    assert_eq!(app.door(until), Door::Probe);
    app.judge(&Verdict::CredentialFault, Some("invalid_client"), until, &settings);
    assert_eq!(app.door(until), Door::Shut(until + MINUTE));
    assert_eq!(app.reason(until), Some(EndReason::CredentialFault));
    app.judge(&Verdict::CredentialFault, Some("invalid_client"), until + MINUTE, &settings);
    assert_eq!(app.door(until + MINUTE), Door::Shut(until + MINUTE * 3), "twice as long");
    app.judge(&Verdict::SentUnknown, None, until + MINUTE * 3, &settings);
    assert_eq!(app.door(until + MINUTE * 3), Door::Open);
    app.judge(&Verdict::AppBlocked, None, until, &settings);
    assert_eq!(app.door(Timestamp::MAX), Door::Shut(Timestamp::MAX));
    app.judge(&Verdict::SentUnknown, None, until, &settings);
    assert_eq!(app.reason(until), Some(EndReason::AppBlocked), "a late success does not lift a block");
    app.resume();
    assert_eq!(app.door(until), Door::Probe);
    for _ in 0..settings.app_patience {
        app.judge(&Verdict::Mismatch, Some("not yours"), until, &settings);
    }
    assert_eq!(app.reason(until), Some(EndReason::CredentialFault));
}

#[test]
fn a_burst_of_throttled_answers_is_one_gate_that_late_successes_do_not_lift() {
    let settings = Settings::default();
    let start = Timestamp::EPOCH + DAY;
    let mut app = AppCondition::default();
    for millis in 0..50 {
        let throttled = Verdict::AppThrottled { retry_after: None };
        app.judge(&throttled, None, start + Duration::from_millis(millis), &settings);
        app.judge(&Verdict::SentUnknown, None, start + Duration::from_millis(millis), &settings);
    }
    assert_eq!(app.door(start + HOUR), Door::Probe);
    assert_eq!(app.gate_until(), Some(start + MINUTE), "as long as after a single one");
    let later = start + MINUTE;
    app.judge(&Verdict::AppThrottled { retry_after: None }, None, later, &settings);
    assert_eq!(app.gate_until(), Some(later + MINUTE * 2), "the next one is twice as long");
    app.judge(&Verdict::SentUnknown, None, later + MINUTE * 2, &settings);
    assert_eq!(app.door(later + MINUTE * 2), Door::Open, "the probe heals it");
}
