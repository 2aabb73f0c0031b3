//! What the fuzz target `session` plays: a [`Script`] of what a device and others say, the gateway that answers them
//! from stored sessions, and what must hold whatever happens.

mod device;
mod gateway;
mod ledger;
mod reply;
mod script;

pub use script::Script;

use self::{device::Device, gateway::Gateway, script::Step};

/// Plays a script from its first step to the end of its sessions.
pub fn play(script: &Script) {
    let mut gateway = Gateway::new(&script.setup);
    let mut device = Device::default();
    // More steps than this find nothing that fewer do not.
    for step in script.steps.iter().take(48) {
        match step {
            Step::Say(saying) => {
                let said = device.says(saying);
                device.hears(gateway.post(&said, saying.who.has_certificate(), &saying.commands));
            }
            Step::Raw(who, inner) => {
                let said = device.says_raw(*who, inner);
                device.hears(gateway.post(&said, who.has_certificate(), &[]));
            }
            Step::Again { certificate } => {
                gateway.post(&device.last(), *certificate, &[]);
            }
            Step::Pass(seconds) => gateway.wait(*seconds),
            Step::Silence => gateway.fall_silent(),
        }
    }
    gateway.fall_silent();
    gateway.settle();
}
