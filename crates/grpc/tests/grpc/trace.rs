//! What operators see of calls: one span each, and nothing secret in it.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Mutex, OnceLock},
    thread::{self, ThreadId},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use reveille_api::v1::{
    CancelWakeRequest, CreateDeviceRequest, DeleteDeviceRequest, GetWakeRequest, ListPushAppsRequest,
    ListWakesRequest, UpdateDeviceRequest, WakeRequest, WakeState, WatchWakesRequest,
};
use secrecy::ExposeSecret;
use tracing::{
    Event, Subscriber,
    field::{Field as Name, Visit},
    span,
};
use tracing_subscriber::{
    filter::LevelFilter,
    layer::{Context, Layer, SubscriberExt},
    registry::LookupSpan,
};

use crate::field::{Field, PLANTED, creation, named, password, wake_of};

/// The fields of a span or an event.
type Fields = BTreeMap<&'static str, String>;

/// What was said in this process. One for all tests: a subscriber of a single thread would miss what other threads were
/// the first to say.
#[derive(Default)]
struct Notes {
    calls: Mutex<Vec<(ThreadId, Fields)>>,
    all: Mutex<Vec<String>>,
}

struct Noting(&'static Notes);

impl Notes {
    /// Notes from now on.
    fn begin() -> &'static Self {
        static NOTES: OnceLock<&'static Notes> = OnceLock::new();
        NOTES.get_or_init(|| {
            let notes: &'static Notes = Box::leak(Box::default());
            let layer = Noting(notes).with_filter(LevelFilter::DEBUG);
            tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
            notes
        })
    }

    /// The fields of the span of this test's last call of this method: it shares a thread with its server.
    fn call(&self, method: &str) -> Fields {
        let calls = self.calls.lock().unwrap().clone();
        let mine = calls.into_iter().rev().filter(|(thread, _)| *thread == thread::current().id());
        mine.map(|(_, call)| call)
            .find(|call| call["rpc.method"].ends_with(&format!("/{method}")))
            .expect("a span")
    }

    fn note(&self, fields: &Fields) {
        self.all.lock().unwrap().push(format!("{fields:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Noting {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut seen = Seen(Fields::new());
        attributes.record(&mut seen);
        self.0.note(&seen.0);
        if let Some(span) = context.span(id).filter(|span| span.name() == "rpc") {
            let mut calls = self.0.calls.lock().unwrap();
            span.extensions_mut().insert(Place(calls.len()));
            calls.push((thread::current().id(), seen.0));
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let mut said = Seen(Fields::new());
        values.record(&mut said);
        self.0.note(&said.0);
        let Some(span) = context.span(id) else { return };
        if let Some(Place(place)) = span.extensions().get() {
            self.0.calls.lock().unwrap()[*place].1.append(&mut said.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut seen = Seen(Fields::new());
        event.record(&mut seen);
        self.0.note(&seen.0);
    }
}

/// Where the fields of a span are noted.
struct Place(usize);

struct Seen(Fields);

impl Visit for Seen {
    fn record_str(&mut self, field: &Name, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Name, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

#[tokio::test]
async fn every_call_has_a_span_that_says_how_it_ended() {
    let notes = Notes::begin();
    let field = Field::new().await;
    field.wakes().list_wakes(ListWakesRequest::default()).await.unwrap();
    field.wakes().get_wake(GetWakeRequest { id: "x".into() }).await.unwrap_err();
    field.devices().update_device(UpdateDeviceRequest::default()).await.unwrap_err();
    field.shutdown.cancel();
    field.apps().list_push_apps(ListPushAppsRequest::default()).await.unwrap_err();
    let check = |method, code: &str, status: Option<&str>| {
        let call = notes.call(method);
        assert_eq!(call["rpc.response.status_code"], code, "{method}");
        assert_eq!(call.get("otel.status_code").map(String::as_str), status, "{method}");
        assert_eq!(call.get("error.type").map(String::as_str), status.map(|_| code), "{method}");
        assert_eq!((call["rpc.system.name"].as_str(), call["otel.kind"].as_str()), ("grpc", "server"));
        assert_eq!(call["otel.name"], call["rpc.method"]);
    };
    check("ListWakes", "OK", None);
    check("GetWake", "INVALID_ARGUMENT", None);
    check("UpdateDevice", "INVALID_ARGUMENT", None);
    check("ListPushApps", "UNAVAILABLE", Some("ERROR"));
    assert_eq!(notes.call("ListWakes")["rpc.method"], "reveille.v1.WakeService/ListWakes");
}

#[tokio::test]
async fn a_call_whose_caller_goes_away_is_cancelled() {
    let notes = Notes::begin();
    let field = Field::new().await;
    let mut watch = field.wakes().watch_wakes(WatchWakesRequest::default()).await.unwrap().into_inner();
    watch.message().await.unwrap();
    assert_eq!(notes.call("WatchWakes").get("rpc.response.status_code"), None, "it is open");
    drop(watch);
    let ended = async {
        loop {
            if let Some(code) = notes.call("WatchWakes").get("rpc.response.status_code") {
                break code.clone();
            }
            tokio::task::yield_now().await;
        }
    };
    let code = tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it ends");
    assert_eq!(code, "CANCELLED");
    assert_eq!(notes.call("WatchWakes").get("error.type"), None, "that is no error of ours");
}

/// The callers of many calls go away when the first is answered.
#[tokio::test]
async fn what_is_committed_for_a_caller_that_went_away_is_told() {
    let notes = Notes::begin();
    let field = Field::new().await;
    field.create("DEVICE").await;
    let mut asked = Vec::new();
    for _ in 0..300 {
        asked.push(field.wake("DEVICE").await.id);
    }
    let mut calls = asked
        .iter()
        .map(|id| {
            let (mut wakes, id) = (field.wakes(), id.clone());
            async move { wakes.cancel_wake(CancelWakeRequest { id }).await }
        })
        .collect::<FuturesUnordered<_>>();
    calls.next().await.unwrap().unwrap();
    drop(calls);
    let ended = async |id: &String| {
        let request = GetWakeRequest { id: id.clone() };
        let wake = field.wakes().get_wake(request).await.unwrap().into_inner().wake.unwrap();
        wake.state() == WakeState::Cancelled
    };
    // What waited is committed before this.
    field.wake("DEVICE").await;
    let mut cancelled = Vec::new();
    for id in &asked {
        if ended(id).await {
            cancelled.push(id);
        }
    }
    assert!(cancelled.len() > 1, "more was under way than one");
    let said = notes.all.lock().unwrap();
    for id in cancelled {
        let ends = said.iter().filter(|line| line.contains("wake ended") && line.contains(id)).count();
        assert_eq!(ends, 1, "{id}");
    }
}

#[tokio::test]
async fn nothing_secret_is_said() {
    let notes = Notes::begin();
    let field = Field::new().await;
    field.create("DEVICE").await;
    field.go_live("DEVICE").await;
    field.wake("DEVICE").await;
    field.devices().create_device(creation("DEVICE")).await.unwrap_err();
    let request = CreateDeviceRequest { credential: password("us:er"), ..creation("OTHER") };
    field.devices().create_device(request).await.unwrap_err();
    let hash = field.visitor("DEVICE").await.credential.unwrap().inner_hash;
    let said = notes.all.lock().unwrap().join("\n");
    assert!(said.contains("CreateDevice"), "something was said");
    assert!(!said.contains(PLANTED));
    assert!(!said.contains(hash.expose_secret()));
}

#[tokio::test]
async fn a_wake_that_ends_in_a_call_is_reported_once() {
    let notes = Notes::begin();
    let field = Field::new().await;
    field.create("DEVICE").await;
    let session = field.session("DEVICE").await;
    field.store.commit_session(session).await.unwrap();
    let (cancelled, deleted) = (field.wake("DEVICE").await, field.wake("DEVICE").await);
    for _ in 0..2 {
        field.wakes().cancel_wake(CancelWakeRequest { id: cancelled.id.clone() }).await.unwrap();
    }
    let keyed =
        WakeRequest { idempotency_key: "key".into(), satisfied_by_open_session: true, ..wake_of("DEVICE") };
    let mut answered = None;
    for _ in 0..2 {
        answered = field.wakes().wake(keyed.clone()).await.unwrap().into_inner().wake;
    }
    let request = DeleteDeviceRequest { device: named("DEVICE"), ..Default::default() };
    field.devices().delete_device(request).await.unwrap();
    let said = notes.all.lock().unwrap();
    for (wake, outcome) in
        [(cancelled, "cancelled"), (answered.unwrap(), "answered"), (deleted, "unanswered")]
    {
        let ends = said.iter().filter(|line| line.contains("wake ended") && line.contains(&wake.id));
        let ends: Vec<_> = ends.collect();
        assert_eq!(ends.len(), 1, "{ends:?}");
        assert!(ends[0].contains(&format!("\"outcome\": \"{outcome}\"")), "{ends:?}");
    }
}
