//! Everything goes wrong at once: WNS fails in all ways that it knows, and the process is killed again and again. What a
//! caller was told is accepted must end all the same, and end once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use reveille_api::v1::{
    DeviceRef, ListWakesRequest, WakePriority, WakeRequest, WakeState, device_ref::By,
    wake_service_client::WakeServiceClient,
};
use simulator::{
    device::{Client, Device, Identity, Opening, Profile, Step},
    wns::{App, Delivery, Handle, HttpFault, PushFault, RetryAfter, Script, TokenFault},
};
use store::{EventKind, Store, WakeRecord};
use tokio::{
    sync::{Mutex, Semaphore, broadcast::error::RecvError},
    task::JoinSet,
    time::MissedTickBehavior,
};
use tonic::transport::Channel;

use crate::{
    PASSWORD, Place, emulator,
    seed::{self, Dice},
};

const SEED: u64 = 0x05EE_DFC4_A050_0000;
const DEVICES: usize = 5_000;
/// Some devices have several, which share a summons.
const WAKES: usize = 6_000;
const KILLS: u64 = 5;
/// Of so many devices, one never comes.
const ABSENT: usize = 8;
const DEADLINE: i64 = 45;
/// So many wakes wait at the same time: on a slow machine the deadlines of more would pass.
const LIVE: usize = 900;
/// So many wakes are asked for at the same time.
const TOGETHER: usize = 50;
/// Accepted pushes without an answer, as configured.
const LIMIT: usize = 3;
/// How long a kill waits for its push, and the whole for its end.
const PATIENCE: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wake_ends_once_whatever_wns_and_the_process_do() {
    let (wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    hurry(&place);
    let mut service = place.serve();
    let channel = place.channel();
    let names = seed::devices(channel.clone(), &wns, DEVICES).await;
    let mut dice = Dice::new(SEED);
    plan_faults(&wns, &names, &mut dice);
    let fleet = tokio::spawn(come_when_called(wns.clone(), devices(&place, &names), place.client(&origin)));
    let asking = tokio::spawn(ask_all(WakeServiceClient::new(channel.clone()), names, Dice::new(SEED)));
    for kill in 0..KILLS {
        // Spread over the first pushes to all, at random moments between.
        let share = DEVICES as u64 / KILLS;
        let mark = kill * share + 1 + dice.roll(share - 1);
        let reached = tokio::time::timeout(PATIENCE, wns.until(|counters| counters.pushes >= mark));
        reached.await.expect("pushes go on after a kill");
        service = tokio::task::block_in_place(|| {
            service.kill();
            place.serve()
        });
        if kill % 2 == 0 {
            wns.revoke_tokens();
        }
    }
    let asked = tokio::time::timeout(PATIENCE, asking).await.expect("every wake is accepted").unwrap();
    if let Err(live) = at_most(WakeServiceClient::new(channel), 0).await {
        let said: Vec<_> = service.lines.try_iter().collect();
        panic!("a wake never ended: {live}; the service said:\n{}", said.join("\n"));
    }
    fleet.abort();
    tokio::task::block_in_place(|| service.kill());
    let counters = wns.counters();
    println!(
        "{} pushes reached WNS; it took {} and refused {}",
        counters.pushes, counters.accepted, counters.refused
    );
    check(&seed::store(place.path(), &origin).await, &asked).await;
}

/// Intervals of minutes become fractions of a second.
fn hurry(place: &Place) {
    let file = std::fs::read_to_string(place.path().join("reveille.toml")).unwrap();
    let file = file.replace("answer_window = \"5s\"", RULES) + WNS;
    place.write("reveille.toml", &file);
}

const RULES: &str = r#"
    answer_window = "3s"
    max_unanswered = 3
    look_every = "100ms"
    backoff = "50ms"
    backoff_max = "500ms"
    app_gate = "200ms"
    app_gate_max = "200ms"
    channel_gate = "100ms"
    channel_gate_max = "400ms"
    dropped_delays = ["200ms", "400ms"]
    fault_probe = "100ms"
    fault_probe_max = "200ms"
    channel_burst = 20
    channel_refill = "10ms"
    channel_hourly = 0
"#;
const WNS: &str = r#"
    [wns]
    push_timeout = "1s"
    token_timeout = "1s"
    token_backoff = "50ms"
    token_backoff_max = "200ms"
    lease = "5s"
"#;

/// Three of ten pushes fail until one succeeds, device by device, in every way.
fn plan_faults(wns: &Handle, names: &[String], dice: &mut Dice) {
    for name in names {
        while dice.roll(10) < 3 {
            wns.fail_pushes(Script::once(fault(dice)).at_device(name));
        }
    }
    // What concerns the whole app is rare: it holds up all pushes, and after it the start is slow.
    let throttled = [(406, None), (429, Some(RetryAfter::Seconds(1))), (503, Some(RetryAfter::DateIn(1)))];
    for (n, (status, wait)) in throttled.into_iter().enumerate() {
        let name = &names[(n + 1) * names.len() / 4];
        wns.fail_pushes(Script::once(PushFault::app_throttled(status, wait)).at_device(name));
    }
    for trouble in [
        TokenFault::error("invalid_client", "for a moment"),
        TokenFault::status(503, None),
        TokenFault::status(429, Some(RetryAfter::Seconds(1))),
        TokenFault::Closed,
        TokenFault::Slow(300),
    ] {
        wns.fail_tokens(Script::once(trouble));
    }
}

fn fault(dice: &mut Dice) -> PushFault {
    match dice.roll(100) {
        0..7 => PushFault::status(403),
        7..9 => PushFault::status(413),
        9..11 => PushFault::redirect(307, "https://example.org/"),
        11..17 => PushFault::status(404),
        17..23 => PushFault::status(410),
        23..33 => PushFault::ChannelThrottled,
        33..48 => PushFault::Dropped,
        48..53 => PushFault::OddStatus(None),
        53..58 => PushFault::OddStatus(Some("sideways".into())),
        58..68 => PushFault::Closed,
        68..78 => PushFault::ClosedAfterDelivery,
        78..82 => PushFault::Slow(1_500),
        82..90 => PushFault::Http(HttpFault { status: 504, ..HttpFault::default() }),
        _ => PushFault::status(500),
    }
}

fn devices(place: &Place, names: &[String]) -> BTreeMap<String, Arc<Mutex<Device>>> {
    let device = |(n, name): (usize, &String)| {
        let identity = Identity::new(name, "user", PASSWORD);
        let device = Device::new(identity, Profile::new("Reveille"), &place.gateway_url());
        (!n.is_multiple_of(ABSENT)).then(|| (name.clone(), Arc::new(Mutex::new(device))))
    };
    names.iter().enumerate().filter_map(device).collect()
}

/// A device that is pushed to opens a session, and then its user switches it off: a wake wants no more than that.
async fn come_when_called(wns: Handle, devices: BTreeMap<String, Arc<Mutex<Device>>>, client: Client) {
    let (client, places) = (Arc::new(client), Arc::new(Semaphore::new(32)));
    let mut deliveries = wns.deliveries();
    let mut sessions = JoinSet::new();
    loop {
        let Delivery { device, .. } = match deliveries.recv().await {
            Ok(delivery) => delivery,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        while sessions.try_join_next().is_some() {}
        let Some(device) = devices.get(&device).cloned() else { continue };
        let (client, places) = (client.clone(), places.clone());
        sessions.spawn(async move {
            let _place = places.acquire_owned().await;
            let mut device = device.lock().await;
            let mut message = device.start(Opening::Push, model::Timestamp::EPOCH);
            // The challenge, and the message that says who it is.
            for _ in 0..2 {
                // The service may be dead: then the push was in vain, and another one must come.
                let Ok(reply) = client.exchange(&device, Opening::Push, message).await else { break };
                let Ok(Step::Send(next)) = device.receive(&reply, model::Timestamp::EPOCH) else { break };
                message = next;
            }
            device.fall_silent();
        });
    }
}

/// Asks for all wakes, each until it is accepted: under its key, so that no answer that was lost makes two.
/// Returns the ids that were told.
async fn ask_all(client: WakeServiceClient<Channel>, names: Vec<String>, mut dice: Dice) -> BTreeSet<String> {
    let (mut told, mut asking) = (BTreeSet::new(), JoinSet::new());
    for n in 0..WAKES {
        if n.is_multiple_of(TOGETHER) {
            told.extend(std::mem::take(&mut asking).join_all().await);
            at_most(client.clone(), LIVE - TOGETHER).await.expect("wakes end");
        }
        let name = names.get(n).unwrap_or_else(|| dice.pick(&names));
        let priority = if dice.roll(4) == 0 { WakePriority::Interactive } else { WakePriority::Bulk };
        let request = WakeRequest {
            device: Some(DeviceRef { by: Some(By::Name(name.clone())) }),
            timeout: Some(prost_types::Duration { seconds: DEADLINE, nanos: 0 }),
            priority: priority.into(),
            idempotency_key: format!("chaos {n}"),
            ..WakeRequest::default()
        };
        asking.spawn(ask(client.clone(), request));
    }
    told.extend(asking.join_all().await);
    assert_eq!(told.len(), WAKES, "each request made a wake of its own");
    told
}

async fn ask(mut client: WakeServiceClient<Channel>, request: WakeRequest) -> String {
    // If nobody is there, or too much is under way, a caller tries again, but not in a tight loop.
    let mut tries = tokio::time::interval(Duration::from_millis(100));
    tries.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tries.tick().await;
        if let Ok(response) = client.wake(request.clone()).await {
            return response.into_inner().wake.unwrap().id;
        }
    }
}

/// Waits until at most so many wakes are live; or tells one that still is, after all patience.
async fn at_most(mut client: WakeServiceClient<Channel>, most: usize) -> Result<(), String> {
    let live = ListWakesRequest {
        states: vec![WakeState::Live.into()],
        page_size: 1_000,
        ..ListWakesRequest::default()
    };
    let mut looks = tokio::time::interval(Duration::from_millis(500));
    let end = crate::now() + PATIENCE;
    loop {
        looks.tick().await;
        let found = client.list_wakes(live.clone()).await.map(|page| page.into_inner().wakes);
        match found {
            Ok(wakes) if wakes.len() <= most => return Ok(()),
            other if crate::now() > end => {
                return Err(format!("{:?}", other.map(|wakes| wakes.first().cloned())));
            }
            _ => {}
        }
    }
}

async fn check(store: &Store, asked: &BTreeSet<String>) {
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let (mut made, mut seq) = (0, 0);
    loop {
        let events = store.events_after(seq, 1_000).await.unwrap();
        let Some(last) = events.last() else { break };
        seq = last.seq;
        for event in events {
            match event.kind {
                EventKind::Asked => made += 1,
                EventKind::Pushed | EventKind::PushFailed => {}
                _ => *ends.entry(event.wake.to_string()).or_default() += 1,
            }
        }
    }
    assert_eq!(made, WAKES, "a repeated request made no second wake");
    let mut summonses: BTreeMap<_, (usize, BTreeSet<_>)> = BTreeMap::new();
    for id in asked {
        let wake = store.wake(id.parse().unwrap()).await.unwrap();
        assert_eq!(ends.get(id), Some(&1), "wake {id} ends exactly once");
        *outcomes.entry(words(&wake)).or_default() += 1;
        answered_by_a_later_session(store, &wake).await;
        let counted = store.pushes(&wake).await.unwrap().into_iter().filter(|push| {
            let verdict = push.verdict.as_deref().unwrap_or("lost");
            ["sent", "sent_unknown", "ambiguous", "lease_expired", "lost"].contains(&verdict)
        });
        let (wakes, pushes) = summonses.entry(wake.summons).or_default();
        *wakes += 1;
        pushes.extend(counted.map(|push| push.id.to_string()));
    }
    for (summons, (wakes, pushes)) in &summonses {
        // Each wake that joins later may grant one more.
        assert!(pushes.len() < LIMIT + wakes, "{summons:?}: {} pushes for {wakes} wakes", pushes.len());
    }
    println!("outcomes of {} wakes in {} summonses: {outcomes:?}", asked.len(), summonses.len());
    let answered = outcomes.get("answered").copied().unwrap_or_default();
    assert!(answered > WAKES / 2, "most devices come: {outcomes:?}");
}

fn words(wake: &WakeRecord) -> String {
    let outcome = wake.wake.end().expect("it has ended").outcome;
    let reason = outcome.reason().map(|reason| format!(": {}", reason.name())).unwrap_or_default();
    format!("{}{reason}", outcome.name())
}

async fn answered_by_a_later_session(store: &Store, wake: &WakeRecord) {
    let Some(answer) = wake.wake.end().and_then(|end| end.outcome.answer()) else { return };
    let session = store.session(answer.session).await.unwrap();
    assert_eq!(session.device, wake.wake.device());
    assert!(session.started_at >= wake.wake.asked_at(), "a session answers what was asked before it");
}
