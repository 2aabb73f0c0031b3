use std::time::Duration;

use model::{Priority, SessionKey, Timestamp};
use push::{Answer, Attribution, EndReason, Outcome};

use super::*;

fn sample(text: &str, series: &str) -> Option<f64> {
    let line =
        text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

fn session() -> SessionKey {
    SessionKey::new(uuid::Uuid::from_u128(1))
}

/// Says something of every metric.
fn filled() -> Metrics {
    let metrics = Metrics::new();
    let second = Duration::from_secs(1);
    metrics.wake_asked(Priority::Bulk);
    metrics.wake_ended(Outcome::Unanswered(EndReason::NoSession), second);
    metrics.wakes_live(7);
    metrics.canary("office", 900 * second);
    let answer = Answer { session: session(), attribution: Attribution::Likely, push: None };
    metrics.canary_ended(
        "canary/home",
        Outcome::Answered(answer),
        Timestamp::EPOCH,
        Timestamp::EPOCH + second,
    );
    metrics.pushed("main", "sent", second);
    metrics.app_state("main", AppState::Gated, 90 * second);
    metrics.token("main", TokenHealth::Valid(60 * second));
    metrics.pacing("main", Pacing { limit: 4, under_way: 2, rate: 0.0 });
    metrics.channels([ChannelsIn { app: "main", state: "live", count: 3 }]);
    metrics.due("main", Priority::Bulk, 5, 2 * second);
    metrics.woken_sessions(0.0);
    metrics.session_ended("completed");
    metrics.message_received(300);
    metrics.message(Message { result: "answered", sent: Some(900), took: second / 100 });
    metrics.called("reveille.v1.WakeService/Wake", "OK", second / 10);
    metrics.batch(Batch { units: 3, waited: second / 1000, took: second / 100, committed: true });
    metrics.store_queue(0);
    metrics.check("database", true);
    metrics.dispatcher_lag("upkeep", second);
    metrics
}

#[test]
fn a_wake_that_was_answered_is_counted_with_its_time_and_one_that_was_not_with_its_reason() {
    let metrics = filled();
    let answer = Answer { session: session(), attribution: Attribution::Likely, push: None };
    metrics.wake_ended(Outcome::Answered(answer), Duration::from_millis(1_400));
    let text = metrics.render();
    let of = |series: &str| sample(&text, series);
    assert_eq!(of(r#"reveille_wakes_total{outcome="answered",reason="none"}"#), Some(1.0));
    assert_eq!(of(r#"reveille_wakes_total{outcome="unanswered",reason="no_session"}"#), Some(1.0));
    let bucket =
        |le| format!(r#"reveille_wake_time_to_session_seconds_bucket{{attribution="likely",le="{le}"}}"#);
    assert_eq!((of(&bucket("1")), of(&bucket("2"))), (Some(0.0), Some(1.0)));
    assert_eq!(of(r#"reveille_wake_time_to_session_seconds_count{attribution="confirmed"}"#), Some(0.0));
}

#[test]
fn every_outcome_of_a_canary_stands_at_zero_before_there_is_one() {
    let text = filled().render();
    for outcome in ["answered", "coincidence", "unanswered", "failed", "cancelled", "not_asked"] {
        let series = format!(r#"reveille_canary_wakes_total{{canary="office",outcome="{outcome}"}}"#);
        assert_eq!(sample(&text, &series), Some(0.0), "{series}");
    }
}

#[test]
fn a_canary_that_came_by_itself_shows_nothing_of_pushes() {
    let metrics = filled();
    let answered = |attribution| Outcome::Answered(Answer { session: session(), attribution, push: None });
    let at = |seconds| Timestamp::EPOCH + Duration::from_secs(seconds);
    for (number, (caller, outcome)) in (0..).zip([
        ("canary/office", answered(Attribution::Confirmed)),
        ("canary/office", answered(Attribution::Likely)),
        ("canary/office", answered(Attribution::Coincidence)),
        ("canary/office", Outcome::Unanswered(EndReason::NoSession)),
        ("office", answered(Attribution::Likely)),
    ]) {
        metrics.canary_ended(caller, outcome, at(900 * number), at(900 * number + 4));
    }
    metrics.canary_not_asked("office");
    let text = metrics.render();
    let ended = |outcome| {
        sample(&text, &format!(r#"reveille_canary_wakes_total{{canary="office",outcome="{outcome}"}}"#))
    };
    assert_eq!(ended("answered"), Some(2.0));
    assert_eq!(ended("coincidence"), Some(1.0));
    assert_eq!(ended("unanswered"), Some(1.0));
    assert_eq!(ended("not_asked"), Some(1.0));
    let last =
        |metric: &str| sample(&text, &format!(r#"reveille_canary_{metric}_seconds{{canary="office"}}"#));
    assert_eq!(last("answered_timestamp"), Some(904.0), "the second, and not what came by itself");
    assert_eq!(last("interval"), Some(900.0));
    let count = r#"reveille_canary_time_to_session_seconds_count{canary="office"}"#;
    assert_eq!(sample(&text, count), Some(2.0));
}

#[test]
fn a_push_app_is_in_one_state() {
    let metrics = filled();
    metrics.app_state("main", AppState::Blocked, Duration::ZERO);
    let text = metrics.render();
    let states: Vec<_> = AppState::ALL
        .into_iter()
        .filter(|state| {
            let series = format!(r#"reveille_push_app_state{{push_app="main",state="{}"}}"#, state.name());
            sample(&text, &series) == Some(1.0)
        })
        .collect();
    assert_eq!(states, [AppState::Blocked]);
    assert_eq!(sample(&text, r#"reveille_push_app_gate_seconds{push_app="main"}"#), Some(0.0));
}

#[test]
fn channels_that_are_no_more_are_not_told() {
    let metrics = filled();
    metrics.channels([ChannelsIn { app: "main", state: "dead", count: 1 }]);
    let text = metrics.render();
    assert_eq!(sample(&text, r#"reveille_channels{push_app="main",state="dead"}"#), Some(1.0));
    assert_eq!(sample(&text, r#"reveille_channels{push_app="main",state="live"}"#), None);
}

#[test]
fn every_metric_is_told_once_there_is_something_to_tell() {
    let metrics = filled();
    let text = metrics.render();
    for Listed { name, labels, .. } in metrics.catalogue() {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name} is not told");
        for unbounded in ["device", "wake", "caller", "session", "address"] {
            assert!(!labels.iter().any(|label| label == unbounded), "{name} has a label without bound");
        }
    }
}
