//! `[gateway]`: what devices meet.

use std::{net::SocketAddr, time::Duration};

use dm::{Scheme, Schemes, SessionAuth};
use model::ProviderId;

use super::{listen, section::Section};

/// What the section says besides the address.
pub(super) struct Gateway {
    /// Without the push apps and what `[push]` says.
    pub(super) settings: ::gateway::Settings,
    pub(super) provider_id: ProviderId,
    /// After how long a silence a session is over.
    pub(super) silence: Duration,
}

const PROVIDER_ID: &str = "Reveille";
const SCHEMES: [(&str, Scheme); 2] = [("md5", Scheme::Md5), ("basic", Scheme::Basic)];
const LATER_SCHEMES: [&str; 2] = ["client-cert", "proxy-cert"];

pub(super) fn read(section: &mut Section<'_, '_>) -> (Option<SocketAddr>, Gateway) {
    let default = ::gateway::Settings::default();
    let listen = listen::read(section, "127.0.0.1:8080");
    let settings = ::gateway::Settings {
        path: section.text("path", &default.path),
        sessions: sessions(section, &default.sessions),
        limits: limits(section, &default.limits),
        detail_every: section.span("detail_every", default.detail_every),
        max_under_way: section.count("max_under_way", default.max_under_way),
        overload_wait: section.span("overload_wait", default.overload_wait),
        request_timeout: section.span("request_timeout", default.request_timeout),
        ..default
    };
    if settings.check().contains(&::gateway::InvalidSettings::Path) {
        section.mistake("path", "is no path for devices to POST to: write one such as \"/dm\"");
    }
    let provider_id = provider_id(section);
    let silence = settings.sessions.silence;
    (listen, Gateway { settings, provider_id, silence })
}

fn sessions(section: &mut Section<'_, '_>, default: &dm::Settings) -> dm::Settings {
    dm::Settings {
        session_auth: section.choice(
            "session_auth",
            &[("200", SessionAuth::EachMessage), ("212", SessionAuth::WholeSession)],
            &[],
        ),
        schemes: schemes(section),
        max_messages: section.count("max_messages", default.max_messages),
        silence: section.span("session_silence", default.silence),
    }
}

fn schemes(section: &mut Section<'_, '_>) -> Schemes {
    let words = SCHEMES.map(|(word, _)| word);
    let given = section.value("auth", words.map(String::from).to_vec());
    let mut schemes = Vec::new();
    for word in &given {
        match SCHEMES.iter().find(|(known, _)| known == word) {
            Some((_, scheme)) if !schemes.contains(scheme) => schemes.push(*scheme),
            Some(_) => section.mistake("auth", format!("has \"{word}\" twice: leave one out")),
            None => section.not_a_word("auth", word, &words, &LATER_SCHEMES),
        }
    }
    if given.is_empty() {
        section.mistake("auth", "is empty, and no device could prove who it is: write \"md5\" or \"basic\"");
    }
    Schemes::new(schemes).unwrap_or_default()
}

fn limits(section: &mut Section<'_, '_>, default: &syncml::Limits) -> syncml::Limits {
    syncml::Limits {
        bytes: section.count("max_message_bytes", default.bytes),
        depth: section.count("max_depth", default.depth),
        elements: section.count("max_elements", default.elements),
        attributes_per_element: section.count("max_attributes_per_element", default.attributes_per_element),
        attributes: section.count("max_attributes", default.attributes),
        text: section.count("max_text_bytes", default.text),
    }
}

fn provider_id(section: &mut Section<'_, '_>) -> ProviderId {
    let text = section.text("provider_id", PROVIDER_ID);
    text.parse().unwrap_or_else(|why| {
        section
            .mistake("provider_id", format!("{why}: write the PROVIDER-ID that enrollment gives to devices"));
        PROVIDER_ID.parse().expect("a constant name parses")
    })
}
