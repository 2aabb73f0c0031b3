//! The emulated WNS without I/O: time and chance are arguments.

mod entra;
mod issue;
mod push;

use std::{collections::HashMap, fmt};

use model::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    channels::{Channels, Delivery, Presence, Registration, Revocation, SeenPush},
    faults::{Faults, PushFault, Script, TokenFault},
    limit::Usage,
    reply::Answer,
    settings::{App, Settings},
    tokens::Tokens,
};

/// Random bytes: one draw serves one request.
pub type Random = [u8; 32];

/// The emulated WNS: apps, tokens, channels, faults, and what was counted.
pub struct Machine {
    settings: Settings,
    origin: String,
    tokens: Tokens,
    channels: Channels,
    presence: HashMap<String, Presence>,
    app_usage: HashMap<String, Usage>,
    push_faults: Faults<PushFault>,
    token_faults: Faults<TokenFault>,
    /// How often faults were cleared.
    cleared: u64,
    counters: Counters,
    last_push: Option<SeenPush>,
}

/// What the emulated WNS did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Connections that were made.
    pub connections: u64,
    /// Requests to the token endpoint.
    pub token_requests: u64,
    /// Tokens that were issued.
    pub tokens_issued: u64,
    /// Channels that devices were given.
    pub registrations: u64,
    /// Pushes that arrived, whatever became of them.
    pub pushes: u64,
    /// Pushes that were delivered or kept.
    pub accepted: u64,
    /// Pushes that were answered 200 and thrown away.
    pub dropped: u64,
    /// Pushes that were not answered 200.
    pub refused: u64,
    /// Pushes that reached a device.
    pub delivered: u64,
}

/// The answer to a push, and the delivery that it caused.
#[derive(Debug)]
pub struct Reaction {
    /// What the sender gets.
    pub answer: Answer,
    /// What the device gets.
    pub delivery: Option<Delivery>,
}

/// A channel that was given to a device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The `ChannelURI`.
    pub uri: String,
}

/// Why a device gets no channel, with the value that it will show as its Push/Status (oma-dm.md §8.1).
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("no channel: {reason} (Push/Status {push_status})")]
pub struct NoChannel {
    /// The value of the node.
    pub push_status: u8,
    /// The reason.
    pub reason: String,
}

impl Machine {
    /// An emulated WNS whose channel URIs begin with `origin`, such as `http://127.0.0.1:7070`.
    pub fn new(settings: Settings, origin: &str) -> Self {
        Self {
            settings,
            origin: origin.trim_end_matches('/').to_owned(),
            tokens: Tokens::default(),
            channels: Channels::default(),
            presence: HashMap::new(),
            app_usage: HashMap::new(),
            push_faults: Faults::default(),
            token_faults: Faults::default(),
            cleared: 0,
            counters: Counters::default(),
            last_push: None,
        }
    }

    /// A device asks for a channel.
    pub fn register(
        &mut self,
        registration: &Registration,
        now: Timestamp,
        random: Random,
    ) -> Result<Grant, NoChannel> {
        if self.app(&registration.pfn).is_none() {
            return Err(NoChannel { push_status: 3, reason: "no app has this PFN".to_owned() });
        }
        self.counters.registrations += 1;
        let expires_at = now + self.settings.channel_lifetime;
        let key = self.channels.register(registration, expires_at, now, random);
        Ok(Grant { uri: format!("{}/?token={key}", self.origin) })
    }

    /// From now on this device is in touch with WNS, or not. What was kept for it is delivered when it comes back.
    pub fn set_presence(&mut self, device: &str, presence: Presence, now: Timestamp) -> Vec<Delivery> {
        self.presence.insert(device.to_owned(), presence);
        if presence != Presence::Connected {
            return Vec::new();
        }
        let released = self.channels.release(device, now);
        self.counters.delivered += released.len() as u64;
        released
    }

    /// The same for every device that ever had a channel.
    pub fn set_presence_of_all(&mut self, presence: Presence, now: Timestamp) -> Vec<Delivery> {
        let devices = self.channels.devices();
        devices.iter().flat_map(|device| self.set_presence(device, presence, now)).collect()
    }

    /// Ends all channels of the device; how many there were.
    pub fn revoke_channels(&mut self, device: &str, how: Revocation) -> usize {
        let keys = self.channels.of_device(device).to_vec();
        for key in &keys {
            if let Some(channel) = self.channels.find_mut(key) {
                channel.revoked = Some(how);
            }
        }
        keys.len()
    }

    /// No token that was issued so far is accepted any more.
    pub fn revoke_tokens(&mut self) {
        self.tokens.revoke_all();
    }

    /// Scripts a fault for pushes.
    pub fn script_push(&mut self, script: Script<PushFault>) {
        self.push_faults.add(script);
    }

    /// Scripts a fault for the token endpoint.
    pub fn script_token(&mut self, script: Script<TokenFault>) {
        self.token_faults.add(script);
    }

    /// Forgets every scripted fault. Answers that are held are due.
    pub fn clear_faults(&mut self) {
        self.push_faults.clear();
        self.token_faults.clear();
        self.cleared += 1;
    }

    /// How often faults were cleared.
    pub fn cleared(&self) -> u64 {
        self.cleared
    }

    /// Somebody connected.
    pub fn connected(&mut self) {
        self.counters.connections += 1;
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// When the last push for this device arrived; none if none did.
    pub fn pushed_at(&self, device: &str) -> Option<Timestamp> {
        let channels = self.channels.of_device(device).iter().filter_map(|key| self.channels.find(key));
        channels.filter_map(|channel| channel.pushed_at).max()
    }

    /// How many pushes arrived for channels of this device.
    pub fn pushes_to(&self, device: &str) -> u64 {
        let channels = self.channels.of_device(device).iter().filter_map(|key| self.channels.find(key));
        channels.map(|channel| channel.pushes).sum()
    }

    /// The push that arrived last.
    pub fn last_push(&self) -> Option<&SeenPush> {
        self.last_push.as_ref()
    }

    /// Changes what it was set up with.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    fn app(&self, pfn: &str) -> Option<&App> {
        self.settings.apps.iter().find(|app| app.pfn == pfn)
    }

    fn presence(&self, device: &str) -> Presence {
        self.presence.get(device).copied().unwrap_or_default()
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("origin", &self.origin)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").finish_non_exhaustive()
    }
}
