//! The fleet, the service and WNS in virtual time.

use std::time::Duration;

use model::{DeviceId, Pfn, Priority, PushId, SummonsId, Timestamp, WakeId};
use push::AppCondition;
use secrecy::SecretString;
use simulator::wns::{App, Delivery, Presence};

use crate::{
    Settings,
    agenda::{Agenda, Timer},
    chance::Chance,
    ledger::{Ledger, Record},
    mix::Odds,
    pc::{DAY, HOUR, PROVIDER, Pc},
    report::{Report, RolloutDay},
    service::{self, Service},
    wns::Wns,
};

/// Everything that there is.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) odds: Odds,
    pub(crate) now: Timestamp,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) agenda: Agenda,
    pub(crate) chance: Chance,
    pub(crate) wns: Wns,
    pub(crate) service: Service,
    pub(crate) pcs: Vec<Pc>,
    pub(crate) ledger: Ledger,
    pub(crate) rollout: Vec<RolloutDay>,
}

/// The day on which it begins, counted from the epoch: a Thursday.
const FIRST_DAY: u32 = 20_300 / 7 * 7;
/// Nobody asks for a wake, and fate strikes nobody, in the last days: whatever began has ended then.
const QUIET: Duration = Duration::from_hours(4 * 24);

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut chance = Chance::new(settings.seed);
        let start = Timestamp::EPOCH + DAY * FIRST_DAY;
        let apps = [app("first", 1), app("second", 2)];
        let [first, second]: [Pfn; 2] = apps.each_ref().map(|app| app.pfn.parse().expect("a PFN"));
        let rules = push::Settings { poll: Some(service::poll_schedule()), ..push::Settings::default() };
        let provider = PROVIDER.parse().expect("a provider id");
        // A changed PFN takes most of a day to reach a fleet that is all there.
        let writes_per_hour = settings.devices.div_ceil(15).max(10);
        let mut service = Service::new(rules, (provider, first.clone()), writes_per_hour, &chance.bytes());
        service.apps = [first, second].map(|pfn| (pfn, AppCondition::default())).into();
        let mut world = Self {
            now: start,
            start,
            end: start + DAY * settings.days,
            agenda: Agenda::default(),
            wns: Wns::new(apps.into()),
            service,
            pcs: Vec::new(),
            ledger: Ledger::default(),
            rollout: Vec::new(),
            chance,
            odds: settings.mix.odds(),
            settings,
        };
        for number in 0..settings.devices {
            let pc = Pc::new(number, &world.odds, start, settings.days, &mut world.chance);
            world.admit(pc);
        }
        world.agenda.set(Timer::Day, 0, start + DAY);
        world
    }

    /// Lives to its end.
    pub(crate) fn run(mut self) -> Report {
        while let Some((at, timer, pc)) = self.agenda.next(self.end) {
            self.now = at;
            match timer {
                Timer::Power => self.power(pc),
                Timer::Poll => self.poll(pc),
                Timer::Woken => self.woken(pc),
                Timer::Channel => self.tell_channel(pc),
                Timer::Renewal => self.renew(pc),
                Timer::Ask => self.ask(pc),
                Timer::Due => self.push(pc),
                Timer::Deadline => self.deadline(pc),
                Timer::Fate => self.fate(pc),
                Timer::Day => self.day(),
            }
        }
        Report::of(&self)
    }

    /// A PC enrolls.
    pub(crate) fn admit(&mut self, pc: Pc) {
        let index = self.pcs.len();
        let id = DeviceId::new(self.chance.uuid());
        self.service.create(id, pc.name(), "quarter");
        self.ledger.devices.push(Record::default());
        self.agenda.set(Timer::Power, index, pc.poll_at);
        let ask = pc.poll_at + self.chance.span(DAY, 8 * DAY);
        self.agenda.set(Timer::Ask, index, ask);
        let fate = pc.poll_at + self.chance.span(DAY, 60 * DAY);
        self.agenda.set(Timer::Fate, index, fate);
        self.pcs.push(pc);
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.now + QUIET >= self.end
    }

    fn power(&mut self, index: usize) {
        let now = self.now;
        let pc = &mut self.pcs[index];
        pc.on = pc.habits.is_on(now);
        pc.mend(now);
        if pc.on {
            let soon = now + self.chance.span(Duration::from_secs(30), Duration::from_mins(5));
            self.agenda.set(Timer::Poll, index, pc.poll_at.max(soon));
            let renewal = pc.device.renewal_at().map_or(Timestamp::MAX, |at| at.max(soon));
            self.agenda.set(Timer::Renewal, index, renewal);
        }
        // Data Sense, or a network that does not let WNS through: for this stretch of time.
        let reachable = pc.on && !self.chance.percent(pc.trouble.metered);
        let presence = if reachable { Presence::Connected } else { Presence::Disconnected };
        let next = pc.habits.next_change(now).unwrap_or(Timestamp::MAX).min(now + DAY);
        let released = self.wns.machine.set_presence(pc.name(), presence, now);
        self.agenda.set(Timer::Power, index, next);
        for delivery in released {
            self.deliver(index, &delivery);
        }
    }

    /// A push reached the device.
    pub(crate) fn deliver(&mut self, index: usize, delivery: &Delivery) {
        // Two PCs may show one channel; WNS knows whose it is.
        let index = self.pcs.iter().position(|pc| pc.name() == delivery.device).unwrap_or(index);
        let pc = &mut self.pcs[index];
        if self.chance.percent(pc.trouble.saver) {
            return pc.device.miss_push();
        }
        let at = self.now + self.chance.span(Duration::from_millis(400), Duration::from_secs(20));
        self.agenda.set(Timer::Woken, index, at);
    }

    fn renew(&mut self, index: usize) {
        let now = self.now;
        let pc = &mut self.pcs[index];
        if !pc.on {
            return;
        }
        match pc.device.renewal_due(now).filter(|_| !self.chance.percent(self.odds.renewal_fails)) {
            Some(request) => {
                let name = pc.name().to_owned();
                let granted = self.wns.register(&name, &request, now, &mut self.chance);
                let told = match granted {
                    Ok(uri) => pc.device.channel_assigned(uri, now),
                    Err(push_status) => pc.device.channel_failed(push_status, now),
                };
                if let Err(error) = told {
                    self.ledger.violation(now, error);
                }
                self.agenda.set(Timer::Channel, index, now + Duration::from_secs(10));
            }
            None => pc.device.renewal_failed(now, self.chance.unit()),
        }
        let next = self.pcs[index].device.renewal_at().unwrap_or(Timestamp::MAX);
        self.agenda.set(Timer::Renewal, index, next);
    }

    fn ask(&mut self, index: usize) {
        if self.is_quiet() {
            return;
        }
        let timeouts = [Duration::from_mins(10), HOUR, DAY, 3 * DAY];
        for _ in 0..if self.chance.percent(10) { 2 } else { 1 } {
            let pick = self.chance.between(0, 4);
            let timeout = timeouts[usize::try_from(pick).unwrap_or_default()];
            let priority = if pick < 2 { Priority::Interactive } else { Priority::Bulk };
            let ids = (WakeId::new(self.chance.uuid()), SummonsId::new(self.chance.uuid()));
            self.ledger.wakes_asked += 1;
            self.service.devices[index].ask(ids, priority, timeout, self.now, &self.service.rules);
        }
        let next = self.now + self.chance.span(HOUR, 14 * DAY);
        self.agenda.set(Timer::Ask, index, next);
        self.look_again(index);
    }

    fn deadline(&mut self, index: usize) {
        let reason = self.service.app_reason(index, self.now);
        let device = &mut self.service.devices[index];
        device.end_due(reason, self.now, &self.service.rules, &mut self.ledger);
        self.look_again(index);
    }

    /// Sets the timers of a device's wakes.
    pub(crate) fn look_again(&mut self, index: usize) {
        let device = &self.service.devices[index];
        self.agenda.set(Timer::Due, index, device.due(self.now, &self.service.rules).max(self.now));
        self.agenda.set(Timer::Deadline, index, device.deadline());
    }

    pub(crate) fn push_id(&mut self) -> PushId {
        PushId::new(self.chance.uuid())
    }
}

fn app(name: &str, number: u8) -> App {
    App {
        pfn: format!("Quarter.{name}_abcdefghijkm{number}"),
        sid: format!("ms-app://s-1-15-2-{number}"),
        secret: SecretString::from("quarter"),
        entra: None,
    }
}
