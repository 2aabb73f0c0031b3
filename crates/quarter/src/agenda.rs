//! What happens when: one timer of each kind for each PC, in the order of virtual time.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use model::Timestamp;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// The PC is switched on or off.
    Power,
    /// Its schedule starts a session.
    Poll,
    /// A push starts a session.
    Woken,
    /// A new channel starts a session.
    Channel,
    /// It renews its channel.
    Renewal,
    /// Somebody asks for a wake.
    Ask,
    /// Its summons may push.
    Due,
    /// A wake of its ends.
    Deadline,
    /// Something happens to it that no protocol asks for.
    Fate,
    /// The fleet, not a PC: midnight.
    Day,
}

/// The timers that are set.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    queue: BinaryHeap<Reverse<(Timestamp, Timer, usize)>>,
    set: HashMap<(Timer, usize), Timestamp>,
}

impl Agenda {
    /// Sets a PC's timer, in the place of what it was set to. [`Timestamp::MAX`] is never.
    pub(crate) fn set(&mut self, timer: Timer, pc: usize, at: Timestamp) {
        if self.set.insert((timer, pc), at) != Some(at) && at != Timestamp::MAX {
            self.queue.push(Reverse((at, timer, pc)));
        }
    }

    /// The next that goes off before `end`.
    pub(crate) fn next(&mut self, end: Timestamp) -> Option<(Timestamp, Timer, usize)> {
        while let Some(Reverse((at, timer, pc))) = self.queue.pop() {
            if at >= end {
                return None;
            }
            if self.set.get(&(timer, pc)) == Some(&at) {
                self.set.remove(&(timer, pc));
                return Some((at, timer, pc));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_is_set_again_goes_off_once() {
        let at = Timestamp::from_micros;
        let mut agenda = Agenda::default();
        for (timer, pc, time) in [
            (Timer::Poll, 0, 5),
            (Timer::Poll, 0, 3),
            (Timer::Poll, 1, 4),
            (Timer::Due, 0, 4),
            (Timer::Due, 1, 2),
        ] {
            agenda.set(timer, pc, at(time));
        }
        agenda.set(Timer::Due, 1, Timestamp::MAX);
        let order: Vec<_> = std::iter::from_fn(|| agenda.next(at(10))).collect();
        assert_eq!(order, [(at(3), Timer::Poll, 0), (at(4), Timer::Poll, 1), (at(4), Timer::Due, 0)]);
    }
}
