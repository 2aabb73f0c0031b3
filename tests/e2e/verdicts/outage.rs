//! Nobody listens where WNS was: the push was certainly not sent, and is none of the three that may go unanswered.

use reveille_api::v1::{GetWakeResponse, Push, PushVerdict, WakeState};
use simulator::device::Ending;

use super::{NAME, state};
use crate::field::Field;

fn refused(found: &GetWakeResponse) -> usize {
    found.pushes.iter().filter(|push| push.verdict() == PushVerdict::Failed).count()
}

#[tokio::test]
async fn a_refused_connection_is_no_attempt_and_the_wake_goes_when_wns_is_back() {
    let mut field = Field::with(|rules| (state::patient(rules), rules.max_unanswered = 1).0).await;
    let mut device = field.live(NAME).await;
    // With a token in hand, only the push itself can be refused.
    let first = field.wake(NAME).await;
    field.come_when_pushed(&mut device).await;
    field.ended(&first.id).await;

    field.wns_goes().await;
    let wake = field.wake(NAME).await;
    let found = field.until(&wake.id, |found| refused(found) >= 2).await;
    assert_eq!(found.wake.unwrap().state(), WakeState::Live, "more often than a push may go unanswered");
    let push = &found.pushes[0];
    assert_eq!((push.http_status, push.error_description.is_empty()), (0, false), "{push:?}");
    let app = state::app(&field).await;
    assert!(app.fault.is_none() && app.gate_time.is_none(), "{app:?}");

    field.wns_comes_back().await;
    assert_eq!(field.come_when_pushed(&mut device).await.ending, Ending::Completed);
    let found = field.ended(&wake.id).await;
    assert_eq!(found.wake.unwrap().state(), WakeState::Answered);
    assert_eq!(found.pushes.last().map(Push::verdict), Some(PushVerdict::Sent));
}
