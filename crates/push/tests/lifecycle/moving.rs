//! A device goes over to another push app.

use push::{
    ChannelState, Context, Detail, Housekeeping, Observation, PushedBy, Reading, Readings, Verdict, Visit,
    WriteAnswer, WriteForm,
};

use crate::field::{DAY, Field, absent, after, ours, ours_without_uri, serde_round_trip};

const OTHER: &str = "Other_2";

/// A device that was live under one app and is to go over to another.
fn moving() -> Field {
    let mut field = Field::live();
    move_to(&mut field, OTHER);
    assert_eq!(field.channel.state(), ChannelState::Moving);
    field
}

fn move_to(field: &mut Field, pfn: &str) {
    field.pfn = pfn.parse().unwrap();
    field.channel.move_to(&field.pfn, field.now);
}

fn other(uri: &str) -> Readings {
    Readings { pfn: Reading::Value(OTHER.into()), ..ours(uri, 0) }
}

fn other_without_uri() -> Readings {
    Readings { uri: Reading::Absent, ..other("") }
}

/// A session in which the device is still as it was, and takes the new PFN.
fn session_writes(field: &mut Field, after: Readings) {
    let (mut visit, asked) = field.begin();
    assert_eq!(asked, [Housekeeping::ReadPush], "what is there, first");
    let asked = field.proceed(&mut visit, &Observation { before: ours("a", 0), ..Observation::default() });
    let (pfn, form) = (field.pfn.clone(), WriteForm::Replace);
    assert_eq!(asked, [Housekeeping::WriteInSequence { form, pfn, read_first: false }]);
    let done = Observation { write: Some(WriteAnswer::Done), after, ..Observation::default() };
    assert_eq!(field.proceed(&mut visit, &done), []);
}

fn pushable(field: &Field) -> bool {
    field.channel.pushable(field.now, &field.settings)
}

#[test]
fn the_old_channel_works_until_the_new_pfn_is_written() {
    let mut field = moving();
    assert!(pushable(&field), "by the old app");
    assert_eq!((field.channel.pfn().unwrap().as_str(), field.channel.generation()), ("App_1", 1));
    assert_eq!(serde_round_trip(&field.channel), field.channel);
    session_writes(&mut field, Readings { pfn: Reading::Unanswered, ..other_without_uri() });
    assert_eq!((field.channel.state(), pushable(&field)), (ChannelState::Pending, false));
    assert_eq!(field.channel.pfn(), Some(&field.pfn));
    assert!(!field.session(other("a")), "the former app's URI is reported for a while");
    assert_eq!((field.channel.state(), field.channel.uri()), (ChannelState::Pending, None));
    let restored = serde_round_trip(&field.channel);
    field.channel = restored;
    assert!(!field.session(other("a")));
    assert_eq!(field.channel.state(), ChannelState::Pending);
    assert!(!field.session(other("b")));
    assert_eq!((field.channel.state(), pushable(&field)), (ChannelState::Live, true));
}

#[test]
fn it_is_live_once_its_uri_is_read() {
    let mut field = moving();
    session_writes(&mut field, after("b", 0));
    assert_eq!((field.channel.state(), pushable(&field)), (ChannelState::Live, true));
    let before = field.channel.clone();
    field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
    assert_eq!(field.channel, before, "a late verdict about the old app's channel");
}

#[test]
fn a_late_verdict_finds_no_channel_of_its_generation() {
    let mut field = moving();
    session_writes(&mut field, Readings { pfn: Reading::Unanswered, ..other_without_uri() });
    let before = field.channel.clone();
    field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
    assert_eq!(field.channel, before);
}

#[test]
fn it_may_come_back_before_anything_was_written() {
    let mut field = moving();
    move_to(&mut field, "App_1");
    assert_eq!((field.channel.state(), field.channel.generation()), (ChannelState::Live, 1));
    assert!(!field.session(ours("a", 0)), "everything is as it was");
    move_to(&mut field, OTHER);
    session_writes(&mut field, after("b", 0));
    move_to(&mut field, "App_1");
    assert_eq!(field.channel.state(), ChannelState::Moving, "now it is a move like any other");
}

#[test]
fn of_a_channel_that_is_not_live_nothing_is_of_use() {
    let foreign = Readings { uri: Reading::Value("https://evil.test/".into()), ..ours("", 0) };
    for read in [ours("a", 5), ours("a", 1), ours_without_uri(0), foreign, absent()] {
        let mut field = Field::live();
        field.session(read);
        move_to(&mut field, OTHER);
        assert_eq!((field.channel.state(), pushable(&field)), (ChannelState::Unset, false));
        field.setting_up("a");
        assert_eq!(field.channel.state(), ChannelState::Pending, "the former app's URI");
        field.session(other("b"));
        assert_eq!(field.channel.state(), ChannelState::Live);
    }
}

#[test]
fn a_channel_that_dies_on_the_way_is_not_mended_but_made_anew() {
    let mut field = moving();
    field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
    assert_eq!((field.channel.state(), pushable(&field)), (ChannelState::Dead, false));
    field.setting_up("b");
    assert_eq!((field.channel.state(), field.channel.pfn()), (ChannelState::Live, Some(&field.pfn)));
}

#[test]
fn a_death_on_the_way_that_is_doubted_is_none() {
    let mut field = moving();
    field.now = field.now + DAY;
    field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
    assert!(field.channel.doubt_death(1, PushedBy::Former, field.now));
    assert_eq!((field.channel.state(), pushable(&field)), (ChannelState::Moving, true), "by the old app");
    assert_eq!(field.channel.pfn().unwrap().as_str(), "App_1");
    // The new PFN is on the device before the doubt: the old URI is of no use whatever WNS says.
    field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
    let (mut visit, _) = field.begin();
    field.proceed(&mut visit, &Observation { before: ours("a", 0), ..Observation::default() });
    let after = Readings { pfn: Reading::Unanswered, ..other_without_uri() };
    let done = Observation { write: Some(WriteAnswer::Done), after, ..Observation::default() };
    field.proceed(&mut visit, &done);
    assert!(!field.channel.doubt_death(1, PushedBy::Former, field.now));
    assert!(!pushable(&field));
}

#[test]
fn the_device_may_change_on_its_own() {
    let changed = Readings { uri: ours("x", 0).uri, ..ours("", 0) };
    for (read, expect) in [
        (changed, ChannelState::Unset),
        (ours_without_uri(0), ChannelState::Unset),
        (ours("a", 5), ChannelState::Unset),
        (absent(), ChannelState::Unset),
        (other("b"), ChannelState::Live),
        (other("a"), ChannelState::Pending),
        (ours("a", 0), ChannelState::Moving),
        (Readings::default(), ChannelState::Moving),
    ] {
        let mut field = moving();
        let (mut visit, _) = field.begin();
        field.proceed(&mut visit, &Observation { before: read, ..Observation::default() });
        assert_eq!(field.channel.state(), expect);
        assert_eq!(pushable(&field), matches!(expect, ChannelState::Live | ChannelState::Moving));
    }
}

#[test]
fn what_was_written_before_holds_nothing_back_but_the_fleets_budget_does() {
    let mut field = Field::live();
    field.channel.judge(1, &Verdict::ChannelDead, field.now, &field.settings);
    assert!(field.session(ours("a", 0)), "the repair");
    assert!(!field.session(ours("a", 0)), "the next one must wait");
    assert!(!field.session(ours("b", 0)));
    move_to(&mut field, OTHER);
    let context = Field::context(&field.settings, &field.pfn, field.now);
    let frugal = Context { may_write: false, ..context };
    let (mut visit, _) = Visit::begin(&mut field.channel, Detail::Known, &frugal);
    let seen = Observation { before: ours("b", 0), ..Observation::default() };
    assert_eq!(visit.proceed(&mut field.channel, &seen, &frugal), []);
    assert_eq!(field.channel.state(), ChannelState::Moving);
    assert!(field.session(ours("b", 0)), "at once, when the fleet's budget lets it");
    assert!(!field.session(ours("b", 0)), "and once");
}

#[test]
fn a_device_that_refuses_the_new_pfn_keeps_the_old_channel() {
    let mut field = moving();
    let (mut visit, _) = field.begin();
    field.proceed(&mut visit, &Observation { before: ours("a", 0), ..Observation::default() });
    let no = Observation { write: Some(WriteAnswer::Failed(425)), ..Observation::default() };
    assert_eq!(field.proceed(&mut visit, &no), []);
    assert_eq!((field.channel.state(), pushable(&field)), (ChannelState::Moving, true));
    assert_eq!(field.channel.next_reset_at(), Some(field.now + DAY));
    assert!(!field.session(ours("a", 0)));
    field.now = field.now + DAY;
    assert!(field.session(ours("a", 0)), "tried again tomorrow");
}

#[test]
fn an_old_channel_gets_too_old() {
    let mut field = moving();
    field.now = field.now + DAY * 31;
    assert!(!pushable(&field));
    assert!(field.channel.expire(field.now, &field.settings));
    assert_eq!(field.channel.state(), ChannelState::Unset, "nothing is to be renewed");
    assert!(!field.channel.expire(field.now, &field.settings));
}

#[test]
fn two_apps_with_one_pfn_share_the_channel() {
    let mut field = Field::live();
    move_to(&mut field, "App_1");
    assert_eq!(field.channel.state(), ChannelState::Live);
    assert!(!field.session(ours("a", 0)));
}

#[test]
fn a_write_under_way_is_no_write_of_the_new_pfn() {
    let mut field = Field::new();
    let (mut visit, _) = field.begin();
    let known = Observation { before: absent(), provider: Reading::Value(true), ..Observation::default() };
    let asked = field.proceed(&mut visit, &known);
    let (pfn, form) = (field.pfn.clone(), WriteForm::Add);
    assert_eq!(asked, [Housekeeping::WriteInSequence { form, pfn, read_first: false }]);
    move_to(&mut field, OTHER);
    let done = Observation { write: Some(WriteAnswer::Done), after: after("a", 0), ..Observation::default() };
    assert_eq!(field.proceed(&mut visit, &done), []);
    assert_eq!((field.channel.state(), field.channel.uri()), (ChannelState::Unset, None));
}
