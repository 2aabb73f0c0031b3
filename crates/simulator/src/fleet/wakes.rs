//! The pushes of a fleet: the emulated WNS's stream of deliveries, and a doorbell at each device.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};
use url::Url;

use crate::{http, wns::Delivery};

/// How long the listener waits before it opens a broken stream again.
const PAUSE: Duration = Duration::from_millis(500);

/// The longest line that is read.
const LONGEST_LINE: usize = 64 * 1024;

/// One doorbell per device; pushes that come while a device is busy are one ring.
#[derive(Clone)]
pub(super) struct Doorbells(Arc<HashMap<String, Arc<Notify>>>);

/// Reads deliveries and rings.
pub(super) struct Listener {
    http: reqwest::Client,
    url: Url,
    doorbells: Doorbells,
    opened: watch::Sender<bool>,
}

impl Doorbells {
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a String>) -> Self {
        Self(Arc::new(names.map(|name| (name.clone(), Arc::default())).collect()))
    }

    pub(super) fn of(&self, device: &str) -> Arc<Notify> {
        self.0.get(device).cloned().unwrap_or_default()
    }
}

impl Listener {
    pub(super) fn new(http: reqwest::Client, wns: &Url, fleet: &str, doorbells: Doorbells) -> Self {
        let mut url = wns.clone();
        url.set_path("/emulator/deliveries");
        url.query_pairs_mut().append_pair("fleet", fleet);
        Self { http, url, doorbells, opened: watch::Sender::new(false) }
    }

    /// Turns true as soon as no push can be missed any more.
    pub(super) fn opened(&self) -> watch::Receiver<bool> {
        self.opened.subscribe()
    }

    /// Listens for ever; a stream that breaks is opened again.
    pub(super) async fn listen(self) {
        loop {
            if let Err(error) = self.follow().await {
                tracing::warn!(error = http::describe(error), "the stream of deliveries broke");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn follow(&self) -> Result<(), reqwest::Error> {
        let mut response = self.http.get(self.url.clone()).send().await?.error_for_status()?;
        self.opened.send_replace(true);
        let mut unread = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            unread.extend_from_slice(&chunk);
            self.ring(&mut unread);
        }
        Ok(())
    }

    /// Takes the whole lines.
    fn ring(&self, unread: &mut Vec<u8>) {
        while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = unread.drain(..=end).collect();
            match serde_json::from_slice::<Delivery>(&line) {
                Ok(delivery) => self.doorbells.of(&delivery.device).notify_one(),
                Err(error) => tracing::warn!(%error, "a delivery cannot be read"),
            }
        }
        if unread.len() > LONGEST_LINE {
            tracing::warn!("a line of the stream of deliveries has no end");
            unread.clear();
        }
    }
}
