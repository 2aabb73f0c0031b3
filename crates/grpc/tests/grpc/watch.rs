//! `WakeService.WatchWakes`.

use std::time::Duration;

use futures_util::{StreamExt, future::FutureExt};
use model::Priority;
use push::{Exchange, WnsResponse};
use reveille_api::v1::{
    BatchWakeRequest, CancelWakeRequest, PushVerdict, WakeEvent, WakeEventType, WakeFilter, WakeRequest,
    WakeState, WatchHeartbeat, WatchWakesRequest, WatchWakesResponse, watch_wakes_response::Kind,
};
use store::{ClaimRequest, PushResult, Retention, Store};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

use crate::field::{Field, invalid, labels, named, pfn, refusal, refused, wake_of};

const ASKED: WakeEventType = WakeEventType::Asked;
const ENDED: WakeEventType = WakeEventType::Ended;

struct Watch(Streaming<WatchWakesResponse>);

impl Watch {
    async fn begin(field: &Field, filter: WakeFilter, after_seq: Option<i64>) -> Self {
        let request = WatchWakesRequest { filter: Some(filter), after_seq };
        Self(field.wakes().watch_wakes(request).await.unwrap().into_inner())
    }

    async fn all(field: &Field, after_seq: Option<i64>) -> Self {
        Self::begin(field, WakeFilter::default(), after_seq).await
    }

    async fn next(&mut self) -> Result<WatchWakesResponse, Status> {
        let next = tokio::time::timeout(Duration::from_secs(20), self.0.next()).await;
        next.expect("in time").expect("the stream goes on until it fails")
    }

    /// The next event, with its number.
    async fn event(&mut self) -> (i64, WakeEvent) {
        loop {
            let WatchWakesResponse { seq, kind } = self.next().await.unwrap();
            if let Some(Kind::Event(event)) = kind {
                return (seq, event);
            }
        }
    }

    /// What comes after the signs of life with this number: another one.
    async fn heartbeat_after(&mut self, seq: i64) -> WatchWakesResponse {
        loop {
            let next = self.next().await.unwrap();
            assert!(matches!(next.kind, Some(Kind::Heartbeat(_))), "a heartbeat: {next:?}");
            if next.seq != seq {
                return next;
            }
        }
    }

    /// The next events in a row: what happened, and the wake's id.
    async fn events(&mut self, count: usize) -> Vec<(i64, WakeEventType, String)> {
        let mut events = Vec::new();
        while events.len() < count {
            let (seq, event) = self.event().await;
            events.push((seq, event.r#type(), event.wake.unwrap().id));
        }
        events
    }
}

async fn refused_with(field: &Field, filter: WakeFilter, after_seq: Option<i64>) -> Status {
    let request = WatchWakesRequest { filter: Some(filter), after_seq };
    field.wakes().watch_wakes(request).await.unwrap_err()
}

async fn cancel(field: &Field, id: &str) {
    field.wakes().cancel_wake(CancelWakeRequest { id: id.into() }).await.unwrap();
}

#[tokio::test]
async fn what_happens_is_told_in_order() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let before = field.wake("DEVICE").await;
    let mut watch = Watch::all(&field, None).await;
    let (first, second) = (field.wake("DEVICE").await, field.wake("DEVICE").await);
    cancel(&field, &first.id).await;
    cancel(&field, &before.id).await;
    let expect =
        [(2, ASKED, first.id.clone()), (3, ASKED, second.id), (4, ENDED, first.id), (5, ENDED, before.id)];
    assert_eq!(watch.events(4).await, expect, "from now on");
    let mut again = Watch::all(&field, Some(4)).await;
    let (seq, ended) = again.event().await;
    assert_eq!((seq, ended.r#type(), ended.push), (5, ENDED, None));
    let wake = ended.wake.unwrap();
    assert_eq!((wake.state(), ended.time), (WakeState::Cancelled, wake.end_time));
}

#[tokio::test]
async fn a_push_is_told_with_its_verdict() {
    let field = Field::new().await;
    let device = field.create("DEVICE").await;
    field.go_live("DEVICE").await;
    let mut watch = Watch::all(&field, None).await;
    let wake = field.wake("DEVICE").await;
    let app: model::PushAppName = "main".parse().unwrap();
    let (ids, lease, now) = (vec![field.store.new_id()], Duration::from_mins(1), field.store.now());
    let claim = ClaimRequest { app: app.clone(), pfn: pfn(), priority: Priority::Bulk, ids, lease, now };
    let claimed = field.store.claim(claim).await.unwrap().remove(0);
    let notification_status = Some("received".into());
    let response = WnsResponse { status: 200, notification_status, ..Default::default() };
    let result = PushResult {
        id: claimed.id,
        device,
        app,
        generation: claimed.generation,
        ttl: claimed.ttl,
        ms_cv: "cv.0".into(),
        exchange: Exchange::Responded(response),
        chance: 0.5,
        now,
    };
    field.store.conclude(result).await.unwrap();
    let session = field.session("DEVICE").await;
    field.store.commit_session(session).await.unwrap();
    assert_eq!(watch.event().await.1.r#type(), WakeEventType::Asked);
    let (_, pushed) = watch.event().await;
    assert_eq!(pushed.r#type(), WakeEventType::Pushed);
    let push = pushed.push.unwrap();
    assert_eq!((push.verdict(), push.wns_status.as_str()), (PushVerdict::Sent, "received"));
    assert_eq!((push.id, push.ms_cv), (claimed.id.to_string(), "cv.0".into()));
    let (_, ended) = watch.event().await;
    assert_eq!((ended.r#type(), &ended.push), (WakeEventType::Ended, &None));
    let ended = ended.wake.unwrap();
    assert_eq!((ended.id, ended.answer.unwrap().push_id), (wake.id, claimed.id.to_string()));
}

#[tokio::test]
async fn only_the_wakes_that_are_asked_for_are_told() {
    let field = Field::new().await;
    field.create("A").await;
    field.create("B").await;
    let ask = async |device, labels| {
        let request = WakeRequest { labels, ..wake_of(device) };
        field.wakes().wake(request).await.unwrap().into_inner().wake.unwrap().id
    };
    let mut both = labels("job", "7");
    both.insert("site".into(), "here".into());
    let (first, second) = (ask("A", both.clone()).await, ask("B", labels("job", "7")).await);
    let (third, fourth) = (ask("A", labels("job", "8")).await, ask("B", both).await);
    let check = async |filter, expect: &[&String]| {
        let mut watch = Watch::begin(&field, filter, Some(0)).await;
        let told = watch.events(expect.len()).await;
        assert_eq!(told.iter().map(|(_, _, id)| id).collect::<Vec<_>>(), expect);
        let quiet = watch.heartbeat_after(0).await;
        assert_eq!(quiet.seq, 4, "there is nothing else, and it was looked at all the same");
    };
    let any = WakeFilter::default;
    check(any(), &[&first, &second, &third, &fourth]).await;
    let ids = vec![second.clone(), third.clone()];
    check(WakeFilter { wake_ids: ids.clone(), ..any() }, &[&second, &third]).await;
    check(WakeFilter { device: named("A"), ..any() }, &[&first, &third]).await;
    check(WakeFilter { labels: labels("job", "7"), ..any() }, &[&first, &second, &fourth]).await;
    let here = labels("site", "here");
    check(WakeFilter { labels: here.clone(), device: named("B"), ..any() }, &[&fourth]).await;
    check(WakeFilter { labels: here, wake_ids: ids, ..any() }, &[]).await;
    check(WakeFilter { caller: grpc::ANONYMOUS.into(), device: named("A"), ..any() }, &[&first, &third])
        .await;
    check(WakeFilter { caller: "somebody".into(), ..any() }, &[]).await;
}

#[tokio::test]
async fn a_stream_that_broke_goes_on_where_it_was() {
    let field = Field::new().await;
    for n in 0..5 {
        field.create(&format!("D{n}")).await;
    }
    let mut watch = Watch::all(&field, Some(0)).await;
    let requests: Vec<_> = (0..700).map(|n| wake_of(&format!("D{}", n % 5))).collect();
    let mut client = field.wakes();
    let asking = client.batch_wake(BatchWakeRequest { requests }).map(|asked| drop(asked.unwrap()));
    let watching = async {
        let mut seen = Vec::new();
        while seen.len() < 700 {
            seen.push(watch.event().await.0);
            if seen.len() % 97 == 0 {
                watch = Watch::all(&field, seen.last().copied()).await;
            }
        }
        seen
    };
    let (seen, ()) = tokio::join!(watching, asking);
    assert_eq!(seen, (1..=700).collect::<Vec<i64>>(), "each once, none left out");
}

#[tokio::test]
async fn a_forgotten_cursor_names_the_oldest_that_works() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    for _ in 0..3 {
        let wake = field.wake("DEVICE").await;
        cancel(&field, &wake.id).await;
    }
    let kept = field.wake("DEVICE").await;
    let later = field.store.now() + Duration::from_hours(31 * 24);
    while field.store.prune(later).await.unwrap() {}
    for after in [1, 5] {
        let status = refused_with(&field, WakeFilter::default(), Some(after)).await;
        assert_eq!(refusal(&status), refused(Code::OutOfRange, "CURSOR_PRUNED"));
        let metadata = status.get_error_details().error_info().unwrap().metadata.clone();
        assert_eq!(metadata["oldest_seq"], "6");
    }
    for works in [0, 6] {
        let told = Watch::all(&field, Some(works)).await.events(1).await;
        assert_eq!(told, [(7, WakeEventType::Asked, kept.id.clone())]);
    }
    assert!(Watch::all(&field, Some(7)).await.next().await.is_ok(), "nothing new is no reason to fail");
}

#[tokio::test]
async fn a_quiet_stream_gives_signs_of_life() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let nobody = WakeFilter { caller: "nobody".into(), ..WakeFilter::default() };
    let mut watch = Watch::begin(&field, nobody, None).await;
    let quiet = |seq| WatchWakesResponse { seq, kind: Some(Kind::Heartbeat(WatchHeartbeat {})) };
    assert_eq!(watch.next().await.unwrap(), quiet(0));
    field.wake("DEVICE").await;
    assert_eq!(watch.heartbeat_after(0).await, quiet(1), "to go on from, although it was not told");
    assert_eq!(watch.next().await.unwrap(), quiet(1));
}

#[tokio::test]
async fn a_stream_says_first_where_it_begins() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    field.wake("DEVICE").await;
    for (after, begins) in [(None, 1), (Some(1), 1), (Some(0), 0)] {
        let mut watch = Watch::all(&field, after).await;
        field.wake("DEVICE").await;
        let first = watch.next().await.unwrap();
        let heartbeat = WatchWakesResponse { seq: begins, kind: Some(Kind::Heartbeat(WatchHeartbeat {})) };
        assert_eq!(first, heartbeat, "whoever is cut off now goes on from there");
        assert_eq!(watch.event().await.0, begins + 1);
    }
}

#[tokio::test]
async fn what_another_replica_does_is_told() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let wake = field.wake("DEVICE").await;
    let mut watch = Watch::all(&field, None).await;
    let replica =
        Store::open(&field.database, field.key.clone(), push::Settings::default(), Retention::default());
    let replica = replica.await.unwrap();
    replica.cancel_wake(wake.id.parse().unwrap(), replica.now()).await.unwrap();
    assert_eq!(watch.events(1).await, [(2, WakeEventType::Ended, wake.id)]);
}

#[tokio::test]
async fn draining_ends_a_stream_and_says_so() {
    let field = Field::new().await;
    let mut watch = Watch::all(&field, None).await;
    field.shutdown.cancel();
    let status = loop {
        if let Err(status) = watch.next().await {
            break status;
        }
    };
    assert_eq!(refusal(&status), refused(Code::Unavailable, "DRAINING"));
    assert!(watch.0.next().await.is_none());
    field.shutdown.cancel();
    field.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_wrong_request_is_refused_at_once() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    field.wake("DEVICE").await;
    for wrong in [-1, 2, i64::MAX] {
        let status = refused_with(&field, WakeFilter::default(), Some(wrong)).await;
        assert_eq!(refusal(&status), invalid(&["after_seq"]));
    }
    let filter = WakeFilter {
        wake_ids: vec!["x".into()],
        device: named(""),
        labels: labels("", ""),
        caller: "x".repeat(256),
    };
    let status = refused_with(&field, filter, None).await;
    let fields = ["filter.wake_ids", "filter.device.name", "filter.labels", "filter.caller"];
    assert_eq!(refusal(&status), invalid(&fields));
    let many = WakeFilter { wake_ids: vec![String::new(); 1_001], ..WakeFilter::default() };
    assert_eq!(refusal(&refused_with(&field, many, None).await), invalid(&["filter.wake_ids"]));
    let nobody = WakeFilter { device: named("NOBODY"), ..WakeFilter::default() };
    let status = refused_with(&field, nobody, None).await;
    assert_eq!(refusal(&status), refused(Code::NotFound, "DEVICE_NOT_FOUND"));
}
