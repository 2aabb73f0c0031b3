use std::net::Ipv4Addr;

use super::*;

const DEVICE: NameHash = 1;
const OTHER: NameHash = 2;

fn at(seconds: f64) -> Timestamp {
    Timestamp::EPOCH + Duration::from_secs_f64(seconds)
}

fn from(address: u8, name: NameHash) -> Claim {
    Claim { from: Some(std::net::IpAddr::from(Ipv4Addr::new(192, 0, 2, address)).into()), name }
}

fn limits() -> GuessingLimits {
    GuessingLimits {
        address_burst: 3,
        address_refill: Duration::from_secs(10),
        challenge_burst: 2,
        challenge_refill: Duration::from_secs(1),
        ..GuessingLimits::default()
    }
}

fn guesses() -> Guesses {
    Guesses::new(limits())
}

#[test]
fn an_address_that_guesses_is_refused_until_its_bucket_refills() {
    let mut guesses = guesses();
    for name in 10..13 {
        assert_eq!(guesses.with_credential(from(1, name), at(0.0)), Verdict::Verify(Duration::ZERO));
        guesses.wrong(from(1, name), at(0.0));
    }
    for (now, expect) in [
        (0.0, Verdict::Refuse(Duration::from_secs(10))),
        (4.0, Verdict::Refuse(Duration::from_secs(6))),
        (10.0, Verdict::Verify(Duration::ZERO)),
    ] {
        assert_eq!(guesses.with_credential(from(1, 99), at(now)), expect, "after {now} s");
    }
    guesses.wrong(from(1, 99), at(10.0));
    assert_eq!(guesses.with_credential(from(1, 99), at(11.0)), Verdict::Refuse(Duration::from_secs(9)));
    assert_eq!(guesses.with_credential(from(2, 99), at(11.0)), Verdict::Verify(Duration::ZERO), "elsewhere");
    assert_eq!(guesses.with_credential(from(1, 99), at(1e6)), Verdict::Verify(Duration::ZERO), "forgiven");
}

#[test]
fn a_name_that_is_guessed_at_waits_and_is_never_refused() {
    let check = |wrong: u8, expect: f64| {
        let mut guesses = guesses();
        for address in 0..wrong {
            guesses.wrong(from(address, DEVICE), at(0.0));
        }
        let expect = Verdict::Verify(Duration::from_secs_f64(expect));
        assert_eq!(guesses.with_credential(from(200, DEVICE), at(0.0)), expect, "{wrong} guesses");
        assert_eq!(guesses.with_credential(from(200, OTHER), at(0.0)), Verdict::Verify(Duration::ZERO));
        // A device that is known at its address waits like everybody: the time must tell nothing.
        guesses.right(from(201, DEVICE));
        assert_eq!(guesses.with_credential(from(201, DEVICE), at(0.0)), expect);
    };
    for (wrong, seconds) in
        [(0, 0.0), (2, 0.0), (3, 0.25), (4, 0.5), (5, 1.0), (6, 2.0), (7, 2.0), (150, 2.0)]
    {
        check(wrong, seconds);
    }
}

#[test]
fn guesses_at_a_name_are_forgotten() {
    let mut guesses = guesses();
    for address in 0..12 {
        guesses.wrong(from(address, DEVICE), at(0.0));
    }
    for (now, seconds) in [(0.0, 2.0), (120.0, 0.25), (180.0, 0.0)] {
        let expect = Verdict::Verify(Duration::from_secs_f64(seconds));
        assert_eq!(guesses.with_credential(from(200, DEVICE), at(now)), expect, "after {now} s");
    }
}

#[test]
fn strangers_at_its_address_do_not_lock_a_device_out() {
    let mut guesses = guesses();
    guesses.right(from(1, DEVICE));
    for name in 10..30 {
        guesses.wrong(from(1, name), at(0.0));
    }
    assert!(matches!(guesses.with_credential(from(1, OTHER), at(0.0)), Verdict::Refuse(_)));
    assert_eq!(guesses.with_credential(from(1, DEVICE), at(0.0)), Verdict::Verify(Duration::ZERO));
    for _ in 0..10 {
        guesses.wrong(from(1, DEVICE), at(0.0));
    }
    assert_eq!(guesses.with_credential(from(1, DEVICE), at(0.0)), Verdict::Verify(Duration::from_secs(2)));
}

#[test]
fn its_own_mistakes_at_a_known_address_leave_the_bucket_to_others() {
    let mut guesses = guesses();
    guesses.right(from(1, DEVICE));
    for _ in 0..10 {
        guesses.wrong(from(1, DEVICE), at(0.0));
    }
    assert_eq!(guesses.with_credential(from(1, OTHER), at(0.0)), Verdict::Verify(Duration::ZERO));
}

#[test]
fn who_is_right_in_the_end_costs_its_neighbours_nothing() {
    let mut guesses = guesses();
    for name in [10, 10, 11] {
        guesses.wrong(from(1, name), at(0.0));
    }
    assert!(matches!(guesses.with_credential(from(1, OTHER), at(0.0)), Verdict::Refuse(_)));
    guesses.right(from(1, 10));
    // The two of the name that was right, and not the third.
    for name in 20..22 {
        assert_eq!(guesses.with_credential(from(1, name), at(0.0)), Verdict::Verify(Duration::ZERO));
        guesses.wrong(from(1, name), at(0.0));
    }
    assert!(matches!(guesses.with_credential(from(1, OTHER), at(0.0)), Verdict::Refuse(_)));
    guesses.right(from(1, 10));
    assert!(matches!(guesses.with_credential(from(1, OTHER), at(0.0)), Verdict::Refuse(_)), "only once");
}

#[test]
fn challenges_count_against_the_address_alone() {
    let mut guesses = guesses();
    for expect in [
        Verdict::Verify(Duration::ZERO),
        Verdict::Verify(Duration::ZERO),
        Verdict::Refuse(Duration::from_secs(1)),
        Verdict::Refuse(Duration::from_secs(1)),
    ] {
        assert_eq!(guesses.without_credential(from(1, DEVICE), at(0.0)), expect);
    }
    assert_eq!(guesses.without_credential(from(1, DEVICE), at(1.0)), Verdict::Verify(Duration::ZERO));
    assert_eq!(guesses.with_credential(from(1, DEVICE), at(1.0)), Verdict::Verify(Duration::ZERO));
    guesses.right(from(1, OTHER));
    assert_eq!(guesses.without_credential(from(1, OTHER), at(1.0)), Verdict::Verify(Duration::ZERO));
}

#[test]
fn who_comes_from_nowhere_has_no_address_to_be_refused() {
    let mut guesses = guesses();
    let nowhere = |name| Claim { from: None, name };
    for name in 10..30 {
        guesses.wrong(nowhere(name), at(0.0));
        assert_eq!(guesses.without_credential(nowhere(name), at(0.0)), Verdict::Verify(Duration::ZERO));
    }
    assert_eq!(guesses.with_credential(nowhere(DEVICE), at(0.0)), Verdict::Verify(Duration::ZERO));
}

#[test]
fn memory_is_bounded() {
    let mut guesses = Guesses::new(GuessingLimits { remembered: 2, ..limits() });
    for name in 0..1_000 {
        guesses.right(from(1, name));
        guesses.wrong(from(2, name), at(0.0));
    }
    assert!(guesses.is_welcome(from(1, 999)) && !guesses.is_welcome(from(1, 0)));
}
