//! What only shows with several devices: one refresh for all, failures in a row, channels that die together.

use reveille_api::v1::{
    ChannelState, GetWakeResponse, PushAppFault, PushAppFaultKind, PushVerdict, ResumePushAppRequest,
    WakeEndReason, WakeRequest, WakeState,
};
use simulator::wns::{PushFault, Script};

use super::state;
use crate::field::{APP, Field, wake_of};

/// A field with so many devices whose channels are live, and their names.
async fn devices(count: usize, change: impl FnOnce(&mut push::Settings)) -> (Field, Vec<String>) {
    let field = Field::with(change).await;
    let names: Vec<_> = (0..count).map(|number| format!("DEVICE-{number:02}")).collect();
    for name in &names {
        field.live(name).await;
    }
    (field, names)
}

/// Wakes them, and waits until a push to each has its verdict.
async fn pushed(field: &Field, names: &[String]) -> Vec<GetWakeResponse> {
    let mut wakes = Vec::new();
    for name in names {
        wakes.push(field.wake(name).await);
    }
    let mut found = Vec::new();
    for wake in wakes {
        let has_ended = |found: &GetWakeResponse| found.pushes.iter().any(|push| push.end_time.is_some());
        found.push(field.until(&wake.id, has_ended).await);
    }
    found
}

fn verdicts(found: &[GetWakeResponse]) -> Vec<PushVerdict> {
    found.iter().map(|found| found.pushes[0].verdict()).collect()
}

#[tokio::test]
async fn tokens_that_expire_in_a_burst_are_renewed_once_for_all() {
    let (field, names) = devices(30, state::patient).await;
    pushed(&field, &names[..1]).await;
    field.wns.revoke_tokens();
    let found = pushed(&field, &names[1..]).await;
    assert_eq!(verdicts(&found), [PushVerdict::Sent; 29]);
    let counters = field.wns.counters();
    assert_eq!((counters.token_requests, counters.tokens_issued), (2, 2));
    assert_eq!(state::app(&field).await.fault, None);
}

#[tokio::test]
async fn many_mismatches_in_a_row_are_a_fault_of_the_app() {
    let (field, names) = devices(3, |rules| (state::patient(rules), rules.app_patience = 3).0).await;
    field.wns.fail_pushes(Script::always(PushFault::status(403)));
    for (number, name) in names.iter().enumerate() {
        let found = pushed(&field, std::slice::from_ref(name)).await;
        assert_eq!(verdicts(&found), [PushVerdict::Mismatch]);
        let channel = field.device(name).await.channel.unwrap();
        assert_eq!(
            (channel.state(), channel.gated_until_session),
            (ChannelState::Live, true),
            "kept, and shut"
        );
        let fault = state::app(&field).await.fault.map(|fault| fault.kind());
        assert_eq!(fault, (number == 2).then_some(PushAppFaultKind::Mismatch), "after {number}");
    }
}

#[tokio::test]
async fn malformed_pushes_in_a_row_are_a_fault_of_the_app_and_its_wakes_wait() {
    let (field, names) = devices(3, |rules| (state::patient(rules), rules.app_patience = 3).0).await;
    field.wns.fail_pushes(Script::always(PushFault::status(400)));
    for (number, name) in names.iter().enumerate() {
        let found = pushed(&field, std::slice::from_ref(name)).await;
        assert_eq!(verdicts(&found), [PushVerdict::Malformed]);
        let wake = field.look(&found[0].wake.as_ref().unwrap().id).await.wake.unwrap();
        let fault = state::app(&field).await.fault.map(|fault| fault.kind());
        let expect = match number {
            2 => (WakeState::Live, Some(PushAppFaultKind::Malformed)),
            _ => (WakeState::Failed, None),
        };
        assert_eq!((wake.state(), fault), expect, "after {number}");
    }
}

#[tokio::test]
async fn errors_in_a_row_shut_the_app() {
    let rules = |rules: &mut push::Settings| {
        state::patient(rules);
        // No retry comes between the three, and the gate is still there when it is looked for.
        let minute = std::time::Duration::from_mins(1);
        (rules.app_patience, rules.backoff, rules.min_gap) = (3, minute, minute);
    };
    for fault in [PushFault::status(500), PushFault::Closed] {
        let (field, names) = devices(3, rules).await;
        field.wns.fail_pushes(Script::always(fault.clone()));
        let found = pushed(&field, &names).await;
        assert!(
            found.iter().all(|found| found.wake.as_ref().unwrap().state() == WakeState::Live),
            "{fault:?}"
        );
        let app = state::app(&field).await;
        assert!(app.gate_time.is_some() && app.fault.is_none(), "{fault:?}: {app:?}");
    }
}

#[tokio::test]
async fn a_blocked_app_pushes_no_more_until_an_operator_acts() {
    let (field, names) = devices(2, state::patient).await;
    field.wns.fail_pushes(Script::once(PushFault::domain_blocked()));
    pushed(&field, &names[..1]).await;
    let soon = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let asked = field.ask(WakeRequest { timeout: soon, ..wake_of(&names[1]) }).await.unwrap();
    let wake = field.ended(&asked.wake.unwrap().id).await.wake.unwrap();
    assert_eq!((wake.state(), wake.end_reason()), (WakeState::Unanswered, WakeEndReason::AppBlocked));
    assert_eq!(field.wns.counters().pushes, 1, "the one that met the block");
    for name in &names {
        assert_eq!(
            field.device(name).await.channel.unwrap().state(),
            ChannelState::Live,
            "channels are kept"
        );
    }
}

#[tokio::test]
async fn channels_that_die_together_are_suspect() {
    let rules = |rules: &mut push::Settings| {
        state::patient(rules);
        rules.mass_death_least = 6;
    };
    let (field, names) = devices(12, rules).await;
    field.wns.fail_pushes(Script::always(PushFault::status(410)));
    let (mut dead, mut suspect) = (0, None);
    for name in &names {
        let found = pushed(&field, std::slice::from_ref(name)).await;
        if verdicts(&found) == [PushVerdict::ChannelSuspect] {
            suspect = Some((name, found[0].wake.clone().unwrap().id));
            break;
        }
        assert_eq!(verdicts(&found), [PushVerdict::ChannelDead]);
        dead += 1;
    }
    let (name, wake) = suspect.expect("it does not go on like that");
    assert_eq!(dead, 5, "until there are enough to judge by");
    let app = state::app(&field).await;
    assert_eq!(app.fault.as_ref().map(PushAppFault::kind), Some(PushAppFaultKind::MassDeath), "{app:?}");
    let channel = field.device(name).await.channel.unwrap();
    assert_eq!(channel.state(), ChannelState::Live, "held, and not dead");
    // It was WNS's mistake, and an operator says so.
    field.wns.clear_faults();
    field.push_apps().resume_push_app(ResumePushAppRequest { name: APP.to_owned() }).await.unwrap();
    field.until(&wake, |found| found.pushes.iter().any(|push| push.verdict() == PushVerdict::Sent)).await;
    assert_eq!(state::app(&field).await.fault, None);
}
