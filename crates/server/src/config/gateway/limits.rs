//! What devices and strangers may cost.

use ::gateway::{ConnectionLimits, GuessingLimits};

use super::Section;

pub(super) fn message(section: &mut Section<'_, '_>, default: &syncml::Limits) -> syncml::Limits {
    syncml::Limits {
        bytes: section.count("max_message_bytes", default.bytes),
        depth: section.count("max_depth", default.depth),
        elements: section.count("max_elements", default.elements),
        commands: section.count("max_commands", default.commands),
        attributes_per_element: section.count("max_attributes_per_element", default.attributes_per_element),
        attributes: section.count("max_attributes", default.attributes),
        text: section.count("max_text_bytes", default.text),
    }
}

pub(super) fn connections(section: &mut Section<'_, '_>, default: &ConnectionLimits) -> ConnectionLimits {
    ConnectionLimits {
        open: section.count("max_connections", default.open),
        open_per_address: section.count("max_connections_per_address", default.open_per_address),
        handshake_timeout: section.span("handshake_timeout", default.handshake_timeout),
        header_timeout: section.span("header_timeout", default.header_timeout),
        idle_timeout: section.span("idle_timeout", default.idle_timeout),
        header_bytes: section.count("max_header_bytes", default.header_bytes),
        headers: section.count("max_headers", default.headers),
        streams: section.count("max_streams", default.streams),
    }
}

pub(super) fn guessing(section: &mut Section<'_, '_>, default: &GuessingLimits) -> GuessingLimits {
    GuessingLimits {
        address_burst: section.count("guess_burst", default.address_burst),
        address_refill: section.span("guess_refill", default.address_refill),
        challenge_burst: section.count("challenge_burst", default.challenge_burst),
        challenge_refill: section.span("challenge_refill", default.challenge_refill),
        name_free: section.count("guess_free", default.name_free),
        name_wait: section.span("guess_wait", default.name_wait),
        name_wait_max: section.span("guess_wait_max", default.name_wait_max),
        name_half_life: section.span("guess_half_life", default.name_half_life),
        remembered: section.count("guess_memory", default.remembered),
    }
}
