//! How many there may be at a time, in all and from one address: connections, and messages that wait.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::address::Subscriber;

/// The places for connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<Subscriber, usize>>>,
    per_address: usize,
}

/// A place that is kept until a connection takes it. There may be none for its address.
pub(crate) struct FreePlace {
    one: OwnedSemaphorePermit,
    places: Places,
}

/// The place of one connection; given back when dropped.
pub(crate) struct Place {
    _one: OwnedSemaphorePermit,
    of: Option<(Places, Subscriber)>,
}

impl Places {
    pub(crate) fn new(all: usize, per_address: usize) -> Self {
        let all = Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS)));
        Self { all, taken: Arc::default(), per_address }
    }

    /// A free place, once there is one: meanwhile, connections wait in the kernel's queue.
    pub(crate) async fn free(&self) -> FreePlace {
        let one = self.all.clone().acquire_owned().await.expect("the semaphore is never closed");
        FreePlace { one, places: self.clone() }
    }

    /// Whether there is none.
    pub(crate) fn are_taken(&self) -> bool {
        self.all.available_permits() == 0
    }

    /// A place now; none if there is none, or if whoever asks has enough. Who comes from nowhere has no such limit.
    pub(crate) fn try_take(&self, from: Option<Subscriber>) -> Option<Place> {
        let one = self.all.clone().try_acquire_owned().ok()?;
        let Some(from) = from else { return Some(Place { _one: one, of: None }) };
        self.count(from).then(|| Place { _one: one, of: Some((self.clone(), from)) })
    }

    /// Counts one more; false if that would be too many.
    fn count(&self, subscriber: Subscriber) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(subscriber).or_default();
        let fits = *count < self.per_address;
        *count += usize::from(fits);
        fits
    }

    fn uncount(&self, subscriber: Subscriber) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&subscriber) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&subscriber);
            }
        }
    }
}

impl FreePlace {
    /// Takes the place for a connection from this address; None if that address has enough.
    pub(crate) fn take(self, address: IpAddr) -> Option<Place> {
        let subscriber = address.into();
        self.places.count(subscriber).then(|| Place { _one: self.one, of: Some((self.places, subscriber)) })
    }

    /// Takes the place for a proxy, which brings the connections of many.
    pub(crate) fn take_for_proxy(self) -> Place {
        Place { _one: self.one, of: None }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((places, subscriber)) = &self.of {
            places.uncount(*subscriber);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    #[tokio::test]
    async fn one_address_cannot_take_every_place() {
        let places = Places::new(4, 2);
        let first = places.free().await.take(HERE).unwrap();
        let _second = places.free().await.take(HERE).unwrap();
        assert!(places.free().await.take(HERE).is_none(), "enough from here");
        assert!(places.free().await.take(THERE).is_some());
        let _proxied = places.free().await.take_for_proxy();
        drop(first);
        assert!(places.free().await.take(HERE).is_some(), "given back");
    }

    #[test]
    fn who_does_not_wait_gets_a_place_or_none() {
        let places = Places::new(3, 2);
        let [here, there] = [HERE, THERE].map(|address| Some(address.into()));
        let first = places.try_take(here).unwrap();
        let _second = places.try_take(here).unwrap();
        assert!(places.try_take(here).is_none(), "enough from here");
        let third = places.try_take(there).unwrap();
        assert!(places.try_take(None).is_none(), "all are taken");
        drop(third);
        assert!(places.try_take(None).is_some());
        drop(first);
        assert!(places.try_take(here).is_some(), "given back");
    }

    #[tokio::test]
    async fn the_next_one_waits_until_a_place_is_free() {
        let places = Places::new(1, 1);
        let only = places.free().await.take(HERE).unwrap();
        let mut next = Box::pin(places.free());
        tokio::select! {
            biased;
            _ = &mut next => panic!("there was no place"),
            () = std::future::ready(()) => {}
        }
        drop(only);
        assert!(next.await.take(HERE).is_some());
    }
}
