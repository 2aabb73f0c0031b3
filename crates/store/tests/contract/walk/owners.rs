//! What the devices' owners do.

use model::Labels;
use push::{
    ChannelUri, ConnectionStatus, Exchange, ExtraOrigins, Housekeeping, ImportedChannel, TokenTrouble,
    WnsResponse,
};
use store::{DeviceRef, DeviceUpdate, ImportDevice, ImportMode};

use super::{
    Answer,
    steps::RINGS,
    world::{Broken, World},
};
use crate::field::{DAY, labels, responded, said, uri};

impl World {
    pub(crate) async fn label(&mut self, device: usize, ring: usize) {
        let labels = Some(labels(&[("ring", RINGS[ring].0)]));
        self.update(device, DeviceUpdate { labels, ..DeviceUpdate::default() }).await;
        if let Some(life) = &mut self.lives[device] {
            life.ring = ring;
        }
    }

    pub(crate) async fn move_to(&mut self, device: usize, app: usize) {
        let (name, pfn, _) = self.apps[app].clone();
        self.update(device, DeviceUpdate { push_app: Some((name, pfn)), ..DeviceUpdate::default() }).await;
        if let Some(life) = &mut self.lives[device] {
            life.app = app;
        }
    }

    async fn update(&mut self, device: usize, update: DeviceUpdate) {
        let Some(wanted) = self.lives[device].as_ref().map(|life| DeviceRef::Id(life.id)) else { return };
        self.store().update_device(&wanted, None, update, self.now).await.unwrap().unwrap();
    }

    /// Another system's word about a device that is known, or is not.
    pub(crate) async fn import(&mut self, device: usize, app: usize, token: usize) {
        self.settle(device).await;
        let store = self.store();
        let life = self.lives[device].as_ref().unwrap();
        let (name, pfn, _) = self.apps[app].clone();
        let uri = (token > 0).then(|| uri(&self.token(&pfn, device, token)));
        let uri = uri.map(|uri| ChannelUri::parse(&uri, &ExtraOrigins::default()).unwrap());
        let import = ImportDevice {
            id: store.new_id(),
            name: life.name.clone(),
            provider_id: "Reveille".parse().unwrap(),
            push_app: (name, pfn.clone()),
            labels: Labels::default(),
            external_id: None,
            credential: None,
            certificate: None,
            channel: Some(ImportedChannel { pfn, uri, first_seen: self.now - DAY }),
        };
        // Another device may have the URI: then nothing is taken over.
        if store.import_device(import, ImportMode::Apply, self.now).await.unwrap().is_ok() {
            self.lives[device].as_mut().unwrap().app = app;
        }
    }

    pub(crate) async fn delete(&mut self, device: usize) -> Result<(), Broken> {
        let Some(life) = self.lives[device].take() else { return Ok(()) };
        let ended =
            self.store().delete_device(&DeviceRef::Id(life.id), None, self.now).await.unwrap().unwrap();
        self.ledger.told(&ended)
    }
}

/// The PFN that a step of the housekeeping writes.
pub(crate) fn written(step: &Housekeeping) -> Option<&model::Pfn> {
    match step {
        Housekeeping::WriteInSequence { pfn, .. } | Housekeeping::WriteAlone { pfn, .. } => Some(pfn),
        _ => None,
    }
}

pub(crate) fn exchange(answer: Answer) -> Exchange {
    let why = || "because".to_owned();
    match answer {
        Answer::Received => said("received"),
        Answer::Offline => Exchange::Responded(WnsResponse {
            status: 200,
            notification_status: Some("received".into()),
            connection: Some(ConnectionStatus::Disconnected),
            ..WnsResponse::default()
        }),
        Answer::Unknown => responded(200),
        Answer::Dropped => said("dropped"),
        Answer::ChannelThrottled => said("channelthrottled"),
        Answer::AppThrottled => responded(429),
        Answer::Gone => responded(410),
        Answer::Forbidden => responded(403),
        Answer::Unauthorized => Exchange::NoToken(TokenTrouble::Credential { description: why() }),
        Answer::Malformed => responded(400),
        Answer::Broken => responded(500),
        Answer::NotSent => Exchange::NotSent(why()),
        Answer::Ambiguous => Exchange::Ambiguous(why()),
    }
}
