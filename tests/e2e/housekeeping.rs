//! How housekeeping ends with devices of every manner: with a live channel or the right refusal, and never with more
//! writes than it takes (DESIGN §4).

use push::{PollLogins, PollSchedule, PollSet};
use reveille_api::v1::{ChannelState, DeviceHintKind};
use simulator::device::{
    Device, LargeObjects, NoChannelReply, PfnWrite, Polling, Profile, RegistrationTime, ReplaceMissing,
    SequenceSupport, Writes,
};

use crate::field::Field;

/// A manner, how its channel ends, how often the PFN may have been written after eight sessions.
type Row = (&'static str, fn(&mut Profile), ChannelState, u32);

const ROWS: [Row; 18] = [
    ("Windows 11 26200", |_| {}, ChannelState::Live, 1),
    ("Replace creates", |it| it.replace_missing = ReplaceMissing::Creates, ChannelState::Live, 1),
    ("a Sequence stops at an error", |it| it.sequence = SequenceSupport::Stops, ChannelState::Live, 1),
    ("a Sequence is 400", |it| it.sequence = SequenceSupport::Refused(400), ChannelState::Live, 1),
    ("a Sequence is 405", |it| it.sequence = SequenceSupport::Refused(405), ChannelState::Live, 1),
    ("a Sequence is 406", |it| it.sequence = SequenceSupport::Refused(406), ChannelState::Live, 1),
    ("a Sequence is 500", |it| it.sequence = SequenceSupport::Refused(500), ChannelState::Live, 1),
    ("the channel comes later", |it| it.registration = RegistrationTime::AfterSession, ChannelState::Live, 1),
    (
        "the channel comes later and is empty until then",
        |it| {
            it.registration = RegistrationTime::AfterSession;
            it.no_channel = NoChannelReply::Empty;
        },
        ChannelState::Live,
        1,
    ),
    ("another provider", |it| "Other".clone_into(&mut it.provider_id), ChannelState::Refused, 0),
    // And then not before tomorrow.
    ("NoCloudApplicationNotification", |it| it.pfn_write = PfnWrite::Refused(404), ChannelState::Refused, 1),
    ("a write that is not allowed", |it| it.pfn_write = PfnWrite::Refused(405), ChannelState::Refused, 1),
    ("a write that fails", |it| it.pfn_write = PfnWrite::Refused(500), ChannelState::Refused, 1),
    // Nobody knows whether it is there, and the gap between two writes has yet to pass.
    ("a write that hangs the client", |it| it.pfn_write = PfnWrite::Hangs, ChannelState::Unset, 1),
    ("a client that is busy", |it| it.keep_alives = 2, ChannelState::Live, 1),
    ("short messages, both ways", short, ChannelState::Live, 1),
    ("Windows 10 1511", |it| *it = Profile::windows_1511("Reveille"), ChannelState::Live, 1),
    ("Windows 8.1", |it| *it = Profile::windows_8_1("Reveille"), ChannelState::Live, 1),
];

fn short(profile: &mut Profile) {
    profile.max_msg_size = Some(2_000);
    profile.longest_message = Some(2_500);
    profile.large_objects = LargeObjects::Taken { max: 65_536 };
}

#[tokio::test]
async fn every_device_ends_with_a_channel_or_the_right_refusal() {
    let field = Field::new().await;
    println!("| device | channel | PFN writes |\n|--------|---------|------------|");
    for (number, (says, change, state, writes)) in ROWS.into_iter().enumerate() {
        let name = format!("DEVICE-{number}");
        field.enroll(&name).await;
        let mut profile = Profile::new("Reveille");
        change(&mut profile);
        let mut device = field.played(&name, profile);
        for _ in 0..8 {
            field.sync(&mut device).await;
        }
        let found = field.device(&name).await;
        let channel = found.channel.as_ref().unwrap();
        println!("| {says} | {:?} | {} |", channel.state(), device.writes().pfn);
        assert_eq!(channel.state(), state, "{says}: {channel:?}");
        assert!(device.writes().pfn <= writes, "{says}: {} writes", device.writes().pfn);
        let hints: Vec<_> = found.hints.iter().map(reveille_api::v1::DeviceHint::kind).collect();
        let old = says.starts_with("Windows 8") || says.starts_with("Windows 10 1511");
        assert_eq!(hints.contains(&DeviceHintKind::UpdateWindows), old, "{says}: {hints:?}");
        let off = says == "NoCloudApplicationNotification";
        assert_eq!(hints.contains(&DeviceHintKind::CloudNotificationsOff), off, "{says}: {hints:?}");
    }
}

/// Every two hours for a day, then every eight without end.
fn schedule() -> PollSchedule {
    let set = |interval, count| PollSet { interval, count };
    let logins = PollLogins { each: true, first_of_each_user: false };
    PollSchedule::new(set(120, 12), set(0, 0), set(480, 0), logins).unwrap()
}

const POLL: &str = "./Vendor/MSFT/DMClient/Provider/Reveille/Poll";

fn interval(device: &Device) -> Option<String> {
    device.node(&format!("{POLL}/IntervalForRemainingScheduledRetries"), model::Timestamp::EPOCH)
}

#[tokio::test]
async fn a_polling_schedule_is_written_once_whatever_the_device_makes_of_it() {
    let rules = |rules: &mut push::Settings| {
        rules.poll = Some(schedule());
        // Read in every session, so that a loop would show.
        rules.poll_every = std::time::Duration::ZERO;
    };
    let field = Field::with(rules).await;
    let kept: fn(&mut Profile) = |_| {};
    for (name, change, expect) in [
        ("KEEPS", kept, "480"),
        ("CREATES", |it: &mut Profile| it.replace_missing = ReplaceMissing::Creates, "480"),
        ("STUBBORN", |it: &mut Profile| it.polling = Polling::Fixed, "1440"),
    ] {
        field.enroll(name).await;
        let mut profile = Profile::new("Reveille");
        change(&mut profile);
        let mut device = field.played(name, profile);
        field.sync(&mut device).await;
        assert_eq!(interval(&device).as_deref(), Some(expect), "{name}");
        let Writes { polling, .. } = device.writes();
        assert!((1..=16).contains(&polling), "{name}: eight nodes, in one form or the other: {polling}");
        for _ in 0..5 {
            field.sync(&mut device).await;
        }
        assert_eq!(device.writes().polling, polling, "{name}: no write loop");
    }
}
