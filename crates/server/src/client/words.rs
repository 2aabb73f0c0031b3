//! Times, words and sentences.

use std::time::Duration;

use prost_types::Timestamp;
use reveille_api::v1::{
    Attribution, ChannelRefusal, ChannelState, Expectation, ExpectationKind, Wake, WakeEndReason, WakeState,
};

use crate::print::Tone;

/// The name of a value of the contract as a word: `WAKE_STATE_LIVE` is `live`. The unspecified one is empty.
pub(super) fn word(name: &str, prefix: &str) -> String {
    match name.strip_prefix(prefix).unwrap_or(name) {
        "UNSPECIFIED" => String::new(),
        word => word.to_ascii_lowercase(),
    }
}

pub(crate) fn channel_state(state: ChannelState) -> String {
    word(state.as_str_name(), "CHANNEL_STATE_")
}

/// Text as a sentence: with a capital and a full stop.
pub(super) fn sentence(text: &str, otherwise: &str) -> String {
    let text = if text.is_empty() { otherwise } else { text };
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

/// A point in time to the second, UTC.
pub(super) fn time(time: Option<Timestamp>) -> String {
    time.map(|time| Timestamp { nanos: 0, ..time }.to_string()).unwrap_or_default()
}

/// The time of the day in UTC, such as `08:15:00`; empty if there is none.
pub(crate) fn time_of_day(at: Option<Timestamp>) -> String {
    time(at).get(11..19).unwrap_or_default().to_owned()
}

/// A time as people say it: the two largest units.
pub(crate) fn span(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        return format!("{} ms", span.as_millis());
    }
    if span < Duration::from_secs(10) {
        return format!("{:.1} s", span.as_secs_f64());
    }
    let seconds = span.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min {} s", seconds / 60, seconds % 60),
        7_200..172_800 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// A duration of the contract; none if it is negative.
pub(crate) fn duration(span: Option<prost_types::Duration>) -> Option<Duration> {
    span.and_then(|span| span.try_into().ok())
}

/// What a wake waits for.
pub(super) fn expectation(expectation: &Expectation) -> String {
    let obstacle = reason(expectation.obstacle());
    match expectation.kind() {
        ExpectationKind::PushNow => "a push goes out now".into(),
        ExpectationKind::GatedUntil => match expectation.until {
            Some(until) => format!("a push must wait until {}: {obstacle}", time(Some(until))),
            None => format!("pushes are held back for a time that nobody knows: {obstacle}"),
        },
        ExpectationKind::WaitsForSession => {
            let obstacle = match expectation.obstacle() {
                WakeEndReason::NoChannel => {
                    format!(
                        "there is no channel to push to (its state is {})",
                        channel_state(expectation.channel_state())
                    )
                }
                _ => obstacle.to_owned(),
            };
            format!("{obstacle}: the next session that the device opens by itself answers the wake")
        }
        ExpectationKind::Unspecified => "the service does not say what to expect".into(),
    }
}

/// What became of a wake.
pub(super) fn outcome(wake: &Wake) -> String {
    match wake.state() {
        WakeState::Answered => answered(wake),
        WakeState::Unanswered => {
            format!("not answered: {}. {}", reason(wake.end_reason()), advice(wake.end_reason()))
        }
        WakeState::Failed => format!("failed: {}. {}", reason(wake.end_reason()), advice(wake.end_reason())),
        WakeState::Cancelled => "cancelled".into(),
        WakeState::Live => format!("live until {}", time(wake.deadline_time)),
        WakeState::Unspecified => "in a state that this program does not know".into(),
    }
}

fn answered(wake: &Wake) -> String {
    let Some(answer) = &wake.answer else {
        return "answered".into();
    };
    let after =
        duration(answer.time_to_session).map(|time| format!(" after {}", span(time))).unwrap_or_default();
    let attribution = word(answer.attribution().as_str_name(), "ATTRIBUTION_");
    let why = match answer.attribution() {
        Attribution::Coincidence => ": it came by itself",
        Attribution::Confirmed | Attribution::Likely | Attribution::Unspecified => "",
    };
    format!("answered{after} by session {} ({attribution}{why})", answer.session_id)
}

/// What stood in the way.
pub(super) fn reason(reason: WakeEndReason) -> &'static str {
    match reason {
        WakeEndReason::Unspecified => "nothing is known to be in the way",
        WakeEndReason::NoChannel => "the device has no channel that can be pushed to",
        WakeEndReason::ChannelGated => "pushes to this device are held back",
        WakeEndReason::AppGated => "pushes of its push app are held back",
        WakeEndReason::CredentialFault => "WNS does not accept the push app's credential",
        WakeEndReason::DeviceOffline => "WNS said that the device is not connected",
        WakeEndReason::NoSession => "WNS accepted the push and the device did not come",
        WakeEndReason::AppPaused => "the push app is paused",
        WakeEndReason::AppBlocked => "WNS blocks the push app as a sender",
        WakeEndReason::PushOff => "push is switched off by the configuration, or only observed",
        WakeEndReason::Unenrolled => "the device left management",
        WakeEndReason::Deleted => "the device was deleted",
        WakeEndReason::MalformedPush => "WNS refused the push as malformed",
        WakeEndReason::PushFailed => "the last push failed before WNS took it",
        WakeEndReason::NotPushed => "an open session or the pacing of pushes is in the way",
    }
}

/// What to do about it.
fn advice(reason: WakeEndReason) -> &'static str {
    match reason {
        WakeEndReason::NoChannel => "Its next session repairs most channels; see `reveille devices show`.",
        WakeEndReason::ChannelGated => {
            "Ask again later, with a longer --deadline; see `reveille wakes show`."
        }
        WakeEndReason::AppGated | WakeEndReason::CredentialFault | WakeEndReason::AppBlocked => {
            "See `reveille push-apps show`."
        }
        WakeEndReason::DeviceOffline => {
            "It is probably switched off: a wake with a longer --deadline finds it when it comes back."
        }
        WakeEndReason::PushFailed => {
            "See `reveille wakes show` for what WNS said, or what went wrong on the way."
        }
        WakeEndReason::NotPushed => "Ask again with a longer --deadline.",
        WakeEndReason::NoSession => {
            "See `reveille wakes show` for its pushes, and whether the device is online."
        }
        WakeEndReason::AppPaused => "`reveille push-apps resume` lets it push again.",
        WakeEndReason::PushOff => "See push.mode in the service's configuration.",
        WakeEndReason::Unenrolled | WakeEndReason::Deleted => {
            "Nothing can wake it until it is enrolled again."
        }
        WakeEndReason::MalformedPush => "See the log of the service, and push.payload in its configuration.",
        WakeEndReason::Unspecified => "See `reveille wakes show`.",
    }
}

/// Whether a channel is fit to be pushed to.
pub(super) fn channel_tone(state: ChannelState) -> Tone {
    match state {
        ChannelState::Live => Tone::Good,
        ChannelState::Unset | ChannelState::Moving | ChannelState::Pending | ChannelState::Stale => Tone::Odd,
        ChannelState::Dead | ChannelState::Refused => Tone::Bad,
        ChannelState::Unspecified => Tone::Plain,
    }
}

/// Whether a wake came to what it was asked for.
pub(super) fn wake_tone(state: WakeState) -> Tone {
    match state {
        WakeState::Answered => Tone::Good,
        WakeState::Unanswered => Tone::Odd,
        WakeState::Failed => Tone::Bad,
        WakeState::Live | WakeState::Cancelled | WakeState::Unspecified => Tone::Plain,
    }
}

/// Why a channel is refused.
pub(super) fn refusal(refusal: ChannelRefusal) -> &'static str {
    match refusal {
        ChannelRefusal::Unspecified => "for no known reason",
        ChannelRefusal::InvalidPfn => "the device calls the PFN invalid: look at the push app's pfn",
        ChannelRefusal::Unavailable => "push is probably not available on this edition of Windows",
        ChannelRefusal::InvalidUri => "what the device calls its ChannelURI does not belong to WNS",
        ChannelRefusal::Provider => "the device does not know the provider id: look at its provider id",
        ChannelRefusal::Write => "the device refuses the PFN, perhaps by a policy; it is tried again daily",
    }
}

/// What the state of a channel means, and what comes next.
pub(super) fn channel(state: ChannelState) -> &'static str {
    match state {
        ChannelState::Unset => "the push app is not set on the device yet; its next session does that",
        ChannelState::Moving => "it moves to another push app; pushes use the old one",
        ChannelState::Pending => "the device has no ChannelURI yet; its next session asks again",
        ChannelState::Live => "it can be pushed to",
        ChannelState::Stale => "its ChannelURI is too old to be trusted; the next session resets it",
        ChannelState::Dead => "its ChannelURI is gone; the next session resets it",
        ChannelState::Refused => "the device does not take part",
        ChannelState::Unspecified => "nothing is known of it",
    }
}

#[cfg(test)]
mod tests {
    use reveille_api::v1::WakeAnswer;

    use super::*;

    #[test]
    fn spans_are_said_shortly() {
        let check = |millis, expect| assert_eq!(span(Duration::from_millis(millis)), expect);
        check(24, "24 ms");
        check(1_440, "1.4 s");
        check(61_000, "61 s");
        check(125_000, "2 min 5 s");
        check(7_260_000, "2 h 1 min");
        check(200_000_000, "2 d 7 h");
    }

    #[test]
    fn an_outcome_is_a_sentence() {
        let answer = WakeAnswer {
            session_id: "S".into(),
            time_to_session: Some(prost_types::Duration { seconds: 1, nanos: 400_000_000 }),
            attribution: Attribution::Likely.into(),
            ..WakeAnswer::default()
        };
        let wake = Wake { state: WakeState::Answered.into(), answer: Some(answer), ..Wake::default() };
        assert_eq!(outcome(&wake), "answered after 1.4 s by session S (likely)");
        let wake = Wake {
            state: WakeState::Unanswered.into(),
            end_reason: WakeEndReason::AppPaused.into(),
            ..Wake::default()
        };
        assert_eq!(
            outcome(&wake),
            "not answered: the push app is paused. `reveille push-apps resume` lets it push again."
        );
    }

    #[test]
    fn a_gate_says_until_when() {
        let gated = Expectation {
            kind: ExpectationKind::GatedUntil.into(),
            until: Some(Timestamp { seconds: 86_400, nanos: 5 }),
            obstacle: WakeEndReason::ChannelGated.into(),
            ..Expectation::default()
        };
        let says = "a push must wait until 1970-01-02T00:00:00Z: pushes to this device are held back";
        assert_eq!(expectation(&gated), says);
    }

    #[test]
    fn what_waits_for_a_session_says_why() {
        let waits = |obstacle: WakeEndReason, state: ChannelState| {
            let waits = Expectation {
                kind: ExpectationKind::WaitsForSession.into(),
                obstacle: obstacle.into(),
                channel_state: state.into(),
                ..Expectation::default()
            };
            expectation(&waits)
        };
        let dead = waits(WakeEndReason::NoChannel, ChannelState::Dead);
        assert!(dead.starts_with("there is no channel to push to (its state is dead): "), "{dead}");
        let observed = waits(WakeEndReason::PushOff, ChannelState::Live);
        assert!(observed.contains("only observed") && !observed.contains("no channel"), "{observed}");
    }

    #[test]
    fn values_are_words() {
        assert_eq!(channel_state(ChannelState::Live), "live");
        assert_eq!(channel_state(ChannelState::Unspecified), "");
    }
}
