//! The service as a process, and the processor time that it took.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use simulator::wns::App;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

pub(crate) struct Service {
    child: Child,
    gateway: u16,
    grpc: u16,
    admin: u16,
    _directory: TempDir,
}

/// So often, twenty times a second, the service is looked for.
const TRIES: u32 = 600;
/// Nobody waits for anything but the work itself.
const RULES: &str = r#"
    [push]
    min_gap = "1ms"
    open_session_delay = "1ms"
    channel_burst = 255
    channel_refill = "1ms"
    channel_hourly = 0
"#;

impl Service {
    pub(crate) fn start(wns: &str, collector: Option<&str>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let [gateway, grpc, admin] = [(); 3].map(|()| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("an address").port()
        });
        let app = App::example();
        let text = format!(
            r#"{RULES}
            extra_channel_origins = ["{wns}"]
            [store]
            url = "sqlite://reveille.db"
            key = {{ file = "reveille.key" }}
            [[push_app]]
            name = "main"
            pfn = "{}"
            sid = "{}"
            secret = {{ env = "BENCH_WNS_SECRET" }}
            token_url = "{wns}/accesstoken.srf"
            "#,
            app.pfn, app.sid
        );
        fs::write(directory.path().join("reveille.toml"), text).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_reveille"));
        command
            .arg("serve")
            .current_dir(directory.path())
            .env("BENCH_WNS_SECRET", secrecy::ExposeSecret::expose_secret(&app.secret))
            .env("REVEILLE__GATEWAY__LISTEN", format!("127.0.0.1:{gateway}"))
            .env("REVEILLE__GRPC__LISTEN", format!("127.0.0.1:{grpc}"))
            .env("REVEILLE__ADMIN__LISTEN", format!("127.0.0.1:{admin}"))
            .env("REVEILLE__SERVICE__NOTICE", "0s")
            .env("REVEILLE__TELEMETRY__LOG_FILTER", "warn")
            .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
            .stdout(Stdio::null());
        if let Some(url) = collector {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", url);
        }
        Self { child: command.spawn().expect("the service"), gateway, grpc, admin, _directory: directory }
    }

    pub(crate) fn gateway(&self) -> String {
        format!("http://127.0.0.1:{}/dm", self.gateway)
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", self.grpc)).expect("a URL");
        let mut tries = tokio::time::interval(Duration::from_millis(50));
        for _ in 0..TRIES {
            tries.tick().await;
            if let Ok(channel) = endpoint.connect().await {
                return channel;
            }
        }
        panic!("the service does not listen: look at what it says above");
    }

    /// Processor time so far, of user and system.
    pub(crate) fn cpu(&self) -> Duration {
        /// Of the kernel's clock, in a second (`USER_HZ`).
        const TICKS: u64 = 100;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("a process");
        let (_, fields) = stat.rsplit_once(") ").expect("fields after the name");
        let ticks = fields.split(' ').skip(11).take(2).map(|text| text.parse::<u64>().expect("ticks"));
        Duration::from_millis(ticks.sum::<u64>() * 1_000 / TICKS)
    }

    /// Spans that it did not export, so far.
    pub(crate) fn spans_dropped(&self) -> u64 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.admin)).expect("the admin listener");
        let ask = b"GET /metrics HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n";
        stream.write_all(ask).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("metrics");
        let mut lines = answer.lines();
        let count = lines.find_map(|line| line.strip_prefix("reveille_telemetry_spans_dropped_total "));
        count.expect("the metric").parse().expect("a number")
    }

    /// Lets it flush what it has, and stops it. Processor time in all.
    pub(crate) async fn end(mut self) -> Duration {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill");
        assert!(sent.success());
        // As long as nobody waits for it, a process that has ended can still be looked at.
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        while !self.has_ended() {
            looks.tick().await;
        }
        let cpu = self.cpu();
        assert!(self.child.wait().expect("its status").success());
        cpu
    }

    fn has_ended(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
        status.lines().any(|line| line.starts_with("State:\tZ"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
