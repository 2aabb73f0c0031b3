//! The gateway that is attacked: this test binary, started once more, so that its memory is its own.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::net::TcpStream;
use url::Url;

use crate::field::{Field, NAME, SYNCML};

/// Tells the process below that it is to serve.
const SWITCH: &str = "GATEWAY_UNDER_ATTACK";
/// What its one line begins with.
const READY: &str = "under attack at ";

/// A gateway in the clear and one with TLS, in one process. Cheap to clone.
#[derive(Clone)]
pub(super) struct Attacked {
    child: Arc<Mutex<Child>>,
    id: u32,
    pub(super) url: Url,
    pub(super) tls: Url,
}

/// Of the process, in KiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) resident: u64,
    pub(super) peak: u64,
}

impl Attacked {
    pub(super) async fn start() -> Self {
        // Another test of this binary may have done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        tokio::task::spawn_blocking(Self::spawn).await.unwrap()
    }

    fn spawn() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hostile::attacked::serve", "--ignored", "--nocapture"])
            .env(SWITCH, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines
            .find_map(|line| Some(line.unwrap().split_once(READY)?.1.to_owned()))
            .expect("it gets ready");
        // What it prints at its end must find a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let (url, tls) = ready.split_once(' ').unwrap();
        let id = child.id();
        Self { child: Arc::new(Mutex::new(child)), id, url: url.parse().unwrap(), tls: tls.parse().unwrap() }
    }

    pub(super) fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap();
        let kib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).expect("the kernel tells it");
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        Memory { resident: kib("VmRSS:"), peak: kib("VmHWM:") }
    }

    /// The peak begins anew at what is resident now.
    pub(super) fn reset_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.id), "5").unwrap();
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect((self.url.host_str().unwrap(), self.url.port().unwrap())).await.unwrap()
    }

    pub(super) async fn connect_tls(&self) -> TcpStream {
        TcpStream::connect((self.tls.host_str().unwrap(), self.tls.port().unwrap())).await.unwrap()
    }

    /// Posts a body and tells the status.
    pub(super) async fn post(&self, body: impl Into<reqwest::Body>) -> u16 {
        let request = reqwest::Client::new().post(self.url.clone()).header("content-type", SYNCML).body(body);
        request.send().await.unwrap().status().as_u16()
    }

    /// A device is challenged within reasonable time.
    pub(super) async fn serves_a_device(&self) {
        let message = format!(
            "<SyncML><SyncHdr><SessionID>1</SessionID><MsgID>1</MsgID><Source><LocURI>{NAME}</LocURI></Source></SyncHdr>\
             <SyncBody><Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Final/></SyncBody></SyncML>"
        );
        let served = tokio::time::timeout(Duration::from_secs(5), self.post(message)).await;
        assert_eq!(served.expect("a device is served"), 200);
    }
}

impl Drop for Attacked {
    fn drop(&mut self) {
        if Arc::strong_count(&self.child) == 1 {
            let mut child = self.child.lock().unwrap();
            drop(child.stdin.take());
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Timeouts of a second, and less room than in production.
fn impatient(settings: &mut gateway::Settings) {
    let second = Duration::from_secs(1);
    settings.request_timeout = second;
    settings.connections.handshake_timeout = second;
    settings.connections.header_timeout = second;
    settings.connections.idle_timeout = second;
    settings.connections.open_per_address = 300;
    settings.max_buffered_bytes = 16 << 20;
    settings.guessing.challenge_burst = 100_000;
}

/// Serves until its standard input ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that is attacked: the attacks start it"]
async fn serve() {
    if std::env::var_os(SWITCH).is_none() {
        return;
    }
    let (clear, secured) = (Field::with(impatient).await, Field::secured(impatient).await);
    clear.create(NAME).await;
    println!("{READY}{} {}", clear.url, secured.url);
    let stdin = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    drop(stdin.await);
}
