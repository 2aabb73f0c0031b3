//! The pace against a WNS that takes everything, or only so much, in virtual time.

#![expect(clippy::float_cmp, reason = "what is compared was copied, not computed")]

use super::*;

const START_AT: Timestamp = Timestamp::from_micros(100_000_000);
const STEP: Duration = Duration::from_millis(10);

fn at(millis: u64) -> Timestamp {
    START_AT + Duration::from_millis(millis)
}

fn pacer(max_pushes_per_second: u32) -> Pacer {
    Pacer::new(&Settings { max_pushes_per_second, ..Settings::default() }, START_AT)
}

fn room(pacer: &mut Pacer, now: Timestamp) -> u32 {
    pacer.room(Door::Open, now)
}

/// Pushes as fast as the pacer lets it for so long, where an answer takes `latency`. How many went in each second.
fn run(pacer: &mut Pacer, from: Timestamp, seconds: u64, latency: Duration) -> Vec<u32> {
    let mut under_way = std::collections::VecDeque::new();
    let mut counts = vec![0; usize::try_from(seconds).unwrap()];
    let mut now = from;
    while now < from + Duration::from_secs(seconds) {
        while under_way.front().is_some_and(|&ends| ends <= now) {
            under_way.pop_front();
            pacer.finish(Some(&Verdict::SentUnknown), now);
        }
        while room(pacer, now) > 0 {
            pacer.start(now);
            under_way.push_back(now + latency);
            counts[usize::try_from(now.since(from).as_secs()).unwrap()] += 1;
        }
        now = now + STEP;
    }
    for _ in under_way {
        pacer.finish(None, now);
    }
    counts
}

#[test]
fn a_start_is_slow_and_doubles_within_three_seconds() {
    let mut pacer = pacer(0);
    let counts = run(&mut pacer, START_AT, 12, STEP);
    assert!((20..=28).contains(&counts[0]), "the first second: {counts:?}");
    for (second, pair) in counts.iter().zip(&counts[3..]).enumerate() {
        let (before, after) = pair;
        assert!(*after >= before * 7 / 4 && *after <= before * 5 / 2, "second {second}: {counts:?}");
    }
}

#[test]
fn after_throttling_it_is_fast_to_the_half_and_slow_from_there() {
    let mut pacer = pacer(0);
    pacer.heed(Closings { times: 7, throttled: 3 });
    assert_eq!(pacer.rate(), START, "what was before the process began is nothing to it");
    run(&mut pacer, START_AT, 14, STEP);
    let before = pacer.rate();
    assert!(before > 300.0, "{before}");
    pacer.heed(Closings { times: 8, throttled: 4 });
    assert_eq!((pacer.rate(), pacer.limit()), (START, 4));
    run(&mut pacer, at(60_000), 14, STEP);
    let half = pacer.rate();
    assert!(half >= before * 0.5 && half < before * 0.6, "{half} after {before}");
    run(&mut pacer, at(74_000), 25, STEP);
    let whole = pacer.rate();
    assert!(whole >= before * 0.9 && whole <= before * 1.1, "{whole} after {before}");
}

#[test]
fn throttling_again_and_again_halves_the_start_as_well() {
    let mut pacer = pacer(0);
    for (throttled, most) in [(0, START), (1, 14.0), (2, 8.0), (3, LEAST), (4, LEAST)] {
        pacer.heed(Closings { times: throttled, throttled });
        assert!(pacer.rate() >= LEAST && pacer.rate() <= most, "after {throttled}: {}", pacer.rate());
        run(&mut pacer, at(u64::from(throttled) * 60_000), 1, STEP);
    }
}

#[test]
fn a_probe_that_is_refused_says_nothing_about_the_rate() {
    let mut pacer = pacer(0);
    pacer.heed(Closings::default());
    for throttled in 1..10 {
        pacer.start(at(u64::from(throttled) * 1_000));
        pacer.finish(Some(&Verdict::AppThrottled { retry_after: None }), at(u64::from(throttled) * 1_000));
        pacer.heed(Closings { times: throttled, throttled });
    }
    assert_eq!(pacer.rate(), START);
    run(&mut pacer, at(60_000), 14, STEP);
    assert!(pacer.rate() > 300.0, "it rises as after any start: {}", pacer.rate());
}

#[test]
fn a_closing_that_says_nothing_of_the_rate_leaves_it_to_rise_fast() {
    let mut pacer = pacer(0);
    run(&mut pacer, START_AT, 14, STEP);
    let before = pacer.rate();
    let closings = Closings { times: 1, throttled: 0 };
    pacer.heed(Closings::default());
    pacer.heed(closings);
    assert_eq!(pacer.rate(), START);
    run(&mut pacer, at(60_000), 14, STEP);
    assert!(pacer.rate() >= before * 0.9, "{} after {before}", pacer.rate());
    let risen = pacer.rate();
    pacer.heed(closings);
    assert_eq!(pacer.rate(), risen, "what was heeded is not heeded again");
}

#[test]
fn an_operator_has_the_last_word() {
    for (bound, expect) in [(5, 5), (50, 50)] {
        let mut pacer = pacer(bound);
        let counts = run(&mut pacer, START_AT, 30, STEP);
        assert!(counts[29].abs_diff(expect) <= 1, "{counts:?}");
        assert!(counts[1..].iter().all(|&count| count <= expect + 1), "{counts:?}");
    }
}

#[test]
fn slow_answers_let_concurrency_rise_and_not_the_rate() {
    let mut pacer = pacer(0);
    let counts = run(&mut pacer, START_AT, 20, Duration::from_secs(1));
    assert!(counts[0] <= 4 && counts[1] <= 8, "{counts:?}");
    assert!((15..=25).contains(&pacer.limit()), "one more with each round: {}", pacer.limit());
}

#[test]
fn what_nobody_uses_does_not_rise() {
    let mut pacer = pacer(0);
    for second in 0..500 {
        let now = at(second * 1_000);
        assert!(room(&mut pacer, now) > 0);
        pacer.start(now);
        pacer.finish(Some(&Verdict::SentUnknown), now);
    }
    assert_eq!((pacer.rate(), pacer.limit()), (START, 4));
}

#[test]
fn what_was_long_ago_proves_nothing() {
    let mut pacer = pacer(0);
    run(&mut pacer, START_AT, 14, STEP);
    let risen = pacer.rate();
    let last = at(14_000);
    assert!(room(&mut pacer, last + IDLE / 2) > 5 && pacer.rate() == risen, "a pause is none");
    assert_eq!(room(&mut pacer, last + IDLE), 4);
    assert_eq!(pacer.rate(), START);
}

#[test]
fn throttling_long_ago_proves_nothing_either() {
    let mut pacer = pacer(0);
    for throttled in 0..5 {
        pacer.heed(Closings { times: throttled, throttled });
        run(&mut pacer, at(u64::from(throttled) * 60_000), 1, STEP);
    }
    assert!(pacer.rate() < START, "{}", pacer.rate());
    let later = at(241_000) + IDLE;
    assert_eq!(room(&mut pacer, later), 4);
    assert_eq!(pacer.rate(), START);
    run(&mut pacer, later, 14, STEP);
    assert!(pacer.rate() > 300.0, "it rises as after any start: {}", pacer.rate());
}

#[test]
fn time_behind_a_shut_door_is_not_idleness() {
    let open = Timestamp::from_micros;
    for shut in [Door::Shut(open(1_000_000_000)), Door::Probing(open(1_000_000_000)), Door::Probe] {
        let mut pacer = pacer(0);
        pacer.heed(Closings::default());
        run(&mut pacer, START_AT, 14, STEP);
        let before = pacer.rate();
        pacer.heed(Closings { times: 1, throttled: 1 });
        // Another replica probes; this one may not push for a quarter of an hour.
        for second in 14..914 {
            assert_eq!(pacer.room(shut, at(second * 1_000)), u32::from(shut == Door::Probe), "{shut:?}");
        }
        run(&mut pacer, at(914_000), 14, STEP);
        let half = pacer.rate();
        assert!(half >= before * 0.5 && half < before * 0.6, "{half} after {before}, {shut:?}");
        // Ten minutes in which it could have pushed are idleness, as ever.
        let later = at(928_000) + IDLE;
        assert_eq!(room(&mut pacer, later), 4);
        run(&mut pacer, later, 14, STEP);
        assert!(pacer.rate() > before * 0.9, "it rises as after any start: {}", pacer.rate());
    }
}

#[test]
fn after_a_long_pause_the_start_is_slow() {
    let mut pacer = pacer(0);
    run(&mut pacer, START_AT, 14, STEP);
    for second in 14..914 {
        assert_eq!(pacer.room(Door::Shut(Timestamp::MAX), at(second * 1_000)), 0);
    }
    assert_eq!(room(&mut pacer, at(914_000)), 4);
    assert_eq!(pacer.rate(), START);
    run(&mut pacer, at(914_000), 14, STEP);
    assert!(pacer.rate() > 300.0, "nothing was throttled: {}", pacer.rate());
}

#[test]
fn one_push_at_a_time_is_a_probe() {
    let mut pacer = pacer(0);
    assert_eq!(pacer.room(Door::Probe, START_AT), 1);
    pacer.start(START_AT);
    assert_eq!(pacer.room(Door::Probe, START_AT), 0, "what is under way may show as much");
    pacer.finish(None, START_AT);
    assert_eq!(pacer.room(Door::Probe, START_AT), 1, "the bucket is not looked at");
}

#[test]
fn what_wns_takes_meanwhile_outweighs_an_old_throttling() {
    let mut pacer = pacer(0);
    pacer.heed(Closings::default());
    run(&mut pacer, START_AT, 1, STEP);
    pacer.heed(Closings { times: 1, throttled: 1 });
    run(&mut pacer, at(60_000), 120, STEP);
    let risen = pacer.rate();
    assert!(risen > 100.0, "{risen}");
    pacer.heed(Closings { times: 2, throttled: 1 });
    run(&mut pacer, at(240_000), 10, STEP);
    assert!(pacer.rate() >= risen * 0.5, "{} after {risen}", pacer.rate());
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let mut pacer = pacer(0);
    let before = run(&mut pacer, at(3_600_000), 3, STEP);
    let after = run(&mut pacer, START_AT, 1, STEP);
    assert!(after[0] >= before[2], "{after:?} after {before:?}");
    let idle = at(1_000) + IDLE;
    assert_eq!(room(&mut pacer, idle), 4, "and what was long ago proves nothing");
    // Nothing holds back any more, whatever the old clock said of when it did.
    let mut pacer = self::pacer(0);
    run(&mut pacer, at(3_600_000), 1, STEP);
    let rate = pacer.rate();
    pacer.start(START_AT);
    pacer.finish(Some(&Verdict::SentUnknown), START_AT);
    assert_eq!(pacer.rate(), rate);
}

#[test]
fn answers_that_are_no_success_raise_nothing() {
    let mut pacer = pacer(0);
    for verdict in [Verdict::Failed, Verdict::Ambiguous, Verdict::ChannelDead, Verdict::Malformed] {
        for n in 0..100 {
            pacer.start(at(n * 10));
            pacer.finish(Some(&verdict), at(n * 10));
        }
    }
    assert_eq!((pacer.rate(), pacer.limit(), pacer.under_way()), (START, 4, 0));
}
