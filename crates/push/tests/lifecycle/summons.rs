//! The calling of one device.

use std::time::Duration;

use model::{Priority, Timestamp};
use push::{Attribution, ConnectionStatus, EndReason, Origin, Verdict};

use crate::field::{HOUR, MINUTE, ours, push_id, summoned};

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
        field.channel.judge(claim.generation, &verdict, field.now, &field.settings);
        summons.judge(push_id(1), claim.ttl, &verdict, (field.now, 1.0), &field.settings);
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
