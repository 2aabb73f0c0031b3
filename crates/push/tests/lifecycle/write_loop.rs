//! No write loop: whatever a device answers, it is written to seldom.

use std::time::Duration;

use model::Timestamp;
use proptest::prelude::*;
use push::{
    Housekeeping, Observation, PollLogins, PollNode, PollSchedule, PollSet, PollValue, Reading, Readings,
    Verdict, WriteAnswer,
};

use crate::field::{DAY, Field, HOUR, MINUTE, writes};

/// What happens in a session, as far as the device decides it.
#[derive(Clone, Debug)]
struct Session {
    /// After this long.
    wait: Duration,
    pfn: Reading<String>,
    /// A URI of this name; 0 is none, 255 a new one each time.
    uri: u8,
    status: Option<i32>,
    provider: Reading<bool>,
    writes: Vec<WriteAnswer>,
    polling: Vec<Reading<PollValue>>,
    /// The messages after which it falls silent.
    patience: usize,
    /// WNS calls the channel dead afterwards.
    dies: bool,
}

fn session() -> impl Strategy<Value = Session> {
    use WriteAnswer::{Done, Exists, Failed, NotFound, SequenceRefused, Unanswered};
    let answer = prop::sample::select(vec![
        Done,
        NotFound,
        Exists,
        SequenceRefused,
        Failed(500),
        Failed(215),
        Unanswered,
    ]);
    let pfn = prop_oneof![
        4 => Just(Reading::Value("App_1".to_owned())),
        1 => Just(Reading::Value("Other_2".to_owned())),
        2 => Just(Reading::Absent),
        1 => Just(Reading::Failed(500)),
        1 => Just(Reading::Unanswered),
    ];
    let uri = prop_oneof![Just(0u8), 1u8..4, Just(255u8)];
    let provider = prop_oneof![
        3 => Just(Reading::Value(true)),
        1 => Just(Reading::Value(false)),
        1 => Just(Reading::Absent),
        1 => Just(Reading::Unanswered),
    ];
    let value = prop_oneof![
        Just(Reading::Absent),
        Just(Reading::Failed(405)),
        (0u32..3).prop_map(|value| Reading::Value(PollValue::Int(value))),
        any::<bool>().prop_map(|value| Reading::Value(PollValue::Bool(value))),
    ];
    let said = (pfn, uri, prop::option::of(-1i32..10), provider, prop::collection::vec(answer, 4));
    let polling = prop::collection::vec(value, 0..9);
    (60u64..40_000, said, polling, 0usize..8, any::<bool>()).prop_map(
        |(wait, (pfn, uri, status, provider, writes), polling, patience, dies)| Session {
            wait: Duration::from_secs(wait),
            pfn,
            uri,
            status,
            provider,
            writes,
            polling,
            patience,
            dies,
        },
    )
}

/// When the PFN and the polling schedule were written.
#[derive(Default)]
struct Written {
    pfn: Vec<Timestamp>,
    polling: Vec<(PollNode, PollValue)>,
    fresh: u32,
}

fn play(field: &mut Field, session: &Session, written: &mut Written) {
    field.now = field.now + session.wait;
    let (mut visit, mut asked) = field.begin();
    for message in 0..session.patience {
        let polls = asked.iter().filter_map(|step| match step {
            Housekeeping::WritePoll(write) => Some((write.node, write.value)),
            _ => None,
        });
        let polls: Vec<_> = polls.collect();
        let pfn = asked.iter().any(|step| {
            use Housekeeping::{DeleteAlone, WriteAlone, WriteInSequence};
            matches!(step, WriteInSequence { .. } | WriteAlone { .. } | DeleteAlone)
        });
        let answer = session.writes[message % session.writes.len()];
        if pfn {
            written.pfn.push(field.now);
        }
        written.polling.extend(polls.iter().copied());
        written.fresh += 1;
        let name =
            if session.uri == 255 { format!("fresh{}", written.fresh) } else { session.uri.to_string() };
        let uri = match session.uri {
            0 => Reading::Absent,
            _ => Reading::Value(format!("https://a.notify.windows.com/?token={name}")),
        };
        let status = session.status.map_or(Reading::Unanswered, Reading::Value);
        let read = Readings { pfn: session.pfn.clone(), uri, status };
        let mut seen = Observation {
            before: read.clone(),
            provider: session.provider.clone(),
            write: pfn.then_some(answer),
            after: if pfn { Readings { pfn: Reading::Unanswered, ..read } } else { Readings::default() },
            ..Observation::default()
        };
        if asked.contains(&Housekeeping::ReadPoll) {
            seen.polling.read = PollNode::ALL.into_iter().zip(session.polling.iter().cloned()).collect();
        }
        seen.polling.written = polls.iter().map(|(node, _)| (*node, answer)).collect();
        asked = field.proceed(&mut visit, &seen);
        if asked.is_empty() {
            break;
        }
    }
    if session.patience == 0 && writes(&asked) && !asked.contains(&Housekeeping::ReadPoll) {
        written.pfn.push(field.now);
    }
    if session.dies {
        let generation = field.channel.generation();
        field.channel.judge(generation, &Verdict::ChannelDead, field.now, &field.settings);
    }
}

/// The most entries within any span.
fn most_within(times: &[Timestamp], span: Duration) -> usize {
    let within = |from: &Timestamp| times.iter().filter(|at| **at >= *from && **at < *from + span).count();
    times.iter().map(within).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_device_is_written_to_seldom_whatever_it_answers(
        sessions in prop::collection::vec(session(), 1..120),
        eager in any::<bool>(),
    ) {
        let mut field = Field::new();
        let (set, off) = (PollSet { interval: 480, count: 0 }, PollSet::default());
        field.settings.poll = PollSchedule::new(set, off, off, PollLogins::default()).ok();
        let mut written = Written::default();
        for session in &sessions {
            // Devices that come every few minutes are those that a loop would hurt.
            let wait = if eager { session.wait / 100 + MINUTE } else { session.wait };
            play(&mut field, &Session { wait, ..session.clone() }, &mut written);
        }
        // A day's budget may be spent at its end and the next one's at its beginning, and the visit that spends the last
        // of it may try the other forms.
        let forms = 5;
        let most = 2 * (usize::from(field.settings.pfn_writes_per_day) + forms);
        prop_assert!(most_within(&written.pfn, DAY) <= most, "{:?}", written.pfn);
        // One schedule: each node at most in three sessions that nobody answered, and in two forms.
        for node in PollNode::ALL {
            let times = written.polling.iter().filter(|(it, _)| *it == node).count();
            prop_assert!(times <= 6, "{node:?} was written {times} times");
        }
    }
}

#[test]
fn a_device_whose_every_channel_is_dead_is_let_be() {
    let mut field = Field::new();
    let session = Session {
        wait: MINUTE * 20,
        pfn: Reading::Value("App_1".into()),
        uri: 255,
        status: Some(5),
        provider: Reading::Value(true),
        writes: vec![WriteAnswer::Done],
        polling: Vec::new(),
        patience: 8,
        dies: true,
    };
    let mut written = Written::default();
    for _ in 0..72 * 7 {
        play(&mut field, &session, &mut written);
    }
    let per_day = usize::from(field.settings.pfn_writes_per_day);
    assert!((1..=per_day * 8).contains(&written.pfn.len()), "{} writes in a week", written.pfn.len());
    assert!(most_within(&written.pfn, HOUR) <= per_day);
}

#[test]
fn a_write_that_is_refused_is_tried_again_daily_also_while_the_channel_ages_or_is_dead() {
    for dies in [false, true] {
        let mut field = Field::live();
        field.now = field.now + DAY * 26;
        let session = Session {
            wait: HOUR,
            pfn: Reading::Value("App_1".into()),
            // Its channel is as old as it was, and good.
            uri: 1,
            status: Some(0),
            provider: Reading::Value(true),
            writes: vec![WriteAnswer::Failed(500)],
            polling: Vec::new(),
            patience: 8,
            dies,
        };
        let mut written = Written::default();
        for _ in 0..24 * 40 {
            play(&mut field, &session, &mut written);
        }
        // The first repair of a dead channel waits for nothing.
        let first = usize::from(dies);
        let most = written.pfn.len();
        assert!(most_within(&written.pfn[first..], DAY) <= 1, "{:?}", written.pfn);
        assert!((10..=41).contains(&most), "{most}");
    }
}
