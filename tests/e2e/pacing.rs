//! Pacing: one probe, one gate and one pause for all replicas, no app that delays another, and bulk that steps aside.

use std::time::Duration;

use reveille_api::v1::{
    ExpectationKind, PausePushAppRequest, ResumePushAppRequest, WakeEndReason, WakePriority,
};
use simulator::wns::{PushFault, RetryAfter, Script};
use tokio::time::Instant;

use crate::{
    field::NEVER,
    fleet::{APPS, Fleet, Replicas, Wakes, reached},
};

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
    fleet.counted(|counters| counters.accepted >= 12).await;
    let arrivals = fleet.arrivals(&devices);
    assert!(
        arrivals[1] - arrivals[0] > Duration::from_millis(1_400),
        "the probe was not answered: {arrivals:?}"
    );
}

#[tokio::test]
async fn replicas_share_a_gate_and_the_probe_after_it() {
    let fleet = Fleet::new(2, 0).await;
    let devices = fleet.live(APPS[0], 25).await;
    fleet.opened(APPS[0], &devices[0]).await;
    fleet.wns.fail_pushes(Script::once(PushFault::app_throttled(503, Some(RetryAfter::Seconds(3)))));
    fleet.wns.fail_pushes(Script::once(PushFault::Slow(1_500)));
    let before = fleet.wns.now();
    fleet.ask(interactive(&devices[1..2])).await;
    let began = Instant::now();
    while fleet.app(APPS[0]).await.gate_time.is_none() {
        assert!(began.elapsed() < NEVER, "the gate never shows");
    }
    fleet.ask(interactive(&devices[2..])).await;
    let counters = fleet.counted(|counters| counters.accepted >= 25).await;
    assert_eq!(counters.refused, 1);
    let arrivals = fleet.arrivals(&devices[1..]);
    assert!(arrivals[0] - before > Duration::from_millis(2_900), "the gate was shut: {before} {arrivals:?}");
    assert!(
        arrivals[1] - arrivals[0] > Duration::from_millis(1_400),
        "the probe was not answered: {arrivals:?}"
    );
}

#[tokio::test]
async fn a_pause_and_its_end_reach_every_replica() {
    // The one that is told pushes nothing, and those that push are told by the store alone, which they look at as often as
    // they do unless somebody configures it.
    let look_every = Duration::from_secs(1);
    let fleet = Fleet::of(Replicas { silent: 1, look_every, ..Replicas::pushing(2) }).await;
    let (main, other) = (fleet.live(APPS[0], 20).await, fleet.live(APPS[1], 11).await);
    let name = APPS[0].to_owned();
    fleet.opened(APPS[1], &other[0]).await;
    // Nothing goes before the probe is answered, and then the app is paused.
    fleet.wns.fail_pushes(Script::once(PushFault::Held));
    fleet.ask(interactive(&main)).await;
    fleet.counted(|counters| counters.accepted >= 2).await;
    fleet.push_apps().pause_push_app(PausePushAppRequest { name: name.clone() }).await.unwrap();
    fleet.wns.clear_faults();
    // The other app is the clock: its pushes take their time.
    fleet.reach(&other[1..6]).await;
    assert_eq!(fleet.pushes_to(&main), 1, "the probe alone");
    let waiting = main.iter().find(|name| fleet.wns.pushes_to(name) == 0).unwrap();
    for (app, asked) in fleet.ask_every_replica(waiting).await {
        assert!(app.paused);
        let expect = asked.expectation.unwrap();
        assert_eq!(
            (expect.kind(), expect.obstacle()),
            (ExpectationKind::GatedUntil, WakeEndReason::AppPaused)
        );
    }
    fleet.reach(&other[6..]).await;
    assert_eq!(fleet.pushes_to(&main), 1, "no replica pushes");

    let mut deliveries = fleet.wns.deliveries();
    fleet.push_apps().resume_push_app(ResumePushAppRequest { name }).await.unwrap();
    reached(&mut deliveries, main.len() - 1).await;
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
