//! What `wake --wait` and `wakes show` tell of a wake.

use simulator::wns::{App, Presence, PushFault, Script};

use super::{NAME, Place, emulator, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wake_wait_tells_what_wns_said_and_why_nothing_came() {
    let (wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    place.create_device();
    place.client(&origin).sync(&mut place.device()).await.unwrap();
    let wait = || place.run(&["wake", NAME, "--wait", "--deadline", "1s"]);

    wns.set_presence(NAME, Presence::Disconnected);
    let away = wait();
    assert_eq!(away.status.code(), Some(3), "{}", text(&away));
    for words in [
        "WNS accepted a push, and says that the device is disconnected",
        "Not answered: WNS said that the device",
    ] {
        assert!(text(&away).contains(words), "{words:?} is not in:\n{}", text(&away));
    }

    wns.set_presence(NAME, Presence::Connected);
    wns.fail_pushes(Script::always(PushFault::status(500)));
    let failed = wait();
    assert_eq!(failed.status.code(), Some(3), "{}", text(&failed));
    for words in ["a push failed and was certainly not sent", "Not answered: the last push failed"] {
        assert!(text(&failed).contains(words), "{words:?} is not in:\n{}", text(&failed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wakes_show_tells_what_support_asks_for() {
    let (_wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    place.create_device();
    place.client(&origin).sync(&mut place.device()).await.unwrap();
    let asked = place.run(&["wake", NAME, "--wait", "--deadline", "1s", "--json"]);
    let asked: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    let shown = place.run(&["wakes", "show", asked["id"].as_str().unwrap()]);
    let push = &asked["pushes"][0];
    for key in ["message_id", "debug_trace", "ms_cv"] {
        let value =
            push[key].as_str().filter(|value| !value.is_empty()).unwrap_or_else(|| panic!("{key}: {asked}"));
        assert!(text(&shown).contains(value), "{key} {value} is not in:\n{}", text(&shown));
    }
}
