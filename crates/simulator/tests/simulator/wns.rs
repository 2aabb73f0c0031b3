use std::net::Ipv4Addr;

use reqwest::{Client, Method, Response};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use simulator::wns::{App, EmulatedWns, Handle, Settings};
use tokio_util::sync::CancellationToken;

/// An emulated WNS that is spoken to by hand.
pub(crate) struct Bench {
    pub(crate) handle: Handle,
    pub(crate) origin: String,
    pub(crate) http: Client,
    pub(crate) shutdown: CancellationToken,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let bound = EmulatedWns::bind((Ipv4Addr::LOCALHOST, 0).into(), Settings::default()).await.unwrap();
        assert_eq!(bound.token_url().as_str(), format!("{}accesstoken.srf", bound.url()));
        let (handle, origin, shutdown) = (bound.handle(), bound.origin(), CancellationToken::new());
        tokio::spawn(bound.serve(shutdown.clone()));
        // Whoever came first has installed one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { handle, origin, http: Client::new(), shutdown }
    }

    async fn emulator(&self, method: Method, path: &str, body: Value) -> Response {
        let url = format!("{}/emulator/{path}", self.origin);
        self.http.request(method, url).json(&body).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        self.emulator(Method::POST, path, body).await
    }

    pub(crate) async fn token(&self) -> String {
        let app = App::example();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &app.sid),
            ("client_secret", app.secret.expose_secret()),
            ("scope", "notify.windows.com"),
        ];
        let reply =
            self.http.post(format!("{}/accesstoken.srf", self.origin)).form(&form).send().await.unwrap();
        let reply: Value = reply.json().await.unwrap();
        reply["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn push(&self, uri: &str, token: &str) -> reqwest::Result<Response> {
        let post = self.http.post(uri).bearer_auth(token).body("wake");
        let post = post.header("content-type", "application/octet-stream").header("x-wns-type", "wns/raw");
        post.header("x-wns-cache-policy", "cache").send().await
    }
}

fn status(response: &Response) -> &str {
    response.headers().get("x-wns-status").map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn everything_can_be_done_over_http() {
    let bench = Bench::new().await;
    let device = json!({ "pfn": App::example().pfn, "device": "d", "fleet": "f" });
    let grant: Value = bench.post("channels", device).await.json().await.unwrap();
    let uri = grant["uri"].as_str().unwrap();
    assert!(uri.starts_with(&format!("{}/?token=AwYAAAD", bench.origin)), "{uri}");
    let mut stream =
        bench.http.get(format!("{}/emulator/deliveries?fleet=f", bench.origin)).send().await.unwrap();
    let token = bench.token().await;

    assert_eq!(status(&bench.push(uri, &token).await.unwrap()), "received");
    let line: Value = serde_json::from_slice(&stream.chunk().await.unwrap().unwrap()).unwrap();
    assert_eq!((&line["device"], &line["body"]), (&json!("d"), &json!("d2FrZQ==")));

    for (fault, expect) in [("dropped", "dropped"), ("channel_throttled", "channelthrottled")] {
        let script = json!({ "scope": { "device": "d" }, "times": { "next": 1 }, "fault": fault });
        assert_eq!(bench.post("faults/push", script).await.status(), 204);
        assert_eq!(status(&bench.push(uri, &token).await.unwrap()), expect);
    }
    bench.post("faults/push", json!({ "times": "always", "fault": "closed" })).await;
    assert!(bench.push(uri, &token).await.is_err());
    bench.emulator(Method::DELETE, "faults", Value::Null).await;

    bench.post("presence", json!({ "presence": "disconnected" })).await;
    for _ in 0..3 {
        assert_eq!(status(&bench.push(uri, &token).await.unwrap()), "received");
    }
    bench.post("presence", json!({ "device": "d", "presence": "connected" })).await;
    let kept: Value = serde_json::from_slice(&stream.chunk().await.unwrap().unwrap()).unwrap();
    assert_eq!(kept["device"], "d");

    bench.post("revocations", json!("tokens")).await;
    assert_eq!(bench.push(uri, &token).await.unwrap().status(), 401);
    let token = bench.token().await;
    let revoke = json!({ "channels": { "device": "d", "how": "expired" } });
    assert_eq!(bench.post("revocations", revoke).await.status(), 204);
    assert_eq!(bench.push(uri, &token).await.unwrap().status(), 410);

    let counters: Value = bench
        .http
        .get(format!("{}/emulator/counters", bench.origin))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!((&counters["pushes"], &counters["delivered"]), (&json!(9), &json!(2)));
    assert_eq!(bench.handle.pushes_to("d"), 9);

    bench.shutdown.cancel();
    assert_eq!(stream.chunk().await.unwrap(), None, "the stream ends with the emulated WNS");
}

#[tokio::test]
async fn an_answer_is_held_until_faults_are_cleared() {
    let bench = Bench::new().await;
    let device = json!({ "pfn": App::example().pfn, "device": "d" });
    let grant: Value = bench.post("channels", device).await.json().await.unwrap();
    let (uri, token) = (grant["uri"].as_str().unwrap(), bench.token().await);
    bench.post("faults/push", json!({ "times": { "next": 1 }, "fault": "held" })).await;
    let before = bench.handle.now();
    let mut held = std::pin::pin!(bench.push(uri, &token));
    let meanwhile = async {
        bench.handle.until(|counters| counters.accepted == 1).await;
        bench.push(uri, &token).await.unwrap()
    };
    tokio::select! {
        biased;
        answer = &mut held => panic!("{answer:?}"),
        answer = meanwhile => assert_eq!(status(&answer), "received"),
    }
    assert!(bench.handle.pushed_at("d").unwrap() > before);
    bench.emulator(Method::DELETE, "faults", Value::Null).await;
    assert_eq!(status(&held.await.unwrap()), "received");
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let bench = Bench::new().await;
    for (path, body, expect) in [
        ("channels", json!({ "pfn": "unknown", "device": "d" }), 422),
        ("faults/push", json!({ "times": "always", "fault": "no such fault" }), 422),
        ("presence", json!({ "devices": "d", "presence": "connected" }), 422),
        ("revocations", json!({ "channels": { "device": "nobody", "how": "expired" } }), 404),
    ] {
        assert_eq!(bench.post(path, body).await.status(), expect, "{path}");
    }
    let get = bench.http.get(format!("{}/?token=a", bench.origin)).send().await.unwrap();
    assert_eq!(get.status(), 405);
    let body = reqwest::Body::from("x".repeat(100_000));
    let large = bench.http.post(format!("{}/?token=a", bench.origin)).body(body).send().await.unwrap();
    assert_eq!(large.status(), 413);
}

#[tokio::test]
async fn conditions_can_be_waited_for() {
    let bench = Bench::new().await;
    let (counters, _) =
        tokio::join!(bench.handle.until(|counters| counters.tokens_issued == 1), bench.token());
    assert_eq!(counters.token_requests, 1);
}
