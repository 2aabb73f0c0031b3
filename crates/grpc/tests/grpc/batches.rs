//! `WakeService`: many wakes in one call, or over one stream.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use reveille_api::v1::{
    BatchWakeRequest, BatchWakeResult, ErrorReason, ItemError, ListWakesRequest, WakeManyRequest,
    WakeManyResponse, WakeRequest, WakeResponse, batch_wake_result::Result as Batched,
    wake_many_response::Result as Streamed, wake_service_client::WakeServiceClient,
};
use tonic::{Code, Request, Streaming};

use crate::field::{Field, connect, invalid, refusal, refused, wake_of};

async fn batch(field: &Field, requests: Vec<WakeRequest>) -> Vec<BatchWakeResult> {
    field.wakes().batch_wake(BatchWakeRequest { requests }).await.unwrap().into_inner().results
}

fn made(result: &BatchWakeResult) -> &WakeResponse {
    match &result.result {
        Some(Batched::Response(response)) => response,
        other => panic!("no wake: {other:?}"),
    }
}

fn failed(result: &BatchWakeResult) -> &ItemError {
    match &result.result {
        Some(Batched::Error(error)) => error,
        other => panic!("no error: {other:?}"),
    }
}

fn keyed(device: &str, key: &str) -> WakeRequest {
    WakeRequest { idempotency_key: key.into(), ..wake_of(device) }
}

#[tokio::test]
async fn a_batch_has_a_result_for_each_request_in_order() {
    let field = Field::new().await;
    let names: Vec<_> = (0..40).map(|n| format!("D{n}")).collect();
    for name in &names {
        field.create(name).await;
    }
    let asked: Vec<_> = (0..1_000).map(|n| names[n * 7 % names.len()].as_str()).collect();
    let results = batch(&field, asked.iter().map(|name| wake_of(name)).collect()).await;
    let woken: Vec<_> =
        results.iter().map(|it| made(it).wake.as_ref().unwrap().device_name.as_str()).collect();
    assert_eq!(woken, asked);
    let ids: BTreeSet<_> = results.iter().map(|it| made(it).wake.clone().unwrap().id).collect();
    assert_eq!(ids.len(), 1_000, "each is a wake of its own");
    assert!(results.iter().all(|it| made(it).expectation.is_some()));
    let list = ListWakesRequest { page_size: 1_000, ..Default::default() };
    let durable = field.wakes().list_wakes(list).await.unwrap().into_inner().wakes;
    assert_eq!(durable.into_iter().map(|wake| wake.id).collect::<BTreeSet<_>>(), ids);
}

#[tokio::test]
async fn one_that_fails_does_not_harm_the_others() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    field.create("GONE").await;
    let mut leaves = field.session("GONE").await;
    (leaves.unenrolled, leaves.ending) = (true, Some("unenrolled"));
    field.store.commit_session(leaves).await.unwrap();
    let wrong = WakeRequest { reason: "x".repeat(257), priority: 99, ..WakeRequest::default() };
    let requests = vec![wake_of("NOBODY"), wake_of("DEVICE"), wrong, keyed("DEVICE", "key"), wake_of("GONE")];
    let results = batch(&field, requests).await;
    assert_eq!(made(&results[1]).wake.as_ref().unwrap().device_name, "DEVICE");
    made(&results[3]);
    let check = |result, code: Code, reason: ErrorReason, fields: &[&str]| {
        let error = failed(result);
        assert_eq!((error.code, error.reason()), (code.into(), reason));
        assert!(!error.message.is_empty());
        assert_eq!(error.field_violations.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), fields);
        assert!(error.field_violations.iter().all(|it| !it.description.is_empty()));
        assert_eq!(error.retry_delay, None, "waiting does not help");
    };
    check(&results[0], Code::NotFound, ErrorReason::DeviceNotFound, &[]);
    let fields = ["device", "priority", "reason"];
    check(&results[2], Code::InvalidArgument, ErrorReason::InvalidRequest, &fields);
    check(&results[4], Code::FailedPrecondition, ErrorReason::DeviceUnenrolled, &[]);
}

#[tokio::test]
async fn each_request_of_a_batch_has_its_own_key() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let requests = vec![keyed("DEVICE", "a"), keyed("DEVICE", "b"), keyed("DEVICE", "a"), wake_of("DEVICE")];
    let ids = |results: &[BatchWakeResult]| -> Vec<_> {
        results.iter().map(|it| made(it).wake.clone().unwrap().id).collect()
    };
    let first = ids(&batch(&field, requests.clone()).await);
    assert_eq!(first[0], first[2], "one key, one wake");
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 3);
    let again = ids(&batch(&field, requests).await);
    assert_eq!(again[..3], first[..3]);
    assert_ne!(again[3], first[3], "without a key it is another wake");
    let other = WakeRequest { reason: "another".into(), ..keyed("DEVICE", "a") };
    let results = batch(&field, vec![other]).await;
    assert_eq!(failed(&results[0]).reason(), ErrorReason::IdempotencyMismatch);
}

#[tokio::test]
async fn a_batch_has_1_to_1000_requests() {
    let field = Field::new().await;
    for count in [0, 1_001] {
        let requests = vec![wake_of("DEVICE"); count];
        let status = field.wakes().batch_wake(BatchWakeRequest { requests }).await.unwrap_err();
        assert_eq!(refusal(&status), invalid(&["requests"]));
    }
}

/// As many labels as there may be, as long as they may be.
fn labels_at_their_limits() -> BTreeMap<String, String> {
    (10..42).map(|n| (format!("{n}{}", "k".repeat(61)), "v".repeat(255))).collect()
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_its_limit() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let large = WakeRequest { labels: labels_at_their_limits(), ..wake_of("DEVICE") };
    let results = batch(&field, vec![large.clone(); 250]).await;
    assert!(results.iter().all(|result| made(result).wake.is_some()));
    let too_many = BatchWakeRequest { requests: vec![large; 310] };
    let status = field.wakes().batch_wake(too_many.clone()).await.unwrap_err();
    assert_eq!(refusal(&status), invalid(&["requests"]));
    assert!(status.message().contains("3145728 is the limit"), "{status:?}");
    // So large that it is not even read.
    let endless = WakeRequest { reason: "x".repeat(5 << 20), ..wake_of("DEVICE") };
    let status = field.wakes().wake(endless.clone()).await.unwrap_err();
    assert_eq!(refusal(&status), invalid(&[]));
    assert!(status.message().contains("at most 4194304 bytes"), "{status:?}");
    let mut results =
        field.wakes().wake_many(stream::iter([numbered(0, endless)])).await.unwrap().into_inner();
    assert_eq!(refusal(&results.next().await.unwrap().unwrap_err()), invalid(&[]));
}

#[tokio::test]
async fn an_item_that_is_too_large_is_refused_alone() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let largest = WakeRequest {
        labels: labels_at_their_limits(),
        reason: "r".repeat(256),
        idempotency_key: "i".repeat(255),
        ..wake_of("DEVICE")
    };
    let larger = WakeRequest { reason: "r".repeat(16 << 10), ..wake_of("DEVICE") };
    let items = [
        WakeManyRequest { client_ref: "c".repeat(255), request: Some(largest) },
        WakeManyRequest { client_ref: "larger".into(), request: Some(larger) },
    ];
    let results = field.wakes().wake_many(stream::iter(items)).await.unwrap().into_inner();
    let mut results: Vec<_> = results.map(Result::unwrap).collect().await;
    results.sort_by_key(|result| result.client_ref.len());
    assert_eq!(outcome(&results[1]), Ok("DEVICE"), "as large as it may be");
    let Some(Streamed::Error(error)) = &results[0].result else { panic!("it was accepted") };
    let fields: Vec<_> = error.field_violations.iter().map(|it| it.field.as_str()).collect();
    assert_eq!((error.reason(), fields.as_slice()), (ErrorReason::InvalidRequest, &["request"][..]));
    assert!(error.message.ends_with("16384 is the limit"), "{}", error.message);
}

fn numbered(n: usize, request: WakeRequest) -> WakeManyRequest {
    WakeManyRequest { client_ref: n.to_string(), request: Some(request) }
}

fn outcome(response: &WakeManyResponse) -> Result<&str, ErrorReason> {
    match response.result.as_ref().expect("a result") {
        Streamed::Response(response) => Ok(&response.wake.as_ref().unwrap().device_name),
        Streamed::Error(error) => Err(error.reason()),
    }
}

#[tokio::test]
async fn a_stream_has_one_result_for_each_request() {
    let field = Field::new().await;
    for n in 0..10 {
        field.create(&format!("D{n}")).await;
    }
    // The eleventh is not known.
    let requests = stream::iter((0..3_000).map(|n| numbered(n, wake_of(&format!("D{}", n % 11)))));
    let mut results = field.wakes().wake_many(requests).await.unwrap().into_inner();
    let mut seen = BTreeSet::new();
    while let Some(result) = results.next().await {
        let result = result.unwrap();
        let n: usize = result.client_ref.parse().unwrap();
        assert!(seen.insert(n), "{n} came twice");
        let device = format!("D{}", n % 11);
        let expect = if n % 11 == 10 { Err(ErrorReason::DeviceNotFound) } else { Ok(device.as_str()) };
        assert_eq!(outcome(&result), expect);
    }
    assert_eq!(seen.len(), 3_000);
    let range = field.store.event_range().await.unwrap();
    let made = (0..3_000).filter(|n| n % 11 != 10).count();
    assert_eq!(range, Some(1..=i64::try_from(made).unwrap()), "each is durable");
}

#[tokio::test]
async fn a_wrong_request_of_a_stream_is_refused_alone() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let long = "x".repeat(256);
    let requests = stream::iter([
        WakeManyRequest { client_ref: "empty".into(), request: None },
        WakeManyRequest { client_ref: long.clone(), request: Some(wake_of("DEVICE")) },
        WakeManyRequest { client_ref: String::new(), request: Some(wake_of("DEVICE")) },
    ]);
    let results = field.wakes().wake_many(requests).await.unwrap().into_inner();
    let mut results: Vec<_> = results.map(Result::unwrap).collect().await;
    results.sort_by_key(|result| result.client_ref.len());
    assert_eq!(outcome(&results[0]), Ok("DEVICE"), "nobody needs a reference");
    let fields = |result: &WakeManyResponse| match result.result.clone().unwrap() {
        Streamed::Error(error) => error.field_violations.into_iter().map(|it| it.field).collect::<Vec<_>>(),
        Streamed::Response(_) => panic!("it was accepted"),
    };
    assert_eq!((results[1].client_ref.as_str(), fields(&results[1])), ("empty", vec!["device".to_owned()]));
    assert_eq!(fields(&results[2]), ["client_ref"]);
    assert_eq!(results[2].client_ref, long[..255], "cut, but known again");
}

#[tokio::test]
async fn the_wakes_of_a_stream_have_traces_of_their_own() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let two = [numbered(0, wake_of("DEVICE")), numbered(1, wake_of("DEVICE"))];
    let mut request = Request::new(stream::iter(two));
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    let mut results = field.wakes().wake_many(request).await.unwrap().into_inner();
    let mut traces = vec!["4bf92f3577b34da6a3ce929d0e0e4736".to_owned()];
    while let Some(result) = results.next().await {
        let Some(Streamed::Response(WakeResponse { wake: Some(wake), .. })) = result.unwrap().result else {
            panic!("a wake")
        };
        traces.push(wake.trace_id);
    }
    traces.sort();
    traces.dedup();
    assert_eq!(traces.len(), 3, "the caller's, and one of each wake");
}

/// Answers that nobody reads, until the flow control stops them: soon, for they are large.
async fn unread(field: &Field, sent: &Arc<AtomicUsize>) -> Streaming<WakeManyResponse> {
    let sent = sent.clone();
    let request = WakeRequest { labels: labels_at_their_limits(), ..keyed("DEVICE", "one for all") };
    let requests =
        stream::repeat_with(move || numbered(sent.fetch_add(1, Ordering::Relaxed), request.clone()));
    let channel = connect(&field.url).await;
    WakeServiceClient::new(channel).wake_many(requests).await.unwrap().into_inner()
}

#[tokio::test]
async fn callers_who_do_not_read_hold_up_nobody_else() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let sent = Arc::new(AtomicUsize::new(0));
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(unread(&field, &sent).await);
    }
    let requests = stream::repeat_with(|| numbered(0, wake_of("NOBODY")));
    let mut read = field.wakes().wake_many(requests).await.unwrap().into_inner();
    // Until nothing more is taken of the others while this one goes on.
    let (mut before, mut still) = (0, 0);
    while still < 1_000 {
        let next = tokio::time::timeout(Duration::from_secs(20), read.next()).await;
        assert_eq!(outcome(&next.expect("in time").unwrap().unwrap()), Err(ErrorReason::DeviceNotFound));
        let now = sent.load(Ordering::Relaxed);
        still = if now == before { still + 1 } else { 0 };
        before = now;
    }
    assert!(before > 5 * 256, "as many as may be under way, and what was answered: {before}");
}

#[tokio::test]
async fn draining_ends_a_stream_after_what_is_under_way() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let requests = stream::iter([numbered(0, wake_of("DEVICE"))]).chain(stream::pending());
    let mut results = field.wakes().wake_many(requests).await.unwrap().into_inner();
    assert_eq!(outcome(&results.next().await.unwrap().unwrap()), Ok("DEVICE"));
    field.shutdown.cancel();
    let status = results.next().await.unwrap().unwrap_err();
    assert_eq!(refusal(&status), refused(Code::Unavailable, "DRAINING"));
    field.shutdown.cancel();
    field.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_streams() {
    let field = Field::new().await;
    let mut results = field.wakes().wake_many(stream::pending()).await.unwrap().into_inner();
    field.shutdown.cancel();
    let status = results.next().await.unwrap().unwrap_err();
    assert_eq!(refusal(&status), refused(Code::Unavailable, "DRAINING"));
    field.served.await.unwrap().unwrap();
}
