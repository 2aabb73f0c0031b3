//! The polling schedule: read weekly, written once per configuration.

use std::collections::BTreeMap;

use push::{
    Channel, Hint, Housekeeping, Observation, PollLogins, PollNode, PollSchedule, PollSet, PollValue,
    PollWrite, Reading, Refusal, WriteAnswer, WriteForm,
};

use crate::field::{DAY, Field, HOUR, absent, ours, serde_round_trip};

/// What the nodes of a device hold.
type Nodes = BTreeMap<PollNode, PollValue>;

fn schedule(minutes: u32) -> PollSchedule {
    let remaining = PollSet { interval: minutes, count: 0 };
    let first = PollSet { interval: 3, count: 5 };
    PollSchedule::new(
        first,
        PollSet::default(),
        remaining,
        PollLogins { each: true, first_of_each_user: false },
    )
    .unwrap()
}

/// What Windows has by itself (oma-dm.md §8.3).
fn fresh() -> Nodes {
    let mut nodes: Nodes = PollNode::ALL.map(|node| (node, PollValue::Int(0))).into();
    nodes.insert(PollNode::IntervalForFirstSetOfRetries, PollValue::Int(15));
    nodes.insert(PollNode::NumberOfFirstRetries, PollValue::Int(10));
    nodes.insert(PollNode::PollOnLogin, PollValue::Bool(false));
    nodes.insert(PollNode::AllUsersPollOnFirstLogin, PollValue::Bool(false));
    nodes
}

/// A session of a device that takes every write, and corrects what it holds in the end. Returns what was written.
fn session(field: &mut Field, nodes: &mut Nodes, correct: impl Fn(&mut Nodes)) -> Vec<PollWrite> {
    let (mut visit, mut asked) = field.begin();
    let mut written = Vec::new();
    let mut seen = Observation { before: ours("a", 0), ..Observation::default() };
    for _ in 0..10 {
        if asked.is_empty() {
            return written;
        }
        for step in &asked {
            match step {
                Housekeeping::ReadPoll => {
                    let value =
                        |node| nodes.get(&node).map_or(Reading::Absent, |value| Reading::Value(*value));
                    seen.polling.read = PollNode::ALL.map(|node| (node, value(node))).into();
                }
                Housekeeping::WritePoll(write) => {
                    let answer = match (nodes.contains_key(&write.node), write.form) {
                        (true, WriteForm::Add) => WriteAnswer::Exists,
                        (false, WriteForm::Replace) => WriteAnswer::NotFound,
                        _ => {
                            nodes.insert(write.node, write.value);
                            WriteAnswer::Done
                        }
                    };
                    seen.polling.written.insert(write.node, answer);
                    written.push(*write);
                }
                _ => {}
            }
        }
        correct(nodes);
        asked = field.proceed(&mut visit, &seen);
        seen = Observation::default();
    }
    panic!("the visit does not end: {asked:?}");
}

fn field() -> Field {
    let mut field = Field::live();
    field.settings.poll = Some(schedule(480));
    field
}

#[test]
fn without_a_schedule_nothing_is_read() {
    let mut field = Field::live();
    let (_, asked) = field.begin();
    assert_eq!(asked, [Housekeeping::ReadPush]);
}

#[test]
fn only_what_differs_is_written_and_what_came_of_it_is_read() {
    let (mut field, mut nodes) = (field(), fresh());
    nodes.remove(&PollNode::PollOnLogin);
    let written = session(&mut field, &mut nodes, |_| {});
    let replace = |node, value| PollWrite { node, value: PollValue::Int(value), form: WriteForm::Replace };
    assert_eq!(
        written,
        [
            replace(PollNode::IntervalForFirstSetOfRetries, 3),
            replace(PollNode::NumberOfFirstRetries, 5),
            replace(PollNode::IntervalForRemainingScheduledRetries, 480),
            PollWrite { node: PollNode::PollOnLogin, value: PollValue::Bool(true), form: WriteForm::Add },
        ]
    );
    let known = field.channel.polling();
    assert_eq!(known.read_at(), Some(field.now));
    for node in PollNode::ALL {
        assert_eq!(known.value(node), Some(schedule(480).value(node)), "{node:?}");
    }
    assert!(field.channel.hints(None).is_empty());
}

#[test]
fn a_node_that_is_not_as_it_was_read_is_written_in_the_other_form_once() {
    for (answer, forms) in [
        (WriteAnswer::NotFound, vec![WriteForm::Replace, WriteForm::Add]),
        (WriteAnswer::Failed(405), vec![WriteForm::Replace]),
    ] {
        let mut field = field();
        let (mut visit, _) = field.begin();
        let mut seen = Observation::default();
        let node = PollNode::PollOnLogin;
        seen.polling.read =
            PollNode::ALL.map(|node| (node, Reading::Value(schedule(480).value(node)))).into();
        seen.polling.read.insert(node, Reading::Value(PollValue::Bool(false)));
        let mut tried = Vec::new();
        loop {
            let asked = field.proceed(&mut visit, &seen);
            let writes: Vec<_> = asked
                .iter()
                .filter_map(|step| match step {
                    Housekeeping::WritePoll(write) => Some(write.form),
                    _ => None,
                })
                .collect();
            if writes.is_empty() {
                assert_eq!(asked, [Housekeeping::ReadPoll]);
                break;
            }
            tried.extend(writes);
            seen = Observation::default();
            seen.polling.written.insert(node, answer);
        }
        assert_eq!(tried, forms, "{answer:?}");
        field.now = field.now + DAY * 8;
        assert!(field.begin().1.contains(&Housekeeping::ReadPoll));
    }
}

#[test]
fn a_device_that_corrects_its_schedule_is_written_to_once_per_configuration() {
    let (mut field, mut nodes) = (field(), fresh());
    let correct = |nodes: &mut Nodes| {
        nodes.insert(PollNode::IntervalForRemainingScheduledRetries, PollValue::Int(1_440));
    };
    let (mut reads, mut written) = (0, Vec::new());
    for _ in 0..100 {
        let due = field.begin().1.contains(&Housekeeping::ReadPoll);
        reads += usize::from(due);
        written.extend(session(&mut field, &mut nodes, correct));
        field.channel = serde_round_trip(&field.channel);
        field.now = field.now + HOUR * 7;
    }
    let wanted =
        written.iter().filter(|write| write.node == PollNode::IntervalForRemainingScheduledRetries).count();
    assert_eq!((wanted, written.len()), (1, 4), "{written:?}");
    assert_eq!(reads, 5, "at once, and weekly for a month");
    let kept = field.channel.polling().value(PollNode::IntervalForRemainingScheduledRetries);
    assert_eq!(kept, Some(PollValue::Int(1_440)), "what the device made of it is shown");
    field.settings.poll = Some(schedule(240));
    let again = session(&mut field, &mut nodes, correct);
    assert_eq!(again.len(), 1, "another configuration does not wait for a week: {again:?}");
    assert!(session(&mut field, &mut nodes, correct).is_empty());
}

#[test]
fn writes_that_nobody_answers_end_after_three_sessions() {
    let mut field = field();
    let mut sessions = 0;
    for _ in 0..20 {
        let (mut visit, _) = field.begin();
        let mut seen = Observation { before: ours("a", 0), ..Observation::default() };
        seen.polling.read = fresh().into_iter().map(|(node, value)| (node, Reading::Value(value))).collect();
        let asked = field.proceed(&mut visit, &seen);
        let writes = asked.iter().any(|step| matches!(step, Housekeeping::WritePoll(_)));
        sessions += usize::from(writes);
        field.now = field.now + DAY;
    }
    assert_eq!(sessions, 3);
}

#[test]
fn answers_may_come_in_several_messages() {
    let mut field = field();
    let (mut visit, _) = field.begin();
    let mut seen = Observation::default();
    seen.polling.read = fresh().into_iter().map(|(node, value)| (node, Reading::Value(value))).collect();
    let note = |field: &mut Field, visit: &mut push::Visit, seen: &Observation| {
        let context = Field::context(&field.settings, &field.pfn, field.now);
        visit.note(&mut field.channel, seen, &context);
    };
    note(&mut field, &mut visit, &seen);
    let asked = field.proceed(&mut visit, &Observation::default());
    assert!(asked.iter().any(|step| matches!(step, Housekeeping::WritePoll(_))), "{asked:?}");
    let mut seen = Observation::default();
    seen.polling.written.insert(PollNode::NumberOfFirstRetries, WriteAnswer::Done);
    note(&mut field, &mut visit, &seen);
    assert_eq!(field.proceed(&mut visit, &Observation::default()), [Housekeeping::ReadPoll]);
}

#[test]
fn nothing_is_written_under_a_provider_that_the_device_does_not_know() {
    let mut field = Field::new();
    field.settings.poll = Some(schedule(480));
    let (mut visit, asked) = field.begin();
    assert_eq!(asked, [Housekeeping::ReadPush, Housekeeping::ReadProviders, Housekeeping::ReadPoll]);
    let mut seen = Observation { before: absent(), provider: Reading::Absent, ..Observation::default() };
    seen.polling.read = PollNode::ALL.map(|node| (node, Reading::Absent)).into();
    assert_eq!(field.proceed(&mut visit, &seen), []);
    assert_eq!(field.channel.state(), push::ChannelState::Refused(Refusal::Provider));
    let (mut visit, asked) = field.begin();
    assert!(asked.contains(&Housekeeping::ReadPoll), "asked again");
    seen.provider = Reading::Value(true);
    let asked = field.proceed(&mut visit, &seen);
    let polling = asked.iter().filter(|step| matches!(step, Housekeeping::WritePoll(_))).count();
    assert_eq!(polling, 8, "once it is there");
}

#[test]
fn a_device_without_any_polling_is_known() {
    let off = |change: fn(&mut Nodes)| {
        let (mut field, mut nodes) = (field(), Nodes::new());
        session(&mut field, &mut nodes, |nodes| {
            nodes.clear();
            change(nodes);
        });
        field.channel.hints(None) == [Hint::NoPolling]
    };
    assert!(off(|_| {}), "a push-button reset deletes the schedules");
    assert!(off(|nodes| _ = nodes.insert(PollNode::NumberOfFirstRetries, PollValue::Int(10))));
    assert!(off(|nodes| _ = nodes.insert(PollNode::IntervalForFirstSetOfRetries, PollValue::Int(0))));
    assert!(!off(|nodes| _ = nodes.insert(PollNode::IntervalForSecondSetOfRetries, PollValue::Int(5))));
    assert!(Channel::default().hints(None).is_empty(), "nothing is known of one that was never read");
}
