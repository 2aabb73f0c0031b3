//! Pacing: one probe, one gate and one pause for all replicas, no app that delays another, and bulk that steps aside.

use std::time::Duration;

use reveille_api::v1::{
    ExpectationKind, PausePushAppRequest, ResumePushAppRequest, WakeEndReason, WakePriority,
};
use simulator::wns::{PushFault, RetryAfter, Script};
use tokio::time::Instant;

use crate::fleet::{APPS, Fleet, Replicas, Wakes, reached};

fn interactive(devices: &[String]) -> Wakes<'_> {
    Wakes { devices, priority: WakePriority::Interactive }
}

fn bulk(devices: &[String]) -> Wakes<'_> {
    Wakes { devices, priority: WakePriority::Bulk }
}

#[tokio::test]
async fn replicas_share_the_probe_after_their_start() {
    let fleet = Fleet::new(2, 0).await;
    let devices = fleet.live(APPS[0], 12).await;
    fleet.wns.fail_pushes(Script::once(PushFault::Slow(1_500)));
    fleet.ask(interactive(&devices)).await;
    fleet.counted(|counters| counters.pushes >= 1).await;
    let began = Instant::now();
    fleet.counted(|counters| counters.pushes > 1).await;
    assert!(began.elapsed() > Duration::from_secs(1), "nothing goes before the probe is answered");
    fleet.counted(|counters| counters.accepted >= 12).await;
}

#[tokio::test]
async fn replicas_share_a_gate_and_the_probe_after_it() {
    let fleet = Fleet::new(2, 0).await;
    let devices = fleet.live(APPS[0], 25).await;
    fleet.opened(APPS[0], &devices[0]).await;
    fleet.wns.fail_pushes(Script::once(PushFault::app_throttled(503, Some(RetryAfter::Seconds(2)))));
    fleet.ask(interactive(&devices[1..2])).await;
    fleet.counted(|counters| counters.refused == 1).await;
    let shut = Instant::now();
    while fleet.app(APPS[0]).await.gate_time.is_none() {
        assert!(shut.elapsed() < crate::field::NEVER, "the gate never shows");
    }
    fleet.wns.fail_pushes(Script::once(PushFault::Slow(1_000)));
    fleet.ask(interactive(&devices[2..])).await;
    fleet.counted(|counters| counters.pushes >= 3).await;
    assert!(shut.elapsed() > Duration::from_millis(1_500), "both replicas wait");
    let probed = Instant::now();
    fleet.counted(|counters| counters.pushes > 3).await;
    assert!(probed.elapsed() > Duration::from_millis(600), "both wait for the one probe");
    let counters = fleet.counted(|counters| counters.accepted >= 25).await;
    assert_eq!(counters.refused, 1);
}

#[tokio::test]
async fn a_pause_and_its_end_reach_every_replica_within_a_second() {
    // The one that is told pushes nothing, and those that push are told by the store alone, which they look at as often as
    // they do unless somebody configures it.
    let look_every = Duration::from_secs(1);
    let fleet = Fleet::of(Replicas { silent: 1, look_every, ..Replicas::pushing(2) }).await;
    let (main, other) = (fleet.live(APPS[0], 40).await, fleet.live(APPS[1], 11).await);
    let name = APPS[0].to_owned();
    fleet.opened(APPS[1], &other[0]).await;
    // Nothing goes before the probe is answered; then there is more to push than a second is enough for.
    fleet.wns.fail_pushes(Script::once(PushFault::Slow(1_500)));
    fleet.ask(interactive(&main)).await;
    fleet.counted(|counters| counters.accepted >= 2).await;
    fleet.push_apps().pause_push_app(PausePushAppRequest { name: name.clone() }).await.unwrap();
    // The other app is the clock: its pushes take their time.
    fleet.reach(&other[1..6]).await;
    let went = fleet.pushes_to(&main);
    let waiting = main.iter().find(|name| fleet.wns.pushes_to(name) == 0).expect("some are left");
    for (app, asked) in fleet.ask_every_replica(waiting).await {
        assert!(app.paused);
        let expect = asked.expectation.unwrap();
        assert_eq!(
            (expect.kind(), expect.obstacle()),
            (ExpectationKind::GatedUntil, WakeEndReason::AppPaused)
        );
    }
    fleet.reach(&other[6..]).await;
    assert_eq!(fleet.pushes_to(&main), went, "no replica pushes");

    let mut deliveries = fleet.wns.deliveries();
    let resumed = Instant::now();
    fleet.push_apps().resume_push_app(ResumePushAppRequest { name }).await.unwrap();
    reached(&mut deliveries, 1).await;
    assert!(resumed.elapsed() < look_every * 2, "{:?}", resumed.elapsed());
    reached(&mut deliveries, main.len() - usize::try_from(went).unwrap() - 1).await;
}

#[tokio::test]
async fn a_gated_app_delays_no_other() {
    let fleet = Fleet::new(1, 0).await;
    let (gated, well) = (fleet.live(APPS[0], 30).await, fleet.live(APPS[1], 10).await);
    fleet.wns.fail_pushes(Script::once(PushFault::app_throttled(429, Some(RetryAfter::Seconds(600)))));
    fleet.ask(interactive(&gated)).await;
    fleet.counted(|counters| counters.refused == 1).await;
    fleet.ask(interactive(&well)).await;
    let counters = fleet.counted(|counters| counters.accepted >= 10).await;
    assert_eq!(
        (counters.pushes, counters.refused),
        (11, 1),
        "of the gated app, only the one that was refused"
    );
    assert!(fleet.app(APPS[0]).await.gate_time.is_some());
    assert!(fleet.app(APPS[1]).await.gate_time.is_none());
}

#[tokio::test]
async fn the_pace_of_sessions_holds_back_bulk_of_all_apps_and_nothing_else() {
    let fleet = Fleet::new(1, 2).await;
    let (main, other) = (fleet.live(APPS[0], 13).await, fleet.live(APPS[1], 5).await);
    fleet.opened(APPS[0], &main[0]).await;
    fleet.opened(APPS[1], &other[0]).await;
    let mut deliveries = fleet.wns.deliveries();
    let began = Instant::now();
    fleet.ask(bulk(&main[1..5])).await;
    fleet.ask(bulk(&other[1..5])).await;
    fleet.ask(interactive(&main[5..])).await;
    let order = reached(&mut deliveries, 16).await;
    assert!(began.elapsed() > Duration::from_secs(3), "eight at two a second: {:?}", began.elapsed());
    let last = |devices: &[String]| order.iter().rposition(|name| devices.contains(name)).unwrap();
    assert!(last(&main[5..]) < last(&main[1..5]).max(last(&other[1..5])), "interactive passes: {order:?}");
}

#[tokio::test]
async fn bulk_gets_every_eighth_claim() {
    let fleet = Fleet::new(1, 0).await;
    let devices = fleet.live(APPS[0], 42).await;
    let name = APPS[0].to_owned();
    fleet.push_apps().pause_push_app(PausePushAppRequest { name: name.clone() }).await.unwrap();
    fleet.ask(interactive(&devices[..40])).await;
    fleet.ask(bulk(&devices[40..])).await;
    let mut deliveries = fleet.wns.deliveries();
    fleet.push_apps().resume_push_app(ResumePushAppRequest { name }).await.unwrap();
    let order = reached(&mut deliveries, 42).await;
    let places: Vec<_> = (0..42).filter(|place| devices[40..].contains(&order[*place])).collect();
    assert!(places[0] < 38, "bulk does not wait for the last interactive wake: {places:?}");
    assert!(places[0] > 0, "and does not go first: {places:?}");
}

#[tokio::test]
async fn a_full_gateway_holds_back_bulk_and_nothing_else() {
    let fleet = Fleet::new(1, 2).await;
    let devices = fleet.live(APPS[0], 10).await;
    fleet.opened(APPS[0], &devices[0]).await;
    let mut deliveries = fleet.wns.deliveries();
    fleet.is_sent_away(&devices[0]).await;
    let began = Instant::now();
    fleet.ask(bulk(&devices[1..6])).await;
    fleet.ask(interactive(&devices[6..])).await;
    let mut order = Vec::new();
    while order.len() < 9 {
        order.extend(reached(&mut deliveries, 1).await);
        fleet.is_sent_away(&devices[0]).await;
    }
    assert!(began.elapsed() > Duration::from_millis(3_200), "one a second, not two: {:?}", began.elapsed());
    let last = |devices: &[String]| order.iter().rposition(|name| devices.contains(name)).unwrap();
    assert!(last(&devices[6..]) < last(&devices[1..6]), "interactive passes: {order:?}");
}
