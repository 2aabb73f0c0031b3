//! `BatchWake`: many wakes in one call.

use futures_util::{StreamExt, stream};
use model::TraceContext;
use prost::Message;
use reveille_api::v1::{self as api, batch_wake_result::Result as Kind};
use tonic::{Code, Status};

use super::{Wakes, ask::Place};
use crate::{service::UNDER_WAY, status};

/// Wakes in one call, at most.
const MOST: usize = 1_000;
/// Bytes of them all. The response repeats most of it, and many clients take no more than 4 MiB.
const LARGEST: usize = 3 << 20;

impl Wakes {
    pub(super) async fn batch(
        &self,
        request: api::BatchWakeRequest,
        parent: Option<TraceContext>,
    ) -> Result<api::BatchWakeResponse, Status> {
        let count = request.requests.len();
        if !(1..=MOST).contains(&count) {
            let why = format!("has {count} requests: send 1 to {MOST}, or use WakeMany");
            return Err(status::invalid(vec![("requests".into(), why)]));
        }
        let bytes = request.encoded_len();
        if bytes > LARGEST {
            let why = format!("have {bytes} bytes, {LARGEST} is the limit: send fewer, or use WakeMany");
            return Err(status::invalid(vec![("requests".into(), why)]));
        }
        let asks = stream::iter(request.requests).map(|request| {
            let wakes = self.clone();
            async move { wakes.ask(request, Place::among_many(parent)).await }
        });
        taken(asks.buffered(UNDER_WAY).collect().await)
    }
}

/// A result for each answer; but if all were turned away because too much is queued, the whole call is.
fn taken(answers: Vec<Result<api::WakeResponse, Status>>) -> Result<api::BatchWakeResponse, Status> {
    let overloaded = |answer: &Result<_, Status>| {
        answer.as_ref().is_err_and(|status: &Status| status.code() == Code::ResourceExhausted)
    };
    if let (Some(Err(status)), true) = (answers.first(), answers.iter().all(overloaded)) {
        return Err(status.clone());
    }
    let results = answers.into_iter().map(|answer| {
        let result = answer.map_or_else(|status| Kind::Error(status::of_item(&status)), Kind::Response);
        api::BatchWakeResult { result: Some(result) }
    });
    Ok(api::BatchWakeResponse { results: results.collect() })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reveille_api::v1::ErrorReason;
    use store::Error;

    use super::*;
    use crate::status::Wanted;

    fn busy() -> Result<api::WakeResponse, Status> {
        Err(status::of_store(Error::Busy(Duration::from_millis(250)), Wanted::Device))
    }

    #[test]
    fn an_overload_is_the_calls_if_it_is_everybodys() {
        let status = taken(vec![busy(), busy()]).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        let some = taken(vec![Ok(api::WakeResponse::default()), busy()]).unwrap();
        let [first, second] = some.results.as_slice() else { panic!("one result each") };
        assert_eq!(first.result, Some(Kind::Response(api::WakeResponse::default())));
        let Some(Kind::Error(error)) = &second.result else { panic!("turned away") };
        assert_eq!((error.code, error.reason()), (8, ErrorReason::Overloaded));
        assert_eq!(error.retry_delay.unwrap().nanos, 250_000_000);
    }
}
