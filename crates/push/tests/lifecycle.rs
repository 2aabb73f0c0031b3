//! The lives of channels, summonses and wakes, told through the public surface.

use std::time::Duration;

use model::{DeviceId, Pfn, Priority, PushId, SummonsId, Timestamp};
use proptest::prelude::*;
use push::{
    AppCondition, Attribution, Channel, ChannelState, ConnectionStatus, Context, Detail, Door, EndReason,
    Housekeeping, Observation, Origin, Reading, Readings, Refusal, Settings, Summons, Verdict, Visit,
    WriteAnswer, WriteForm,
};
use uuid::Uuid;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// One device, its server-side channel, and a clock.
struct Field {
    settings: Settings,
    pfn: Pfn,
    channel: Channel,
    now: Timestamp,
}

impl Field {
    fn new() -> Self {
        Self {
            settings: Settings::default(),
            pfn: "App_1".parse().unwrap(),
            channel: Channel::default(),
            now: Timestamp::EPOCH + DAY * 10_000,
        }
    }

    /// A field whose channel became live at the first session.
    fn live() -> Self {
        let mut field = Self::new();
        field.setting_up("a");
        assert_eq!(field.channel.state(), ChannelState::Live);
        field
    }

    fn setting_up(&mut self, uri: &str) {
        let (mut visit, _) = self.begin();
        let mut nothing = Observation { before: absent(), ..Observation::default() };
        nothing.provider = Reading::Value(true);
        self.proceed(&mut visit, &nothing);
        let done =
            Observation { write: Some(WriteAnswer::Done), after: after(uri, 0), ..Observation::default() };
        self.proceed(&mut visit, &done);
    }

    fn context<'a>(settings: &'a Settings, pfn: &'a Pfn, now: Timestamp) -> Context<'a> {
        let device = DeviceId::new(Uuid::nil());
        Context { now, settings, pfn, device, old_build: false, may_write: true }
    }

    fn begin(&mut self) -> (Visit, Vec<Housekeeping>) {
        let context = Self::context(&self.settings, &self.pfn, self.now);
        Visit::begin(&mut self.channel, Detail::Known, &context)
    }

    fn proceed(&mut self, visit: &mut Visit, seen: &Observation) -> Vec<Housekeeping> {
        let context = Self::context(&self.settings, &self.pfn, self.now);
        visit.proceed(&mut self.channel, seen, &context)
    }

    /// A session in which the device only answers what it is asked; true if the PFN was to be written.
    fn session(&mut self, read: Readings) -> bool {
        let (mut visit, asked) = self.begin();
        let wrote_first = writes(&asked);
        let seen = Observation { before: read, ..Observation::default() };
        let asked = self.proceed(&mut visit, &seen);
        wrote_first || writes(&asked)
    }
}

fn writes(asked: &[Housekeeping]) -> bool {
    asked.iter().any(|step| !matches!(step, Housekeeping::ReadPush | Housekeeping::ReadProviders))
}

fn uri(name: &str) -> Reading<String> {
    Reading::Value(format!("https://a.notify.windows.com/?token={name}"))
}

fn absent() -> Readings {
    Readings { pfn: Reading::Absent, uri: Reading::Absent, status: Reading::Absent }
}

fn after(name: &str, status: i32) -> Readings {
    Readings { pfn: Reading::Unanswered, uri: uri(name), status: Reading::Value(status) }
}

fn ours(name: &str, status: i32) -> Readings {
    Readings { pfn: Reading::Value("App_1".into()), ..after(name, status) }
}

fn ours_without_uri(status: i32) -> Readings {
    Readings { uri: Reading::Absent, ..ours("", status) }
}

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
fn the_write_falls_over_to_the_form_that_the_device_takes() {
    use WriteAnswer::{Done, Exists, Failed, NotFound, SequenceRefused, Unanswered};
    /// The answers to one write after the other, the forms that follow, the state in the end.
    fn check(answers: &[WriteAnswer], forms: &[&str], state: ChannelState) {
        let mut field = Field::new();
        let (mut visit, _) = field.begin();
        let seen = Observation { before: absent(), provider: Reading::Value(true), ..Observation::default() };
        let mut asked = field.proceed(&mut visit, &seen);
        let mut got = Vec::new();
        for answer in answers {
            got.push(name(&asked));
            let seen = Observation { write: Some(*answer), ..Observation::default() };
            asked = field.proceed(&mut visit, &seen);
        }
        got.push(name(&asked));
        assert_eq!(got, forms);
        assert_eq!(field.channel.state(), state, "{answers:?}");
    }
    fn name(asked: &[Housekeeping]) -> &'static str {
        match asked {
            [Housekeeping::WriteInSequence { form: WriteForm::Add, .. }] => "add",
            [Housekeeping::WriteInSequence { form: WriteForm::Replace, .. }] => "replace",
            [Housekeeping::WriteAlone { form: WriteForm::Add, .. }] => "add alone",
            [Housekeeping::ReadPush] => "read",
            [] => "nothing",
            _ => "something else",
        }
    }
    let refused = |code| ChannelState::Refused(Refusal::Write(code));
    check(&[Done], &["add", "nothing"], ChannelState::Pending);
    check(&[Exists, Done], &["add", "replace", "nothing"], ChannelState::Pending);
    check(&[Exists, NotFound], &["add", "replace", "nothing"], refused(404));
    check(&[NotFound], &["add", "nothing"], refused(404));
    check(&[Failed(500)], &["add", "nothing"], refused(500));
    check(&[SequenceRefused, Done], &["add", "add alone", "read"], ChannelState::Pending);
    check(&[SequenceRefused, Failed(405)], &["add", "add alone", "nothing"], refused(405));
    check(&[Unanswered], &["add", "nothing"], ChannelState::Unset);
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

/// A summons with an hour to go, and a live channel.
fn summoned() -> (Field, Summons) {
    let field = Field::live();
    let deadline = field.now + HOUR;
    let id = SummonsId::new(Uuid::nil());
    let summons = Summons::open(id, Priority::Interactive, deadline, &field.settings);
    (field, summons)
}

fn push_id(n: u128) -> PushId {
    PushId::new(Uuid::from_u128(n))
}

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
    app.resume();
    assert_eq!(app.door(until), Door::Probe);
    for _ in 0..settings.app_patience {
        app.judge(&Verdict::Mismatch, Some("not yours"), until, &settings);
    }
    assert_eq!(app.reason(until), Some(EndReason::CredentialFault));
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
            Summons::open(SummonsId::new(Uuid::nil()), Priority::Bulk, deadline, &field.settings);
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

fn serde_round_trip(channel: &Channel) -> Channel {
    let text = serde_json::to_string(channel).unwrap();
    assert!(!text.contains("notify.windows.com"), "the URI is not stored with the rest");
    let restored: Channel = serde_json::from_str(&text).unwrap();
    restored.restore(channel.uri().cloned())
}
