//! `wakes watch` across a service that is killed.

use std::process::Command;

use simulator::wns::App;

use super::{NAME, Place, Running, emulator, text};

/// Asks for a wake, and returns its id.
fn wake(place: &Place) -> String {
    let asked = place.run(&["wake", NAME, "--json"]);
    let json: serde_json::Value =
        serde_json::from_slice(&asked.stdout).unwrap_or_else(|_| panic!("{}", text(&asked)));
    json["id"].as_str().unwrap().to_owned()
}

fn signal(process: &Running, signal: &str) {
    let id = process.child.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_leaves_nothing_out_when_the_service_is_killed() {
    let (_wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let service = place.serve();
    place.create_device();
    let first = wake(&place);
    let watching = Running::start(place.command(&["wakes", "watch", "--after", "0"]));
    watching.says(&first);
    // It learns of nothing until the service is back and something has happened.
    signal(&watching, "-STOP");
    service.kill();
    let _service = place.serve();
    let second = wake(&place);
    signal(&watching, "-CONT");
    let line = watching.says(&second);
    assert!(line.ends_with("asked"), "{line}");
}
