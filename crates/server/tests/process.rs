//! The process: started, drained, killed and started again, and its parts side by side.

#[path = "process/canary.rs"]
mod canary;
#[path = "process/chaos.rs"]
mod chaos;
#[path = "process/seed.rs"]
mod seed;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use model::Timestamp;
use simulator::{
    device::{Backoff, Client, Device, Identity, Opening, Profile, Step},
    wns::{App, EmulatedWns, PushFault, Script},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

#[path = "process/credentials.rs"]
mod credentials;
#[path = "process/devices.rs"]
mod devices;
#[path = "process/life_sign.rs"]
mod life_sign;
#[path = "process/observe.rs"]
mod observe;
#[path = "process/outcomes.rs"]
mod outcomes;
#[cfg(target_os = "linux")]
#[path = "process/surge.rs"]
mod surge;
#[path = "process/terminal.rs"]
mod terminal;
#[path = "process/traces.rs"]
mod traces;
#[path = "process/watch.rs"]
mod watch;

/// Nothing in these tests takes this long, unless it never comes.
const NEVER: Duration = Duration::from_secs(30);
const NAME: &str = "0123456789ABCDEF0123456789ABCDEF";
const PASSWORD: &str = "a password";

/// A directory with a configuration, on ports of its own.
struct Place {
    directory: tempfile::TempDir,
    gateway: u16,
    grpc: u16,
    admin: u16,
}

/// A running `reveille`, killed when it is dropped.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Place {
    fn new(wns: &str, app: &App) -> Self {
        let [gateway, grpc, admin] = free_ports();
        let place = Self { directory: tempfile::tempdir().unwrap(), gateway, grpc, admin };
        let (pfn, sid) = (&app.pfn, &app.sid);
        place.write(
            "reveille.toml",
            &format!(
                r#"
                [service]
                notice = "0s"
                [gateway]
                listen = "127.0.0.1:{gateway}"
                [grpc]
                listen = "127.0.0.1:{grpc}"
                [admin]
                listen = "127.0.0.1:{admin}"
                [store]
                url = "sqlite://reveille.db"
                key = {{ file = "reveille.key" }}
                [push]
                min_gap = "50ms"
                answer_window = "5s"
                open_session_delay = "50ms"
                open_session_silence = "500ms"
                extra_channel_origins = ["{wns}"]
                [[push_app]]
                name = "main"
                pfn = "{pfn}"
                sid = "{sid}"
                secret = {{ env = "TEST_WNS_SECRET" }}
                token_url = "{wns}/accesstoken.srf"
                "#
            ),
        );
        place
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path().join(file), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = reveille(arguments);
        command.current_dir(self.path()).env("TEST_WNS_SECRET", secret());
        command.env("REVEILLE_SERVER", format!("http://127.0.0.1:{}", self.grpc));
        command
    }

    /// Runs a command to its end.
    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    fn serve(&self) -> Running {
        let running = Running::start(self.command(&["serve"]));
        self.wait_until_ready();
        running
    }

    fn wait_until_ready(&self) {
        let deadline = now() + NEVER;
        while !self.get("/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            assert!(now() < deadline, "the service never became ready");
            std::thread::yield_now();
        }
    }

    /// A GET at the admin listener; none if nobody listens.
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.admin)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn create_device(&self) {
        let mut create = self.command(&["devices", "create", NAME, "--user", "user", "--password-stdin"]);
        let mut child =
            create.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }

    fn gateway_url(&self) -> String {
        format!("http://127.0.0.1:{}/dm", self.gateway)
    }

    /// A connection to the gRPC service, which comes up again after a restart.
    fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://127.0.0.1:{}", self.grpc)).unwrap().connect_lazy()
    }

    fn device(&self) -> Device {
        Device::new(Identity::new(NAME, "user", PASSWORD), Profile::new("Reveille"), &self.gateway_url())
    }

    fn client(&self, wns: &str) -> Client {
        Client::new(self.gateway_url().parse().unwrap(), Some(wns.parse().unwrap())).unwrap()
    }

    /// What `wakes show --json` says.
    fn wake(&self, id: &str) -> serde_json::Value {
        let output = self.run(&["wakes", "show", id, "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)))
    }
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let tell = tell.clone();
            std::thread::spawn(move || {
                // Nobody listens any more: the rest is read all the same, so that the process is not held up.
                BufReader::new(output).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
            });
        }
        Self { child, lines }
    }

    /// Waits for a line that holds `words`.
    fn says(&self, words: &str) -> String {
        let deadline = now() + NEVER;
        let mut heard = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(now())) {
            if line.contains(words) {
                return line;
            }
            heard.push(line);
        }
        panic!("never said {words:?}, but:\n{}", heard.join("\n"))
    }

    /// What it said and nobody read, once it has ended.
    fn rest(&self) -> String {
        self.lines.iter().collect::<Vec<_>>().join("\n")
    }

    /// SIGKILL: no chance to say goodbye.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and its exit status.
    fn terminate(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's patience is measured by the clock")]
fn now() -> Instant {
    Instant::now()
}

fn reveille(arguments: &[&str]) -> Command {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_reveille")));
    command.args(arguments);
    command
}

fn secret() -> String {
    secrecy::ExposeSecret::expose_secret(&App::example().secret).to_owned()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// An emulated WNS in this process.
async fn emulator() -> (simulator::wns::Handle, String, tokio_util::sync::DropGuard) {
    // Another test of this binary may have done it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let emulator = EmulatedWns::bind(([127, 0, 0, 1], 0).into(), simulator::wns::Settings::default());
    let emulator = emulator.await.unwrap();
    let (handle, origin, stop) = (emulator.handle(), emulator.origin(), CancellationToken::new());
    tokio::spawn(emulator.serve(stop.clone()));
    (handle, origin, stop.drop_guard())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_that_was_accepted_before_a_kill_is_pushed_after_the_restart() {
    let (wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let service = place.serve();
    place.create_device();
    let mut device = place.device();
    place.client(&origin).sync(&mut device).await.unwrap();
    // Until the restart WNS keeps nothing.
    wns.fail_pushes(Script::always(PushFault::Dropped));
    let asked = place.run(&["wake", NAME, "--deadline", "10m", "--json"]);
    let asked: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    let id = asked["id"].as_str().unwrap().to_owned();
    service.kill();
    wns.clear_faults();
    let mut deliveries = wns.deliveries();
    let _service = place.serve();
    let delivery = tokio::time::timeout(Duration::from_secs(90), deliveries.recv()).await;
    assert_eq!(delivery.expect("a push after the restart").unwrap().device, NAME);
    place.client(&origin).sync_as(&mut device, Opening::Push, Backoff::NONE).await.unwrap();
    assert_eq!(place.wake(&id)["state"], "answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_goes_on_after_a_restart() {
    let (_wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let mut service = place.serve();
    place.create_device();
    let (mut device, client) = (place.device(), place.client(&origin));
    let mut step = Step::Send(device.start(Opening::Schedule, Timestamp::EPOCH));
    // The challenge, and the first answer: the session is open.
    for _ in 0..2 {
        let Step::Send(message) = step else { panic!("the device sends") };
        let reply = client.exchange(&device, Opening::Schedule, message).await.unwrap();
        step = device.receive(&reply, Timestamp::EPOCH).unwrap();
    }
    assert_eq!(service.terminate(), Some(0), "it drains and ends well");
    let _service = place.serve();
    let Step::Send(message) = step else { panic!("the device answers the housekeeping") };
    let reply = client.exchange(&device, Opening::Schedule, message).await.unwrap();
    let step = device.receive(&reply, Timestamp::EPOCH).unwrap();
    assert!(matches!(step, Step::Register(_)), "it was asked to set the PFN: {step:?}");
    let shown = place.run(&["devices", "show", NAME, "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let sessions = shown["recent_sessions"].as_array().cloned().unwrap_or_default();
    assert_eq!(sessions.len(), 1, "still the same session: {shown}");
    assert_eq!(sessions[0]["messages"], 2, "package 1 before the restart, its answer after it");
}

#[test]
fn the_parts_work_as_processes_of_their_own() {
    let [port] = free_ports();
    let origin = format!("http://127.0.0.1:{port}");
    let wns = Running::start(reveille(&["simulate", "wns", "--listen", &format!("127.0.0.1:{port}")]));
    wns.says(&origin);
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    let (gateway, server) = (place.gateway_url(), format!("http://127.0.0.1:{}", place.grpc));
    let fleet = place.command(&[
        "simulate",
        "fleet",
        "--gateway",
        &gateway,
        "--devices",
        "3",
        "--server",
        &server,
        "--wns",
        &origin,
    ]);
    let _fleet = Running::start(fleet);
    let deadline = now() + NEVER;
    let name = loop {
        let listed = place.run(&["devices", "list", "--json"]);
        let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap_or_default();
        let devices = listed.as_array().cloned().unwrap_or_default();
        let live = devices.iter().find(|device| device["channel"]["state"] == "live");
        if let Some(name) = live.and_then(|device| device["name"].as_str()) {
            break name.to_owned();
        }
        assert!(now() < deadline, "no device came to be live: {listed}");
    };
    let woken = place.run(&["wake", &name, "--wait"]);
    assert_eq!(woken.status.code(), Some(0), "{}", text(&woken));
    assert!(text(&woken).contains("answered after"), "{}", text(&woken));
    let unknown = place.run(&["wake", "NOBODY", "--wait"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown).contains("No device has this name"), "{}", text(&unknown));
}

#[test]
fn mistakes_in_the_configuration_are_all_named_before_a_port_opens() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    place.write(
        "reveille.toml",
        r#"
        [gateway]
        listen = "nowhere"
        colour = "blue"
        [store]
        url = "mysql://x"
        [push]
        wns_priority = 9
        [nonsense]
        "#,
    );
    let output = place.run(&["serve"]);
    assert_eq!(output.status.code(), Some(64), "{}", text(&output));
    for key in ["gateway.listen", "gateway.colour", "store.url", "push.wns_priority", "nonsense"] {
        assert!(text(&output).contains(key), "{key} is not named in:\n{}", text(&output));
    }
}

#[test]
fn a_wrong_or_missing_key_is_named_and_nothing_starts() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    place.serve().kill();
    let key = std::fs::read_to_string(place.path().join("reveille.key")).unwrap();
    std::fs::remove_file(place.path().join("reveille.key")).unwrap();
    let missing = place.run(&["serve"]);
    assert_eq!(missing.status.code(), Some(64), "{}", text(&missing));
    assert!(text(&missing).contains("reveille.key"), "{}", text(&missing));
    place.write("reveille.key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n");
    let wrong = place.run(&["serve"]);
    assert_eq!(wrong.status.code(), Some(64), "{}", text(&wrong));
    assert!(text(&wrong).contains("key"), "{}", text(&wrong));
    assert!(!text(&wrong).contains(key.trim()), "the key itself is not told");
}

#[test]
fn the_demo_ends_well_and_tells_what_it_did() {
    let output = reveille(&["demo", "--devices", "5", "--wakes", "10", "--exit", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let summary: serde_json::Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!(summary["devices"], 5);
    assert_eq!(summary["channels"]["live"], 5);
    assert_eq!(summary["wakes"]["answered"], 10, "{summary}");
    assert!(summary["wake_to_session_ms"]["max"].as_u64().unwrap() > 0);
}
