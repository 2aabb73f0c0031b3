//! `WatchWakes`: what happens to wakes, in the order of its sequence.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::RangeInclusive,
    sync::Arc,
};

use futures_util::{Stream, stream};
use model::{PushId, WakeId};
use reveille_api::v1::{self as api, watch_wakes_response::Kind};
use store::{Error, Event, PushRecord, WakeRecord};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};
use tonic::Status;

use super::{Wakes, filter::Filter};
use crate::{
    convert::{event, push::push, wake::wake},
    service::Edge,
    status::{self, Wanted},
};

/// Events that are read at a time.
const READ: u64 = 256;

impl Wakes {
    pub(super) async fn watch(
        &self,
        request: api::WatchWakesRequest,
    ) -> Result<impl Stream<Item = Result<api::WatchWakesResponse, Status>> + Send + use<>, Status> {
        let filter = self.read_filter(request.filter.unwrap_or_default()).await?;
        let seq = self.begin(request.after_seq).await?;
        let edge = self.0.clone();
        let changed = edge.store.changed();
        // The first sign of life is due at once: it says where the stream begins, for those who must begin again before
        // anything happened.
        let quiet_until = Instant::now();
        let watcher = Watcher { edge, filter, seq, ready: VecDeque::new(), changed, quiet_until };
        Ok(stream::unfold(Some(watcher), |watcher| async move {
            let mut watcher = watcher?;
            match watcher.next().await {
                Ok(response) => Some((Ok(response), Some(watcher))),
                Err(status) => Some((Err(status), None)),
            }
        }))
    }

    /// The last event that is not wanted.
    async fn begin(&self, after: Option<i64>) -> Result<i64, Status> {
        let range = self.0.store.event_range().await.map_err(failed)?;
        let (oldest, newest) = range.map_or((1, 0), RangeInclusive::into_inner);
        let wrong = |why: &str| Err(status::invalid(vec![("after_seq".into(), why.into())]));
        match after {
            None => Ok(newest),
            Some(0) => Ok(oldest - 1),
            Some(..0) => wrong("must not be negative"),
            Some(seq) if seq > newest => {
                wrong("is after the newest event: it is no sequence number of this service")
            }
            Some(seq) if seq + 1 < oldest => Err(status::pruned(oldest - 1)),
            Some(seq) => Ok(seq),
        }
    }
}

/// One stream. It reads on only when its caller has taken what was read.
struct Watcher {
    edge: Arc<Edge>,
    filter: Filter,
    /// The last event that was read.
    seq: i64,
    /// What was read and not taken yet.
    ready: VecDeque<api::WatchWakesResponse>,
    /// Raised by the commits of this process.
    changed: watch::Receiver<u64>,
    /// When a sign of life is due.
    quiet_until: Instant,
}

impl Watcher {
    async fn next(&mut self) -> Result<api::WatchWakesResponse, Status> {
        let ending = self.edge.ending.clone();
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(self.told(event));
            }
            if ending.is_cancelled() {
                return Err(status::draining());
            }
            if Instant::now() >= self.quiet_until {
                let kind = Some(Kind::Heartbeat(api::WatchHeartbeat {}));
                return Ok(self.told(api::WatchWakesResponse { seq: self.seq, kind }));
            }
            // Before it is read: what is committed meanwhile is no reason to wait.
            self.changed.mark_unchanged();
            if self.read().await? {
                continue;
            }
            tokio::select! {
                () = ending.cancelled() => {}
                () = self.news() => {}
            }
        }
    }

    fn told(&mut self, response: api::WatchWakesResponse) -> api::WatchWakesResponse {
        self.quiet_until = Instant::now() + self.edge.settings.watch.heartbeat;
        response
    }

    /// Until there may be something to read, or a sign of life is due.
    async fn news(&mut self) {
        let look = self.quiet_until.min(Instant::now() + self.edge.settings.watch.poll);
        if let Ok(Err(_)) = timeout_at(look, self.changed.changed()).await {
            // The store of this process is closed; the time goes by all the same.
            sleep_until(look).await;
        }
    }

    /// Reads the next events. Says whether there were any.
    async fn read(&mut self) -> Result<bool, Status> {
        let events = self.edge.store.events_after(self.seq, READ).await.map_err(failed)?;
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(false) };
        if first.seq != self.seq + 1 {
            return Err(status::pruned(first.seq - 1));
        }
        let last = last.seq;
        let wanted = events.into_iter().filter(|event| self.filter.may_be_wanted(event)).collect();
        let told = self.tell(wanted).await.map_err(failed)?;
        self.ready.extend(told);
        self.seq = last;
        Ok(true)
    }

    /// The events with their wakes as they are now. A wake that is forgotten already has nothing left to tell.
    async fn tell(&self, events: Vec<Event>) -> Result<Vec<api::WatchWakesResponse>, Error> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let store = &self.edge.store;
        let wakes = store.wakes_of(events.iter().map(|event| event.wake)).await?;
        let wakes: BTreeMap<WakeId, WakeRecord> = wakes.into_iter().map(|it| (it.wake.id(), it)).collect();
        let pushed = events.iter().filter(|event| event::is_push(event.kind)).filter_map(|event| event.push);
        let pushes = store.pushes_of(pushed).await?;
        let pushes: BTreeMap<PushId, PushRecord> = pushes.into_iter().map(|it| (it.id, it)).collect();
        let tell = |it: Event| {
            let record = wakes.get(&it.wake).filter(|record| self.filter.wants(record))?;
            let of_push = it.push.filter(|_| event::is_push(it.kind)).and_then(|id| pushes.get(&id));
            let told = event::event(&it, wake(record), of_push.map(push));
            Some(api::WatchWakesResponse { seq: it.seq, kind: Some(Kind::Event(told)) })
        };
        Ok(events.into_iter().filter_map(tell).collect())
    }
}

fn failed(error: Error) -> Status {
    status::of_store(error, Wanted::Wake)
}
