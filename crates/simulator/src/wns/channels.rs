//! Channels: their URIs, their lives, and what is kept for devices that are away.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{limit::Usage, machine::Random};

/// A push that reached a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The fleet that the device registered its channel for.
    pub fleet: String,
    /// The device.
    pub device: String,
    /// The app whose channel it came through.
    pub pfn: String,
    /// `X-WNS-Msg-ID` of the push.
    pub message_id: String,
    /// The body, base64.
    pub body: String,
}

/// Whether a device is in touch with WNS (`X-WNS-DeviceConnectionStatus`, wns.md §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Pushes are delivered at once.
    #[default]
    Connected,
    /// One push is kept, if the sender asked for that.
    Disconnected,
    /// The same; the device is expected back.
    TempDisconnected,
}

/// How a channel ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// WNS answers 410: expired.
    Expired,
    /// WNS answers 404: never heard of it.
    Forgotten,
}

/// Which URI a device gets when it asks for a channel again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Renewal {
    /// The one that it has, for another term, if that is still good.
    #[default]
    Same,
    /// A new one; the old one stays good until its own end.
    Fresh,
}

/// A device's request for a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The package family name that the management server set.
    pub pfn: String,
    /// The device.
    pub device: String,
    /// The fleet whose stream of deliveries is to tell of this device.
    #[serde(default)]
    pub fleet: String,
    /// Which URI it gets if it had one.
    #[serde(default)]
    pub renewal: Renewal,
}

/// A push as the emulated WNS received it, for tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenPush {
    /// The request target, byte for byte.
    pub target: String,
    /// The headers; the value of `Authorization` is left out.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Presence {
    /// The value of `X-WNS-DeviceConnectionStatus`.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::TempDisconnected => "tempdisconnected",
        }
    }
}

impl SeenPush {
    pub(super) fn new(request: &http::Request<bytes::Bytes>) -> Self {
        let mut headers = request.headers().clone();
        if let Some(value) = headers.get_mut(AUTHORIZATION) {
            *value = HeaderValue::from_static("(left out)");
        }
        let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        Self { target, headers, body: request.body().to_vec() }
    }
}

/// All channels, by the part of their URI that follows `token=`, byte for byte: a sender that encodes it anew meets
/// an unknown channel, as it would at the real one (wns.md §5).
#[derive(Default)]
pub(super) struct Channels {
    by_key: HashMap<String, Channel>,
    /// The keys of a device's channels, the newest last.
    by_device: HashMap<String, Vec<String>>,
}

pub(super) struct Channel {
    pub(super) pfn: String,
    pub(super) device: String,
    pub(super) fleet: String,
    pub(super) expires_at: Timestamp,
    pub(super) revoked: Option<Revocation>,
    pub(super) usage: Usage,
    pub(super) kept: Option<Kept>,
    pub(super) pushes: u64,
    /// When the last of them arrived.
    pub(super) pushed_at: Option<Timestamp>,
}

/// The one raw notification that is kept for a device that is away (wns.md §2.3).
pub(super) struct Kept {
    pub(super) delivery: Delivery,
    /// `None`: as long as the channel lives.
    pub(super) until: Option<Timestamp>,
}

impl Channels {
    /// The key of the device's channel for the app: the one it has, if that may be used again and is still good, or
    /// a new one.
    pub(super) fn register(
        &mut self,
        registration: &Registration,
        expires_at: Timestamp,
        now: Timestamp,
        random: Random,
    ) -> String {
        if registration.renewal == Renewal::Same
            && let Some(key) = self.renew(registration, expires_at, now)
        {
            return key;
        }
        let key = new_key(random);
        let channel = Channel {
            pfn: registration.pfn.clone(),
            device: registration.device.clone(),
            fleet: registration.fleet.clone(),
            expires_at,
            revoked: None,
            usage: Usage::default(),
            kept: None,
            pushes: 0,
            pushed_at: None,
        };
        self.by_key.insert(key.clone(), channel);
        self.by_device.entry(registration.device.clone()).or_default().push(key.clone());
        key
    }

    fn renew(
        &mut self,
        registration: &Registration,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Option<String> {
        let keys = self.by_device.get(&registration.device)?;
        let key = keys.iter().rev().find(|key| {
            self.by_key.get(*key).is_some_and(|c| c.pfn == registration.pfn && c.death(now).is_none())
        })?;
        let channel = self.by_key.get_mut(key)?;
        channel.expires_at = expires_at;
        channel.fleet.clone_from(&registration.fleet);
        Some(key.clone())
    }

    pub(super) fn find(&self, key: &str) -> Option<&Channel> {
        self.by_key.get(key)
    }

    pub(super) fn find_mut(&mut self, key: &str) -> Option<&mut Channel> {
        self.by_key.get_mut(key)
    }

    /// The device's channels, the newest last.
    pub(super) fn of_device(&self, device: &str) -> &[String] {
        self.by_device.get(device).map_or(&[], Vec::as_slice)
    }

    /// Everything that was kept for the device and is still wanted.
    pub(super) fn release(&mut self, device: &str, now: Timestamp) -> Vec<Delivery> {
        let keys = self.by_device.get(device).map_or(&[][..], Vec::as_slice);
        let mut released = Vec::new();
        for key in keys {
            let Some(channel) = self.by_key.get_mut(key) else { continue };
            let alive = channel.death(now).is_none();
            if let Some(kept) = channel.kept.take()
                && alive
                && kept.until.is_none_or(|until| now < until)
            {
                released.push(kept.delivery);
            }
        }
        released
    }

    /// The names of all devices that ever had a channel.
    pub(super) fn devices(&self) -> Vec<String> {
        self.by_device.keys().cloned().collect()
    }
}

impl Channel {
    /// Why nothing can be pushed here any more, if so.
    pub(super) fn death(&self, now: Timestamp) -> Option<Revocation> {
        self.revoked.or_else(|| (now >= self.expires_at).then_some(Revocation::Expired))
    }
}

/// Percent-encoded base64 that begins like the real ones (wns.md §5), with an equals sign at its end.
fn new_key(random: Random) -> String {
    let mut bytes = vec![0x03, 0x06, 0x00, 0x00, 0x00, 0xc0 | (random[0] & 0x3f)];
    for round in 0..4_u8 {
        bytes.extend(random.iter().map(|byte| byte.rotate_left(u32::from(round)) ^ round.wrapping_mul(0x5b)));
    }
    STANDARD.encode(bytes).replace('+', "%2b").replace('/', "%2f").replace('=', "%3d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_look_like_the_real_ones() {
        let key = new_key([7; 32]);
        assert!(key.starts_with("AwYAAAD"), "{key}");
        assert!(key.ends_with("%3d"), "{key}");
        assert!(key.len() < 260);
    }
}
