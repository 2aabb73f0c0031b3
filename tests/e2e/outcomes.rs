//! What is told of a wake: whether WNS accepted a push, whether the device was connected, which session came and why, or
//! why none came.

use reveille_api::v1::{
    Attribution, GetDeviceRequest, GetWakeResponse, Push, PushVerdict, WakeEndReason, WakeRequest, WakeState,
};
use simulator::{
    device::{Ending, OriginHeader, Profile},
    wns::{Presence, PushFault, Script},
};
use tokio::task::JoinSet;

use crate::field::{Field, named, wake_of};

const NAME: &str = "0123456789ABCDEF0123456789ABCDEF";

/// What goes wrong with a push, or what WNS says of the device.
#[derive(Clone, Debug)]
enum Case {
    Presence(Presence),
    Fault(PushFault),
}

/// Of the last push: verdict, HTTP status, WNS's status, and what WNS says of the device.
type Told = (PushVerdict, u32, &'static str, &'static str);

#[tokio::test]
async fn a_wake_that_nobody_answers_tells_what_wns_said() {
    use Case::{Fault, Presence as Is};
    use PushVerdict as Verdict;
    use WakeEndReason as Why;
    let table: [(Case, Told, Why); 8] = [
        (Is(Presence::Connected), (Verdict::Sent, 200, "received", "connected"), Why::NoSession),
        (Is(Presence::Disconnected), (Verdict::Sent, 200, "received", "disconnected"), Why::DeviceOffline),
        (
            Is(Presence::TempDisconnected),
            (Verdict::Sent, 200, "received", "tempdisconnected"),
            Why::NoSession,
        ),
        (Fault(PushFault::OddStatus(None)), (Verdict::SentUnknown, 200, "", "connected"), Why::NoSession),
        (Fault(PushFault::Dropped), (Verdict::Dropped, 200, "dropped", ""), Why::DeviceOffline),
        (Fault(PushFault::status(403)), (Verdict::Mismatch, 403, "", ""), Why::ChannelGated),
        (Fault(PushFault::status(500)), (Verdict::Failed, 500, "", ""), Why::PushFailed),
        (Fault(PushFault::Closed), (Verdict::Ambiguous, 0, "", ""), Why::PushFailed),
    ];
    // Each field is there before any wake is asked for, so that none has to share its time with others' beginnings.
    let mut fields = Vec::new();
    for (case, ..) in &table {
        fields.push(field_of(case).await);
    }
    let mut cases = JoinSet::new();
    for ((case, told, why), field) in table.into_iter().zip(fields) {
        cases.spawn(async move {
            let found = unanswered(&field).await;
            let wake = found.wake.unwrap();
            assert_eq!((wake.state(), wake.end_reason()), (WakeState::Unanswered, why), "{case:?}");
            // Another one may be on its way when the deadline comes.
            let judged = |push: &&Push| push.verdict() != PushVerdict::InFlight;
            let push = found.pushes.iter().rfind(judged).unwrap();
            assert_eq!(said(push), told, "{case:?}");
            assert!(!push.ms_cv.is_empty(), "{case:?}");
            if push.http_status == 200 {
                assert!(!push.message_id.is_empty() && !push.debug_trace.is_empty(), "{case:?}");
            }
        });
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

fn said(push: &Push) -> (PushVerdict, u32, &str, &str) {
    (push.verdict(), push.http_status, &push.wns_status, &push.device_connection_status)
}

async fn field_of(case: &Case) -> Field {
    // However often it fails: the app is not what is looked at.
    let field = Field::with(|rules| rules.app_patience = u16::MAX).await;
    field.live(NAME).await;
    match case {
        Case::Presence(presence) => field.wns.set_presence(NAME, *presence),
        Case::Fault(fault) => field.wns.fail_pushes(Script::always(fault.clone())),
    }
    field
}

/// A wake of a device that never comes. It takes long enough for a verdict on any machine.
async fn unanswered(field: &Field) -> GetWakeResponse {
    let timeout = Some(prost_types::Duration { seconds: 8, nanos: 0 });
    let asked = field.ask(WakeRequest { timeout, ..wake_of(NAME) }).await.unwrap();
    field.ended(&asked.wake.unwrap().id).await
}

#[tokio::test]
async fn the_session_that_answers_is_named_and_attributed() {
    let table = [
        (OriginHeader::Silent, Attribution::Likely, ""),
        (OriginHeader::Sent, Attribution::Confirmed, "push"),
    ];
    for (header, attribution, origin) in table {
        let mut field = Field::new().await;
        field.enroll(NAME).await;
        let mut device = field.played(NAME, Profile { origin: header, ..Profile::new("Reveille") });
        field.sync(&mut device).await;
        let wake = field.wake(NAME).await;
        assert_eq!(field.come_when_pushed(&mut device).await.ending, Ending::Completed);
        let found = field.ended(&wake.id).await;
        let answer = found.wake.unwrap().answer.unwrap();
        assert_eq!(answer.attribution(), attribution);
        assert_eq!(answer.push_id, found.pushes[0].id);
        let request = GetDeviceRequest { device: Some(named(NAME)) };
        let shown = field.devices().get_device(request).await.unwrap().into_inner();
        let session = &shown.recent_sessions[0];
        assert_eq!((&session.id, session.start_time), (&answer.session_id, answer.session_start_time));
        assert_eq!(session.origin, origin);
    }
}
