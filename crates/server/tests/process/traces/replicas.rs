//! One trace, several processes.

use std::process::Command;

use model::Timestamp;
use simulator::{
    device::{Client, Device, Opening, Step},
    wns::{PushFault, Script},
};

use super::{
    SESSION,
    site::{Site, TRACE},
    wake_with,
};
use crate::{NAME, Running, free_ports};

/// A process on the same database, on ports of its own.
struct Replica {
    gateway: String,
    command: Command,
}

fn replica(site: &Site, name: &str) -> Replica {
    let [gateway, grpc, admin] = free_ports();
    let mut command = site.command();
    for (section, port) in [("GATEWAY", gateway), ("GRPC", grpc), ("ADMIN", admin)] {
        command.env(format!("REVEILLE__{section}__LISTEN"), format!("127.0.0.1:{port}"));
    }
    command.env("REVEILLE__TELEMETRY__INSTANCE", name);
    Replica { gateway: format!("http://127.0.0.1:{gateway}/dm"), command }
}

impl Replica {
    fn start(self) -> (Running, Client) {
        let running = Running::start(self.command);
        running.says("admin listens");
        (running, Client::new(self.gateway.parse().unwrap(), None).unwrap())
    }
}

/// Sends what the device has to say next, and lets it read the answer.
async fn exchange(client: &Client, device: &mut Device, step: Step) -> Step {
    let Step::Send(message) = step else { panic!("the device sends: {step:?}") };
    let reply = client.exchange(device, Opening::Push, message).await.unwrap();
    device.receive(&reply, Timestamp::EPOCH).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_and_a_restart_make_one_trace() {
    let site = Site::new().await;
    let mut command = site.command();
    command.env("REVEILLE__TELEMETRY__INSTANCE", "asked");
    let mut asked = site.start(command);
    let mut device = site.live(NAME).await;
    let (mut came, client) = replica(&site, "came").start();
    site.wake(NAME).await;
    site.pushed().await;
    let step = Step::Send(device.start(Opening::Push, Timestamp::EPOCH));
    // The challenge, and the session's first message.
    let step = exchange(&client, &mut device, step).await;
    let step = exchange(&client, &mut device, step).await;
    for process in [&mut asked, &mut came] {
        assert_eq!(process.terminate(), Some(0));
    }
    let (_ended, client) = replica(&site, "ended").start();
    let step = exchange(&client, &mut device, step).await;
    assert!(matches!(step, Step::Done(_)), "{step:?}");
    let expect = wake_with(&format!("commit client\npush client{SESSION}"));
    let trace = site.receiver.shape(TRACE, &expect).await;
    for (name, instance) in
        [("reveille.v1.WakeService/Wake", "asked"), ("wake", "came"), ("session", "ended")]
    {
        assert_eq!(trace.only(name).process_says("service.instance.id"), instance, "{name}");
    }
    let [first, last] = trace.all("message")[..] else { panic!("two messages") };
    let instances = [first, last].map(|message| message.process_says("service.instance.id"));
    assert_eq!(instances, ["came", "ended"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_whose_process_was_killed_is_told_by_the_next_one() {
    let site = Site::new().await;
    let command = || {
        let mut command = site.command();
        for (key, value) in [("PUSH_TIMEOUT", "300ms"), ("TOKEN_TIMEOUT", "300ms"), ("LEASE", "1500ms")] {
            command.env(format!("REVEILLE__WNS__{key}"), value);
        }
        command
    };
    let service = site.start(command());
    site.live(NAME).await;
    site.wns.fail_pushes(Script::always(PushFault::Slow(60_000)));
    site.wake(NAME).await;
    site.wns.until(|counters| counters.pushes > 0).await;
    service.kill();
    let _service = site.start(command());
    let is_lost = |verdict: String| verdict == "lease_expired";
    let trace = site
        .receiver
        .until(TRACE, |trace| {
            trace.all("push").iter().any(|push| is_lost(push.says("reveille.push.verdict")))
        })
        .await;
    let lost = trace.all("push")[0];
    assert!(is_lost(lost.says("reveille.push.verdict")), "the first one");
    assert_eq!(lost.of(["reveille.push.attempt", "reveille.device"]), ["1", NAME]);
}
