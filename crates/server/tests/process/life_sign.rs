//! Whose life sign it is by which answer windows stand still.

use simulator::wns::App;

use super::{NAME, Place, Running, seed, text};

#[tokio::test]
async fn only_a_process_that_serves_the_gateway_gives_its_life_sign() {
    let origin = "http://127.0.0.1:1";
    let place = Place::new(origin, &App::example());
    for (listens, gives) in [(false, false), (true, true)] {
        let mut serve = place.command(&["serve"]);
        if !listens {
            serve.env("REVEILLE__GATEWAY__LISTEN", "");
        }
        let mut service = Running::start(serve);
        place.wait_until_ready();
        if !listens {
            place.create_device();
        }
        // Upkeep has gone round when it has ended a wake.
        let woken = place.run(&["wake", NAME, "--wait", "--deadline", "1s"]);
        assert_eq!(woken.status.code(), Some(3), "{}", text(&woken));
        assert_eq!(service.terminate(), Some(0));
        let store = seed::store(place.path(), origin).await;
        let away = store.resume_windows(store.now()).await.unwrap();
        assert_eq!(!away.is_zero(), gives, "the gateway was last seen {away:?} ago; it listened: {listens}");
    }
}
