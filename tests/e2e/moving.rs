//! A fleet goes over to another push app, with another PFN: who is still to come shows at any time (DESIGN §4, `moving`).

use prost_types::FieldMask;
use reveille_api::v1::{ChannelState, Device, ListDevicesRequest, UpdateDeviceRequest};

use crate::fleet::{APPS, Fleet};

/// It is to be set up for the second app.
async fn move_over(fleet: &Fleet, name: &str) {
    let request = UpdateDeviceRequest {
        device: Some(Device { name: name.to_owned(), push_app: APPS[1].to_owned(), ..Device::default() }),
        update_mask: Some(FieldMask { paths: vec!["push_app".to_owned()] }),
        credential: None,
    };
    fleet.devices().update_device(request).await.unwrap();
}

/// Channels by state, of the app that pushes to them.
async fn counts(fleet: &Fleet, app: &str) -> Vec<(ChannelState, i64)> {
    fleet.app(app).await.channel_counts.iter().map(|it| (it.state(), it.count)).collect()
}

/// The devices of the second app whose channel is in this state.
async fn listed(fleet: &Fleet, state: ChannelState) -> Vec<String> {
    let request = ListDevicesRequest {
        push_app: APPS[1].to_owned(),
        channel_states: vec![state.into()],
        ..ListDevicesRequest::default()
    };
    let found = fleet.devices().list_devices(request).await.unwrap().into_inner().devices;
    let mut names: Vec<_> = found.into_iter().map(|device| device.name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_new_pfn_reaches_each_device_as_it_comes_and_all_can_be_pushed_to_meanwhile() {
    use ChannelState::{Live, Moving};
    let fleet = Fleet::new(1, 0).await;
    let mut devices = fleet.played(APPS[0], 4).await;
    let names: Vec<_> = devices.iter().map(|device| device.identity().name.clone()).collect();
    for name in &names {
        move_over(&fleet, name).await;
    }
    for came in 0..4 {
        let left = i64::try_from(4 - came).unwrap();
        assert_eq!(counts(&fleet, APPS[0]).await, [(Moving, left)], "after {came}");
        let over: &[_] = if came == 0 { &[] } else { &[(Live, 4 - left)] };
        assert_eq!(counts(&fleet, APPS[1]).await, over, "after {came}");
        assert_eq!(listed(&fleet, Moving).await, names[came..], "after {came}");
        assert_eq!(listed(&fleet, Live).await, names[..came], "after {came}");
        if came == 2 {
            // Two by the old app and two by the new one: WNS takes no token of the wrong one.
            fleet.reach(&names).await;
            assert_eq!(fleet.wns.counters().refused, 0);
        }
        fleet.comes(&mut devices[came]).await;
        assert_eq!(devices[came].pfn(), Some("Contoso.other_abcdefghijkm0"));
    }
    assert_eq!((counts(&fleet, APPS[0]).await, counts(&fleet, APPS[1]).await), (vec![], vec![(Live, 4)]));
    assert_eq!(listed(&fleet, Moving).await, [""; 0]);
}
