//! Calls that stream: how they end, and in which order they do things.

use std::hash::{BuildHasher, RandomState};

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use prost::Message;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::status;

/// Bytes of a reference, by which callers know the results of their items.
pub(crate) const REFERENCE: usize = 255;
/// Bytes of an item with its reference. The limits of its fields come to less: 11.5 KiB for a wake, 14.5 KiB for a device.
const LARGEST_ITEM: usize = 16 << 10;

/// Takes requests until `ending`.
pub(crate) fn until<T: Send>(
    requests: impl Stream<Item = Result<T, Status>> + Send,
    ending: CancellationToken,
) -> impl Stream<Item = Result<T, Status>> + Send {
    requests.map_err(status::in_our_words).take_until(ending.cancelled_owned())
}

/// Refuses an item that is too large. To be asked before the item waits for anything: many such would fill the memory.
pub(crate) fn fits(field: &str, item: &impl Message) -> Result<(), Status> {
    let bytes = item.encoded_len();
    if bytes <= LARGEST_ITEM {
        return Ok(());
    }
    let why = format!("has {bytes} bytes with its reference, {LARGEST_ITEM} is the limit");
    Err(status::invalid(vec![(field.to_owned(), why)]))
}

/// A reference as it comes back: one that is too long, and refused, is cut.
pub(crate) fn reference(given: &str) -> String {
    given[..given.floor_char_boundary(REFERENCE)].to_owned()
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
