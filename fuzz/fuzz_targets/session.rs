//! A whole session: a device that says anything, strangers, lost time and commands, against the session engine.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reveille_fuzz::{Script, play};

fuzz_target!(|script: Script| play(&script));
