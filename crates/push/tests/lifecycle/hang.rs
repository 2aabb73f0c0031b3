//! Clients that hang when the PFN is written (oma-dm.md §9.1).

use push::{
    Hint, Housekeeping, Observation, PollLogins, PollSchedule, PollSet, Reading, Verdict, Visit, WriteAnswer,
    WriteForm,
};

use crate::field::{DAY, Field, HOUR, absent, ours, writes};

/// What the first session of a field's device is asked in the end: a write.
fn until_the_write(field: &mut Field) -> (Visit, Vec<Housekeeping>) {
    let (mut visit, _) = field.begin();
    let seen = Observation { before: absent(), provider: Reading::Value(true), ..Observation::default() };
    let asked = field.proceed(&mut visit, &seen);
    (visit, asked)
}

/// A device that fell silent after a write, twice: its next session begins with the suspicion.
fn hanging() -> Field {
    let mut field = Field::new();
    let mut silent = 0;
    while silent < 2 {
        let (_, asked) = until_the_write(&mut field);
        if let [Housekeeping::WriteInSequence { .. }] = asked[..] {
            silent += 1;
        }
        assert!(!field.channel.writes_hang());
        field.now = field.now + HOUR * 5;
    }
    field
}

#[test]
fn after_two_silent_sessions_the_write_goes_alone_once_a_week() {
    let mut field = hanging();
    let written = field.channel.last_write().unwrap();
    let mut at = Vec::new();
    while field.now - written < DAY * 22 {
        let (_, asked) = until_the_write(&mut field);
        assert!(field.channel.writes_hang());
        if writes(&asked) {
            let pfn = field.pfn.clone();
            let form = WriteForm::Add;
            assert_eq!(asked, [Housekeeping::WriteAlone { form, pfn }]);
            at.push(field.now - written);
        }
        field.now = field.now + HOUR * 3;
    }
    assert_eq!(at.len(), 3, "{at:?}");
    assert!(at[0] >= DAY * 7 && at[1] >= DAY * 14 && at[2] >= DAY * 21, "{at:?}");
    assert_eq!(field.channel.hints(None), [Hint::WriteHangs]);
    assert!(field.channel.next_reset_at().is_some());
}

#[test]
fn an_answer_ends_the_suspicion() {
    let mut field = hanging();
    field.begin();
    assert!(field.channel.writes_hang());
    field.now = field.now + DAY * 8;
    let (mut visit, asked) = until_the_write(&mut field);
    assert!(matches!(asked[..], [Housekeeping::WriteAlone { .. }]), "{asked:?}");
    let seen = Observation { write: Some(WriteAnswer::Done), ..Observation::default() };
    assert_eq!(field.proceed(&mut visit, &seen), [Housekeeping::ReadPush]);
    assert!(!field.channel.writes_hang());
}

#[test]
fn only_silence_is_suspicious() {
    // What the device says in the message after the write: something about it, or only something.
    for write in [Some(WriteAnswer::Failed(500)), Some(WriteAnswer::Unanswered), None] {
        let mut field = Field::new();
        for _ in 0..4 {
            let (mut visit, _) = until_the_write(&mut field);
            field.proceed(&mut visit, &Observation { write, ..Observation::default() });
            field.now = field.now + DAY * 2;
        }
        field.begin();
        assert!(!field.channel.writes_hang(), "{write:?}");
    }
}

#[test]
fn a_device_that_is_busy_has_not_answered() {
    let mut field = Field::new();
    for _ in 0..3 {
        let (mut visit, _) = until_the_write(&mut field);
        // A keep-alive alert: it says nothing of the write, and more is to come. Then nothing does.
        let context = Field::context(&field.settings, &field.pfn, field.now);
        visit.note(&mut field.channel, &Observation::default(), &context);
        field.now = field.now + DAY * 2;
    }
    field.begin();
    assert!(field.channel.writes_hang());
}

#[test]
fn a_write_that_may_hang_is_the_last_thing_in_a_session() {
    let mut field = hanging();
    let hourly = PollSet { interval: 60, count: 0 };
    let off = PollSet::default();
    field.settings.poll = PollSchedule::new(hourly, off, off, PollLogins::default()).ok();
    field.begin();
    field.now = field.now + DAY * 8;
    let (mut visit, asked) = field.begin();
    assert!(asked.contains(&Housekeeping::ReadPoll));
    let mut seen = Observation { before: absent(), provider: Reading::Value(true), ..Observation::default() };
    seen.polling.read = push::PollNode::ALL.map(|node| (node, Reading::Absent)).into();
    let mut last = Vec::new();
    for _ in 0..8 {
        let asked = field.proceed(&mut visit, &seen);
        if asked.is_empty() {
            break;
        }
        let written = asked.iter().filter_map(|step| match step {
            Housekeeping::WritePoll(write) => Some((write.node, WriteAnswer::Done)),
            _ => None,
        });
        seen = Observation::default();
        seen.polling.written = written.collect();
        last = asked;
    }
    let pfn = field.pfn.clone();
    assert_eq!(last, [Housekeeping::WriteAlone { form: WriteForm::Add, pfn }]);
}

#[test]
fn a_channel_that_came_in_spite_of_the_silence_is_live() {
    let mut field = hanging();
    let read = ours("a", 0);
    assert!(!field.session(read));
    assert!(field.channel.pushable(field.now, &field.settings));
    assert!(field.channel.writes_hang(), "the next write goes alone all the same");
}

#[test]
fn a_dead_channel_waits_for_its_week_as_well() {
    let mut field = hanging();
    field.session(ours("a", 0));
    let written = field.channel.last_write().unwrap();
    field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
    while field.now - written < DAY * 7 {
        assert!(!field.session(ours("a", 0)), "not even the first repair of a channel that died");
        field.now = field.now + HOUR * 6;
    }
    let (mut visit, asked) = field.begin();
    assert_eq!(asked, [Housekeeping::ReadPush], "nothing is written before all is read");
    let seen = Observation { before: ours("a", 0), ..Observation::default() };
    let (form, pfn) = (WriteForm::Replace, field.pfn.clone());
    assert_eq!(field.proceed(&mut visit, &seen), [Housekeeping::WriteAlone { form, pfn }]);
}

#[test]
fn a_reset_that_a_status_asks_for_waits_for_the_week_as_well() {
    let mut field = hanging();
    // The channel is good, so that nothing else holds a write back.
    field.session(ours("a", 0));
    field.now = field.now + DAY;
    assert!(!field.session(ours("a", 3)));
    field.now = field.now + DAY * 7;
    assert!(field.session(ours("a", 3)));
}
