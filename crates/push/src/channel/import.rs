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
    /// Takes over what another system knew, if it is about the push app whose PFN is `pfn`, and the device has not told of its
    /// channel itself: an export is older than what it says. A URI that WNS called dead stays dead.
    pub fn import(&mut self, known: &ImportedChannel, pfn: &Pfn, now: Timestamp, settings: &Settings) {
        if known.pfn != *pfn || self.told {
            return;
        }
        if self.state == ChannelState::Unset {
            self.pfn = Some(pfn.clone());
            self.enter(ChannelState::Pending, now);
        }
        let Some(uri) = &known.uri else { return };
        let fingerprint = uri.fingerprint();
        let moves = self.pfn.as_ref() != Some(pfn);
        let same = self.uri.as_ref() == Some(uri) && !moves;
        if same || self.dead.contains(&fingerprint) || self.former == Some(fingerprint) {
            return;
        }
        if moves {
            // What it had under the app that it comes from may be reported for a while, and belongs to nobody.
            let former = self.uri.as_ref().map(ChannelUri::fingerprint);
            self.former = former.filter(|former| *former != fingerprint);
        }
        (self.pfn, self.uri) = (Some(pfn.clone()), Some(uri.clone()));
        self.generation += 1;
        (self.first_seen, self.aged_from) = (Some(known.first_seen), Some(known.first_seen));
        self.gate = Gate::default();
        self.enter(ChannelState::Live, now);
        self.expire(now, settings);
    }
}
