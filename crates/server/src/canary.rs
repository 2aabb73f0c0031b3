//! Canaries: devices that the service wakes by a schedule, so that an operator learns that waking broke before users do.
//!
//! Time is cut into slots, the same for every replica, and a canary is woken once in each: the slot is the idempotency
//! key of its wake. How the wake ends is counted where it ends (`telemetry`), whichever replica that is.

use std::time::Duration;

use model::{Labels, Priority, Timestamp};
use store::{AskWake, DeviceRef, Idempotency, Refused, Store};
use tokio_util::sync::CancellationToken;

use crate::config::Canary;

/// Until a wake is asked for again that the database did not take.
const AGAIN: Duration = Duration::from_secs(1);
/// Until the clock is looked at again: it may be set, and a machine may sleep.
const LOOK: Duration = Duration::from_mins(1);

/// A stretch of time in which a canary is woken once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    number: i64,
    end: Timestamp,
}

impl Slot {
    /// The slot that `now` is in, where slots follow each other from the epoch on.
    fn at(now: Timestamp, every: Duration) -> Self {
        let length = i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1);
        let number = now.as_micros().div_euclid(length);
        let end = Timestamp::from_micros(number.saturating_add(1).saturating_mul(length));
        Self { number, end }
    }
}

/// Wakes the canary once in each slot, from this one on, until `shutdown`.
pub(crate) async fn run(canary: Canary, store: Store, shutdown: CancellationToken) {
    telemetry::metrics().canary(&canary.name, canary.every);
    let waking = async {
        let mut last = None;
        loop {
            let slot = Slot::at(store.now(), canary.every);
            if last != Some(slot) {
                wake(&canary, &store, slot).await;
                last = Some(slot);
            }
            tokio::time::sleep((slot.end - store.now()).min(LOOK)).await;
        }
    };
    shutdown.run_until_cancelled(waking).await;
}

/// Asks for the slot's wake, again and again while the database does not take it: for as long as the device may take to
/// come, so that waking that is broken is counted in time.
async fn wake(canary: &Canary, store: &Store, slot: Slot) {
    let Canary { name, device, deadline, .. } = canary;
    let until = slot.end.min(store.now() + *deadline);
    let mut told = false;
    loop {
        let ask = ask(canary, store, slot);
        let id = ask.id;
        let error = match store.ask(ask).await {
            Ok(Ok(asked)) => {
                if asked.wake.wake.id() == id {
                    telemetry::metrics().wake_asked(asked.wake.wake.priority());
                } else {
                    // By another replica, or by this one before it was started again.
                    tracing::debug!(canary = name, "the canary was woken in this slot already");
                }
                return;
            }
            Ok(Err(refused)) => {
                let why = words(refused);
                tracing::warn!(canary = name, %device, "a canary was not woken: {why}");
                break;
            }
            Err(error) => error,
        };
        if store.now() + AGAIN >= until {
            tracing::warn!(canary = name, %device, %error, "a canary was not woken");
            break;
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(canary = name, %device, %error, "a canary is not woken yet; asking again");
        }
        tokio::time::sleep(AGAIN).await;
    }
    telemetry::metrics().canary_not_asked(name);
}

fn ask(canary: &Canary, store: &Store, slot: Slot) -> AskWake {
    let key = format!("every {} s: {}", canary.every.as_secs_f64(), slot.number);
    AskWake {
        id: store.new_id(),
        summons: store.new_id(),
        device: DeviceRef::Name(canary.device.clone()),
        timeout: canary.deadline,
        // What is measured is waking, and not how long bulk waits for its turn.
        priority: Priority::Interactive,
        reason: "canary".to_owned(),
        caller: telemetry::canary_caller(&canary.name),
        labels: Labels::default(),
        // A configuration that changed within a slot does not wake the device twice.
        idempotency: Some(Idempotency { request_hash: key.clone().into_bytes(), key }),
        satisfied_by_open_session: false,
        trace: telemetry::new_context(None),
        parent: None,
        now: store.now(),
    }
}

/// Why no wake was made, and what to do about it.
fn words(refused: Refused) -> &'static str {
    match refused {
        Refused::UnknownDevice => "there is no such device; create it, or name another in [[canary]]",
        Refused::Unenrolled => "it left management; enroll it again, or name another in [[canary]]",
        Refused::IdempotencyMismatch => {
            "its key was used for something else; no caller may be called canary/…"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_that_takes_no_wake_is_counted_long_before_the_next_slot() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("reveille.db").display());
        store::schema_up(&url).await.unwrap();
        let (key, rules) = (store::Key::random().unwrap(), push::Settings::default());
        let store = Store::open(&url, key, rules, store::Retention::default()).await.unwrap();
        while !store::schema_status(&url).await.unwrap().applied.is_empty() {
            store::schema_down(&url).await.unwrap();
        }
        let canary = Canary {
            name: "broken".to_owned(),
            device: "D".parse().unwrap(),
            every: Duration::from_hours(24),
            deadline: Duration::from_millis(1_500),
        };
        let slot = Slot::at(store.now(), canary.every);
        let waking = wake(&canary, &store, slot);
        tokio::time::timeout(Duration::from_secs(30), waking).await.expect("it gives up");
        let metrics = telemetry::metrics().render();
        let counted = r#"reveille_canary_wakes_total{canary="broken",outcome="not_asked"} 1"#;
        assert!(metrics.contains(counted), "{metrics}");
    }

    #[test]
    fn slots_follow_each_other_and_are_the_same_for_everybody() {
        let every = Duration::from_secs(10);
        let check = |seconds: i64, number, end: i64| {
            let slot = Slot::at(Timestamp::from_micros(seconds * 1_000_000), every);
            assert_eq!(slot, Slot { number, end: Timestamp::from_micros(end * 1_000_000) });
        };
        check(0, 0, 10);
        check(9, 0, 10);
        check(10, 1, 20);
        check(-1, -1, 0);
    }
}
