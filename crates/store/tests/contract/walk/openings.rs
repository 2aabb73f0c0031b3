//! How walks begin: what chance alone would rarely lead to, one opening for each promise at least.
//!
//! Devices 0 and 1 have channels with the URI 1 of their own; device 2 has none. Wakes and pushes are counted from the
//! newest.

use super::{
    Answer::{self, *},
    Step::{self, *},
    Visiting::{self, *},
    steps::URIS,
};

/// All of them.
pub(crate) fn all() -> Vec<Vec<Step>> {
    vec![
        a_dead_uri_is_seen_again(),
        asked_again_within_the_gap(),
        verdicts_come_late(),
        all_pushes_are_spent(),
        verdicts_about_the_channel_before(),
        one_of_two_wakes_is_cancelled(),
        ends_meet(),
        channels_go(),
        many_channels_die(),
        channels_go_while_pushes_are_under_way(),
        one_channel_dies_twice(),
        imports_name_one_app_and_then_another(),
    ]
}

fn a_dead_uri_is_seen_again() -> Vec<Step> {
    vec![
        ask(0),
        CLAIM,
        conclude(0, Gone),
        visit(0, 2, Whole),
        ask(0),
        CLAIM,
        visit(0, 1, Whole),
        ask(0),
        CLAIM,
        Import { device: 0, app: 0, uri: 1 },
        CLAIM,
        visit(0, 3, Whole),
        visit(0, 1, Pushed),
    ]
}

fn asked_again_within_the_gap() -> Vec<Step> {
    let mut steps = Vec::new();
    for (device, claim, answer) in [(0, CLAIM, Some(Received)), (1, LOST, None)] {
        steps.extend([ask(device), claim]);
        steps.extend(answer.map(|answer| conclude(0, answer)));
        steps.extend([Cancel { wake: 0 }, WAIT_A_MOMENT, ask(device), CLAIM, Wait { seconds: 61 }, CLAIM]);
    }
    steps
}

fn verdicts_come_late() -> Vec<Step> {
    vec![
        ask(0),
        LOST,
        Leases,
        WAIT_A_MOMENT,
        CLAIM,
        Wait { seconds: 61 },
        CLAIM,
        conclude(1, NotSent),
        conclude(1, Gone),
        CLAIM,
        conclude(0, Ambiguous),
        ask(1),
        LOST,
        Cancel { wake: 0 },
        Leases,
        conclude(0, Received),
    ]
}

fn all_pushes_are_spent() -> Vec<Step> {
    let mut steps = vec![ask(0)];
    for answer in [Received, Ambiguous, Unknown, Dropped, Received] {
        steps.extend([CLAIM, conclude(0, answer), Wait { seconds: 601 }]);
    }
    steps.push(ask(0));
    for _ in 0..3 {
        steps.extend([CLAIM, conclude(0, Received), Wait { seconds: 601 }]);
    }
    steps
}

fn verdicts_about_the_channel_before() -> Vec<Step> {
    let mut steps = Vec::new();
    for (old, uri) in [(Gone, 2), (ChannelThrottled, 3), (Forbidden, 1)] {
        steps.extend([ask(0), CLAIM, visit(0, uri, Whole), ask(0), conclude(0, old), CLAIM]);
        steps.extend([conclude(1, old), visit(0, uri, Whole)]);
    }
    steps
}

fn one_of_two_wakes_is_cancelled() -> Vec<Step> {
    let bulk = Ask { device: 0, bulk: true, minutes: 60, satisfied: false };
    vec![
        ask(0),
        bulk,
        ask(1),
        Cancel { wake: 2 },
        CLAIM,
        conclude(0, Received),
        ask(0),
        Cancel { wake: 0 },
        Cancel { wake: 0 },
        visit(1, 1, Pushed),
        Cancel { wake: 1 },
        visit(0, 1, Whole),
    ]
}

fn ends_meet() -> Vec<Step> {
    let short = |device| Ask { device, bulk: false, minutes: 1, satisfied: false };
    vec![
        short(0),
        short(1),
        Wait { seconds: 61 },
        visit(0, 1, Whole),
        Deadlines,
        visit(1, 1, Whole),
        Cancel { wake: 0 },
        Cancel { wake: 1 },
        ask(0),
        CLAIM,
        conclude(0, Malformed),
        Cancel { wake: 0 },
        visit(0, 1, Whole),
        ask(1),
        LOST,
        Delete { device: 1 },
        Cancel { wake: 0 },
        Leases,
        conclude(0, Received),
        Deadlines,
    ]
}

fn channels_go() -> Vec<Step> {
    let month = Wait { seconds: 31 * 86_400 };
    vec![
        ask(2),
        CLAIM,
        ask(0),
        visit(0, 0, Open),
        ask(0),
        WAIT_A_MOMENT,
        CLAIM,
        visit(1, URIS - 1, Whole),
        ask(1),
        visit(0, URIS - 1, Whole),
        Wait { seconds: 61 },
        CLAIM,
        month,
        ask(0),
        CLAIM,
        visit(0, 2, Whole),
        visit(0, 0, Leaves),
        ask(0),
        CLAIM,
    ]
}

fn many_channels_die() -> Vec<Step> {
    let mut steps = Vec::new();
    for uri in [2, 3, 1] {
        for device in [0, 1] {
            steps.extend([ask(device), CLAIM, conclude(0, Gone), visit(device, uri, Whole)]);
        }
    }
    steps.extend([Resume { app: 0 }, ask(0), ask(1), CLAIM, conclude(0, Received), conclude(1, Gone)]);
    steps
}

/// One because another device tells its URI, one because its app's PFN is another one.
fn channels_go_while_pushes_are_under_way() -> Vec<Step> {
    let others = [visit(0, URIS - 1, Whole), ask(0), CLAIM, visit(1, URIS - 1, Whole), conclude(0, NotSent)];
    let nobodys = [ask(1), CLAIM, Rename { app: 0 }, conclude(0, Dropped), visit(1, 2, Whole), ask(1), CLAIM];
    [others.as_slice(), &nobodys].concat()
}

/// By two pushes, the answer to the first of which comes late; and then by so many others' deaths that neither counts.
fn one_channel_dies_twice() -> Vec<Step> {
    let mut steps =
        vec![ask(0), LOST, Leases, Wait { seconds: 61 }, CLAIM, conclude(0, Gone), conclude(1, Gone)];
    for uri in [2, 3] {
        steps.extend([ask(1), CLAIM, conclude(0, Gone), visit(1, uri, Whole)]);
    }
    steps.extend([visit(0, 1, Whole), Resume { app: 0 }, ask(0), CLAIM, conclude(0, Received)]);
    steps
}

fn imports_name_one_app_and_then_another() -> Vec<Step> {
    let mut steps = vec![Import { device: 2, app: 0, uri: 1 }, ask(2), CLAIM, conclude(0, Received)];
    for (app, uri) in [(1, 2), (0, 0), (1, 0), (0, 3)] {
        steps.extend([Import { device: 2, app, uri }, Wait { seconds: 601 }, ask(2), CLAIM]);
        steps.push(conclude(0, Received));
    }
    steps.extend([visit(2, 1, Whole), Import { device: 2, app: 1, uri: 2 }, ask(2), CLAIM]);
    steps
}

const CLAIM: Step = Claim { lost: false };
const LOST: Step = Claim { lost: true };
const WAIT_A_MOMENT: Step = Wait { seconds: 20 };

fn ask(device: usize) -> Step {
    Ask { device, bulk: false, minutes: 120, satisfied: false }
}

fn conclude(push: usize, answer: Answer) -> Step {
    Conclude { push, answer }
}

fn visit(device: usize, uri: usize, how: Visiting) -> Step {
    Visit { device, uri, status: 0, how }
}
