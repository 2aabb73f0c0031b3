//! What `wake --wait` and `wakes show` tell of a wake.

use simulator::wns::{App, Handle, Presence, PushFault, Script};

use super::{NAME, NEVER, Place, emulator, now, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wake_wait_tells_that_the_device_is_away() {
    let words = [
        "WNS accepted a push, and says that the device is disconnected",
        "Not answered: WNS said that the device",
    ];
    nothing_comes(|wns| wns.set_presence(NAME, Presence::Disconnected), words).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wake_wait_tells_that_no_push_was_sent() {
    let words = ["a push failed and was certainly not sent", "Not answered: the last push failed"];
    nothing_comes(|wns| wns.fail_pushes(Script::always(PushFault::status(500))), words).await;
}

/// Wakes a device that never comes, with a deadline that is long enough for a verdict on any machine.
async fn nothing_comes(script: impl FnOnce(&Handle), told: [&str; 2]) {
    let (wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    place.create_device();
    place.client(&origin).sync(&mut place.device()).await.unwrap();
    script(&wns);
    let output = place.run(&["wake", NAME, "--wait", "--deadline", "8s"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    for words in told {
        assert!(text(&output).contains(words), "{words:?} is not in:\n{}", text(&output));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wakes_show_tells_what_support_asks_for() {
    let (_wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    place.create_device();
    place.client(&origin).sync(&mut place.device()).await.unwrap();
    let asked = place.run(&["wake", NAME, "--deadline", "10m", "--json"]);
    let asked: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    let id = asked["id"].as_str().unwrap();
    let deadline = now() + NEVER;
    let mut wake = place.wake(id);
    while wake["pushes"][0]["verdict"] != "sent" {
        assert!(now() < deadline, "no verdict: {wake}");
        wake = place.wake(id);
    }
    let shown = place.run(&["wakes", "show", id]);
    let push = &wake["pushes"][0];
    for key in ["message_id", "debug_trace", "ms_cv"] {
        let value =
            push[key].as_str().filter(|value| !value.is_empty()).unwrap_or_else(|| panic!("{key}: {wake}"));
        assert!(text(&shown).contains(value), "{key} {value} is not in:\n{}", text(&shown));
    }
}
