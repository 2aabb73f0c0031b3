//! The state that a push leaves behind, as callers and operators see it.

use std::time::Duration;

use prost_types::Timestamp;
use reveille_api::v1::{
    ChannelState, GetPushAppRequest, Push, PushApp, PushAppFaultKind, WakeEndReason, WakeState,
};

use super::NAME;
use crate::field::{APP, Field};

/// What a push leaves behind; whatever is not named is as it was: a live channel, an app that pushes, a wake that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing but a summons that goes again.
    Nothing,
    /// The channel is shut for so many seconds.
    ChannelGate(u64),
    /// The channel is shut until the device's next session.
    UntilSession,
    /// The channel is dead.
    DeadChannel,
    /// The push app is shut for so many seconds.
    AppGate(u64),
    /// The push app has a fault of this kind, and is probed after a minute.
    Fault(PushAppFaultKind),
    /// The push app is blocked.
    Blocked,
    /// The wake failed.
    FailedWake,
}

/// Gates and probes as in production, so that they are seen; retries a second later.
pub(super) fn patient(rules: &mut push::Settings) {
    let production = push::Settings::default();
    rules.channel_gate = production.channel_gate;
    rules.fault_probe = production.fault_probe;
    rules.dropped_delays = production.dropped_delays;
    rules.app_gate = production.app_gate;
    rules.backoff = Duration::from_secs(1);
}

/// Everything that a verdict may change.
#[derive(Debug)]
pub(super) struct State {
    wake: (WakeState, WakeEndReason),
    channel: reveille_api::v1::Channel,
    app: PushApp,
    /// When the verdict fell.
    at: Timestamp,
}

impl State {
    pub(super) async fn of(field: &Field, wake: &str, push: &Push) -> Self {
        let found = field.look(wake).await.wake.unwrap();
        Self {
            wake: (found.state(), found.end_reason()),
            channel: field.device(NAME).await.channel.unwrap(),
            app: app(field).await,
            at: push.end_time.unwrap(),
        }
    }

    /// What is not as it was. More than one thing is a panic.
    pub(super) fn left(&self) -> Left {
        let mut left = Vec::new();
        match self.wake {
            (WakeState::Live, _) => {}
            (WakeState::Failed, WakeEndReason::MalformedPush) => left.push(Left::FailedWake),
            other => panic!("the wake ended: {other:?}"),
        }
        match self.channel.state() {
            ChannelState::Live => {}
            ChannelState::Dead => left.push(Left::DeadChannel),
            other => panic!("the channel is {other:?}"),
        }
        left.extend(self.channel.gate_time.map(|until| Left::ChannelGate(self.seconds_until(until))));
        left.extend(self.channel.gated_until_session.then_some(Left::UntilSession));
        left.extend(self.app.gate_time.map(|until| Left::AppGate(self.seconds_until(until))));
        left.extend(self.app.blocked_time.map(|_| Left::Blocked));
        left.extend(self.app.fault.as_ref().map(|fault| {
            let probe = self.seconds_until(fault.next_probe_time.unwrap());
            assert!((59..=61).contains(&probe), "the first probe comes after a minute, not {probe} s");
            Left::Fault(fault.kind())
        }));
        assert!(left.len() < 2, "{left:?}");
        left.pop().unwrap_or(Left::Nothing)
    }

    /// To the whole minute where it is near one: a date in a header is cut to the second.
    fn seconds_until(&self, until: Timestamp) -> u64 {
        let nanos = i64::from(until.nanos - self.at.nanos);
        let seconds = until.seconds - self.at.seconds + (nanos + 500_000_000).div_euclid(1_000_000_000);
        let seconds = u64::try_from(seconds).expect("gates end after they begin");
        let minute = (seconds + 30) / 60 * 60;
        if seconds.abs_diff(minute) <= 1 { minute } else { seconds }
    }
}

pub(super) async fn app(field: &Field) -> PushApp {
    let request = GetPushAppRequest { name: APP.to_owned() };
    field.push_apps().get_push_app(request).await.unwrap().into_inner().push_app.unwrap()
}
