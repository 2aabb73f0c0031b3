//! Deaths that turn out to be suspect (DESIGN §4, mass death).

use model::Timestamp;

use super::{Channel, ChannelState};

impl Channel {
    /// WNS called `generation` dead, and then so many others that its word is doubted: the channel is as it was. Says
    /// whether it is. A death by Push/Status or by age stays, and so does one that the device has answered with a new URI.
    pub fn doubt_death(&mut self, generation: u32, now: Timestamp) -> bool {
        let fingerprint = self.uri.as_ref().map(crate::ChannelUri::fingerprint);
        let by_wns = fingerprint.is_some_and(|uri| self.dead.last() == Some(&uri));
        let doubted = generation == self.generation && self.state == ChannelState::Dead && by_wns;
        if doubted {
            self.dead.pop();
            self.enter(ChannelState::Live, now);
        }
        doubted
    }
}
