//! Log lines that anybody can cause: once in a while for each address, with how often it was.

use syncml::ParseError;
use tracing::field::display;

use crate::{Inner, exchange::Arrival, identity::Sender, tally::Tally};

impl Inner {
    /// Wrong credentials.
    pub(crate) fn tell_wrong(&self, arrival: &Arrival<'_>) {
        if let Some(count) = self.once_more(&self.tallies.wrong, arrival.sender) {
            let (address, device) = (arrival.sender.address.map(display), arrival.claimed_for_log());
            tracing::warn!(address, device, count, "wrong credentials, the last of them for this device");
        }
    }

    /// A message that was refused before its credential was looked at.
    pub(crate) fn tell_unverified(&self, arrival: &Arrival<'_>) {
        if let Some(count) = self.once_more(&self.tallies.refused, arrival.sender) {
            let (address, device) = (arrival.sender.address.map(display), arrival.claimed_for_log());
            tracing::warn!(
                address,
                device,
                count,
                "messages were refused unverified: too many wrong credentials, or too many strangers, at their address"
            );
        }
    }

    /// Something that is no message of SyncML.
    pub(crate) fn tell_malformed(&self, sender: &Sender, error: &ParseError) {
        if let Some(count) = self.once_more(&self.tallies.malformed, sender) {
            let address = sender.address.map(display);
            tracing::warn!(address, count, reason = %error, "messages were refused: not SyncML");
        }
    }

    /// A message that is longer than allowed.
    pub(crate) fn tell_too_long(&self, sender: &Sender) {
        if let Some(count) = self.once_more(&self.tallies.too_long, sender) {
            let (address, limit) = (sender.address.map(display), self.settings.limits.bytes);
            tracing::warn!(address, count, limit, "messages were refused: too long");
        }
    }

    fn once_more(&self, tally: &Tally, sender: &Sender) -> Option<u64> {
        tally.one_more(sender.subscriber(), self.store.now())
    }
}
