//! What readings, verdicts and time do to a channel.

use push::{
    Channel, ChannelState, ChannelUri, Housekeeping, ImportedChannel, Observation, Reading, Readings,
    Refusal, Verdict, WriteAnswer, WriteForm,
};

use crate::field::{DAY, Field, HOUR, MINUTE, absent, after, ours, ours_without_uri, uri, writes};

#[test]
fn a_fresh_device_is_asked_for_its_provider_and_gets_the_pfn() {
    let mut field = Field::new();
    let (mut visit, asked) = field.begin();
    assert_eq!(asked, [Housekeeping::ReadPush, Housekeeping::ReadProviders]);
    let seen = Observation { before: absent(), provider: Reading::Value(true), ..Observation::default() };
    let asked = field.proceed(&mut visit, &seen);
    let pfn = field.pfn.clone();
    let form = WriteForm::Add;
    assert_eq!(asked, [Housekeeping::WriteInSequence { form, pfn, read_first: false }]);
    let seen = Observation { write: Some(WriteAnswer::Done), after: after("a", 0), ..Observation::default() };
    assert_eq!(field.proceed(&mut visit, &seen), []);
    assert_eq!(field.channel.state(), ChannelState::Live);
    assert_eq!(field.channel.generation(), 1);
}

#[test]
fn a_device_without_our_provider_is_not_written_to() {
    for provider in [Reading::Value(false), Reading::Absent] {
        let mut field = Field::new();
        let (mut visit, _) = field.begin();
        let seen = Observation { before: absent(), provider, ..Observation::default() };
        assert_eq!(field.proceed(&mut visit, &seen), []);
        assert_eq!(field.channel.state(), ChannelState::Refused(Refusal::Provider));
        let (mut visit, asked) = field.begin();
        assert_eq!(asked, [Housekeeping::ReadPush, Housekeeping::ReadProviders], "asked again");
        let seen = Observation { before: absent(), provider: Reading::Value(true), ..Observation::default() };
        assert!(writes(&field.proceed(&mut visit, &seen)), "and written to once it is there");
    }
}

#[test]
fn readings_lead_to_the_states_of_the_table() {
    let other = Readings { pfn: Reading::Value("Other_2".into()), ..ours("b", 0) };
    let foreign = Readings { uri: Reading::Value("https://evil.test/?token=x".into()), ..ours("", 0) };
    let table = [
        (ours("a", 0), ChannelState::Live),
        (ours("b", 0), ChannelState::Live),
        (ours("a", 2), ChannelState::Live),
        (ours("a", 3), ChannelState::Live),
        (ours("a", 7), ChannelState::Live),
        (ours("a", 8), ChannelState::Live),
        (ours("a", 1), ChannelState::Refused(Refusal::PushStatus(1))),
        (ours("a", 5), ChannelState::Dead),
        (ours_without_uri(0), ChannelState::Pending),
        (ours_without_uri(4), ChannelState::Pending),
        (ours_without_uri(8), ChannelState::Refused(Refusal::PushStatus(8))),
        (ours_without_uri(99), ChannelState::Refused(Refusal::PushStatus(99))),
        (foreign, ChannelState::Refused(Refusal::InvalidUri)),
        (other, ChannelState::Unset),
        (absent(), ChannelState::Unset),
        (Readings::default(), ChannelState::Live),
    ];
    for (read, state) in table {
        let mut field = Field::live();
        field.now = field.now + DAY;
        field.session(read);
        assert_eq!(field.channel.state(), state);
    }
}

#[test]
fn a_dead_channel_is_repaired_in_the_next_session_and_stays_dead_until_a_new_uri_comes() {
    let mut field = Field::live();
    field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
    assert_eq!(field.channel.state(), ChannelState::Dead);
    let (mut visit, asked) = field.begin();
    let pfn = field.pfn.clone();
    let form = WriteForm::Replace;
    assert_eq!(
        asked,
        [Housekeeping::WriteInSequence { form, pfn, read_first: true }],
        "although just written"
    );
    let mut seen = Observation { before: ours("a", 0), after: after("a", 0), ..Observation::default() };
    seen.write = Some(WriteAnswer::Done);
    field.proceed(&mut visit, &seen);
    assert_eq!(field.channel.state(), ChannelState::Dead, "the same URI again");
    assert!(!field.session(ours("a", 0)), "the next repair waits for the gap");
    assert!(!field.session(ours("b", 0)));
    assert_eq!((field.channel.state(), field.channel.generation()), (ChannelState::Live, 2));
    field.session(ours("a", 0));
    assert_eq!(field.channel.state(), ChannelState::Dead, "the old one does not come back");
}

#[test]
fn a_verdict_about_an_old_generation_changes_nothing() {
    let mut field = Field::live();
    field.session(ours("b", 0));
    let before = field.channel.clone();
    field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
    assert_eq!(field.channel, before);
}

#[test]
fn a_late_verdict_about_a_lost_uri_changes_nothing() {
    let mut field = Field::live();
    field.channel.lose_uri(field.now);
    let before = field.channel.clone();
    for verdict in [Verdict::ChannelDead, Verdict::ChannelThrottled, Verdict::Mismatch] {
        field.channel.judge(1, &verdict, field.now, &field.settings);
        assert_eq!(field.channel, before, "{verdict:?}");
    }
    field.session(ours("b", 0));
    assert_eq!(field.channel.state(), ChannelState::Live);
}

#[test]
fn fruitless_repairs_are_bounded_and_end_in_hard_resets_once_a_week() {
    use WriteForm::{DeleteThenAdd, Replace};
    let mut field = Field::live();
    field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
    let start = field.now;
    let mut writes = Vec::new();
    while field.now - start < DAY * 20 {
        let (mut visit, asked) = field.begin();
        if let Some(Housekeeping::WriteInSequence { form, .. }) = asked.first() {
            writes.push((field.now - start, *form));
        }
        let mut seen = Observation { before: ours("a", 0), after: after("a", 0), ..Observation::default() };
        seen.write = writes.last().map(|_| WriteAnswer::Done);
        field.proceed(&mut visit, &seen);
        field.now = field.now + MINUTE * 20;
    }
    let forms: Vec<_> = writes.iter().map(|(_, form)| *form).collect();
    assert_eq!(forms, [Replace, Replace, DeleteThenAdd, DeleteThenAdd, DeleteThenAdd]);
    assert!(
        writes[1].0 >= HOUR * 4 && writes[2].0.checked_sub(writes[1].0).unwrap() >= HOUR * 4,
        "{writes:?}"
    );
    assert!(writes[3].0.checked_sub(writes[2].0).unwrap() >= DAY * 7, "{writes:?}");
}

#[test]
fn a_uri_is_reset_before_it_expires_and_renewed_only_by_a_reset() {
    let mut field = Field::live();
    let born = field.now;
    field.now = born + DAY * 24;
    assert!(!field.session(ours("a", 0)));
    field.now = born + DAY * 26;
    let (mut visit, asked) = field.begin();
    assert!(writes(&asked));
    let mut seen = Observation { before: ours("a", 0), after: after("a", 0), ..Observation::default() };
    seen.write = Some(WriteAnswer::Done);
    field.proceed(&mut visit, &seen);
    field.now = born + DAY * 31;
    assert!(field.channel.pushable(field.now, &field.settings), "read again with Status 0 after the write");
    let mut unread = Field::live();
    unread.now = born + DAY * 31;
    assert!(!unread.channel.pushable(unread.now, &unread.settings));
    unread.begin();
    assert_eq!(unread.channel.state(), ChannelState::Stale);
}

#[test]
fn a_stale_uri_lives_again_only_after_a_reset() {
    let mut field = Field::live();
    field.now = field.now + DAY * 31;
    let (mut visit, _) = field.begin();
    let seen = Observation { before: ours("a", 0), ..Observation::default() };
    field.proceed(&mut visit, &seen);
    assert_eq!(field.channel.state(), ChannelState::Stale);
    let mut seen = Observation { after: after("a", 0), ..Observation::default() };
    seen.write = Some(WriteAnswer::Done);
    field.proceed(&mut visit, &seen);
    let done = field.channel.state();
    assert_eq!(done, ChannelState::Live);
}

#[test]
fn a_channel_that_does_not_come_is_reset_after_two_sessions_and_a_day() {
    let mut field = Field::new();
    let (mut visit, _) = field.begin();
    let seen = Observation { before: absent(), provider: Reading::Value(true), ..Observation::default() };
    field.proceed(&mut visit, &seen);
    let done = Observation { write: Some(WriteAnswer::Done), ..Observation::default() };
    field.proceed(&mut visit, &done);
    field.now = field.now + HOUR * 2;
    assert!(!field.session(ours_without_uri(4)));
    field.now = field.now + HOUR * 2;
    assert!(!field.session(ours_without_uri(4)));
    field.now = field.now + DAY;
    assert!(field.session(ours_without_uri(4)));
}

#[test]
fn an_operator_resets_whatever_was_tried_before() {
    let mut field = Field::live();
    assert!(!field.session(ours("a", 0)), "nothing is wrong");
    field.channel.request_reset(field.now);
    assert_eq!(field.channel.state(), ChannelState::Live, "the channel works until then");
    let (_, asked) = field.begin();
    let (pfn, form) = (field.pfn.clone(), WriteForm::Replace);
    let write = Housekeeping::WriteInSequence { form, pfn, read_first: true };
    assert_eq!(asked, [write], "although just written");
    assert!(!field.session(ours("a", 0)), "once");
}

#[test]
fn an_operator_ends_a_refusal() {
    let foreign = Readings { uri: Reading::Value("https://evil.test/".into()), ..ours("", 0) };
    for read in [ours("a", 1), ours_without_uri(8), foreign] {
        let mut field = Field::live();
        assert!(!field.session(read));
        assert!(matches!(field.channel.state(), ChannelState::Refused(_)));
        field.channel.request_reset(field.now);
        assert_eq!(field.channel.state(), ChannelState::Pending, "our PFN is there");
        assert!(field.session(ours("a", 0)));
    }
    let mut field = Field::new();
    let (mut visit, _) = field.begin();
    field.proceed(&mut visit, &Observation { before: absent(), ..unknown_provider() });
    assert_eq!(field.channel.state(), ChannelState::Refused(Refusal::Provider));
    field.channel.request_reset(field.now);
    assert_eq!(field.channel.state(), ChannelState::Unset);
    let (mut visit, _) = field.begin();
    let asked = field.proceed(&mut visit, &Observation { before: absent(), ..unknown_provider() });
    assert_eq!(asked, [], "nobody may create a bogus subtree");
}

#[test]
fn an_operator_need_not_wait_for_tomorrow() {
    let mut field = Field::new();
    let (mut visit, _) = field.begin();
    let known = Observation { before: absent(), provider: Reading::Value(true), ..Observation::default() };
    field.proceed(&mut visit, &known);
    let no = Observation { write: Some(WriteAnswer::Failed(425)), ..Observation::default() };
    field.proceed(&mut visit, &no);
    assert_eq!(field.channel.state(), ChannelState::Refused(Refusal::Write(425)));
    assert_eq!(field.channel.next_reset_at(), Some(field.now + DAY));
    field.channel.request_reset(field.now);
    assert_eq!((field.channel.state(), field.channel.next_reset_at()), (ChannelState::Unset, None));
    let (mut visit, _) = field.begin();
    assert!(writes(&field.proceed(&mut visit, &known)));
}

#[test]
fn no_import_overrules_what_a_device_told_until_it_leaves() {
    let read = |before| Observation { before, ..Observation::default() };
    let write = |answer| Observation { write: Some(answer), ..Observation::default() };
    let provider = |provider| Observation { provider, ..Observation::default() };
    let pfn = |pfn| Readings { pfn, ..Readings::default() };
    // What the device says, and whether that counts.
    let table = [
        (vec![read(ours_without_uri(0))], true),
        (vec![read(absent())], true),
        (vec![read(pfn(Reading::Value("Other_2".into())))], true),
        (vec![read(Readings { uri: Reading::Absent, ..pfn(Reading::Failed(500)) })], true),
        (vec![write(WriteAnswer::Done)], true),
        (vec![provider(Reading::Value(false))], true),
        (vec![provider(Reading::Failed(500)), write(WriteAnswer::Failed(425))], true),
        (vec![Observation::default()], false),
        (vec![read(pfn(Reading::Failed(500)))], false),
    ];
    for (says, told) in table {
        let mut field = Field::new();
        let (mut visit, _) = field.begin();
        for seen in &says {
            field.proceed(&mut visit, seen);
        }
        let before = field.channel.clone();
        import(&mut field, "a");
        let overruled = field.channel.state() == ChannelState::Live;
        assert_eq!(overruled, !told, "{before:?}");
        assert!(overruled || field.channel == before, "{before:?}");
        field.channel.forget(field.now);
        import(&mut field, "b");
        assert_eq!(field.channel.state(), ChannelState::Live, "it came anew");
    }
}

#[test]
fn what_an_imported_channel_had_under_another_app_is_nobodys() {
    let mut field = Field::new();
    import(&mut field, "a");
    field.pfn = "Other_2".parse().unwrap();
    field.channel.move_to(&field.pfn, field.now);
    import(&mut field, "b");
    assert_eq!((field.channel.state(), field.channel.pfn()), (ChannelState::Live, Some(&field.pfn)));
    let other = |name| Readings { pfn: Reading::Value("Other_2".into()), ..ours(name, 0) };
    field.session(other("a"));
    assert_eq!(field.channel.state(), ChannelState::Pending, "reported for a while");
    field.session(other("b"));
    assert_eq!(field.channel.state(), ChannelState::Live);
}

fn import(field: &mut Field, name: &str) {
    let Reading::Value(text) = uri(name) else { unreachable!() };
    let uri = ChannelUri::parse(&text, &field.settings.extra_origins).ok();
    let known = ImportedChannel { pfn: field.pfn.clone(), uri, first_seen: field.now - DAY };
    field.channel.import(&known, &field.pfn, field.now, &field.settings);
}

#[test]
fn a_channel_that_an_older_release_stored_can_be_read() {
    let field = Field::live();
    let mut stored = serde_json::to_value(&field.channel).unwrap();
    for key in ["polling", "former", "told", "unanswered"] {
        stored.as_object_mut().unwrap().remove(key).unwrap();
    }
    let repair = stored["repair"].as_object_mut().unwrap();
    for key in ["hang", "day", "writes_of_day", "last_pfn"] {
        repair.remove(key).unwrap();
    }
    let read: Channel = serde_json::from_value(stored).unwrap();
    assert_eq!((read.state(), read.last_write()), (ChannelState::Live, field.channel.last_write()));
    assert!(!read.writes_hang() && read.polling().read_at().is_none());
}

fn unknown_provider() -> Observation {
    Observation { provider: Reading::Value(false), ..Observation::default() }
}
