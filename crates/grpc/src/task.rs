//! Work that does not stand still, or stop half-way, because of whoever waits for it.

use reveille_api::v1::ErrorReason;
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Status};
use tracing::Instrument;

use crate::status;

/// Does `work` to its end. A caller that goes away does not stop what is being committed, so neither does it stop what is
/// told of that.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Status>> + Send + 'static,
) -> Result<T, Status> {
    ended(tokio::spawn(work.in_current_span()).await).flatten()
}

/// Begins `work` at once. It goes on while nobody asks for its result, and is given up when that is dropped.
pub(crate) fn while_wanted<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = Result<T, Status>> + Send {
    let task = AbortOnDropHandle::new(tokio::spawn(work.in_current_span()));
    async move { ended(task.await) }
}

fn ended<T>(task: Result<T, JoinError>) -> Result<T, Status> {
    task.map_err(|panic| {
        tracing::error!(%panic, "a call could not be answered");
        let what = "a defect of the service: its log of this time says more";
        status::refuse(Code::Internal, ErrorReason::Internal, what)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::{sync::oneshot, time::timeout};
    use tonic_types::StatusExt;

    use super::*;

    /// Nothing here takes this long, unless it never comes.
    const NEVER: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn nobody_needs_to_wait_for_what_is_done_to_its_end() {
        let (begin, begun) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let mut waiting = Box::pin(to_its_end(async move {
            begun.await.unwrap();
            tell.send("done").unwrap();
            Ok(())
        }));
        assert!((&mut waiting).now_or_never().is_none());
        drop(waiting);
        begin.send(()).unwrap();
        assert_eq!(timeout(NEVER, told).await, Ok(Ok("done")));
    }

    #[tokio::test]
    async fn what_is_wanted_goes_on_unasked_until_it_is_wanted_no_more() {
        let (tell, told) = oneshot::channel();
        let result = while_wanted(async move { tell.send("done") });
        assert_eq!(timeout(NEVER, told).await, Ok(Ok("done")));
        assert_eq!(result.await.unwrap(), Ok(()));
        let (tell, told) = oneshot::channel::<()>();
        drop(while_wanted(async move {
            std::future::pending::<()>().await;
            drop(tell);
        }));
        timeout(NEVER, told).await.expect("it is given up").unwrap_err();
    }

    #[tokio::test]
    async fn a_panic_is_a_defect_of_ours() {
        let status = to_its_end::<()>(async { panic!("planted") }).await.unwrap_err();
        let reason = status.get_error_details().error_info().unwrap().reason.clone();
        assert_eq!((status.code(), reason.as_str()), (Code::Internal, "INTERNAL"));
        assert!(!status.message().contains("planted"), "its words are for the log");
    }
}
