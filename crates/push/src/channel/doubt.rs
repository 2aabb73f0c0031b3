//! Deaths that turn out to be suspect (DESIGN §4, mass death).

use model::Timestamp;

use super::{Channel, ChannelState};

/// Whose the push app is whose channels died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushedBy {
    /// The device's own.
    Own,
    /// The one that the device comes from: it moves.
    Former,
}

impl Channel {
    /// WNS called `generation` dead, and then so many others of the app that its word is doubted: the channel is as it was.
    /// Says whether it is. A death by Push/Status or by age stays, and so does one that the device has answered with a new
    /// URI.
    pub fn doubt_death(&mut self, generation: u32, by: PushedBy, now: Timestamp) -> bool {
        let fingerprint = self.uri.as_ref().map(crate::ChannelUri::fingerprint);
        let by_wns = fingerprint.is_some_and(|uri| self.dead.last() == Some(&uri));
        // With the new PFN on the device, the URI under the old one is over in any case.
        let moved = by == PushedBy::Former && self.repair.succeeded_since(self.since).is_some();
        let dead = generation == self.generation && self.state == ChannelState::Dead;
        let doubted = dead && by_wns && !moved;
        if doubted {
            self.dead.pop();
            let state = match by {
                PushedBy::Own => ChannelState::Live,
                PushedBy::Former => ChannelState::Moving,
            };
            self.enter(state, now);
        }
        doubted
    }
}
