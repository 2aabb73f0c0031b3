//! When the PFN is written again (DESIGN §4): planned resets are spread over the fleet and bounded for all of it, and a
//! channel that died waits for neither.

use std::time::Duration;

use futures_util::stream;
use reveille_api::v1::{
    ChannelState, DeleteDeviceRequest, ImportDevicesRequest, ImportRow, PushVerdict, ResetChannelRequest,
    import_devices_response::Result as Kind,
};
use simulator::{device::Device, wns::Revocation};

use crate::field::{Field, credential, named};

const DAY: Duration = Duration::from_hours(24);

/// A device of another service, whose channel is so old, is taken over.
async fn take_over(field: &Field, name: &str, age: Duration) -> Device {
    // It gets its channel here, and is forgotten again.
    let device = field.live(name).await;
    let mut since = field.device(name).await.channel.unwrap().first_seen_time.unwrap();
    since.seconds -= i64::try_from(age.as_secs()).unwrap();
    let request = DeleteDeviceRequest { device: Some(named(name)), etag: String::new() };
    field.devices().delete_device(request).await.unwrap();
    let row = ImportRow {
        name: name.to_owned(),
        credential: Some(credential()),
        pfn: device.pfn().unwrap().to_owned(),
        channel_uri: device.channel_uri().unwrap().to_owned(),
        channel_first_seen_time: Some(since),
        ..ImportRow::default()
    };
    let request = ImportDevicesRequest { row: Some(row), ..ImportDevicesRequest::default() };
    let results = field.devices().import_devices(stream::iter([request])).await.unwrap();
    let result = results.into_inner().message().await.unwrap().unwrap().result;
    assert!(matches!(result, Some(Kind::Imported(_))), "{result:?}");
    device
}

#[tokio::test]
async fn each_device_has_a_place_of_its_own_on_the_day_of_planned_resets() {
    let field = Field::new().await;
    let mut resets = 0;
    for number in 0..20 {
        let name = format!("DEVICE-{number:02}");
        // Resets are due from the 24th day to the 25th.
        let mut device = take_over(&field, &name, DAY * 49 / 2).await;
        let before = field.device(&name).await;
        // The last byte of the id, which is random, is the device's place on that day.
        let due = u8::from_str_radix(&before.id[before.id.len() - 2..], 16).unwrap() >= 128;
        field.sync(&mut device).await;
        let channel = field.device(&name).await.channel.unwrap();
        assert_eq!(device.writes().pfn, 1 + u32::from(due), "{name}");
        assert_eq!((channel.state(), channel.last_reset_time.is_some()), (ChannelState::Live, due), "{name}");
        assert_eq!(channel.age.unwrap().seconds < 60, due, "{name}");
        resets += u32::from(due);
    }
    assert!((1..20).contains(&resets), "{resets} of 20");
}

/// What was written to a device, and what became of it.
async fn written(field: &Field, device: &Device) -> (u32, ChannelState) {
    let channel = field.device(&device.identity().name).await.channel.unwrap();
    (device.writes().pfn, channel.state())
}

#[tokio::test]
async fn the_fleets_budget_holds_back_planned_writes_and_no_repair() {
    let field = Field::budgeted(2, |_| {}).await;
    let mut first = field.live("FIRST").await;
    field.live("SECOND").await;
    let mut third = field.enroll("THIRD").await;
    field.sync(&mut third).await;
    assert_eq!(written(&field, &third).await, (0, ChannelState::Unset), "two were written to in this hour");

    field.wns.revoke_channels("FIRST", Revocation::Expired);
    let wake = field.wake("FIRST").await;
    let is_dead = |push: &reveille_api::v1::Push| push.verdict() == PushVerdict::ChannelDead;
    field.until(&wake.id, |found| found.pushes.iter().any(is_dead)).await;
    field.sync(&mut third).await;
    field.sync(&mut first).await;
    assert_eq!(written(&field, &first).await, (2, ChannelState::Live), "410: at once");
    field.sync(&mut third).await;
    assert_eq!(written(&field, &third).await, (0, ChannelState::Unset), "that made no room for planned ones");

    // An operator's word stands above the budget.
    let request = ResetChannelRequest { device: Some(named("THIRD")) };
    field.devices().reset_channel(request).await.unwrap();
    field.sync(&mut third).await;
    assert_eq!(written(&field, &third).await, (1, ChannelState::Live));
}
