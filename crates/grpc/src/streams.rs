//! Calls that stream: how they end, and in which order they do things.

use std::hash::{BuildHasher, RandomState};

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::status;

/// Takes requests until `ending`.
pub(crate) fn until<S: Stream + Send>(
    requests: S,
    ending: CancellationToken,
) -> impl Stream<Item = S::Item> + Send {
    requests.take_until(ending.cancelled_owned())
}

/// The answers, and if it was `ending` that cut them short, an error that says so.
pub(crate) fn with_end<T: Send>(
    answers: impl Stream<Item = Result<T, Status>> + Send,
    ending: CancellationToken,
) -> impl Stream<Item = Result<T, Status>> + Send {
    let last = stream::once(async move { ending.is_cancelled().then(|| Err(status::draining())) });
    answers.chain(last.filter_map(std::future::ready))
}

/// Keeps the order of what is about one thing, while everything else goes on side by side.
pub(crate) struct Lanes {
    last: Vec<Option<oneshot::Receiver<()>>>,
    hasher: RandomState,
}

/// A place in a lane. It is left by being dropped.
pub(crate) struct Turn {
    before: Option<oneshot::Receiver<()>>,
    _done: oneshot::Sender<()>,
}

/// More than are under way at a time: two different things seldom share one.
const LANES: usize = 1_024;

impl Lanes {
    pub(crate) fn new() -> Self {
        Self { last: (0..LANES).map(|_| None).collect(), hasher: RandomState::new() }
    }

    /// A place behind all who came before for the same thing.
    pub(crate) fn enter(&mut self, thing: &str) -> Turn {
        let (done, over) = oneshot::channel();
        let lane = usize::try_from(self.hasher.hash_one(thing)).unwrap_or_default() % LANES;
        Turn { before: self.last[lane].replace(over), _done: done }
    }
}

impl Turn {
    /// Waits until whoever came before has left.
    pub(crate) async fn come(&mut self) {
        if let Some(before) = self.before.take() {
            // It is told by being dropped.
            let _ = before.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_comes_later_waits_for_the_same_thing_only() {
        let mut lanes = Lanes::new();
        let (mut first, mut second, mut third) = (lanes.enter("a"), lanes.enter("a"), lanes.enter("a"));
        let other = (0..LANES).map(|n| n.to_string()).find(|other| {
            let lane = |thing: &str| usize::try_from(lanes.hasher.hash_one(thing)).unwrap() % LANES;
            lane(other) != lane("a")
        });
        assert!(lanes.enter(&other.unwrap()).come().now_or_never().is_some());
        assert!(first.come().now_or_never().is_some());
        let mut waits = Box::pin(second.come());
        assert!((&mut waits).now_or_never().is_none());
        drop(first);
        assert!(waits.now_or_never().is_some());
        assert!(third.come().now_or_never().is_none());
        drop(second);
    }
}
