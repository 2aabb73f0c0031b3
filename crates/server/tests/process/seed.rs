//! Devices that are there from the start, with live channels: thousands of them need no first session.

use std::path::Path;

use push::ExtraOrigins;
use reveille_api::v1::{
    ChannelState, Credential, ImportDevicesRequest, ImportRow, credential::Secret,
    device_service_client::DeviceServiceClient, import_devices_response::Result as Imported,
};
use simulator::wns::{App, Handle, Registration, Renewal};
use store::{Key, Retention, Store};
use tonic::transport::Channel;

use crate::PASSWORD;

/// The database of a service that does not run, in this process.
pub(crate) async fn store(directory: &Path, wns: &str) -> Store {
    let key = Key::read(&directory.join("reveille.key")).unwrap();
    let url = format!("sqlite://{}", directory.join("reveille.db").display());
    let extra_origins = ExtraOrigins::parse(&[wns]).unwrap();
    let rules = push::Settings { extra_origins, ..push::Settings::default() };
    Store::open(&url, key, rules, Retention::default()).await.unwrap()
}

/// Hands over devices that have channels of this WNS; their user is `user`. Returns their names.
pub(crate) async fn devices(service: Channel, wns: &Handle, count: usize) -> Vec<String> {
    let names: Vec<_> = (0..count).map(|n| format!("DEVICE{n:08}")).collect();
    let (wns, rows) = (wns.clone(), names.clone().into_iter());
    let rows = tokio_stream::iter(rows.map(move |name| row(&wns, name)));
    let results = DeviceServiceClient::new(service).import_devices(rows).await;
    let (mut results, mut live) = (results.unwrap().into_inner(), 0);
    while let Some(result) = results.message().await.unwrap() {
        let Some(Imported::Imported(imported)) = result.result else {
            panic!("a device is refused: {result:?}")
        };
        assert_eq!(imported.channel_state(), ChannelState::Live);
        live += 1;
    }
    assert_eq!(live, count);
    names
}

fn row(wns: &Handle, name: String) -> ImportDevicesRequest {
    let pfn = App::example().pfn;
    let registration = Registration {
        pfn: pfn.clone(),
        device: name.clone(),
        fleet: String::new(),
        renewal: Renewal::default(),
    };
    let credential =
        Credential { user: "user".to_owned(), secret: Some(Secret::Password(PASSWORD.to_owned())) };
    let channel_uri = wns.register(&registration).unwrap().uri;
    let row = ImportRow { name, credential: Some(credential), pfn, channel_uri, ..ImportRow::default() };
    ImportDevicesRequest { row: Some(row), ..ImportDevicesRequest::default() }
}

/// A sequence of numbers that looks random, and is the same for the same seed (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let place = self.roll(all.len() as u64);
        &all[usize::try_from(place).expect("a place in memory")]
    }
}
