//! Messages that are lost, repeated, late, forged or senseless.

use proptest::{collection::vec, prelude::*};

use crate::world::{Event, Fate, Forgery, World};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens, every outcome is told exactly once: also that of a command whose answer
    /// never came.
    #[test]
    fn every_outcome_is_told_once(seed in any::<u32>(), events in vec(event(), 1..60)) {
        let mut world = World::new(seed);
        for event in &events {
            world.happen(event);
        }
        world.happen(&Event::Silence);
        for (name, open) in &world.open {
            prop_assert_eq!(*open, 0, "{:?}", name);
        }
    }

    /// A stranger is never noticed: with or without it, the device is answered the same.
    #[test]
    fn forgeries_change_nothing(
        seed in any::<u32>(),
        events in vec(event(), 1..30),
        forgeries in vec(forgery(), 1..4),
    ) {
        let mut world = World::new(seed);
        for event in &events {
            let mut disturbed = world.clone();
            for forgery in &forgeries {
                disturbed.forge(forgery);
            }
            (disturbed.client, disturbed.commands) = (world.client.clone(), world.commands);
            world.happen(event);
            disturbed.happen(event);
            prop_assert_eq!(&world.gateway.device, &disturbed.gateway.device);
            prop_assert_eq!(&world.next, &disturbed.next);
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let fate = prop_oneof![
        6 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => Just(Fate::ReplyLost),
        2 => Just(Fate::Twice),
    ];
    prop_oneof![
        12 => fate.prop_map(Event::Speak),
        1 => Just(Event::Restart),
        1 => Just(Event::Reenroll),
        3 => any::<prop::sample::Index>().prop_map(Event::Late),
        2 => forgery().prop_map(Event::Forge),
        1 => Just(Event::Abort),
        1 => Just(Event::Busy),
        1 => Just(Event::Silence),
        2 => (0u64..700).prop_map(Event::Pass),
    ]
}

fn forgery() -> impl Strategy<Value = Forgery> {
    (0u8..4, 0u32..8, any::<usize>(), any::<usize>()).prop_map(|(session_id, msg_id, body, cred)| Forgery {
        session_id,
        msg_id,
        body,
        cred,
    })
}
