//! Guessing is slowed, and nobody can lock a device out by it. Pure: the clock is an argument.
//!
//! * **An address** (of IPv6 a /64) has a bucket of wrong credentials. When it is empty, messages with credentials from
//!   there are refused unseen until it refills. Only an address that guesses can empty its bucket.
//! * **A device at an address** where its credential was right before is never refused: whoever shares an address with a
//!   guesser gets through.
//! * **A name**, of a device or of nobody, at which wrong credentials were aimed lately, from wherever, makes every
//!   verification of that name wait a moment: right and wrong alike, so that the time tells nothing. It is never refused
//!   for that.
//! * **A stale nonce** is no guess: whoever has the password cannot know ours before it asked.
//! * **Messages without a credential** tell nothing about one; an address has a large bucket of them.
//!
//! Everything is in the memory of one process and bounded: what is forgotten was no trouble for long.

use std::time::Duration;

use model::Timestamp;

use crate::{address::Subscriber, bounded::Bounded};

/// How fast somebody may guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuessingLimits {
    /// Wrong credentials that an address may send in a row.
    pub address_burst: u32,
    /// How long until it may send one more.
    pub address_refill: Duration,
    /// Messages without a credential that an address may send in a row.
    pub challenge_burst: u32,
    /// How long until it may send one more.
    pub challenge_refill: Duration,
    /// Wrong credentials for one name until its verifications wait.
    pub name_free: u32,
    /// How long they then wait at first; each further wrong credential doubles it.
    pub name_wait: Duration,
    /// How long they wait at most.
    pub name_wait_max: Duration,
    /// In so much time, half of a name's wrong credentials are forgotten.
    pub name_half_life: Duration,
    /// How many addresses, names, and devices at addresses are remembered, each.
    pub remembered: usize,
}

/// A name that a message claims, as a keyed hash: names are as long as strangers like.
pub(crate) type NameHash = u64;

/// Who sends a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    /// None if it is not known: a proxy that does not tell. Addresses then have no limit.
    pub(crate) from: Option<Subscriber>,
    pub(crate) name: NameHash,
}

/// What is to happen with a message that nobody has verified yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Verify it after this time.
    Verify(Duration),
    /// Refuse it; it may come again after this time.
    Refuse(Duration),
}

/// What is remembered of guesses.
pub(crate) struct Guesses {
    limits: GuessingLimits,
    wrong: Bounded<Subscriber, Bucket>,
    challenged: Bounded<Subscriber, Bucket>,
    names: Bounded<NameHash, Recent>,
    /// Devices at addresses where they were right.
    welcome: Bounded<(NameHash, Subscriber), ()>,
    /// Tokens that names took from an address's bucket.
    taken: Bounded<(NameHash, Subscriber), u32>,
}

/// A bucket of tokens that fills again.
#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

/// A count that is forgotten by and by.
#[derive(Clone, Copy)]
struct Recent {
    count: f64,
    at: Timestamp,
}

impl Guesses {
    pub(crate) fn new(limits: GuessingLimits) -> Self {
        let most = limits.remembered;
        Self {
            limits,
            wrong: Bounded::new(most),
            challenged: Bounded::new(most),
            names: Bounded::new(most),
            welcome: Bounded::new(most),
            taken: Bounded::new(most),
        }
    }

    /// Whether a message with a credential is to be verified, and when.
    pub(crate) fn with_credential(&self, claim: Claim, now: Timestamp) -> Verdict {
        let wait = Verdict::Verify(self.wait(claim.name, now));
        let Some(from) = claim.from.filter(|_| !self.is_welcome(claim)) else { return wait };
        let Some(bucket) = self.wrong.get(&from) else { return wait };
        bucket
            .until_one(now, self.limits.address_burst, self.limits.address_refill)
            .map_or(wait, Verdict::Refuse)
    }

    /// Whether a message without a credential is to be answered. It counts.
    pub(crate) fn without_credential(&mut self, claim: Claim, now: Timestamp) -> Verdict {
        let answer = Verdict::Verify(Duration::ZERO);
        let Some(from) = claim.from.filter(|_| !self.is_welcome(claim)) else { return answer };
        let (burst, refill) = (self.limits.challenge_burst, self.limits.challenge_refill);
        let bucket = self.challenged.touch(from, || Bucket::full(burst, now));
        if let Some(wait) = bucket.until_one(now, burst, refill) {
            return Verdict::Refuse(wait);
        }
        bucket.take(now, burst, refill);
        answer
    }

    /// A credential was wrong.
    pub(crate) fn wrong(&mut self, claim: Claim, now: Timestamp) {
        let GuessingLimits { address_burst, address_refill, name_half_life, .. } = self.limits;
        let recent = self.names.touch(claim.name, || Recent { count: 0.0, at: now });
        recent.add(now, name_half_life);
        if let Some(from) = claim.from.filter(|_| !self.is_welcome(claim)) {
            let bucket = self.wrong.touch(from, || Bucket::full(address_burst, now));
            bucket.take(now, address_burst, address_refill);
            *self.taken.touch((claim.name, from), || 0) += 1;
        }
    }

    /// A credential was right. What the device got wrong before at this address, with a nonce of long ago for instance,
    /// is taken from its neighbours no longer: whole sites come from one address.
    pub(crate) fn right(&mut self, claim: Claim) {
        let Some(from) = claim.from else { return };
        let device = (claim.name, from);
        self.welcome.touch(device, || ());
        if self.taken.get(&device).is_some_and(|taken| *taken > 0) {
            let taken = std::mem::take(self.taken.touch(device, || 0));
            let burst = self.limits.address_burst;
            self.wrong
                .touch(from, || Bucket { left: f64::from(burst), at: Timestamp::EPOCH })
                .give(taken, burst);
        }
    }

    /// Whether the device was right at this address.
    pub(crate) fn is_welcome(&self, claim: Claim) -> bool {
        claim.from.is_some_and(|from| self.welcome.get(&(claim.name, from)).is_some())
    }

    fn wait(&self, name: NameHash, now: Timestamp) -> Duration {
        let limits = &self.limits;
        let Some(recent) = self.names.get(&name) else { return Duration::ZERO };
        let beyond = recent.count_at(now, limits.name_half_life) - f64::from(limits.name_free);
        if beyond < 0.0 {
            return Duration::ZERO;
        }
        // Beyond 2^30 the longest wait is reached, whatever the first one is.
        let doubled = limits.name_wait.as_secs_f64() * beyond.min(30.0).exp2();
        Duration::from_secs_f64(doubled.min(limits.name_wait_max.as_secs_f64()))
    }
}

impl Bucket {
    fn full(burst: u32, now: Timestamp) -> Self {
        Self { left: f64::from(burst), at: now }
    }

    fn left_at(&self, now: Timestamp, burst: u32, refill: Duration) -> f64 {
        let refilled = now.since(self.at).as_secs_f64() / refill.as_secs_f64().max(f64::MIN_POSITIVE);
        (self.left + refilled).min(f64::from(burst))
    }

    /// How long until there is a token; None if there is one.
    fn until_one(&self, now: Timestamp, burst: u32, refill: Duration) -> Option<Duration> {
        let missing = 1.0 - self.left_at(now, burst, refill);
        (missing > 0.0).then(|| refill.mul_f64(missing))
    }

    /// Takes a token, or what is left of one.
    fn take(&mut self, now: Timestamp, burst: u32, refill: Duration) {
        self.left = (self.left_at(now, burst, refill) - 1.0).max(0.0);
        self.at = now;
    }

    /// Puts tokens back.
    fn give(&mut self, tokens: u32, burst: u32) {
        self.left = (self.left + f64::from(tokens)).min(f64::from(burst));
    }
}

impl Recent {
    fn count_at(&self, now: Timestamp, half_life: Duration) -> f64 {
        let lives = now.since(self.at).as_secs_f64() / half_life.as_secs_f64().max(f64::MIN_POSITIVE);
        self.count * (-lives).exp2()
    }

    fn add(&mut self, now: Timestamp, half_life: Duration) {
        self.count = self.count_at(now, half_life) + 1.0;
        self.at = now;
    }
}

impl Default for GuessingLimits {
    fn default() -> Self {
        Self {
            address_burst: 20,
            address_refill: Duration::from_secs(10),
            challenge_burst: 10_000,
            challenge_refill: Duration::from_millis(10),
            name_free: 3,
            name_wait: Duration::from_millis(250),
            name_wait_max: Duration::from_secs(2),
            name_half_life: Duration::from_mins(1),
            remembered: 65_536,
        }
    }
}

#[cfg(test)]
mod tests;
