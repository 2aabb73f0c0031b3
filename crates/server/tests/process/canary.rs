//! Devices that the service wakes by a schedule.

use std::time::SystemTime;

use model::Timestamp;
use simulator::{
    device::{Backoff, Opening},
    wns::App,
};

use super::{NAME, NEVER, Place, Running, emulator, free_ports, now};

fn with_canary(origin: &str, schedule: &str) -> Place {
    let place = Place::new(origin, &App::example());
    let config = std::fs::read_to_string(place.path().join("reveille.toml")).unwrap();
    let canary = format!("[[canary]]\nname = \"office\"\ndevice = \"{NAME}\"\n{schedule}\n");
    place.write("reveille.toml", &format!("{config}\n{canary}"));
    place
}

/// Waits until so many of the canary's wakes had this outcome, and says when it never comes to that.
fn until(place: &Place, outcome: &str, at_least: f64) {
    let series = format!("reveille_canary_wakes_total{{canary=\"office\",outcome=\"{outcome}\"}} ");
    let deadline = now() + NEVER;
    loop {
        let metrics = place.get("/metrics").unwrap_or_default();
        let value = metrics.lines().find_map(|line| line.strip_prefix(&series)?.parse::<f64>().ok());
        if value.is_some_and(|value| value >= at_least) {
            return;
        }
        assert!(now() < deadline, "{series}never came to {at_least}:\n{metrics}");
        std::thread::yield_now();
    }
}

/// Hours of a schedule whose slot does not end during the test.
#[expect(clippy::disallowed_methods, reason = "slots are cut by the clock of the service")]
fn long_slot() -> u64 {
    let hour = Timestamp::from(SystemTime::now()).since(Timestamp::EPOCH).as_secs() / 3_600;
    [24, 23, 22, 21].into_iter().max_by_key(|length| length - hour % length).unwrap()
}

/// The same service once more, on the same database.
fn replica(place: &Place) -> Running {
    let [gateway, grpc, admin] = free_ports::<3>().map(|port| format!("127.0.0.1:{port}"));
    let mut command = place.command(&["serve"]);
    command.env("REVEILLE__GATEWAY__LISTEN", gateway).env("REVEILLE__GRPC__LISTEN", grpc);
    command.env("REVEILLE__ADMIN__LISTEN", admin).env("REVEILLE__TELEMETRY__LOG_FILTER", "reveille=debug");
    Running::start(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_is_woken_once_whatever_replicas_and_restarts_there_are() {
    let (wns, origin, _stop) = emulator().await;
    let place = with_canary(&origin, &format!("every = \"{}h\"", long_slot()));
    let service = place.serve();
    until(&place, "not_asked", 1.0);
    service.says("create it, or name another in [[canary]]");
    place.create_device();
    let (mut device, client) = (place.device(), place.client(&origin));
    client.sync(&mut device).await.unwrap();
    service.kill();

    let mut deliveries = wns.deliveries();
    let _service = place.serve();
    let delivery = tokio::time::timeout(NEVER, deliveries.recv()).await;
    assert_eq!(delivery.expect("the canary is woken").unwrap().device, NAME);
    replica(&place).says("the canary was woken in this slot already");
    client.sync_as(&mut device, Opening::Push, Backoff::NONE).await.unwrap();
    until(&place, "answered", 1.0);
    let metrics = place.get("/metrics").unwrap();
    assert!(
        metrics.contains("reveille_canary_time_to_session_seconds_count{canary=\"office\"} 1"),
        "{metrics}"
    );
    replica(&place).says("the canary was woken in this slot already");
    let wakes = place.run(&["wakes", "list", "--json"]);
    let wakes: serde_json::Value = serde_json::from_slice(&wakes.stdout).unwrap();
    assert_eq!(wakes.as_array().map(Vec::len), Some(1), "{wakes}");
    assert_eq!(wakes[0]["caller"], "canary/office");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_does_not_come_is_counted_slot_after_slot() {
    let (_wns, origin, _stop) = emulator().await;
    let place = with_canary(&origin, "every = \"1s\"\ndeadline = \"500ms\"");
    let _service = place.serve();
    place.create_device();
    place.client(&origin).sync(&mut place.device()).await.unwrap();
    until(&place, "unanswered", 2.0);
}

#[test]
fn a_canary_that_changed_waits_for_a_restart() {
    let place = with_canary("http://127.0.0.1:1", "every = \"1h\"");
    let service = place.serve();
    place.edit("every = \"1h\"", "every = \"2h\"");
    service.hang_up();
    service.says("only a restart applies it: canary \"office\".every");
}
