//! The calling of one device.

use std::time::Duration;

use model::{Labels, Priority, PushId, Timestamp};
use push::{
    Attribution, Claim, ConnectionStatus, EndReason, Mode, Modes, Origin, Settings, Summons, Verdict,
};

use crate::field::{Field, HOUR, MINUTE, ours, push_id, summoned};

#[test]
fn three_accepted_pushes_then_it_waits_for_its_end() {
    let (mut field, mut summons) = summoned();
    let start = field.now;
    let mut at = Vec::new();
    for n in 1..=3 {
        field.now = summons.next_at(&field.channel, field.now, &field.settings).max(field.now);
        let claim = summons.claim(push_id(n), &mut field.channel, field.now, &field.settings).unwrap();
        at.push(field.now - start);
        let sent = Verdict::Sent { connection: Some(ConnectionStatus::Connected) };
        summons.judge(push_id(n), claim.ttl, &sent, (field.now, 0.0), &field.settings);
    }
    assert_eq!(at, [Duration::ZERO, MINUTE * 10, MINUTE * 20]);
    let next = summons.next_at(&field.channel, field.now, &field.settings);
    assert_eq!(next, summons.last_deadline());
    summons.join(Priority::Bulk, next, field.now);
    assert_eq!(summons.next_at(&field.channel, field.now, &field.settings), next, "the window is still open");
    summons.join(Priority::Bulk, next, field.now + MINUTE * 10);
    let granted = summons.next_at(&field.channel, field.now, &field.settings);
    assert_eq!(granted, field.now + MINUTE * 10, "one more");
    assert_eq!(summons.why(&field.channel, None, field.now, &field.settings), EndReason::NoSession);
}

/// What became of a push, for its summons and its channel.
fn judge(
    field: &mut Field,
    summons: &mut Summons,
    push: PushId,
    claim: &Claim,
    verdict: &Verdict,
    chance: f64,
) {
    field.channel.judge(claim.generation, verdict, field.now, &field.settings);
    if !verdict.may_have_arrived() {
        field.channel.unsent(push);
    }
    summons.judge(push, claim.ttl, verdict, (field.now, chance), &field.settings);
}

#[test]
fn what_a_verdict_does_to_the_schedule() {
    let disconnected = Verdict::Sent { connection: Some(ConnectionStatus::Disconnected) };
    let throttled = Verdict::AppThrottled { retry_after: None };
    // The verdict, with chance 1; when the next push is due; how many were charged.
    let table = [
        (Verdict::SentUnknown, MINUTE * 10, 1),
        (disconnected, HOUR, 1),
        (Verdict::Dropped, MINUTE, 0),
        (Verdict::ChannelThrottled, MINUTE * 10, 0),
        (throttled, Duration::ZERO, 0),
        (Verdict::CredentialFault, Duration::ZERO, 0),
        (Verdict::Failed, Duration::from_secs(1), 0),
        (Verdict::Ambiguous, MINUTE, 1),
        (Verdict::ChannelDead, HOUR, 0),
        (Verdict::Mismatch, HOUR, 0),
    ];
    for (verdict, wait, charged) in table {
        let (mut field, mut summons) = summoned();
        let claim = summons.claim(push_id(1), &mut field.channel, field.now, &field.settings).unwrap();
        assert_eq!(claim.ttl, HOUR);
        assert_eq!(summons.next_at(&field.channel, field.now, &field.settings), Timestamp::MAX);
        judge(&mut field, &mut summons, push_id(1), &claim, &verdict, 1.0);
        let next = summons.next_at(&field.channel, field.now, &field.settings);
        assert_eq!(next - field.now, wait, "{verdict:?}");
        field.now = field.now + MINUTE * 59;
        field.session(ours("b", 0));
        let again = summons.claim(push_id(2), &mut field.channel, field.now, &field.settings);
        if let Some(again) = again {
            assert_eq!(again.attempt, charged + 1, "{verdict:?}");
        }
    }
}

#[test]
fn why_a_wake_ends_is_what_mattered_last() {
    use EndReason as Why;
    let sent = |connection| Verdict::Sent { connection };
    // The verdicts one after the other; why at the deadline, when every gate has opened again.
    let table: [(&[Verdict], Why); 13] = [
        (&[], Why::NotPushed),
        (&[sent(None)], Why::NoSession),
        (&[sent(Some(ConnectionStatus::Connected))], Why::NoSession),
        (&[Verdict::SentUnknown], Why::NoSession),
        (&[sent(Some(ConnectionStatus::Disconnected))], Why::DeviceOffline),
        (&[Verdict::Dropped], Why::DeviceOffline),
        (&[Verdict::ChannelThrottled], Why::ChannelGated),
        (&[Verdict::ChannelDead], Why::NoChannel),
        (&[Verdict::AppThrottled { retry_after: None }], Why::AppGated),
        (&[Verdict::Failed], Why::PushFailed),
        (&[Verdict::Ambiguous], Why::PushFailed),
        (&[Verdict::Failed, sent(None)], Why::NoSession),
        (&[sent(None), Verdict::ChannelDead], Why::NoChannel),
    ];
    for (verdicts, expect) in table {
        let (mut field, mut summons) = summoned();
        for (n, verdict) in (1..).zip(verdicts) {
            field.now = summons.next_at(&field.channel, field.now, &field.settings).max(field.now);
            let claim = summons.claim(push_id(n), &mut field.channel, field.now, &field.settings).unwrap();
            judge(&mut field, &mut summons, push_id(n), &claim, verdict, 0.5);
        }
        let why = summons.why(&field.channel, None, summons.last_deadline(), &field.settings);
        assert_eq!(why, expect, "{verdicts:?}");
    }
}

#[test]
fn a_push_without_a_verdict_is_not_said_to_be_accepted() {
    let (mut field, mut summons) = summoned();
    summons.claim(push_id(1), &mut field.channel, field.now, &field.settings).unwrap();
    let why = |summons: &Summons| summons.why(&field.channel, None, field.now, &field.settings);
    assert_eq!(why(&summons), EndReason::PushFailed, "in flight");
    summons.lease_expired(push_id(1));
    assert_eq!(why(&summons), EndReason::PushFailed, "its lease ran out");
}

#[test]
fn a_lost_lease_counts_and_keeps_the_gap() {
    let (mut field, mut summons) = summoned();
    summons.claim(push_id(1), &mut field.channel, field.now, &field.settings).unwrap();
    summons.lease_expired(push_id(1));
    assert_eq!(summons.next_at(&field.channel, field.now, &field.settings), field.now + MINUTE);
    field.now = field.now + MINUTE;
    let claim = summons.claim(push_id(2), &mut field.channel, field.now, &field.settings).unwrap();
    assert_eq!((claim.attempt, claim.fresh_connection), (2, true));
}

#[test]
fn sessions_are_attributed_by_what_is_known() {
    let (mut field, mut summons) = summoned();
    let coincidence = (Attribution::Coincidence, None);
    assert_eq!(summons.attribute(Origin::Unknown, field.now), coincidence);
    let claim = summons.claim(push_id(1), &mut field.channel, field.now, &field.settings).unwrap();
    summons.judge(push_id(1), claim.ttl, &Verdict::SentUnknown, (field.now, 0.0), &field.settings);
    let (in_time, late) = (field.now + MINUTE * 10, field.now + MINUTE * 11);
    assert_eq!(summons.attribute(Origin::Unknown, in_time), (Attribution::Likely, Some(push_id(1))));
    assert_eq!(summons.attribute(Origin::Other, in_time), coincidence);
    assert_eq!(summons.attribute(Origin::Unknown, late), coincidence);
    assert_eq!(summons.attribute(Origin::parse("3,2"), late), (Attribution::Confirmed, Some(push_id(1))));
}

#[test]
fn an_observed_summons_records_what_it_would_push() {
    let (mut field, mut summons) = summoned();
    summons.set_mode(Mode::Observe);
    let start = field.now;
    let mut at = Vec::new();
    for n in 1..=3 {
        field.now = summons.next_at(&field.channel, field.now, &field.settings).max(field.now);
        let claim = summons.claim(push_id(n), &mut field.channel, field.now, &field.settings).unwrap();
        assert_eq!((claim.observed, summons.in_flight()), (true, None));
        at.push(field.now - start);
    }
    assert_eq!(at, [Duration::ZERO, MINUTE * 10, MINUTE * 20], "as if nobody came");
    assert_eq!(summons.attribute(Origin::Unknown, field.now), (Attribution::Coincidence, None));
    assert_eq!(summons.why(&field.channel, None, field.now, &field.settings), EndReason::PushOff);
    assert_eq!(
        summons.next_at(&field.channel, field.now, &field.settings),
        summons.last_deadline(),
        "no more than would go"
    );
    summons.set_mode(Mode::Off);
    assert!(summons.claim(push_id(9), &mut field.channel, field.now, &field.settings).is_none());
}

#[test]
fn the_most_particular_mode_counts() {
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let modes = Modes {
        labels: vec![(label("ring", "pilot"), Mode::On), (label("ring", "late"), Mode::Off)],
        apps: [("spare".parse().unwrap(), Mode::Off)].into(),
    };
    let settings = Settings { mode: Mode::Observe, modes, ..Settings::default() };
    for (app, ring, expect) in [
        ("main", "none", Mode::Observe),
        ("spare", "none", Mode::Off),
        ("main", "pilot", Mode::On),
        ("spare", "pilot", Mode::On),
        ("main", "late", Mode::Off),
    ] {
        let labels = Labels::new([label("ring", ring)]).unwrap();
        assert_eq!(settings.mode_of(app, &labels), expect, "{app}, {ring}");
    }
}
