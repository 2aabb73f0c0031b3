//! What is true of the whole fleet, whoever counted it: every replica tells the same.

use std::time::Duration;

use model::Priority;

use super::{
    Metrics,
    catalogue::{Family, PLAIN},
    wakes::priority_name,
};

pub(super) const WAKES_LIVE: Family = Family {
    name: "reveille_wakes_live",
    labels: &[],
    help: "Wakes that are waited for, in the whole fleet.",
};
pub(super) const CHANNELS: Family = Family {
    name: "reveille_channels",
    labels: &["push_app", "state"],
    help: "Devices by push app and state of their channel, in the whole fleet.",
};
pub(super) const DUE: Family = Family {
    name: "reveille_summonses_due",
    labels: &["push_app", "priority"],
    help: "Devices whose push is due and was not begun, in the whole fleet.",
};
pub(super) const DUE_AGE: Family = Family {
    name: "reveille_summonses_due_age_seconds",
    labels: &["push_app", "priority"],
    help: "For how long the oldest push that was not begun has been due; 0 if none is.",
};

/// How many devices of a push app have a channel in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelsIn<'a> {
    /// The push app.
    pub app: &'a str,
    /// The state's name.
    pub state: &'a str,
    /// How many.
    pub count: u64,
}

impl Metrics {
    /// All channels there are. A state in which there are none any more is not told.
    pub fn channels<'a>(&self, counts: impl IntoIterator<Item = ChannelsIn<'a>>) {
        // Between the two a scrape may see less than there is: counted anew each time, that is rare and passes.
        self.channels.reset();
        for ChannelsIn { app, state, count } in counts {
            self.channels.with_label_values(&[app, state]).set(float(count));
        }
    }

    /// How many wakes are live.
    pub fn wakes_live(&self, count: u64) {
        self.wakes_live.with_label_values(PLAIN).set(float(count));
    }

    /// How many pushes of an app and priority are due, and since when the oldest is.
    pub fn due(&self, app: &str, priority: Priority, count: u64, age: Duration) {
        let labels = [app, priority_name(priority)];
        self.due.with_label_values(&labels).set(float(count));
        self.due_age.with_label_values(&labels).set(age.as_secs_f64());
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of devices are far below 2^53")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}
