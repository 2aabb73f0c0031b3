//! What operators see of a wake: one trace from the call to the device's last message, whichever process did what. The
//! service is the real one, and so is the OTLP receiver.

#[path = "traces/collector.rs"]
mod collector;
#[path = "traces/receiver.rs"]
mod receiver;
#[path = "traces/replicas.rs"]
mod replicas;
#[path = "traces/secrets.rs"]
mod secrets;
#[path = "traces/site.rs"]
mod site;
#[path = "traces/span.rs"]
mod span;

use reveille_api::v1::{BatchWakeRequest, PausePushAppRequest, ResumePushAppRequest, WakeRequest};
use simulator::{
    device::Opening,
    wns::{PushFault, Script},
};

use crate::{NAME, reveille, text};
use receiver::Receiver;
use site::{CALLER, Site, TRACE, wake_of};
use span::Seen;

/// A session of a device whose channel is live.
const SESSION: &str = "
session internal
  message server
    parse internal
    decide internal
    commit client
  message server
    parse internal
    decide internal
    commit client
";

/// A wake that was asked for alone, with what is below it.
fn wake_with(below: &str) -> String {
    format!("reveille.v1.WakeService/Wake server\n  wake internal\n{}", indented(below))
}

fn indented(text: &str) -> String {
    text.trim().lines().fold(String::new(), |all, line| all + "    " + line + "\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_wakes() {
    let site = Site::new().await;
    let _service = site.serve();
    let mut device = site.live(NAME).await;
    site.wake(NAME).await;
    site.come_when_pushed(&mut device).await;
    let expect = wake_with(&format!("commit client\npush client{SESSION}"));
    let trace = site.receiver.shape(TRACE, &expect).await;

    let rpc = trace.only("reveille.v1.WakeService/Wake");
    assert_eq!(span::hex(&rpc.span.parent_span_id), CALLER, "the caller's span is the parent");
    let keys = ["rpc.system.name", "rpc.method", "rpc.response.status_code"];
    assert_eq!(rpc.of(keys), ["grpc", "reveille.v1.WakeService/Wake", "OK"]);
    assert_eq!(rpc.process_says("service.name"), "reveille");

    let wake = trace.only("wake");
    let keys = ["reveille.device", "reveille.wake.outcome", "reveille.wake.attribution"];
    assert_eq!(wake.of(keys), [NAME, "answered", "likely"]);

    let push = trace.only("push");
    let keys = ["reveille.push.verdict", "reveille.wns.status", "reveille.wns.connection_status"];
    assert_eq!(push.of(keys), ["sent", "received", "connected"]);
    let keys =
        ["reveille.push.attempt", "http.request.method", "http.response.status_code", "server.address"];
    assert_eq!(push.of(keys), ["1", "POST", "200", "127.0.0.1"]);
    for key in ["reveille.wns.message_id", "reveille.wns.debug_trace", "reveille.push.id"] {
        assert_ne!(push.says(key), "", "{key}");
    }
    assert_eq!(push.says("reveille.push.id"), wake.says("reveille.push.id"));
    let shown = site.wake_shown(&wake.says("reveille.wake.id"));
    assert_eq!(shown["pushes"][0]["span_id"], push.context().1, "gRPC tells where to look");

    let session = trace.only("session");
    let keys = ["reveille.session.ending", "reveille.session.messages", "reveille.session.id"];
    assert_eq!(session.of(keys), ["completed", "2", &wake.says("reveille.session.id")]);
    let [first, last] = trace.all("message")[..] else { panic!("two messages") };
    let keys = ["http.request.method", "http.route", "http.response.status_code", "url.scheme"];
    assert_eq!(last.of(keys), ["POST", "/dm", "200", "http"]);
    assert_eq!(first.commands(), []);
    let push_node = "./Vendor/MSFT/DMClient/Provider/Reveille/Push";
    for node in ["PFN", "ChannelURI", "Status"] {
        let answered = (format!("{push_node}/{node}"), "200".to_owned());
        assert!(last.commands().contains(&answered), "{node}: {:?}", last.commands());
    }
    assert!(trace.all("commit").iter().all(|commit| commit.says("db.system.name") == "sqlite"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_is_traced() {
    let receiver = Receiver::start(None).await;
    let mut demo = reveille(&["demo", "--devices", "1", "--wakes", "1", "--exit", "--listen", "127.0.0.1:0"]);
    let output = demo.env("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let spans = receiver.spans();
    let wakes: Vec<_> = spans.iter().filter(|seen| seen.span.name == "wake").collect();
    let [wake] = wakes[..] else { panic!("{} wakes", wakes.len()) };
    receiver.shape(&wake.trace_id(), &wake_with(&format!("commit client\npush client{SESSION}"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_pushes() {
    let site = Site::new().await;
    let _service = site.serve();
    let mut device = site.live(NAME).await;
    site.wns.fail_pushes(Script::once(PushFault::status(500)));
    site.wake(NAME).await;
    site.come_when_pushed(&mut device).await;
    let expect = wake_with(&format!("commit client\npush client\npush client{SESSION}"));
    let trace = site.receiver.shape(TRACE, &expect).await;
    let keys = ["reveille.push.verdict", "http.response.status_code", "error.type"];
    let pushes: Vec<_> = trace.all("push").iter().map(|push| push.of(keys)).collect();
    assert_eq!(pushes, [["failed", "500", "500"], ["sent", "200", ""]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_wakes_that_share_a_push_are_linked() {
    let site = Site::new().await;
    let _service = site.serve();
    let mut device = site.live(NAME).await;
    let name = || "main".to_owned();
    site.push_apps().pause_push_app(PausePushAppRequest { name: name() }).await.unwrap();
    site.wake(NAME).await;
    let mut other = tonic::Request::new(wake_of(NAME));
    let other_trace = TRACE.replace('a', "b");
    site::trace(&mut other, &other_trace, CALLER);
    site.wakes().wake(other).await.unwrap();
    site.push_apps().resume_push_app(ResumePushAppRequest { name: name() }).await.unwrap();
    site.come_when_pushed(&mut device).await;
    let expect = wake_with(&format!("commit client\npush client{SESSION}"));
    let oldest = site.receiver.shape(TRACE, &expect).await;
    let other = site.receiver.shape(&other_trace, &wake_with("commit client")).await;
    let (wake, session) = (other.only("wake"), oldest.only("session"));
    assert_eq!(oldest.only("push").links(), [wake.context()]);
    assert_eq!(session.links(), [wake.context()]);
    assert_eq!(wake.links(), [session.context()]);
    assert_eq!(oldest.only("wake").links(), []);
    assert_eq!(wake.says("reveille.push.id"), oldest.only("push").says("reveille.push.id"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_repeats_another_is_linked_to_its_wake() {
    let site = Site::new().await;
    let _service = site.serve();
    let mut device = site.live(NAME).await;
    let request = || WakeRequest { idempotency_key: "once".to_owned(), ..wake_of(NAME) };
    let first = site.ask(request()).await.wake.unwrap();
    let mut again = tonic::Request::new(request());
    let other_trace = TRACE.replace('a', "b");
    site::trace(&mut again, &other_trace, CALLER);
    assert_eq!(site.wakes().wake(again).await.unwrap().into_inner().wake.unwrap().id, first.id);
    let call = "reveille.v1.WakeService/Wake";
    let repeat = site.receiver.shape(&other_trace, &format!("{call} server")).await;
    site.come_when_pushed(&mut device).await;
    let first = site.receiver.until(TRACE, |trace| trace.has("wake")).await;
    assert_eq!(repeat.only(call).links(), [first.only("wake").context()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wakes_of_a_batch_are_traces_of_their_own() {
    let site = Site::new().await;
    let _service = site.serve();
    site.live(NAME).await;
    let timeout = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let requests = vec![WakeRequest { timeout, ..wake_of(NAME) }; 2];
    let mut batch = tonic::Request::new(BatchWakeRequest { requests });
    site::trace(&mut batch, TRACE, CALLER);
    site.wakes().batch_wake(batch).await.unwrap();
    let call = site.receiver.shape(TRACE, "reveille.v1.WakeService/BatchWake server").await;
    let call = call.only("reveille.v1.WakeService/BatchWake").context();
    site.receiver.until(TRACE, |_| wakes(&site).len() == 2).await;
    let [one, another] = wakes(&site).try_into().unwrap();
    assert_ne!(one.trace_id(), another.trace_id());
    assert_eq!((one.links(), another.links()), (vec![call.clone()], vec![call]));
}

fn wakes(site: &Site) -> Vec<Seen> {
    site.receiver.spans().into_iter().filter(|seen| seen.span.name == "wake").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unanswered_wake() {
    let site = Site::new().await;
    // The deadline is long enough for a push on any machine, and too short for another one.
    let mut command = site.command();
    command.env("REVEILLE__PUSH__ANSWER_WINDOW", "1m");
    let _service = site.start(command);
    site.live(NAME).await;
    let timeout = Some(prost_types::Duration { seconds: 8, nanos: 0 });
    site.ask(WakeRequest { timeout, ..wake_of(NAME) }).await;
    let trace = site.receiver.shape(TRACE, &wake_with("commit client\npush client")).await;
    let keys = ["reveille.wake.outcome", "reveille.wake.reason", "reveille.session.id"];
    assert_eq!(trace.only("wake").of(keys), ["unanswered", "no_session", ""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_nobody_asked_for_is_a_trace_of_its_own() {
    let site = Site::new().await;
    let _service = site.serve();
    let mut device = site.live(NAME).await;
    let before = site.sessions().await;
    site.come(&mut device, Opening::Schedule).await;
    let sessions = site.sessions_after(&before).await;
    let [session] = &sessions[..] else { panic!("one session") };
    let trace = site.receiver.shape(&session.trace_id(), SESSION).await;
    assert_eq!(trace.only("session").span.parent_span_id, [0_u8; 0]);
    assert_eq!(trace.only("session").links(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wake_that_a_poll_answers() {
    let site = Site::new().await;
    let _service = site.serve();
    let mut device = site.live(NAME).await;
    let request = PausePushAppRequest { name: "main".to_owned() };
    site.push_apps().pause_push_app(request).await.unwrap();
    site.wake(NAME).await;
    site.come(&mut device, Opening::Schedule).await;
    let trace = site.receiver.shape(TRACE, &wake_with(&format!("commit client{SESSION}"))).await;
    let keys = ["reveille.wake.attribution", "reveille.push.id"];
    assert_eq!(trace.only("wake").of(keys), ["coincidence", ""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_does_not_record_decides_for_all() {
    let site = Site::new().await;
    let mut service = site.serve();
    let mut device = site.live(NAME).await;
    let mut request = tonic::Request::new(wake_of(NAME));
    let parent = format!("00-{TRACE}-{CALLER}-00");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    site.wakes().wake(request).await.unwrap();
    site.come_when_pushed(&mut device).await;
    assert_eq!(service.terminate(), Some(0), "everything is flushed");
    let spans = site.receiver.spans();
    assert!(spans.iter().any(|seen| seen.span.name == "session"), "the first session is the device's own");
    assert!(spans.iter().all(|seen| seen.trace_id() != TRACE));
}
