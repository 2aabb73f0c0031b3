//! What operators look at: readiness, and metrics as Prometheus scrapes them.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

use simulator::{
    device::{Backoff, Opening},
    wns::App,
};

use super::{NAME, NEVER, Place, Running, emulator, now, text};

impl Place {
    /// A service whose fleet is counted without delay.
    fn serve_counting(&self) -> Running {
        let mut serve = self.command(&["serve"]);
        serve.env("REVEILLE__ADMIN__COUNT_EVERY", "100ms");
        let running = Running::start(serve);
        self.wait_until_ready();
        running
    }

    /// Waits until `/metrics` tells this sample.
    fn tells(&self, sample: &str) -> String {
        let deadline = now() + NEVER;
        loop {
            let answer = self.get("/metrics").unwrap_or_default();
            if answer.lines().any(|line| line == sample) {
                return answer;
            }
            assert!(now() < deadline, "never told {sample:?}, but:\n{answer}");
            std::thread::yield_now();
        }
    }

    /// Waits until `/readyz?verbose` says these words. Returns the whole answer.
    fn readiness_says(&self, words: &str) -> String {
        let deadline = now() + NEVER;
        loop {
            let answer = self.get("/readyz?verbose").unwrap_or_default();
            if answer.contains(words) {
                return answer;
            }
            assert!(now() < deadline, "never said {words:?}, but:\n{answer}");
            std::thread::yield_now();
        }
    }

    fn ready(&self) -> std::process::Output {
        self.run(&["ready", "--admin", &format!("127.0.0.1:{}", self.admin)])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_what_happened_as_prometheus_likes_it() {
    let (wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve_counting();
    place.create_device();
    let (mut device, client) = (place.device(), place.client(&origin));
    client.sync(&mut device).await.unwrap();
    let mut deliveries = wns.deliveries();
    place.run(&["wake", NAME]);
    tokio::time::timeout(NEVER, deliveries.recv()).await.expect("a push").unwrap();
    client.sync_as(&mut device, Opening::Push, Backoff::NONE).await.unwrap();
    for sample in [
        r#"reveille_wakes_asked_total{priority="bulk"} 1"#,
        r#"reveille_wakes_total{outcome="answered",reason="none"} 1"#,
        r#"reveille_wake_time_to_session_seconds_count{attribution="likely"} 1"#,
        r#"reveille_pushes_total{push_app="main",verdict="sent"} 1"#,
        r#"reveille_push_app_state{push_app="main",state="open"} 1"#,
        r#"reveille_wns_token_state{push_app="main",state="valid"} 1"#,
        r#"reveille_channels{push_app="main",state="live"} 1"#,
        r"reveille_wakes_live 0",
        r#"reveille_summonses_due{priority="bulk",push_app="main"} 0"#,
        r#"reveille_grpc_calls_total{code="OK",method="reveille.v1.WakeService/Wake"} 1"#,
        r#"reveille_health_check_ok{check="database"} 1"#,
        r"reveille_telemetry_spans_dropped_total 0",
    ] {
        place.tells(sample);
    }
    let answer = place.get("/metrics").unwrap();
    for family in
        ["sessions_total", "gateway_message_bytes", "store_batch_duration_seconds", "dispatcher_lag_seconds"]
    {
        assert!(answer.contains(&format!("\n# TYPE reveille_{family} ")), "{family} is not told:\n{answer}");
    }
    assert!(!answer.contains(NAME), "no metric names a device");
    assert!(answer.contains("content-type: text/plain; version=0.0.4"), "{answer}");
    promtool_finds_nothing(answer.split_once("\r\n\r\n").unwrap().1);
}

/// `promtool check metrics`, where it is installed.
fn promtool_finds_nothing(metrics: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match started {
        Ok(promtool) => promtool,
        Err(error) => {
            assert!(std::env::var_os("REVEILLE_REQUIRE_PROMTOOL").is_none(), "promtool is required: {error}");
            eprintln!("promtool is not installed: the metrics are not linted.");
            return;
        }
    };
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success() && text(&output).trim().is_empty(), "{}", text(&output));
}

#[test]
fn what_strangers_send_is_told_once_with_their_address() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    let mut service = place.serve();
    let send = |length: usize, body: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", place.gateway)).unwrap();
        let head =
            format!("POST /dm HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}");
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    for _ in 0..3 {
        assert!(send(5, "hello").starts_with("HTTP/1.1 400"));
        assert!(send(1 << 30, "").starts_with("HTTP/1.1 413"));
    }
    assert_eq!(service.terminate(), Some(0));
    let said = service.rest();
    for words in ["messages were refused: not SyncML", "messages were refused: too long"] {
        let told: Vec<_> = said.lines().filter(|line| line.contains(words)).collect();
        let [line] = told[..] else { panic!("not one line {words:?}:\n{said}") };
        assert!(line.contains("address=127.0.0.1") && line.contains("count=1"), "{line}");
    }
}

#[test]
fn readiness_tells_each_check_and_which_one_fails() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    assert_eq!(place.ready().status.code(), Some(1), "nobody listens yet");
    let _service = place.serve();
    let all = place.readiness_says("push app main: ok");
    let (head, body) = all.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{all}");
    let lines: Vec<_> = body.lines().collect();
    assert_eq!(
        lines,
        [
            "ready",
            "draining: ok",
            "database: ok",
            "schema: ok",
            "key: ok",
            "dispatcher: ok",
            "push app main: ok"
        ]
    );
    assert_eq!(place.get("/readyz").unwrap().split_once("\r\n\r\n").unwrap().1, "ready\n");

    assert!(place.run(&["push-apps", "pause", "main"]).status.success());
    let held = place.readiness_says("push app main: app_paused");
    assert!(held.starts_with("HTTP/1.1 200"), "that makes nobody unready: {held}");

    assert!(place.run(&["migrate", "down"]).status.success());
    let failing = place.readiness_says("schema: it lacks 1 change(s)");
    assert!(failing.starts_with("HTTP/1.1 503") && failing.contains("\r\n\r\nnot ready\n"), "{failing}");
    let told = place.ready();
    assert_eq!(told.status.code(), Some(1));
    assert!(text(&told).contains("schema: it lacks 1 change(s)"), "{}", text(&told));
    assert!(place.run(&["migrate", "up"]).status.success());
    place.readiness_says("schema: ok");
    assert_eq!(place.ready().status.code(), Some(0), "{}", text(&place.ready()));
}

#[test]
fn readiness_speaks_json() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    let _service = place.serve();
    let mut stream = TcpStream::connect(("127.0.0.1", place.admin)).unwrap();
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nhost: test\r\naccept: application/json\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["ready"], true);
    assert_eq!(body["checks"][1], serde_json::json!({ "name": "database", "status": "ok" }));
}

#[test]
fn during_the_notice_everything_but_readiness_goes_on() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    let mut command = place.command(&["serve"]);
    command.env("REVEILLE__SERVICE__NOTICE", "10m");
    let service = Running::start(command);
    place.wait_until_ready();
    let id = service.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let noticed = place.readiness_says("draining: the service is about to stop");
    assert!(noticed.starts_with("HTTP/1.1 503"), "{noticed}");
    let mut stream = TcpStream::connect(("127.0.0.1", place.gateway)).expect("it still listens");
    stream.write_all(b"GET /dm HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "it still answers: {answer}");
    place.create_device();
}

#[test]
fn whoever_tells_it_twice_does_not_wait_for_the_notice() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    let mut command = place.command(&["serve"]);
    command.env("REVEILLE__SERVICE__NOTICE", "10m");
    let mut service = Running::start(command);
    place.wait_until_ready();
    let id = service.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    service.says("about to stop");
    assert_eq!(service.terminate(), Some(0));
}

#[test]
fn readiness_goes_first_and_is_told_until_everything_has_ended() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    let mut service = place.serve();
    // A message whose body does not come holds the service up.
    let mut stream = TcpStream::connect(("127.0.0.1", place.gateway)).unwrap();
    let head = "POST /dm HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut goes_on = [0; 25];
    stream.read_exact(&mut goes_on).unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let id = service.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let draining = place.readiness_says("draining: the service is about to stop");
    assert!(draining.starts_with("HTTP/1.1 503"), "{draining}");
    place.tells(r#"reveille_health_check_ok{check="draining"} 0"#);
    assert!(place.get("/livez").unwrap().starts_with("HTTP/1.1 200"), "it is alive all the same");
    drop(stream);
    assert_eq!(service.child.wait().unwrap().code(), Some(0), "it ends well");
}
