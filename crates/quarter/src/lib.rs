#![doc = include_str!("../README.md")]

mod agenda;
mod build;
mod chance;
mod fate;
mod ledger;
mod managed;
mod mix;
mod pc;
mod pushes;
mod report;
mod service;
mod visits;
mod wns;
mod world;

pub use build::Build;
pub use mix::Mix;
pub use report::{BuildReport, Report, RolloutDay};

/// What a quarter is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many PCs there are at its beginning.
    pub devices: usize,
    /// How many days it has.
    pub days: u32,
    /// Where all chance comes from.
    pub seed: u64,
    /// What the fleet is made of, and how hard its life is.
    pub mix: Mix,
}

impl Default for Settings {
    fn default() -> Self {
        Self { devices: 1_000, days: 90, seed: 1, mix: Mix::default() }
    }
}

/// Lets the days pass.
pub fn run(settings: &Settings) -> Report {
    world::World::new(*settings).run()
}
