//! What a fleet is made of, and how hard its life is.

use serde::Serialize;

use crate::build::Build;

/// A mix of PCs and faults. Whatever it is, the promises hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mix {
    /// A bit of everything.
    #[default]
    Mixed,
    /// New builds, most of them always on; little goes wrong.
    Calm,
    /// PCs of offices: off at night, on weekends and in holidays, and renewed from images of disks.
    Offices,
    /// Old builds only, many of which hang at a PFN write or fall silent.
    Old,
    /// Replies get lost, channels die, WNS and the networks have bad days, and policies are in the way.
    Hostile,
}

/// How likely everything is. Where nothing else is said: of a hundred.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Odds {
    /// PCs with 8.1, with 10.0.10586, and with 10.0.14393; the others have 11.
    pub(crate) builds: [u64; 3],
    /// PCs whose policy refuses the PFN.
    pub(crate) refuses: u64,
    /// PCs of old builds whose client hangs when the PFN is written.
    pub(crate) hangs: u64,
    /// Of these two, such as are mended some day.
    pub(crate) mended: u64,
    /// PCs on batteries.
    pub(crate) saver: u64,
    /// PCs on metered networks.
    pub(crate) metered: u64,
    pub(crate) always_on: u64,
    /// Others that are on holidays once.
    pub(crate) away: u64,
    pub(crate) weekends: u64,
    /// Of a thousand replies, such as are lost: the device sends the same bytes again (oma-dm.md §3.5).
    pub(crate) lost: u64,
    /// Of a thousand messages, those after which the PC goes to sleep.
    pub(crate) asleep: u64,
    /// Renewals that fail although WNS is there.
    pub(crate) renewal_fails: u64,
    /// Blows of fate that end a PC's channels; and that enroll it again. The others copy its disk.
    pub(crate) fates: [u64; 2],
    /// From one blow to the next, in days.
    pub(crate) fate_every: (u32, u32),
    /// Channels that end in the one bad night.
    pub(crate) bad_night: u64,
    /// Nights in which WNS forgets the tokens that it gave.
    pub(crate) tokens: u64,
    /// Days on which nothing is wrong with WNS, besides nine others.
    pub(crate) good_days: u64,
    /// On another day, one push of so many PCs meets a fault.
    pub(crate) faulty_share: usize,
}

impl Mix {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Mixed, Self::Calm, Self::Offices, Self::Old, Self::Hostile];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Calm => "calm",
            Self::Offices => "offices",
            Self::Old => "old",
            Self::Hostile => "hostile",
        }
    }

    pub(crate) fn odds(self) -> Odds {
        let mixed = Odds {
            builds: [8, 15, 25],
            refuses: 3,
            hangs: 10,
            mended: 60,
            saver: 20,
            metered: 10,
            always_on: 10,
            away: 35,
            weekends: 30,
            lost: 5,
            asleep: 2,
            renewal_fails: 5,
            fates: [70, 25],
            fate_every: (10, 70),
            bad_night: 5,
            tokens: 10,
            good_days: 3,
            faulty_share: 50,
        };
        match self {
            Self::Mixed => mixed,
            Self::Calm => Odds {
                builds: [0, 5, 15],
                refuses: 0,
                saver: 5,
                metered: 0,
                always_on: 80,
                lost: 1,
                asleep: 0,
                renewal_fails: 1,
                fate_every: (60, 200),
                bad_night: 1,
                good_days: 40,
                faulty_share: 200,
                ..mixed
            },
            Self::Offices => Odds {
                builds: [2, 8, 30],
                always_on: 0,
                away: 80,
                weekends: 5,
                saver: 40,
                fates: [50, 20],
                ..mixed
            },
            Self::Old => {
                Odds { builds: [50, 50, 0], hangs: 35, mended: 80, asleep: 15, renewal_fails: 20, ..mixed }
            }
            Self::Hostile => Odds {
                refuses: 10,
                hangs: 20,
                metered: 40,
                lost: 60,
                asleep: 25,
                renewal_fails: 40,
                fates: [60, 30],
                fate_every: (2, 20),
                bad_night: 40,
                tokens: 50,
                good_days: 0,
                faulty_share: 10,
                ..mixed
            },
        }
    }
}

impl Odds {
    /// The build of a PC that drew this number below a hundred.
    pub(crate) fn build(&self, drawn: u64) -> Build {
        let [first, second, third] = self.builds;
        match drawn {
            drawn if drawn < first => Build::Windows81,
            drawn if drawn < first + second => Build::Windows1511,
            drawn if drawn < first + second + third => Build::Windows1607,
            _ => Build::Windows11,
        }
    }
}
