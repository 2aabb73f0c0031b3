//! The write of the PFN, and what follows from its answers (oma-dm.md §8.1).

use push::{
    ChannelState, Hint, Housekeeping, Observation, Reading, Readings, Refusal, Verdict, Visit, WriteAnswer,
    WriteForm,
};

use crate::field::{DAY, Field, HOUR, absent, ours, writes};

/// A step in a word or two.
fn name(asked: &[Housekeeping]) -> String {
    let form = |form: &WriteForm| match form {
        WriteForm::Add => "add",
        WriteForm::Replace => "replace",
        WriteForm::DeleteThenAdd => "delete, add",
    };
    match asked {
        [Housekeeping::WriteInSequence { form: it, .. }] => form(it).into(),
        [Housekeeping::WriteAlone { form: it, .. }] => format!("{} alone", form(it)),
        [Housekeeping::DeleteAlone] => "delete alone".into(),
        [Housekeeping::ReadPush] => "read".into(),
        [] => "nothing".into(),
        other => panic!("{other:?}"),
    }
}

/// Answers one step after the other; what was asked, and what is asked in the end.
fn answer(
    field: &mut Field,
    visit: &mut Visit,
    mut asked: Vec<Housekeeping>,
    answers: &[WriteAnswer],
) -> Vec<String> {
    let mut got = Vec::new();
    for answer in answers {
        got.push(name(&asked));
        let write = Some(*answer).filter(|_| asked != [Housekeeping::DeleteAlone]);
        asked = field.proceed(visit, &Observation { write, ..Observation::default() });
    }
    got.push(name(&asked));
    got
}

/// A session with a device that has no PFN, until the write.
fn first_write(field: &mut Field) -> (Visit, Vec<Housekeeping>) {
    let (mut visit, _) = field.begin();
    let seen = Observation { before: absent(), provider: Reading::Value(true), ..Observation::default() };
    let asked = field.proceed(&mut visit, &seen);
    (visit, asked)
}

#[test]
fn the_first_write_falls_over_to_the_form_that_the_device_takes() {
    use WriteAnswer::{Done, Exists, Failed, NotFound, SequenceRefused, Unanswered};
    let refused = |code| ChannelState::Refused(Refusal::Write(code));
    let pending = ChannelState::Pending;
    // The answers to one write after the other, what is asked, the state in the end.
    let table: [(&[WriteAnswer], &[&str], ChannelState); 11] = [
        (&[Done], &["add", "nothing"], pending),
        (&[Exists, Done], &["add", "replace", "nothing"], pending),
        (&[Exists, NotFound], &["add", "replace", "nothing"], refused(404)),
        (&[NotFound], &["add", "nothing"], refused(404)),
        (&[Failed(500)], &["add", "nothing"], refused(500)),
        (&[SequenceRefused, Done], &["add", "add alone", "read"], pending),
        (&[SequenceRefused, Exists, Done], &["add", "add alone", "replace alone", "read"], pending),
        (&[SequenceRefused, Failed(405)], &["add", "add alone", "nothing"], refused(405)),
        (&[SequenceRefused, Unanswered], &["add", "add alone", "nothing"], ChannelState::Unset),
        (&[Exists, SequenceRefused, Done], &["add", "replace", "replace alone", "read"], pending),
        (&[Unanswered], &["add", "nothing"], ChannelState::Unset),
    ];
    for (answers, steps, state) in table {
        let mut field = Field::new();
        let (mut visit, asked) = first_write(&mut field);
        assert_eq!(answer(&mut field, &mut visit, asked, answers), steps);
        assert_eq!(field.channel.state(), state, "{answers:?}");
    }
}

#[test]
fn a_repair_falls_over_likewise() {
    use WriteAnswer::{Done, Exists, Failed, NotFound, SequenceRefused};
    let refused = |code| ChannelState::Refused(Refusal::Write(code));
    let dead = ChannelState::Dead;
    let table: [(&[WriteAnswer], &[&str], ChannelState); 5] = [
        (&[Done], &["replace", "nothing"], dead),
        (&[NotFound, Done], &["replace", "add", "nothing"], dead),
        (&[NotFound, NotFound], &["replace", "add", "nothing"], refused(404)),
        (&[NotFound, Exists], &["replace", "add", "nothing"], refused(418)),
        (&[SequenceRefused, Failed(500)], &["replace", "replace alone", "nothing"], refused(500)),
    ];
    for (answers, steps, state) in table {
        let mut field = Field::live();
        field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
        let (mut visit, asked) = field.begin();
        assert_eq!(answer(&mut field, &mut visit, asked, answers), steps);
        assert_eq!(field.channel.state(), state, "{answers:?}");
    }
}

#[test]
fn a_device_that_refused_a_sequence_is_never_sent_one_again() {
    let mut field = Field::new();
    let (mut visit, asked) = first_write(&mut field);
    answer(&mut field, &mut visit, asked, &[WriteAnswer::SequenceRefused, WriteAnswer::Done]);
    field.session(ours("a", 0));
    field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
    let (mut visit, asked) = field.begin();
    assert_eq!(asked, [Housekeeping::ReadPush]);
    let seen = Observation { before: ours("a", 0), ..Observation::default() };
    assert_eq!(name(&field.proceed(&mut visit, &seen)), "replace alone");
}

#[test]
fn after_the_second_fruitless_reset_the_push_node_is_deleted() {
    use WriteAnswer::{Done, Exists, Failed};
    for plain in [false, true] {
        let mut field = Field::live();
        field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
        let mut steps = Vec::new();
        for round in 0.. {
            assert!(round < 100, "{steps:?}");
            let (mut visit, asked) = field.begin();
            let asked = if writes(&asked) {
                asked
            } else {
                field.proceed(&mut visit, &Observation { before: ours("a", 0), ..Observation::default() })
            };
            if writes(&asked) {
                steps.push(name(&asked));
                match steps.last().unwrap().as_str() {
                    "delete, add" => {
                        // The Delete found nothing, and the Sequence ended there.
                        assert_eq!(
                            answer(&mut field, &mut visit, asked, &[Failed(215), Done])[1..],
                            ["add", "nothing"]
                        );
                        break;
                    }
                    "delete alone" => {
                        let answers = [Done, Exists, Done];
                        let got = answer(&mut field, &mut visit, asked, &answers);
                        assert_eq!(got[1..], ["add alone", "replace alone", "read"]);
                        break;
                    }
                    "replace" if plain => {
                        answer(&mut field, &mut visit, asked, &[WriteAnswer::SequenceRefused, Done]);
                    }
                    _ => _ = answer(&mut field, &mut visit, asked, &[Done]),
                }
            }
            field.now = field.now + HOUR * 2;
        }
        let expect = if plain {
            ["replace", "replace alone", "delete alone"]
        } else {
            ["replace", "replace", "delete, add"]
        };
        assert_eq!(steps, expect);
    }
}

#[test]
fn cloud_notifications_that_are_turned_off_are_tried_daily_and_hinted_at() {
    let mut field = Field::new();
    let mut at = Vec::new();
    let start = field.now;
    while field.now - start < DAY * 7 {
        let (mut visit, asked) = first_write(&mut field);
        if writes(&asked) {
            at.push(field.now);
            answer(&mut field, &mut visit, asked, &[WriteAnswer::NotFound]);
        }
        assert_eq!(field.channel.state(), ChannelState::Refused(Refusal::Write(404)));
        assert_eq!(field.channel.hints(None), [Hint::CloudNotificationsOff]);
        field.now = field.now + HOUR;
    }
    assert_eq!(at.len(), 7, "{at:?}");
    assert_eq!(field.channel.next_reset_at(), Some(*at.last().unwrap() + DAY));
    field.now = field.now + DAY;
    let (mut visit, asked) = first_write(&mut field);
    answer(&mut field, &mut visit, asked, &[WriteAnswer::Done]);
    assert!(field.channel.hints(None).is_empty(), "the policy was lifted");
}

#[test]
fn the_provider_check_decides_what_is_written() {
    for (provider, expect) in [
        (Reading::Value(true), "add"),
        // What cannot be read does not speak against it.
        (Reading::Failed(405), "add"),
        (Reading::Value(false), "nothing"),
        (Reading::Absent, "nothing"),
        (Reading::Unanswered, "nothing"),
    ] {
        let mut field = Field::new();
        let (mut visit, _) = field.begin();
        let refused = matches!(provider, Reading::Value(false) | Reading::Absent);
        let seen = Observation { before: absent(), provider, ..Observation::default() };
        assert_eq!(name(&field.proceed(&mut visit, &seen)), expect);
        assert_eq!(field.channel.state() == ChannelState::Refused(Refusal::Provider), refused);
    }
}

#[test]
fn a_device_that_had_the_pfn_is_asked_for_its_provider_when_it_is_gone() {
    let mut field = Field::live();
    field.now = field.now + DAY;
    let (mut visit, asked) = field.begin();
    assert_eq!(asked, [Housekeeping::ReadPush]);
    let seen = Observation { before: absent(), ..Observation::default() };
    assert_eq!(field.proceed(&mut visit, &seen), [Housekeeping::ReadProviders]);
    let seen = Observation { provider: Reading::Value(true), ..Observation::default() };
    assert_eq!(name(&field.proceed(&mut visit, &seen)), "add");
}

#[test]
fn old_builds_are_reset_five_days_earlier() {
    for (old_build, days, expect) in
        [(true, 18, false), (true, 21, true), (false, 21, false), (false, 26, true)]
    {
        let mut field = Field::live();
        field.old_build = old_build;
        field.now = field.now + DAY * days;
        let (_, asked) = field.begin();
        assert_eq!(writes(&asked), expect, "{old_build} {days}");
    }
}

#[test]
fn an_answer_that_comes_before_the_end_of_the_package_is_not_lost() {
    let mut field = Field::new();
    let (mut visit, _) = first_write(&mut field);
    let seen = Observation { write: Some(WriteAnswer::Exists), ..Observation::default() };
    let context = Field::context(&field.settings, &field.pfn, field.now);
    visit.note(&mut field.channel, &seen, &context);
    // The rest of the package leaves something else unanswered.
    let rest = Observation { write: Some(WriteAnswer::Unanswered), ..Observation::default() };
    assert_eq!(name(&field.proceed(&mut visit, &rest)), "replace");
    let read = Readings { pfn: Reading::Unanswered, ..ours("a", 0) };
    let seen = Observation { write: Some(WriteAnswer::Done), after: read, ..Observation::default() };
    field.proceed(&mut visit, &seen);
    assert_eq!(field.channel.state(), ChannelState::Live);
}
