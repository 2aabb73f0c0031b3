//! A channel that is taken over from another system.

use model::{Pfn, Timestamp};

use super::{Channel, Gate};
use crate::{ChannelState, ChannelUri, Settings};

/// What another system knew of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedChannel {
    /// The PFN on the device.
    pub pfn: Pfn,
    /// The `ChannelURI`, if it is known.
    pub uri: Option<ChannelUri>,
    /// When that URI was seen first: its age counts from then.
    pub first_seen: Timestamp,
}

impl Channel {
    /// Takes over what another system knew, if it is about the push app whose PFN is `pfn`, and says more than is known here:
    /// what the device told itself stays as it is, and a URI that WNS called dead stays dead.
    pub fn import(&mut self, known: &ImportedChannel, pfn: &Pfn, now: Timestamp, settings: &Settings) {
        let nothing = matches!(self.state, ChannelState::Unset | ChannelState::Pending);
        if known.pfn != *pfn || !(nothing || self.imported) {
            return;
        }
        if self.state == ChannelState::Unset {
            (self.pfn, self.imported) = (Some(pfn.clone()), true);
            self.enter(ChannelState::Pending, now);
        }
        let Some(uri) = known.uri.as_ref().filter(|uri| self.uri.as_ref() != Some(uri)) else { return };
        let fingerprint = uri.fingerprint();
        if self.dead.contains(&fingerprint) || self.former == Some(fingerprint) {
            return;
        }
        (self.uri, self.imported) = (Some(uri.clone()), true);
        self.generation += 1;
        (self.first_seen, self.aged_from) = (Some(known.first_seen), Some(known.first_seen));
        self.gate = Gate::default();
        self.enter(ChannelState::Live, now);
        self.expire(now, settings);
    }
}
