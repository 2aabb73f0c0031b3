//! The client against the emulated WNS, over real HTTP.

use std::{future::Future, net::Ipv4Addr, sync::Arc, time::Duration};

use model::PushAppName;
use push::{ChannelUri, ConnectionStatus, Exchange, ExtraOrigins, PushRequest, TokenTrouble, WnsResponse};
use secrecy::ExposeSecret;
use simulator::wns::{
    App, EmulatedWns, ExpiresIn, Handle, HttpFault, Presence, PushFault, Registration, Renewal, RetryAfter,
    Script, TokenFault,
};
use tokio_util::sync::CancellationToken;
use wns::{AppCredentials, Auth, LegacyAuth, Settings, TokenState, WnsClient};

#[path = "wns/rotation.rs"]
mod rotation;

/// A client and the emulated WNS that it talks to.
struct Bench {
    wns: Handle,
    origin: String,
    client: Arc<WnsClient>,
    uri: String,
}

async fn start() -> (Handle, String) {
    let emulated = EmulatedWns::bind((Ipv4Addr::LOCALHOST, 0).into(), simulator::wns::Settings::default());
    let emulated = emulated.await.unwrap();
    let (handle, origin) = (emulated.handle(), emulated.origin());
    tokio::spawn(emulated.serve(CancellationToken::new()));
    (handle, origin)
}

fn credentials(origin: &str) -> AppCredentials {
    let example = App::example();
    let auth = Auth::Legacy(LegacyAuth {
        token_url: format!("{origin}/accesstoken.srf").parse().unwrap(),
        sid: example.sid.trim_start_matches("ms-app://").to_owned(),
        secret: example.secret,
    });
    AppCredentials { name: main(), auth }
}

fn main() -> PushAppName {
    "main".parse().unwrap()
}

impl Bench {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let (wns, origin) = start().await;
        let settings = Settings { extra_origins: ExtraOrigins::parse(&[&origin]).unwrap(), ..settings };
        let client = Arc::new(WnsClient::new(settings, [credentials(&origin)]).unwrap());
        let registration = Registration {
            pfn: App::example().pfn,
            device: "device".to_owned(),
            fleet: String::new(),
            renewal: Renewal::Same,
        };
        let uri = wns.register(&registration).unwrap().uri;
        Self { wns, origin, client, uri }
    }

    fn request(&self) -> PushRequest {
        self.request_to(&self.uri)
    }

    fn request_to(&self, uri: &str) -> PushRequest {
        PushRequest {
            uri: ChannelUri::parse(uri, &ExtraOrigins::parse(&[&self.origin]).unwrap()).unwrap(),
            payload: b"wake".to_vec(),
            ttl: Duration::from_mins(10),
            priority: None,
            ms_cv: "AbCdEf0123456789.0".to_owned(),
            fresh_connection: false,
        }
    }

    /// Owned, so that many can be under way at the same time.
    fn push(&self) -> impl Future<Output = Exchange> + Send + 'static {
        let (client, request) = (Arc::clone(&self.client), self.request());
        async move { client.push(&main(), &request).await }
    }

    async fn pushes(&self, count: usize) -> Vec<Exchange> {
        let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(self.push())).collect();
        let mut exchanges = Vec::new();
        for task in tasks {
            exchanges.push(task.await.unwrap());
        }
        exchanges
    }

    async fn response(&self) -> WnsResponse {
        match self.push().await {
            Exchange::Responded(response) => response,
            other => panic!("{other:?}"),
        }
    }
}

fn status(exchange: &Exchange) -> u16 {
    match exchange {
        Exchange::Responded(response) => response.status,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_serves_many_pushes() {
    let bench = Bench::new().await;
    let app = main();
    assert_eq!(bench.client.token_state(&app), Ok(TokenState::None));
    for _ in 0..3 {
        let response = bench.response().await;
        assert_eq!(response.status, 200);
        assert_eq!(response.notification_status.as_deref(), Some("received"));
        assert_eq!(response.connection, Some(ConnectionStatus::Connected));
        assert_eq!(response.ms_cv.as_deref(), Some("AbCdEf0123456789.0"));
        assert_eq!(response.message_id.map(|id| id.len()), Some(16));
        assert!(response.debug_trace.is_some());
    }
    let counters = bench.wns.counters();
    assert_eq!((counters.token_requests, counters.pushes, counters.connections), (1, 3, 1));
    assert!(matches!(bench.client.token_state(&app), Ok(TokenState::Held(left)) if left.as_secs() > 86_000));
}

#[tokio::test]
async fn a_hundred_at_once_ask_for_one_token() {
    let bench = Bench::new().await;
    assert!(bench.pushes(100).await.iter().all(|exchange| status(exchange) == 200));
    assert_eq!(bench.wns.counters().token_requests, 1);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_for_all() {
    let bench = Bench::new().await;
    bench.response().await;
    bench.wns.revoke_tokens();
    assert!(bench.pushes(100).await.iter().all(|exchange| status(exchange) == 200));
    assert_eq!(bench.wns.counters().token_requests, 2);
}

#[tokio::test]
async fn an_expired_token_is_renewed() {
    for shape in [ExpiresIn::Number, ExpiresIn::Text, ExpiresIn::Missing] {
        let bench = Bench::new().await;
        bench.wns.configure(|settings| settings.expires_in = shape);
        bench.response().await;
        bench.wns.advance(Duration::from_hours(24));
        assert_eq!(bench.response().await.status, 200, "{shape:?}");
        assert_eq!(bench.wns.counters().tokens_issued, 2, "{shape:?}");
    }
}

#[tokio::test]
async fn a_second_401_is_the_answer() {
    let bench = Bench::new().await;
    bench.wns.fail_pushes(Script::always(PushFault::status(401)));
    assert_eq!(bench.response().await.status, 401);
    let counters = bench.wns.counters();
    assert_eq!((counters.pushes, counters.token_requests), (2, 2));
}

#[tokio::test]
async fn a_failure_is_shared_and_nobody_asks_again_at_once() {
    let bench = Bench::new().await;
    bench.wns.fail_tokens(Script::always(TokenFault::no_longer_supported()));
    for exchange in bench.pushes(50).await {
        let Exchange::NoToken(TokenTrouble::Credential { description }) = exchange else {
            panic!("{exchange:?}")
        };
        assert!(description.starts_with("invalid_request: Client credential flows"), "{description}");
    }
    assert!(matches!(bench.push().await, Exchange::NoToken(TokenTrouble::Credential { .. })));
    let counters = bench.wns.counters();
    assert_eq!((counters.token_requests, counters.pushes), (1, 0));
    assert!(matches!(bench.client.token_state(&main()), Ok(TokenState::Failed(_))));
}

#[tokio::test]
async fn credentials_that_are_put_right_work_again() {
    let bench = Bench::with(Settings { token_backoff: Duration::ZERO, ..Settings::default() }).await;
    bench.wns.fail_tokens(Script::once(TokenFault::error("invalid_client", "")));
    assert!(matches!(bench.push().await, Exchange::NoToken(_)));
    assert_eq!(bench.client.check_credentials(&main()).await, Ok(()));
    assert_eq!(bench.response().await.status, 200);
}

#[tokio::test]
async fn trouble_of_the_token_endpoint_passes() {
    let large = TokenFault::Body { status: 200, body: "x".repeat(70_000) };
    let redirect = TokenFault::Http(HttpFault { status: 302, ..HttpFault::default() });
    for (fault, wait) in [
        (TokenFault::status(429, Some(RetryAfter::Seconds(30))), Some(30)),
        (TokenFault::status(503, None), None),
        (TokenFault::Closed, None),
        (TokenFault::Slow(60_000), None),
        (TokenFault::Body { status: 200, body: "<html>".to_owned() }, None),
        (large, None),
        (redirect, None),
    ] {
        let bench =
            Bench::with(Settings { token_timeout: Duration::from_millis(300), ..Settings::default() }).await;
        bench.wns.fail_tokens(Script::once(fault.clone()));
        let exchange = bench.push().await;
        let Exchange::NoToken(TokenTrouble::Unavailable { retry_after, description }) = exchange else {
            panic!("{fault:?} {exchange:?}")
        };
        assert_eq!(retry_after.map(|wait| wait.as_secs()), wait, "{fault:?}");
        assert!(!description.is_empty());
    }
}

#[tokio::test]
async fn a_retry_after_date_is_a_wait() {
    let bench = Bench::new().await;
    for status in [406, 429, 503] {
        bench.wns.fail_pushes(Script::once(PushFault::app_throttled(status, Some(RetryAfter::DateIn(900)))));
        let response = bench.response().await;
        assert_eq!(response.status, status);
        assert_eq!(response.notification_status.as_deref(), Some("appthrottled"));
        let wait = response.retry_after.unwrap().as_secs();
        assert!((890..=900).contains(&wait), "{wait}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let bench = Bench::new().await;
    let (elsewhere, origin) = start().await;
    for status in [301, 302, 307, 308] {
        bench.wns.fail_pushes(Script::once(PushFault::redirect(status, &format!("{origin}/?token=a"))));
        assert_eq!(bench.response().await.status, status);
    }
    bench.wns.revoke_tokens();
    let location = Some(format!("{origin}/accesstoken.srf"));
    bench.wns.fail_tokens(Script::once(TokenFault::Http(HttpFault {
        status: 307,
        location,
        ..HttpFault::default()
    })));
    assert!(matches!(bench.push().await, Exchange::NoToken(_)));
    assert_eq!(elsewhere.counters().connections, 0);
}

#[tokio::test]
async fn the_uri_goes_out_byte_for_byte() {
    let bench = Bench::new().await;
    // The second one means the same to a URL parser, and nothing to WNS.
    let other = bench.uri.replace("%3d", "=").replace("%2b", "%2B");
    let odd = format!("{}/?token=AwYAAAD%2b%2F%3d~()*!$,;:@+&x=%zz%", bench.origin);
    for (uri, expect) in [(bench.uri.clone(), 200), (other, 404), (odd, 404)] {
        assert_eq!(status(&bench.client.push(&main(), &bench.request_to(&uri)).await), expect);
        let target = bench.wns.last_push().unwrap().target;
        assert_eq!(format!("{}{target}", bench.origin), uri);
    }
}

#[tokio::test]
async fn the_headers_are_the_documented_ones() {
    let bench = Bench::new().await;
    let request = PushRequest { priority: Some(1), ttl: Duration::from_millis(900), ..bench.request() };
    assert_eq!(status(&bench.client.push(&main(), &request).await), 200);
    let seen = bench.wns.last_push().unwrap();
    let mut headers: Vec<_> =
        seen.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    headers.sort_unstable();
    let host = bench.origin.trim_start_matches("http://");
    let expect = [
        // The HTTP library's own.
        ("accept", "*/*"),
        ("authorization", "(left out)"),
        ("content-length", "4"),
        ("content-type", "application/octet-stream"),
        ("host", host),
        ("ms-cv", "AbCdEf0123456789.0"),
        ("x-wns-cache-policy", "cache"),
        ("x-wns-priority", "1"),
        ("x-wns-requestforstatus", "true"),
        ("x-wns-ttl", "1"),
        ("x-wns-type", "wns/raw"),
    ];
    assert_eq!(headers, expect);
    assert_eq!(seen.body, b"wake");
}

#[tokio::test]
async fn an_empty_body_has_its_length() {
    let bench = Bench::new().await;
    let request = PushRequest { payload: Vec::new(), ..bench.request() };
    assert_eq!(status(&bench.client.push(&main(), &request).await), 200);
    let seen = bench.wns.last_push().unwrap();
    assert_eq!(seen.headers["content-length"], "0");
    assert!(!seen.headers.contains_key("transfer-encoding"));
}

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    let bench = Bench::new().await;
    bench.response().await;
    // Bound and dropped: nobody listens there.
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let extra = ExtraOrigins::parse(&[&origin]).unwrap();
    let client = WnsClient::new(
        Settings { extra_origins: extra.clone(), ..Settings::default() },
        [credentials(&bench.origin)],
    );
    let uri = ChannelUri::parse(&format!("{origin}/?token=planted"), &extra).unwrap();
    let exchange = client.unwrap().push(&main(), &PushRequest { uri, ..bench.request() }).await;
    let Exchange::NotSent(description) = exchange else { panic!("{exchange:?}") };
    assert!(!description.contains("planted"), "{description}");
}

#[tokio::test]
async fn without_an_answer_the_fate_is_unknown() {
    for (fault, delivered) in [
        (PushFault::Closed, 0),
        (PushFault::Reset, 0),
        (PushFault::ClosedAfterDelivery, 1),
        (PushFault::Slow(60_000), 1),
    ] {
        let bench =
            Bench::with(Settings { push_timeout: Duration::from_millis(300), ..Settings::default() }).await;
        bench.wns.fail_pushes(Script::once(fault.clone()));
        let exchange = bench.push().await;
        let Exchange::Ambiguous(description) = exchange else { panic!("{fault:?} {exchange:?}") };
        assert!(!description.contains("token"), "{description}");
        assert_eq!(description.contains("reset by peer"), fault == PushFault::Reset, "{description}");
        let counters = bench.wns.counters();
        assert_eq!((counters.pushes, counters.delivered), (1, delivered), "{fault:?}");
    }
}

#[tokio::test]
async fn a_fresh_connection_is_a_new_one() {
    let bench = Bench::new().await;
    bench.response().await;
    let request = PushRequest { fresh_connection: true, ..bench.request() };
    for connections in [2, 3] {
        assert_eq!(status(&bench.client.push(&main(), &request).await), 200);
        assert_eq!(bench.wns.counters().connections, connections);
    }
    bench.response().await;
    assert_eq!(bench.wns.counters().connections, 3, "the pooled one was kept");
}

#[tokio::test]
async fn nothing_goes_to_origins_that_are_not_allowed() {
    let bench = Bench::new().await;
    let strict = WnsClient::new(Settings::default(), [credentials(&bench.origin)]).unwrap();
    assert!(matches!(strict.push(&main(), &bench.request()).await, Exchange::NotSent(_)));
    assert_eq!(bench.wns.counters().connections, 0);
}

#[tokio::test]
async fn what_wns_says_is_read() {
    let bench = Bench::new().await;
    bench.wns.fail_pushes(Script::once(PushFault::domain_blocked()));
    let blocked = bench.response().await;
    assert_eq!((blocked.status, blocked.reason.as_deref()), (410, Some("Domain Blocked")));
    assert_eq!(blocked.error_description.as_deref(), Some("Domain Blocked"));

    bench.wns.set_presence("device", Presence::TempDisconnected);
    let away = bench.response().await;
    assert_eq!(away.connection, Some(ConnectionStatus::TempDisconnected));

    bench.wns.fail_pushes(Script::once(PushFault::OddStatus(None)));
    assert_eq!(bench.response().await.notification_status, None);
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let bench = Bench::with(Settings { token_backoff: Duration::ZERO, ..Settings::default() }).await;
    let echoing = TokenFault::error("invalid_client", App::example().secret.expose_secret());
    bench.wns.fail_tokens(Script::once(echoing));
    let failed = bench.push().await;
    let (secret, key) = (App::example().secret, bench.uri.split_once("token=").unwrap().1.to_owned());
    let pushed = bench.push().await;
    let shown = format!("{:?} {failed:?} {pushed:?} {:?}", bench.client, bench.request());
    for hidden in [secret.expose_secret(), "EgAe", &key] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}
