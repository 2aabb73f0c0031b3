//! A hundred thousand wakes at once, while WNS takes nothing: they wait in the database and not in memory, and when WNS
//! is ready again they go at the pace that it takes.

use std::{fmt, time::Duration};

use reveille_api::v1::{
    DeviceRef, WakeManyRequest, WakePriority, WakeRequest, device_ref::By,
    wake_many_response::Result as Answer, wake_service_client::WakeServiceClient,
};
use simulator::wns::{App, Handle, PushFault, RetryAfter, Script};
use tonic::transport::Channel;

use crate::{Place, Running, emulator, now, seed};

const WAKES: usize = 100_000;
/// What the process may take of the machine's memory: 150 MB.
const RESIDENT_KIB: u64 = 150_000_000 / 1024;
/// How long WNS shuts the app, each time it is asked.
const SHUT: Duration = Duration::from_secs(2);
/// How long WNS takes over the probe, and over each push after it.
const PROBE: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_millis(25);
/// A start begins with 20 pushes a second and a quarter of that at once; each push that WNS takes adds a quarter of one to
/// those of a second. So there are at most this many times `exp(seconds / 4)` (DESIGN §5).
const START: f64 = 4.0 * 20.0 + 5.0;
/// How long all pushes may take. Nobody answers them, and meanwhile no second one is due.
const PATIENCE: Duration = Duration::from_mins(20);
const LOOK: Duration = Duration::from_millis(100);
const TELL: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn a_hundred_thousand_wakes_wait_outside_of_memory_and_go_at_the_pace_of_wns() {
    let (wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    place.edit("answer_window = \"5s\"", "answer_window = \"1h\"");
    let service = place.serve();
    let names = measured("devices imported", seed::devices(place.channel(), &wns, WAKES)).await;
    println!("{}", Resident::of(&service));

    let throttled = PushFault::app_throttled(503, Some(RetryAfter::Seconds(SHUT.as_secs())));
    wns.fail_pushes(Script::always(throttled));
    let began = now();
    measured("wakes asked for", ask_all(place.channel(), names.clone())).await;
    println!("{}", Resident::of(&service));
    let (shut, span) = (wns.counters(), began.elapsed());
    let probes = span.as_secs() / SHUT.as_secs() + 1;
    assert!((1..=probes).contains(&shut.pushes), "{} pushes in {span:?}", shut.pushes);
    assert_eq!(shut.accepted, 0);

    open(&wns).await;
    let pace = Pace::follow(&wns).await;
    println!("{pace}");
    pace.check();
    let pushed = |name: &&String| wns.pushes_to(name) >= 1;
    assert_eq!(names.iter().filter(pushed).count(), WAKES, "every device is pushed to");
    assert_eq!(wns.counters().accepted, WAKES as u64, "and once is enough");
    let resident = Resident::of(&service);
    println!("{resident}");
    assert!(resident.most < RESIDENT_KIB, "{resident}");
}

/// Does something to all devices, and tells how fast.
async fn measured<T>(what: &str, work: impl Future<Output = T>) -> T {
    let began = now();
    let done = work.await;
    let span = began.elapsed();
    println!("{WAKES} {what} in {span:.1?}: {:.0}/s", per_second(WAKES as u64, span));
    done
}

fn per_second(count: u64, span: Duration) -> f64 {
    in_floats(count) / span.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "a hundred thousand at most")]
fn in_floats(count: u64) -> f64 {
    count as f64
}

/// Asks for one wake of each device over one stream, as fast as it takes them.
async fn ask_all(service: Channel, names: Vec<String>) {
    let requests = tokio_stream::iter(names.into_iter().map(request));
    let answers = WakeServiceClient::new(service).wake_many(requests).await;
    let (mut answers, mut accepted) = (answers.unwrap().into_inner(), 0);
    while let Some(answer) = answers.message().await.unwrap() {
        assert!(matches!(answer.result, Some(Answer::Response(_))), "a wake is refused: {answer:?}");
        accepted += 1;
    }
    assert_eq!(accepted, WAKES);
}

fn request(name: String) -> WakeManyRequest {
    let request = WakeRequest {
        device: Some(DeviceRef { by: Some(By::Name(name.clone())) }),
        priority: WakePriority::Bulk.into(),
        ..WakeRequest::default()
    };
    WakeManyRequest { client_ref: name, request: Some(request) }
}

/// WNS takes pushes again. It takes its time over the first one, and until that is answered it is the only one.
async fn open(wns: &Handle) {
    let refused = wns.counters().pushes + 1;
    wns.until(|counters| counters.pushes >= refused).await;
    // The app was shut this moment: what is scripted now is for the next probe.
    wns.clear_faults();
    wns.fail_pushes(Script::once(PushFault::Slow(millis(PROBE))));
    wns.fail_pushes(Script::always(PushFault::Slow(millis(ANSWER))));
    wns.until(|counters| counters.pushes > refused).await;
    let probed = now();
    wns.until(|counters| counters.pushes > refused + 1).await;
    assert!(probed.elapsed() > PROBE / 2, "nothing goes beside the probe");
}

fn millis(span: Duration) -> u64 {
    span.as_millis().try_into().unwrap()
}

/// How many pushes WNS had taken so long after the probe, a few times a second.
struct Pace(Vec<(Duration, u64)>);

impl Pace {
    /// Looks on until all are pushed.
    async fn follow(wns: &Handle) -> Self {
        let (began, mut taken) = (now(), Vec::new());
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let accepted = wns.counters().accepted;
            taken.push((began.elapsed(), accepted));
            if accepted >= WAKES as u64 {
                return Self(taken);
            }
            assert!(began.elapsed() < PATIENCE, "not all are pushed in time: {}", Self(taken));
        }
    }

    /// The start is slow.
    fn check(&self) {
        for &(after, taken) in &self.0 {
            // Half a second more, for those who look on.
            let most = START * ((after.as_secs_f64() + 0.5) / 4.0).exp();
            assert!(in_floats(taken) < most, "{taken} pushes in {after:.1?} and not {most:.0}: {self}");
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = (Duration::ZERO, 0);
        for (n, &(after, taken)) in self.0.iter().enumerate() {
            let span = after.saturating_sub(told.0);
            if span >= TELL || n + 1 == self.0.len() {
                writeln!(
                    f,
                    "{taken:>8} pushes after {after:.1?}: {:.0}/s",
                    per_second(taken - told.1, span)
                )?;
                told = (after, taken);
            }
        }
        Ok(())
    }
}

/// What the process takes of the machine's memory, in KiB.
struct Resident {
    now: u64,
    most: u64,
}

impl Resident {
    fn of(service: &Running) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{}/status", service.child.id())).unwrap();
        let line = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kib = |name| line(name).trim().trim_end_matches(" kB").parse().unwrap();
        Self { now: kib("VmRSS:"), most: kib("VmHWM:") }
    }
}

impl fmt::Display for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resident: {} KiB, at most {} KiB", self.now, self.most)
    }
}
