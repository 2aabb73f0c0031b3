//! A push: what WNS says to it (wns.md §3) and what reaches the device.

use std::{fmt::Write, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use model::Timestamp;

use super::{Machine, Random, Reaction};
use crate::wns::{
    channels::{Channel, Delivery, Kept, Presence, Revocation, SeenPush},
    check::{self, Cache, Push, Refusal},
    faults::{HttpFault, PushFault},
    reply::{self, Answer},
};

/// What becomes of a push that is neither refused nor met by a fault.
struct Outcome {
    status: &'static str,
    description: Option<&'static str>,
    presence: Presence,
    delivery: Option<Delivery>,
}

const UNKNOWN: Refusal = Refusal { status: 404, description: "The channel is not known." };

impl Machine {
    /// A POST to a `ChannelURI`.
    pub fn push(&mut self, request: &Request<Bytes>, now: Timestamp, random: Random) -> Reaction {
        self.counters.pushes += 1;
        self.last_push = Some(SeenPush::new(request));
        if let Some(channel) = self.channels.find_mut(check::channel_key(request)) {
            channel.pushes += 1;
            channel.pushed_at = Some(now);
        }
        let mut reaction = match self.admit(request, now) {
            Ok((push, pfn)) => self.perform(&push, &pfn, request.body(), now, &message_id(random)),
            Err(refusal) => refuse(refusal),
        };
        self.count(&reaction);
        reaction.answer = signed(reaction.answer, request, random);
        reaction
    }

    /// The push, if its form is right, and the PFN of the app that sends it.
    fn admit<'a>(&self, request: &'a Request<Bytes>, now: Timestamp) -> Result<(Push<'a>, String), Refusal> {
        let token = check::bearer(request.headers()).unwrap_or_default();
        let owner = self.tokens.owner(token, now).map(str::to_owned);
        let push = check::check(request)?;
        match owner {
            Some(pfn) => Ok((push, pfn)),
            None => Err(Refusal { status: 401, description: "The access token is invalid or expired." }),
        }
    }

    fn perform(&mut self, push: &Push<'_>, pfn: &str, body: &[u8], now: Timestamp, id: &str) -> Reaction {
        let device = self.channels.find(push.channel).map(|channel| channel.device.clone());
        match self.push_faults.take(pfn, device.as_deref()) {
            None => self.settle(push, pfn, body, now, id),
            Some(PushFault::Dropped) => thrown_away("dropped"),
            Some(PushFault::ChannelThrottled) => thrown_away("channelthrottled"),
            Some(PushFault::Http(fault)) => alone(Answer::Reply(reply::scripted(&fault, now))),
            Some(PushFault::Closed) => alone(Answer::Close),
            Some(PushFault::Reset) => alone(Answer::Reset),
            Some(PushFault::ClosedAfterDelivery) => {
                let settled = self.settle(push, pfn, body, now, id);
                Reaction { answer: Answer::Close, ..settled }
            }
            Some(PushFault::Slow(millis)) => {
                let settled = self.settle(push, pfn, body, now, id);
                Reaction { answer: settled.answer.later(Duration::from_millis(millis)), ..settled }
            }
            Some(PushFault::Held) => {
                let settled = self.settle(push, pfn, body, now, id);
                Reaction { answer: settled.answer.held(self.cleared), ..settled }
            }
            Some(PushFault::OddStatus(status)) => {
                let settled = self.settle(push, pfn, body, now, id);
                Reaction { answer: odd(settled.answer, status.as_deref()), ..settled }
            }
        }
    }

    /// What happens when nothing was scripted.
    fn settle(&mut self, push: &Push<'_>, pfn: &str, body: &[u8], now: Timestamp, id: &str) -> Reaction {
        if let Some(limit) = self.settings.app_limit
            && !self.app_usage.entry(pfn.to_owned()).or_default().take(limit, now)
        {
            let wns_status = Some("appthrottled".to_owned());
            let fault = HttpFault { status: 406, wns_status, ..HttpFault::default() };
            return alone(Answer::Reply(reply::scripted(&fault, now)));
        }
        let channel_limit = self.settings.channel_limit;
        let device = self.channels.find(push.channel).map_or("", |channel| channel.device.as_str());
        let presence = self.presence(device);
        let Some(channel) = self.channels.find_mut(push.channel) else { return refuse(UNKNOWN) };
        if channel.pfn != pfn {
            let description = "Channel URL incompatible with caller app";
            return refuse(Refusal { status: 403, description });
        }
        match channel.death(now) {
            Some(Revocation::Expired) => {
                return refuse(Refusal { status: 410, description: "The channel has expired." });
            }
            Some(Revocation::Forgotten) => {
                return refuse(UNKNOWN);
            }
            None => {}
        }
        if channel_limit.is_some_and(|limit| !channel.usage.take(limit, now)) {
            return thrown_away("channelthrottled");
        }
        let delivery = channel.delivery(body, id);
        channel.take_in(push, delivery, presence, now).reaction(push)
    }

    fn count(&mut self, reaction: &Reaction) {
        let counters = &mut self.counters;
        counters.delivered += u64::from(reaction.delivery.is_some());
        match &reaction.answer {
            Answer::Close | Answer::Reset => {}
            Answer::Reply(reply) | Answer::Later(_, reply) | Answer::Held(_, reply)
                if !reply.status().is_success() =>
            {
                counters.refused += 1;
            }
            Answer::Reply(reply) | Answer::Later(_, reply) | Answer::Held(_, reply) => {
                let status = reply.headers().get("x-wns-status").map(http::HeaderValue::as_bytes);
                match status {
                    Some(b"dropped" | b"channelthrottled") => counters.dropped += 1,
                    _ => counters.accepted += 1,
                }
            }
        }
    }
}

impl Channel {
    fn delivery(&self, body: &[u8], id: &str) -> Delivery {
        Delivery {
            fleet: self.fleet.clone(),
            device: self.device.clone(),
            pfn: self.pfn.clone(),
            message_id: id.to_owned(),
            body: STANDARD.encode(body),
        }
    }

    /// Delivered, kept in the place of an older one, or dropped (wns.md §2.3).
    fn take_in(
        &mut self,
        push: &Push<'_>,
        delivery: Delivery,
        presence: Presence,
        now: Timestamp,
    ) -> Outcome {
        let outcome = Outcome { status: "received", description: None, presence, delivery: None };
        if presence == Presence::Connected {
            return Outcome { delivery: Some(delivery), ..outcome };
        }
        let until = match push.cache {
            Cache::No => {
                let description = Some("Device is offline and X-WNS-Cache-Policy is no-cache");
                return Outcome { status: "dropped", description, ..outcome };
            }
            Cache::Yes => None,
            Cache::For(ttl) => Some(now + ttl),
        };
        self.kept = Some(Kept { delivery, until });
        outcome
    }
}

impl Outcome {
    fn reaction(self, push: &Push<'_>) -> Reaction {
        let mut reply = accepted(self.status);
        if let Some(description) = self.description {
            reply = reply::with(reply, "x-wns-error-description", description);
        }
        if push.tells_presence {
            reply = reply::with(reply, "x-wns-deviceconnectionstatus", self.presence.header());
        }
        Reaction { answer: Answer::Reply(reply), delivery: self.delivery }
    }
}

fn accepted(status: &str) -> Response<Bytes> {
    let reply = reply::with(reply::empty(200), "x-wns-status", status);
    reply::with(reply, "x-wns-notificationstatus", status)
}

fn thrown_away(status: &str) -> Reaction {
    alone(Answer::Reply(accepted(status)))
}

fn refuse(refusal: Refusal) -> Reaction {
    let reply = reply::with(reply::empty(refusal.status), "x-wns-error-description", refusal.description);
    alone(Answer::Reply(reply))
}

fn alone(answer: Answer) -> Reaction {
    Reaction { answer, delivery: None }
}

/// The same answer with another status, or without one.
fn odd(answer: Answer, status: Option<&str>) -> Answer {
    let Answer::Reply(mut reply) = answer else { return answer };
    for name in ["x-wns-status", "x-wns-notificationstatus"] {
        reply.headers_mut().remove(name);
        if let Some(status) = status {
            reply = reply::with(reply, name, status);
        }
    }
    Answer::Reply(reply)
}

/// Adds what every answer of WNS carries: message id, debug trace and the sender's correlation vector.
fn signed(answer: Answer, request: &Request<Bytes>, random: Random) -> Answer {
    let id = message_id(random);
    let trace = format!("EMULATED{}", &id[..8]);
    let vector = request.headers().get("ms-cv").and_then(|value| value.to_str().ok());
    let sign = |reply| {
        let reply = reply::with(reply::with(reply, "x-wns-msg-id", &id), "x-wns-debug-trace", &trace);
        vector.into_iter().fold(reply, |reply, vector| reply::with(reply, "ms-cv", vector))
    };
    match answer {
        Answer::Reply(reply) => Answer::Reply(sign(reply)),
        Answer::Later(delay, reply) => Answer::Later(delay, sign(reply)),
        Answer::Held(cleared, reply) => Answer::Held(cleared, sign(reply)),
        cut @ (Answer::Close | Answer::Reset) => cut,
    }
}

/// At most 16 letters and digits (wns.md §3.2).
fn message_id(random: Random) -> String {
    random[..8].iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02X}");
        id
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wns::{App, Limit, Registration, Renewal, Script, Settings};

    struct Bench {
        machine: Machine,
        token: String,
        uri: String,
        now: Timestamp,
    }

    impl Bench {
        fn new(settings: Settings) -> Self {
            let mut machine = Machine::new(settings, "http://x");
            let app = App::example();
            let token = machine.tokens.issue(&app.pfn, Timestamp::MAX, 10, [3; 32]);
            let registration = Registration {
                pfn: app.pfn,
                device: "d".to_owned(),
                fleet: String::new(),
                renewal: Renewal::Same,
            };
            let uri = machine.register(&registration, Timestamp::EPOCH, [4; 32]).unwrap().uri;
            Self { machine, token, uri, now: Timestamp::EPOCH }
        }

        /// Pushes; the status, `X-WNS-Status`, connection status, and whether it was delivered.
        fn push(&mut self, extra: &[(&str, &str)]) -> (u16, String, String, bool) {
            let mut request = Request::post(&self.uri)
                .header("authorization", format!("Bearer {}", self.token))
                .header("content-type", "application/octet-stream")
                .header("content-length", 4)
                .header("x-wns-type", "wns/raw")
                .header("x-wns-requestforstatus", "true");
            for (name, value) in extra {
                request = request.header(*name, *value);
            }
            let request = request.body(Bytes::from_static(b"wake")).unwrap();
            let reaction = self.machine.push(&request, self.now, [5; 32]);
            let (Answer::Reply(reply) | Answer::Later(_, reply) | Answer::Held(_, reply)) = reaction.answer
            else {
                return (0, String::new(), String::new(), reaction.delivery.is_some());
            };
            let text = |name| {
                reply.headers().get(name).map_or(String::new(), |value| value.to_str().unwrap().to_owned())
            };
            let (status, connection) = (text("x-wns-status"), text("x-wns-deviceconnectionstatus"));
            (reply.status().as_u16(), status, connection, reaction.delivery.is_some())
        }
    }

    fn words(status: u16, wns: &str, connection: &str, delivered: bool) -> (u16, String, String, bool) {
        (status, wns.to_owned(), connection.to_owned(), delivered)
    }

    #[test]
    fn an_offline_device_keeps_one_push_for_its_ttl() {
        let mut bench = Bench::new(Settings::default());
        assert_eq!(bench.push(&[]), words(200, "received", "connected", true));
        bench.machine.set_presence("d", Presence::Disconnected, bench.now);
        assert_eq!(bench.push(&[]), words(200, "dropped", "disconnected", false));
        let keep = [("x-wns-cache-policy", "cache"), ("x-wns-ttl", "60")];
        for _ in 0..2 {
            assert_eq!(bench.push(&keep), words(200, "received", "disconnected", false));
        }
        let in_time = bench.now + Duration::from_secs(59);
        assert_eq!(bench.machine.set_presence("d", Presence::Connected, in_time).len(), 1);
        bench.machine.set_presence_of_all(Presence::TempDisconnected, bench.now);
        assert_eq!(bench.push(&keep), words(200, "received", "tempdisconnected", false));
        let late = bench.now + Duration::from_mins(1);
        assert_eq!(bench.machine.set_presence_of_all(Presence::Connected, late), []);
    }

    #[test]
    fn channels_expire_are_revoked_and_belong_to_one_app() {
        let mut bench = Bench::new(Settings::default());
        bench.now = Timestamp::EPOCH + Duration::from_hours(30 * 24);
        assert_eq!(bench.push(&[]).0, 410);
        bench.now = Timestamp::EPOCH;
        let token = std::mem::replace(&mut bench.token, "stranger".to_owned());
        assert_eq!(bench.push(&[]).0, 401);
        bench.token = bench.machine.tokens.issue("another", Timestamp::MAX, 10, [9; 32]);
        assert_eq!(bench.push(&[]).0, 403);
        bench.token = token;
        for (how, expect) in [(Revocation::Forgotten, 404), (Revocation::Expired, 410)] {
            bench.machine.revoke_channels("d", how);
            assert_eq!(bench.push(&[]).0, expect);
        }
        bench.uri = "http://x/?token=nobody".to_owned();
        assert_eq!(bench.push(&[]).0, 404);
    }

    #[test]
    fn faults_come_before_the_channel() {
        let mut bench = Bench::new(Settings::default());
        for (fault, expect) in [
            (PushFault::Dropped, words(200, "dropped", "", false)),
            (PushFault::ChannelThrottled, words(200, "channelthrottled", "", false)),
            (PushFault::OddStatus(None), words(200, "", "connected", true)),
            (PushFault::OddStatus(Some("new".to_owned())), words(200, "new", "connected", true)),
            (PushFault::app_throttled(406, None), words(406, "appthrottled", "", false)),
            (PushFault::domain_blocked(), words(410, "", "", false)),
            (PushFault::Closed, words(0, "", "", false)),
            (PushFault::ClosedAfterDelivery, words(0, "", "", true)),
            (PushFault::Slow(5), words(200, "received", "connected", true)),
            (PushFault::Held, words(200, "received", "connected", true)),
        ] {
            bench.machine.script_push(Script::once(fault.clone()));
            assert_eq!(bench.push(&[]), expect, "{fault:?}");
        }
        assert_eq!(bench.push(&[]).0, 200);
        assert_eq!(bench.machine.pushes_to("d"), 11);
    }

    #[test]
    fn limits_throttle_the_channel_or_the_app() {
        let limit = Some(Limit { burst: 1, interval: Duration::from_mins(1) });
        let mut bench = Bench::new(Settings { channel_limit: limit, ..Settings::default() });
        assert_eq!([bench.push(&[]).1, bench.push(&[]).1], ["received", "channelthrottled"]);
        let mut bench = Bench::new(Settings { app_limit: limit, ..Settings::default() });
        assert_eq!([bench.push(&[]).0, bench.push(&[]).0], [200, 406]);
    }
}
