//! What holds a push app back.

use std::time::Duration;

use model::{PushId, Timestamp};
use push::{AppCondition, Closings, Deaths, Door, EndReason, FaultKind, Settings, Verdict};

use uuid::Uuid;

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
    app.resume(until);
    assert_eq!(app.door(until), Door::Probe);
    for _ in 0..settings.app_patience {
        app.judge(&Verdict::Mismatch, Some("not yours"), until, &settings);
    }
    assert_eq!(app.reason(until), Some(EndReason::CredentialFault));
}

#[test]
fn credentials_that_are_taken_again_end_the_fault_and_others_are_probed_at_once() {
    let settings = Settings::default();
    let start = Timestamp::EPOCH + DAY;
    let mut app = AppCondition::default();
    app.credentials_probed(Some("refused"), start, &settings);
    assert_eq!(app, AppCondition::default(), "there was no fault to probe");
    app.judge(&Verdict::CredentialFault, Some("invalid_client"), start, &settings);
    app.mended(start + MINUTE / 2);
    assert_eq!(app.door(start + MINUTE / 2), Door::Probe, "and not after a minute");
    app.credentials_probed(Some("still refused"), start + MINUTE / 2, &settings);
    assert_eq!(
        app.fault().map(|fault| (fault.since, fault.description.as_str())),
        Some((start, "still refused"))
    );
    let again = start + MINUTE / 2 + MINUTE * 2;
    assert_eq!(app.door(start + MINUTE), Door::Shut(again), "twice as long");
    app.credentials_probed(None, again, &settings);
    assert_eq!((app.fault(), app.reason(again)), (None, None));
    assert_eq!(app.door(again), Door::Probe, "whether WNS takes the token shows with a push");
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

#[test]
fn one_probe_at_a_time_and_a_lost_one_does_not_block() {
    let settings = Settings::default();
    let start = Timestamp::EPOCH + DAY;
    let (first, second) = (PushId::new(Uuid::from_u128(1)), PushId::new(Uuid::from_u128(2)));
    let lease = start + MINUTE;
    let mut app = AppCondition::default();
    app.restarted(start);
    assert_eq!(app.door(start), Door::Probe);
    app.begin_probe(first, lease);
    assert_eq!(app.door(start), Door::Probing(lease));
    assert_eq!(app.reason(start), None, "a probe holds no wake back for long");
    app.end_probe(second);
    assert!(app.is_probed_by(first), "another push is not the probe");
    assert_eq!(app.door(lease), Door::Probe, "nothing was heard of it");
    app.judge(&Verdict::Failed, None, start, &settings);
    app.end_probe(first);
    assert_eq!(app.door(start), Door::Probe, "it said nothing: another one");
    app.begin_probe(second, lease);
    app.judge(&Verdict::SentUnknown, None, start, &settings);
    app.end_probe(second);
    assert_eq!(app.door(start), Door::Open);
    // A replica starts while a probe of another one is under way, or its own was when it crashed.
    app.restarted(start);
    app.begin_probe(first, lease);
    app.restarted(start);
    assert_eq!(app.door(start), Door::Probing(start + Duration::from_secs(5)));
    app.pause();
    assert_eq!(app.door(start), Door::Shut(Timestamp::MAX), "an operator has the last word");
}

#[test]
fn closings_are_counted_once_each_and_outlive_what_closed() {
    let settings = Settings::default();
    let start = Timestamp::EPOCH + DAY;
    let mut app = AppCondition::default();
    let throttled = Verdict::AppThrottled { retry_after: None };
    let table = [
        (&throttled, 0, (1, 1)),
        (&throttled, 1, (1, 1)),
        (&Verdict::SentUnknown, 61, (1, 1)),
        (&Verdict::CredentialFault, 70, (2, 1)),
        (&Verdict::CredentialFault, 71, (2, 1)),
        (&Verdict::SentUnknown, 200, (2, 1)),
        (&throttled, 201, (3, 2)),
        (&Verdict::SentUnknown, 400, (3, 2)),
        (&Verdict::TokenUnavailable { retry_after: None }, 401, (4, 2)),
        (&Verdict::AppBlocked, 402, (5, 3)),
        (&Verdict::AppBlocked, 403, (5, 3)),
    ];
    for (verdict, second, (times, throttled)) in table {
        app.judge(verdict, None, start + Duration::from_secs(second), &settings);
        assert_eq!(app.closings(), Closings { times, throttled }, "{verdict:?} after {second} s");
    }
    app.resume(start);
    assert_eq!(app.closings().times, 5);
    app.weigh_deaths(Deaths { judged: 30, died: 30 }, start, &settings);
    assert_eq!(app.closings(), Closings { times: 6, throttled: 3 });
}

#[test]
fn deaths_are_suspect_when_more_than_half_of_enough_channels_die() {
    let settings = Settings::default();
    let now = Timestamp::EPOCH + DAY;
    for (judged, died, suspect) in
        [(19, 19, false), (20, 10, false), (20, 11, true), (100, 50, false), (100, 51, true)]
    {
        let mut app = AppCondition::default();
        let began = app.weigh_deaths(Deaths { judged, died }, now, &settings);
        assert_eq!((began, app.suspects_deaths()), (suspect, suspect), "{died} of {judged}");
        let again = app.weigh_deaths(Deaths { judged, died }, now, &settings);
        assert!(!again, "it begins once");
    }
}

#[test]
fn three_probes_in_a_row_release_the_suspects() {
    let settings = Settings::default();
    let start = Timestamp::EPOCH + DAY;
    let mut app = AppCondition::default();
    app.weigh_deaths(Deaths { judged: 30, died: 30 }, start, &settings);
    assert_eq!((app.door(start), app.reason(start)), (Door::Shut(start + MINUTE), Some(EndReason::AppGated)));
    assert_eq!(app.fault().unwrap().kind, FaultKind::MassDeath);
    for verdict in [Verdict::SentUnknown, Verdict::SentUnknown, Verdict::SentUnknown, Verdict::ChannelSuspect]
    {
        app.judge(&verdict, None, start, &settings);
    }
    assert_eq!(app.door(start), Door::Shut(start + MINUTE), "what was under way is no probe");
    // Probes: what WNS says to each, and when the next one may go.
    let table = [
        (Verdict::SentUnknown, 1, 1),
        (Verdict::ChannelSuspect, 1, 3),
        (Verdict::SentUnknown, 3, 3),
        (Verdict::Dropped, 3, 3),
        (Verdict::ChannelSuspect, 3, 7),
        (Verdict::SentUnknown, 7, 7),
        (Verdict::ChannelThrottled, 7, 7),
    ];
    for (verdict, at, next) in table {
        let (at, next) = (start + MINUTE * at, start + MINUTE * next);
        assert_eq!(app.door(at), Door::Probe, "before {verdict:?}");
        assert!(app.judge(&verdict, None, at, &settings), "other replicas must know of {verdict:?}");
        let expect = if next > at { Door::Shut(next) } else { Door::Probe };
        assert_eq!((app.door(at), app.suspects_deaths()), (expect, true), "after {verdict:?}");
    }
    let end = start + MINUTE * 7;
    app.judge(&Verdict::SentUnknown, None, end, &settings);
    assert_eq!((app.door(end), app.suspects_deaths()), (Door::Open, false));
    assert_eq!(app.deaths_count_from(), end, "what was before says nothing any more");
}

#[test]
fn a_late_answer_lets_no_second_probe_go_while_deaths_are_suspect() {
    let settings = Settings::default();
    let start = Timestamp::EPOCH + DAY;
    let (probe, lease) = (PushId::new(Uuid::from_u128(1)), start + MINUTE * 2);
    let mut app = AppCondition::default();
    app.weigh_deaths(Deaths { judged: 30, died: 30 }, start, &settings);
    app.begin_probe(probe, lease);
    let now = start + MINUTE;
    app.judge(&Verdict::SentUnknown, None, now, &settings);
    assert_eq!(app.door(now), Door::Probing(lease), "it was to a push from before");
    app.judge(&Verdict::SentUnknown, None, now, &settings);
    app.end_probe(probe);
    assert_eq!(app.door(now), Door::Probe);
}

#[test]
fn an_operator_says_that_deaths_are_real_for_a_day() {
    let settings = Settings::default();
    let start = Timestamp::EPOCH + DAY;
    let many = Deaths { judged: 100, died: 100 };
    let mut app = AppCondition::default();
    app.resume(start);
    assert!(app.weigh_deaths(many, start, &settings), "nothing was suspect when the operator spoke");
    app.resume(start);
    assert_eq!(app.door(start), Door::Probe);
    app.judge(&Verdict::ChannelDead, None, start, &settings);
    assert_eq!(app.door(start), Door::Open, "a death is an answer as good as any");
    assert!(!app.weigh_deaths(many, start + HOUR * 23, &settings));
    assert!(app.weigh_deaths(many, start + DAY, &settings));
    app.judge(&Verdict::CredentialFault, Some("invalid_client"), start + DAY, &settings);
    assert_eq!(app.reason(start + DAY), Some(EndReason::CredentialFault), "the fault that somebody can mend");
    app.judge(&Verdict::SentUnknown, None, start + DAY + MINUTE, &settings);
    assert!(app.suspects_deaths(), "a healed fault does not end the suspicion");
}
