//! What the demo tells: lines as it goes, and a summary.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reveille_api::v1::{
    ChannelState, GetPushAppRequest, Wake, WakeState, push_app_service_client::PushAppServiceClient,
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// How often it is looked whether all devices are live.
const LOOK: Duration = Duration::from_millis(100);

/// What has happened so far.
pub(super) struct Progress {
    devices: usize,
    channel: Channel,
    app: &'static str,
    wakes: Mutex<Wakes>,
}

#[derive(Default)]
struct Wakes {
    counts: WakeCounts,
    /// Milliseconds from wake to session, of the answered ones.
    millis: Vec<u64>,
}

/// Wakes by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct WakeCounts {
    asked: u64,
    answered: u64,
    unanswered: u64,
    failed: u64,
    cancelled: u64,
}

/// The object that `--json` prints at the end.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    devices: usize,
    channels: BTreeMap<&'static str, i64>,
    wakes: WakeCounts,
    pushes: u64,
    wake_to_session_ms: Quantiles,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Quantiles {
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) max: u64,
}

impl Progress {
    pub(super) fn new(devices: usize, channel: Channel, app: &'static str) -> Self {
        Self { devices, channel, app, wakes: Mutex::default() }
    }

    /// A line for whoever watches; the standard output is kept for the summary.
    #[expect(clippy::unused_self, reason = "one place for all that is told")]
    pub(super) fn say(&self, line: &str) {
        eprintln!("{line}");
    }

    pub(super) fn asked(&self) {
        self.with(|wakes| wakes.counts.asked += 1);
    }

    pub(super) fn ended(&self, wake: &Wake) {
        let to_session = wake.answer.as_ref().and_then(|answer| answer.time_to_session);
        let span = to_session.and_then(|span| Duration::try_from(span).ok());
        self.with(|wakes| {
            let counter = match wake.state() {
                WakeState::Answered => &mut wakes.counts.answered,
                WakeState::Failed => &mut wakes.counts.failed,
                WakeState::Cancelled => &mut wakes.counts.cancelled,
                WakeState::Unanswered | WakeState::Live | WakeState::Unspecified => {
                    &mut wakes.counts.unanswered
                }
            };
            *counter += 1;
            wakes.millis.extend(span.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)));
        });
    }

    /// A line each `every`.
    pub(super) async fn tell(&self, every: Duration, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(every);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            match self.summary(0).await {
                Ok(now) => self.say(&now.line()),
                Err(error) => self.say(&format!("the service does not answer: {}", error.message())),
            }
        }
    }

    /// Waits until every device has a live channel, so that the wakes' times tell of pushes only.
    pub(super) async fn until_all_live(&self, shutdown: &CancellationToken) -> Result<(), tonic::Status> {
        let mut looks = tokio::time::interval(LOOK);
        let all = i64::try_from(self.devices).unwrap_or(i64::MAX);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = looks.tick() => {}
            }
            if self
                .channels()
                .await?
                .iter()
                .any(|(state, count)| *state == ChannelState::Live && *count >= all)
            {
                return Ok(());
            }
        }
    }

    /// Everything so far.
    pub(super) async fn summary(&self, pushes: u64) -> Result<Summary, tonic::Status> {
        let channels = self.channels().await?;
        let channels = channels.into_iter().map(|(state, count)| (name(state), count)).collect();
        Ok(self.with(|wakes| Summary {
            devices: self.devices,
            channels,
            wakes: wakes.counts,
            pushes,
            wake_to_session_ms: Quantiles::of(&mut wakes.millis),
        }))
    }

    /// The end.
    pub(super) fn finish(&self, summary: &Summary, json: bool) {
        self.say(&summary.line());
        self.say(&format!("pushes: {}", summary.pushes));
        if json {
            println!("{}", serde_json::to_string(summary).expect("a summary is made of plain values"));
        }
    }

    /// Devices by the state of their channel.
    pub(super) async fn channels(&self) -> Result<Vec<(ChannelState, i64)>, tonic::Status> {
        let request = GetPushAppRequest { name: self.app.to_owned() };
        let mut apps = PushAppServiceClient::new(self.channel.clone());
        let app = apps.get_push_app(request).await?.into_inner().push_app.unwrap_or_default();
        Ok(app.channel_counts.iter().map(|count| (count.state(), count.count)).collect())
    }

    fn with<T>(&self, change: impl FnOnce(&mut Wakes) -> T) -> T {
        change(&mut self.wakes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Summary {
    pub(super) fn all_answered(&self) -> bool {
        self.wakes.answered == self.wakes.asked
    }

    fn line(&self) -> String {
        let Self { channels, wakes, wake_to_session_ms: millis, .. } = self;
        let channels: Vec<_> = channels.iter().map(|(state, count)| format!("{count} {state}")).collect();
        format!(
            "devices: {} | wakes: {} asked, {} answered, {} unanswered, {} failed | wake to session: p50 {} ms, p99 {} ms, max {} ms",
            channels.join(", "),
            wakes.asked,
            wakes.answered,
            wakes.unanswered,
            wakes.failed,
            millis.p50,
            millis.p99,
            millis.max,
        )
    }
}

impl Quantiles {
    pub(super) fn of(millis: &mut [u64]) -> Self {
        millis.sort_unstable();
        let at = |percent: usize| {
            let rank = (millis.len() * percent).div_ceil(100);
            rank.checked_sub(1).and_then(|index| millis.get(index)).copied().unwrap_or_default()
        };
        Self { p50: at(50), p99: at(99), max: at(100) }
    }
}

fn name(state: ChannelState) -> &'static str {
    match state {
        ChannelState::Unset => "unset",
        ChannelState::Moving => "moving",
        ChannelState::Pending => "pending",
        ChannelState::Live => "live",
        ChannelState::Stale => "stale",
        ChannelState::Dead => "dead",
        ChannelState::Refused => "refused",
        ChannelState::Unspecified => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_was_measured() {
        let quantiles = Quantiles::of(&mut (1..=200).rev().collect::<Vec<_>>());
        assert_eq!((quantiles.p50, quantiles.p99, quantiles.max), (100, 198, 200));
        let none = Quantiles::of(&mut []);
        assert_eq!((none.p50, none.p99, none.max), (0, 0, 0));
    }
}
