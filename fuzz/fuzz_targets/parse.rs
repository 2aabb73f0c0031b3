//! Any bytes: a message or an error, never a panic, and neither costs more than the limits allow.

#![no_main]

use libfuzzer_sys::fuzz_target;
use syncml::{Limits, Message};

fuzz_target!(|bytes: &[u8]| {
    match Message::parse(bytes, &Limits::default()) {
        Ok(message) => {
            // What was read is no larger than what was written: a reference makes text shorter.
            assert!(message.commands.len() <= bytes.len());
            assert!(message.header.session_id.len() <= 2 * bytes.len());
        }
        Err(error) => {
            assert!(error.position <= bytes.len());
            // Errors are shown to the sender and logged: they are short, whatever was sent.
            assert!(error.to_string().len() < 300);
        }
    }
});
