//! The push that shows whether an app may push again: one at a time, whichever replica makes it (DESIGN §5).

use std::time::Duration;

use model::{PushId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AppCondition, Door};

/// A probe that a replica has claimed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ProbeUnderWay {
    push: PushId,
    /// When it counts as lost, for its replica may have crashed.
    until: Timestamp,
}

/// After a replica starts, a probe that is under way gets so much longer: whoever made it may be the one that crashed. If it
/// is not, two are under way for a moment.
const AFTER_A_START: Duration = Duration::from_secs(5);

impl AppCondition {
    /// A replica starts: the next push is a probe, for nobody knows what happened meanwhile.
    pub fn restarted(&mut self, now: Timestamp) {
        self.probing = true;
        if let Some(probe) = &mut self.probe {
            probe.until = probe.until.min(now + AFTER_A_START);
        }
    }

    /// This push is the probe, of which nothing will be heard after `until`.
    pub fn begin_probe(&mut self, push: PushId, until: Timestamp) {
        self.probe = Some(ProbeUnderWay { push, until });
    }

    /// The push that is the probe, if one is under way.
    pub fn probe(&self) -> Option<PushId> {
        self.probe.as_ref().map(|probe| probe.push)
    }

    /// Whether this push is the probe.
    pub fn is_probed_by(&self, push: PushId) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe.push == push)
    }

    /// This push is over: if it was the probe, the next one may go.
    pub fn end_probe(&mut self, push: PushId) {
        self.probe.take_if(|probe| probe.push == push);
    }

    /// Whether a probe may go.
    pub(super) fn probe_door(&self, now: Timestamp) -> Door {
        match &self.probe {
            Some(probe) if probe.until > now => Door::Probing(probe.until),
            _ => Door::Probe,
        }
    }
}
