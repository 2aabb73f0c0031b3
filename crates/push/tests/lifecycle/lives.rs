//! Whatever happens to a device and its channel.

use std::time::Duration;

use model::{Priority, SummonsId, Timestamp};
use proptest::prelude::*;
use push::{ChannelState, ConnectionStatus, Observation, Reading, Summons, Verdict, WriteAnswer};
use uuid::Uuid;

use crate::field::{DAY, Field, ours, ours_without_uri, push_id, serde_round_trip, writes};

/// Anything that may happen to a device and its channel.
#[derive(Clone, Debug)]
enum Event {
    Wait(u32),
    Session { uri: u8, status: i32, ours: bool, write: WriteAnswer },
    Push(VerdictKind, u8),
    Lease,
}

#[derive(Clone, Copy, Debug)]
enum VerdictKind {
    Sent,
    Offline,
    Dropped,
    Throttled,
    Dead,
    Mismatch,
    Failed,
    Ambiguous,
}

fn verdict(kind: VerdictKind) -> Verdict {
    match kind {
        VerdictKind::Sent => Verdict::SentUnknown,
        VerdictKind::Offline => Verdict::Sent { connection: Some(ConnectionStatus::Disconnected) },
        VerdictKind::Dropped => Verdict::Dropped,
        VerdictKind::Throttled => Verdict::ChannelThrottled,
        VerdictKind::Dead => Verdict::ChannelDead,
        VerdictKind::Mismatch => Verdict::Mismatch,
        VerdictKind::Failed => Verdict::Failed,
        VerdictKind::Ambiguous => Verdict::Ambiguous,
    }
}

fn event() -> impl Strategy<Value = Event> {
    use VerdictKind::{Ambiguous, Dead, Dropped, Failed, Mismatch, Offline, Sent, Throttled};
    let kind =
        prop::sample::select(vec![Sent, Offline, Dropped, Throttled, Dead, Mismatch, Failed, Ambiguous]);
    let write = prop::sample::select(vec![
        WriteAnswer::Done,
        WriteAnswer::NotFound,
        WriteAnswer::Exists,
        WriteAnswer::SequenceRefused,
        WriteAnswer::Failed(500),
        WriteAnswer::Unanswered,
    ]);
    prop_oneof![
        (0u32..100_000).prop_map(Event::Wait),
        (0u8..6, -1i32..10, prop::bool::weighted(0.8), write)
            .prop_map(|(uri, status, ours, write)| Event::Session { uri, status, ours, write }),
        (kind, 0u8..2).prop_map(|(kind, old)| Event::Push(kind, old)),
        Just(Event::Lease),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn lives_of_channels_and_summonses(events in prop::collection::vec(event(), 1..80)) {
        let mut field = Field::live();
        let deadline = field.now + DAY * 30;
        let mut summons =
            Summons::open(SummonsId::new(Uuid::nil()), Priority::Bulk, deadline, field.now, &field.settings);
        let mut dead: Vec<String> = Vec::new();
        let mut accepted = 0;
        let mut last_push: Option<Timestamp> = None;
        let mut writes_made: Vec<Timestamp> = Vec::new();
        for (n, event) in events.into_iter().enumerate() {
            let id = push_id(n as u128 + 1);
            match event {
                Event::Wait(seconds) => field.now = field.now + Duration::from_secs(seconds.into()),
                Event::Session { uri, status, ours: under, write } => {
                    let mut read = if uri == 0 { ours_without_uri(status) } else { ours(&uri.to_string(), status) };
                    if !under {
                        read.pfn = Reading::Absent;
                    }
                    let (mut visit, mut asked) = field.begin();
                    let mut seen =
                        Observation { before: read.clone(), provider: Reading::Value(true), ..Observation::default() };
                    for round in 0.. {
                        prop_assert!(round < 8, "a visit ends");
                        if writes(&asked) {
                            writes_made.push(field.now);
                        }
                        seen.write = writes(&asked).then_some(write);
                        asked = field.proceed(&mut visit, &seen);
                        if asked.is_empty() {
                            break;
                        }
                    }
                }
                Event::Push(kind, old) => {
                    let pushable = field.channel.pushable(field.now, &field.settings);
                    let Some(claim) = summons.claim(id, &mut field.channel, field.now, &field.settings) else {
                        continue;
                    };
                    prop_assert!(pushable, "no push without a live channel");
                    prop_assert_eq!(field.channel.state(), ChannelState::Live);
                    let target = field.channel.uri().unwrap().expose().to_owned();
                    prop_assert!(!dead.contains(&target), "dead stays dead");
                    let gap_kept = last_push.is_none_or(|at| field.now - at >= field.settings.min_gap);
                    prop_assert!(gap_kept, "never two unanswered pushes within the gap");
                    let verdict = verdict(kind);
                    let generation = claim.generation.wrapping_sub(u32::from(old));
                    let before = field.channel.clone();
                    field.channel.judge(generation, &verdict, field.now, &field.settings);
                    if old > 0 {
                        prop_assert_eq!(&before, &field.channel, "a verdict touches no other generation");
                    } else if verdict == Verdict::ChannelDead {
                        dead.push(target);
                    }
                    if !verdict.may_have_arrived() {
                        field.channel.unsent(id);
                    }
                    summons.judge(id, claim.ttl, &verdict, (field.now, 0.5), &field.settings);
                    let counts = verdict.accepted() || verdict == Verdict::Ambiguous;
                    if counts {
                        accepted += 1;
                        last_push = Some(field.now);
                    }
                    prop_assert!(accepted <= field.settings.max_unanswered, "attempts never exceed the limit");
                }
                Event::Lease => {
                    if summons.claim(id, &mut field.channel, field.now, &field.settings).is_some() {
                        summons.lease_expired(id);
                        accepted += 1;
                        last_push = Some(field.now);
                    }
                }
            }
        }
        let stored = serde_round_trip(&field.channel);
        prop_assert_eq!(stored, field.channel);
    }
}
