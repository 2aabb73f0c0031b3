//! The loops' own life sign: whether they still go round.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::PushAppName;
use tokio::time::Instant;

/// When each loop began its last round. Cheap to clone: all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Mutex<BTreeMap<String, Instant>>>);

impl Pulse {
    /// A loop begins a round, or is about to begin its first.
    pub(crate) fn beat(&self, of: &str) {
        self.beat_at(of, Instant::now());
    }

    fn beat_at(&self, of: &str, now: Instant) {
        let mut beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match beats.get_mut(of) {
            Some(beat) => *beat = now,
            None => drop(beats.insert(of.to_owned(), now)),
        }
    }

    /// For how long each loop has not begun a round: `upkeep`, and `push app NAME` for each.
    pub fn lags(&self) -> Vec<(String, Duration)> {
        self.lags_at(Instant::now())
    }

    fn lags_at(&self, now: Instant) -> Vec<(String, Duration)> {
        let beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beats.iter().map(|(of, beat)| (of.clone(), now.duration_since(*beat))).collect()
    }
}

/// What the loop of a push app is called: an app may be named as it likes.
pub(crate) fn of_app(name: &PushAppName) -> String {
    format!("push app {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_stands_still_lags_and_one_that_goes_round_does_not() {
        let (pulse, start, later) = (Pulse::default(), Instant::now(), Duration::from_secs(40));
        // An app may have any name.
        let app = of_app(&"upkeep".parse().unwrap());
        pulse.beat_at("upkeep", start);
        pulse.beat_at(&app, start);
        pulse.beat_at(&app, start + later);
        let expect = [("push app upkeep".into(), Duration::ZERO), ("upkeep".into(), later)];
        assert_eq!(pulse.lags_at(start + later), expect);
    }
}
