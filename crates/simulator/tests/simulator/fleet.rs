use std::time::Duration;

use simulator::{
    device::{Client, Device, Ending, Identity, Profile, RegistrationTime},
    fleet::{Fleet, FleetEvent, FleetSettings},
};
use tokio_util::sync::CancellationToken;

use crate::{gateway, wns::Bench};

fn identity(number: usize) -> Identity {
    Identity { name: format!("DEVICE{number}"), user: "user".to_owned(), password: "password".into() }
}

#[tokio::test]
async fn one_device_holds_a_whole_session() {
    let (bench, (gateway, uris)) = (Bench::new().await, gateway::start().await);
    let client = Client::new(gateway.clone(), Some(bench.origin.parse().unwrap())).unwrap();
    let mut device = Device::new(identity(1), Profile::new("Test"), gateway.as_str());
    let report = client.sync(&mut device).await.unwrap();
    assert_eq!((report.ending, report.messages, report.commands), (Ending::Completed, 2, 2));
    assert_eq!(device.channel_uri(), uris.lock().unwrap().first().map(String::as_str));
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_an_error() {
    let gateway = "http://127.0.0.1:9/dm".parse().unwrap();
    let client = Client::new(gateway, None).unwrap();
    let mut device = Device::new(identity(1), Profile::new("Test"), "http://127.0.0.1:9/dm");
    assert!(client.sync(&mut device).await.is_err());
    assert_eq!(device.resend(), None, "the session is given up");
}

#[tokio::test]
async fn pushes_wake_the_fleet() {
    for registration in [RegistrationTime::AtOnce, RegistrationTime::AfterSession] {
        let (bench, (gateway, uris)) = (Bench::new().await, gateway::start().await);
        let devices = (0..20).map(identity).collect();
        let mut settings = FleetSettings::new(gateway, Some(bench.origin.parse().unwrap()), "Test", devices);
        settings.start_within = Duration::from_millis(10);
        settings.concurrency = 4;
        settings.profile.registration = registration;
        let fleet = Fleet::new(settings).unwrap();
        let (handle, shutdown) = (fleet.handle(), CancellationToken::new());
        let mut events = handle.events();
        let running = tokio::spawn(fleet.run(shutdown.clone()));
        // A device that learns its channel after the session starts another one to tell it.
        let first = if registration == RegistrationTime::AtOnce { 20 } else { 40 };
        handle.until(|stats| stats.completed >= first).await;

        let token = bench.token().await;
        let channels = uris.lock().unwrap().clone();
        assert_eq!(channels.len(), 20);
        for uri in &channels {
            assert_eq!(bench.push(uri, &token).await.unwrap().status(), 200);
        }
        let stats = handle.until(|stats| stats.woken >= 20 && stats.completed >= first + 20).await;
        assert_eq!((stats.failed, stats.unfinished), (0, 0));
        assert_eq!(bench.handle.counters().delivered, 20);
        assert!(matches!(events.recv().await, Ok(FleetEvent::Session { .. })));
        shutdown.cancel();
        running.await.unwrap();
    }
}
