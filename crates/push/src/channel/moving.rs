//! A device goes over to another push app (DESIGN §4): the old `ChannelURI` works until the new PFN is on the device.

use model::{Pfn, Timestamp};

use super::{Channel, ChannelState, Context, Gate, Reading, Readings};

impl Channel {
    /// The device's push app is another one now, whose PFN is `pfn`. A live channel goes on under the app that it was made
    /// for, until a session writes the new PFN; of any other, nothing is of use to the new app.
    pub fn move_to(&mut self, pfn: &Pfn, now: Timestamp) {
        if self.pfn.as_ref() == Some(pfn) {
            // It comes back before anything was written, or both apps have one PFN.
            if self.state == ChannelState::Moving {
                self.enter(ChannelState::Live, now);
            }
            return;
        }
        self.former = None;
        match self.state {
            ChannelState::Live if self.uri.is_some() => self.enter(ChannelState::Moving, now),
            ChannelState::Moving => {}
            _ => {
                self.part(ChannelState::Unset, now);
            }
        }
        self.repair.healed();
    }

    /// The PFN of the push app that this channel was made for is `pfn` now. Made under another, it can be pushed to by nobody:
    /// the device gets the new PFN in its next session. Says whether it was.
    pub fn part_from_other_than(&mut self, pfn: &Pfn, now: Timestamp) -> bool {
        let other = self.pfn.as_ref().is_some_and(|made_under| made_under != pfn);
        if other {
            self.pfn = None;
            self.part(ChannelState::Unset, now);
            self.repair.healed();
        }
        other
    }

    /// Whether the device, by what was read, is still set up for the app that it comes from. If it says anything else of the
    /// channel than was known, the channel is no longer what pushes went to.
    pub(super) fn still_moving(&mut self, read: &Readings, context: &Context<'_>) -> bool {
        let old_pfn = self.pfn.as_ref().map(Pfn::as_str);
        let old = matches!(&read.pfn, Reading::Value(pfn) if Some(pfn.as_str()) == old_pfn);
        if self.state != ChannelState::Moving || !old {
            return false;
        }
        let same_uri = match &read.uri {
            Reading::Value(text) => self.uri.as_ref().is_some_and(|uri| uri.expose() == text),
            Reading::Absent => false,
            Reading::Unanswered | Reading::Failed(_) => true,
        };
        if !same_uri || matches!(read.status, Reading::Value(1 | 5)) {
            self.part(ChannelState::Unset, context.now);
        }
        true
    }

    /// The channel of the app that the device comes from is over. Its URI may be reported for a while, and belongs to
    /// nobody; a late verdict about it finds another generation.
    pub(super) fn part(&mut self, state: ChannelState, now: Timestamp) {
        if let Some(uri) = self.uri.take() {
            self.former = Some(uri.fingerprint());
            self.generation += 1;
        }
        (self.first_seen, self.aged_from) = (None, None);
        self.gate = Gate::default();
        self.enter(state, now);
    }
}
