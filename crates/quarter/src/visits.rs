//! Sessions: real bytes between the simulated device and the service.

use std::time::Duration;

use model::{SessionKey, Timestamp};
use push::{ChannelState, Origin};
use simulator::device::{ChannelRequest, Opening, OriginHeader, PfnWrite, ProtocolError, Step};

use crate::{agenda::Timer, world::World};

/// From one message of a session to the next.
const ROUND: Duration = Duration::from_millis(200);

impl World {
    pub(crate) fn poll(&mut self, index: usize) {
        if !self.pcs[index].on {
            return;
        }
        self.hold(index, Opening::Schedule);
        let pc = &mut self.pcs[index];
        pc.poll_at = self.now + pc.device.poll_after(pc.polls, self.now);
        pc.polls += 1;
        self.agenda.set(Timer::Poll, index, pc.poll_at);
    }

    pub(crate) fn woken(&mut self, index: usize) {
        if self.pcs[index].on {
            self.hold(index, Opening::Push);
        }
    }

    /// A device tells at once that it has a channel (oma-dm.md §9.1).
    pub(crate) fn tell_channel(&mut self, index: usize) {
        if self.pcs[index].on {
            self.hold(index, Opening::Schedule);
        }
    }

    /// Holds a whole session.
    pub(crate) fn hold(&mut self, index: usize, opening: Opening) {
        let pc = &self.pcs[index];
        let refuses = matches!(pc.device.profile().pfn_write, PfnWrite::Refused(_));
        let began = self.now;
        let mut writes = Vec::new();
        let whole = self.converse(index, opening, &mut writes).unwrap_or_else(|error| {
            self.ledger.violation(began, format!("device {index}: a session broke off: {error}"));
            self.pcs[index].device.fall_silent();
            false
        });
        self.pcs[index].visited(began);
        let live = self.service.devices[index].channel.state() == ChannelState::Live;
        self.ledger.session_held(index, &writes, (whole, live), refuses);
        let renewal = self.pcs[index].device.renewal_at().unwrap_or(Timestamp::MAX);
        self.agenda.set(Timer::Renewal, index, renewal.max(self.now));
        self.look_again(index);
    }

    /// Goes from message to message, and says whether it got to the end. `writes` gets the time of each write of the PFN.
    fn converse(
        &mut self,
        index: usize,
        opening: Opening,
        writes: &mut Vec<Timestamp>,
    ) -> Result<bool, ProtocolError> {
        let mut now = self.now;
        let pc = &mut self.pcs[index];
        let origin = match (pc.device.profile().origin, opening) {
            (OriginHeader::Silent, _) => Origin::Unknown,
            (OriginHeader::Sent, Opening::Push) => Origin::Push,
            (OriginHeader::Sent, _) => Origin::Other,
        };
        let key = SessionKey::new(self.chance.uuid());
        let mut message = pc.device.start(opening, now);
        loop {
            now = now + ROUND;
            let mut reply = self.service.receive(index, &message, (origin, key), now, &mut self.ledger)?;
            let luck = self.chance.between(0, 1_000);
            if luck < self.odds.lost {
                now = now + 30 * ROUND;
                let again = self.service.receive(index, &message, (origin, key), now, &mut self.ledger)?;
                // A challenge may differ; what was stored may not.
                reply = again;
            } else if luck < self.odds.lost + self.odds.asleep {
                self.pcs[index].device.fall_silent();
                return Ok(false);
            }
            let before = self.pcs[index].device.writes().pfn;
            let received = self.pcs[index].device.receive(&reply, now);
            let written = self.pcs[index].device.writes().pfn - before;
            writes.extend(std::iter::repeat_n(now, written as usize));
            let mut step = received?;
            while let Step::Register(request) = step {
                step = self.register(index, &request, now)?.ok_or(ProtocolError::NoSession)?;
            }
            match step {
                Step::Send(next) => message = next,
                Step::Done(report) => {
                    if let Some(request) = &report.register {
                        self.register(index, request, now)?;
                        self.agenda.set(Timer::Channel, index, now + Duration::from_secs(15));
                    }
                    return Ok(true);
                }
                Step::Register(_) => unreachable!("the loop above ends with another step"),
            }
        }
    }

    fn register(
        &mut self,
        index: usize,
        request: &ChannelRequest,
        now: Timestamp,
    ) -> Result<Option<Step>, ProtocolError> {
        let device = &mut self.pcs[index].device;
        let name = device.identity().name.clone();
        match self.wns.register(&name, request, now, &mut self.chance) {
            Ok(uri) => device.channel_assigned(uri, now),
            Err(push_status) => device.channel_failed(push_status, now),
        }
    }
}
