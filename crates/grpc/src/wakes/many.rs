//! `WakeMany`: any number of wakes over one stream.

use futures_util::{Stream, StreamExt};
use model::TraceContext;
use reveille_api::v1::{self as api, wake_many_response::Result as Kind};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{Wakes, ask::Place};
use crate::{request::Reader, service::UNDER_WAY, status, streams, task};

impl Wakes {
    /// Takes no more requests than it has answered, but for those that are under way: a caller that is too fast, or does not
    /// read, is slowed by the flow control of its connection.
    pub(super) fn many<S>(
        &self,
        requests: S,
        parent: Option<TraceContext>,
    ) -> impl Stream<Item = Result<api::WakeManyResponse, Status>> + Send + use<S>
    where
        S: Stream<Item = Result<api::WakeManyRequest, Status>> + Send + 'static,
    {
        let wakes = self.clone();
        answers(requests, self.0.ending.clone(), move |request| {
            let wakes = wakes.clone();
            async move { wakes.one(request, parent).await }
        })
    }

    async fn one(
        &self,
        request: api::WakeManyRequest,
        parent: Option<TraceContext>,
    ) -> api::WakeManyResponse {
        let client_ref = streams::reference(&request.client_ref);
        let answer = match checked(request) {
            Ok(request) => self.ask_in_turn(request, Place::among_many(parent)).await,
            Err(status) => Err(status),
        };
        let result = answer.map_or_else(|status| Kind::Error(status::of_item(&status)), Kind::Response);
        api::WakeManyResponse { client_ref, result: Some(result) }
    }
}

fn checked(request: api::WakeManyRequest) -> Result<api::WakeRequest, Status> {
    streams::fits("request", &request)?;
    let api::WakeManyRequest { client_ref, request } = request;
    let mut reader = Reader::default();
    let checked = reader.text("client_ref", client_ref, streams::REFERENCE);
    reader.finish(checked.map(|_| request.unwrap_or_default()))
}

/// One answer for each request, as soon as it is there. What is under way goes on while nobody reads the answers: it holds
/// what others wait for. Once `ending`, no more requests are taken; those under way are answered, and the stream ends with an
/// error that says so.
fn answers<S, F, A>(
    requests: S,
    ending: CancellationToken,
    answer: F,
) -> impl Stream<Item = Result<A::Output, Status>> + Send + use<S, F, A>
where
    S: Stream<Item = Result<api::WakeManyRequest, Status>> + Send + 'static,
    F: Fn(api::WakeManyRequest) -> A + Send + 'static,
    A: Future<Output: Send> + Send + 'static,
{
    let answers = streams::until(requests, ending.clone()).map(move |request| {
        let answer = request.map(|request| task::while_wanted(answer(request)));
        async move { answer?.await }
    });
    streams::with_end(answers.buffer_unordered(UNDER_WAY), ending)
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use futures_util::{FutureExt, stream};
    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn nothing_is_taken_that_nobody_reads_the_answers_of() {
        static TAKEN: AtomicUsize = AtomicUsize::new(0);
        let requests = stream::iter(0..100_000).map(|_| {
            TAKEN.fetch_add(1, Ordering::Relaxed);
            Ok(api::WakeManyRequest::default())
        });
        let mut answers = pin!(answers(requests, CancellationToken::new(), async |_| ()));
        for read in 1..=1_000 {
            answers.next().await.unwrap().unwrap();
            let taken = TAKEN.load(Ordering::Relaxed);
            assert!(taken <= read + UNDER_WAY, "{taken} requests for {read} answers");
        }
    }

    #[tokio::test]
    async fn what_is_under_way_is_answered_before_the_end() {
        let ending = CancellationToken::new();
        let requests = stream::iter([Ok(api::WakeManyRequest::default())]).chain(stream::pending());
        let (finish, slow) = tokio::sync::watch::channel(false);
        let mut answers = pin!(answers(requests, ending.clone(), move |_| {
            let mut slow = slow.clone();
            async move { slow.wait_for(|done| *done).await.is_ok() }
        }));
        assert!(answers.next().now_or_never().is_none(), "it is under way");
        ending.cancel();
        assert!(answers.next().now_or_never().is_none(), "it still is");
        finish.send(true).unwrap();
        assert!(answers.next().await.unwrap().unwrap());
        assert_eq!(answers.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
        assert!(answers.next().await.is_none());
    }

    #[tokio::test]
    async fn a_stream_that_the_caller_ends_ends_without_an_error() {
        let requests = stream::iter([Ok(api::WakeManyRequest::default())]);
        let answers = answers(requests, CancellationToken::new(), async |_| ());
        assert!(matches!(answers.collect::<Vec<_>>().await.as_slice(), [Ok(())]));
    }
}
