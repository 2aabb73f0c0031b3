//! Random lives of a few devices, by two replicas on one database: what DESIGN §4 and §5 promise holds after every step.
//!
//! `push` has property tests of one device's rules. What the store adds is looked at here: rows, transactions, claims,
//! verdicts that come late, devices that come, move, clone each other and go.

use std::fmt::Write;

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngSeed, TestRunner},
};

use crate::database::Database;

#[path = "walk/ledger.rs"]
mod ledger;
#[path = "walk/openings.rs"]
mod openings;
#[path = "walk/owners.rs"]
mod owners;
#[path = "walk/steps.rs"]
mod steps;
#[path = "walk/world.rs"]
mod world;

use world::World;

/// Devices of one walk.
const DEVICES: usize = 3;
/// Steps of one walk after its opening, at most.
const STEPS: usize = 80;
/// Walks on SQLite, where they are quick.
const WALKS: usize = 18;
/// Walks that are taken to make a failure shorter.
const SHRINKS: usize = 300;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Wait {
        seconds: u64,
    },
    Ask {
        device: usize,
        bulk: bool,
        minutes: u64,
        satisfied: bool,
    },
    /// All devices at once, by both replicas.
    AskAll {
        minutes: u64,
    },
    Cancel {
        wake: usize,
    },
    /// All that is due. `lost`: whoever claims is never heard of again.
    Claim {
        lost: bool,
    },
    /// About any push that was ever claimed: the oldest verdicts come very late.
    Conclude {
        push: usize,
        answer: Answer,
    },
    HandBack {
        push: usize,
    },
    Leases,
    Deadlines,
    /// A session. `uri` 0: none; the last one is shared by all devices.
    Visit {
        device: usize,
        uri: usize,
        status: i32,
        how: Visiting,
    },
    Label {
        device: usize,
        ring: usize,
    },
    Move {
        device: usize,
        app: usize,
    },
    /// An app's PFN is another one from now on.
    Rename {
        app: usize,
    },
    Import {
        device: usize,
        app: usize,
        uri: usize,
    },
    Delete {
        device: usize,
    },
    Resume {
        app: usize,
    },
}

/// What WNS answers.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Received,
    Offline,
    Unknown,
    Dropped,
    ChannelThrottled,
    AppThrottled,
    Gone,
    Forbidden,
    Unauthorized,
    Malformed,
    Broken,
    NotSent,
    Ambiguous,
}

/// What kind of session.
#[derive(Clone, Copy, Debug)]
enum Visiting {
    /// One message, then silence.
    Open,
    /// It completes.
    Whole,
    /// The device says that a push brought it.
    Pushed,
    /// A user's.
    User,
    /// The device leaves the management.
    Leaves,
}

fn step() -> impl Strategy<Value = Step> {
    let device = || 0..DEVICES;
    let app = || 0..2_usize;
    let one_of = |seconds: Vec<u64>| prop::sample::select(seconds);
    let answer = prop::sample::select(vec![
        Answer::Received,
        Answer::Received,
        Answer::Offline,
        Answer::Unknown,
        Answer::Dropped,
        Answer::ChannelThrottled,
        Answer::AppThrottled,
        Answer::Gone,
        Answer::Gone,
        Answer::Forbidden,
        Answer::Unauthorized,
        Answer::Malformed,
        Answer::Broken,
        Answer::NotSent,
        Answer::Ambiguous,
    ]);
    let how = prop_oneof![
        6 => Just(Visiting::Whole),
        1 => Just(Visiting::Open),
        2 => Just(Visiting::Pushed),
        1 => Just(Visiting::User),
        1 => Just(Visiting::Leaves),
    ];
    let uri = || prop_oneof![3 => Just(1_usize), 4 => 0..steps::URIS];
    let status = prop_oneof![10 => Just(0), 3 => prop::sample::select(vec![3, 5, 8])];
    let ring = prop_oneof![2 => Just(0_usize), 2 => 0..steps::RINGS.len()];
    let visit = (device(), uri(), status, how);
    prop_oneof![
        6 => one_of(vec![1, 1, 20, 40, 61, 61, 601, 3_600, 90_000]).prop_map(|seconds| Step::Wait { seconds }),
        10 => (device(), any::<bool>(), one_of(vec![1, 15, 60, 60, 1_500]), prop::bool::weighted(0.1))
            .prop_map(|(device, bulk, minutes, satisfied)| Step::Ask { device, bulk, minutes, satisfied }),
        1 => one_of(vec![1, 60]).prop_map(|minutes| Step::AskAll { minutes }),
        3 => (0..3_usize).prop_map(|wake| Step::Cancel { wake }),
        10 => prop::bool::weighted(0.2).prop_map(|lost| Step::Claim { lost }),
        8 => (prop_oneof![3 => 0..2_usize, 1 => 0..6_usize], answer).prop_map(|(push, answer)| Step::Conclude { push, answer }),
        1 => (0..2_usize).prop_map(|push| Step::HandBack { push }),
        2 => Just(Step::Leases),
        1 => Just(Step::Deadlines),
        4 => visit.prop_map(|(device, uri, status, how)| Step::Visit { device, uri, status, how }),
        1 => (device(), ring).prop_map(|(device, ring)| Step::Label { device, ring }),
        1 => (device(), app()).prop_map(|(device, app)| Step::Move { device, app }),
        1 => app().prop_map(|app| Step::Rename { app }),
        1 => (device(), app(), uri()).prop_map(|(device, app, uri)| Step::Import { device, app, uri }),
        1 => device().prop_map(|device| Step::Delete { device }),
        1 => app().prop_map(|app| Step::Resume { app }),
    ]
}

pub(crate) async fn whatever_happens_the_promises_hold(database: Database) {
    let walks = walks(&database);
    let replicas = World::replicas(&database).await;
    let openings = openings::all();
    let mut pushes = 0;
    for seed in seeds(walks) {
        let opening = &openings[seed % openings.len()];
        let after = |steps| [opening.clone(), steps].concat();
        let rng_seed = RngSeed::Fixed(seed as u64);
        let mut runner = TestRunner::new(Config { rng_seed, ..Config::default() });
        let mut tree = prop::collection::vec(step(), 0..STEPS).new_tree(&mut runner).unwrap();
        let mut worst = match World::walk(&replicas, &after(tree.current())).await {
            Ok(made) => {
                pushes += made;
                continue;
            }
            Err(broken) => (after(tree.current()), broken),
        };
        let mut failed = true;
        for _ in 0..SHRINKS {
            let more = if failed { tree.simplify() } else { tree.complicate() };
            if !more {
                break;
            }
            let steps = after(tree.current());
            let result = World::walk(&replicas, &steps).await;
            failed = result.is_err();
            if let Err(broken) = result {
                worst = (steps, broken);
            }
        }
        panic!("REVEILLE_TEST_WALK={seed} walks it again: {}\n{}", worst.1, told(&worst.0));
    }
    assert!(pushes > walks * 2, "{pushes} pushes in {walks} walks: promises about pushes were hardly tried");
}

/// Every opening is walked, on SQLite some of them twice. `REVEILLE_TEST_WALKS` asks for more, for a long night.
fn walks(database: &Database) -> usize {
    let least = openings::all().len();
    let usual = if database.url.starts_with("postgres") { least } else { least.max(WALKS) };
    wanted("REVEILLE_TEST_WALKS").unwrap_or(usual)
}

/// The seed of each walk, which also tells its opening. `REVEILLE_TEST_WALK` tells the first one.
fn seeds(walks: usize) -> impl Iterator<Item = usize> {
    let any = || any::<u32>().new_tree(&mut TestRunner::default()).unwrap().current() as usize;
    let first = wanted("REVEILLE_TEST_WALK").unwrap_or_else(any);
    (first..).take(walks)
}

/// The number in an environment variable.
fn wanted(variable: &str) -> Option<usize> {
    std::env::var(variable).ok().map(|number| number.parse().expect("a number"))
}

fn told(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |mut text, step| {
        writeln!(text, "  {step:?}").unwrap();
        text
    })
}
