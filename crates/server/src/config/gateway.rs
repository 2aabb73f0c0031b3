//! `[gateway]`: what devices meet.

use std::{net::SocketAddr, time::Duration};

use ipnet::IpNet;
use model::ProviderId;

use super::{listen, section::Section};

mod identity;
mod limits;
mod tls;

/// What the section says besides the address.
pub(super) struct Gateway {
    /// Without the push apps and what `[push]` says.
    pub(super) settings: ::gateway::Settings,
    pub(super) provider_id: ProviderId,
    /// After how long a silence a session is over.
    pub(super) silence: Duration,
}

const PROVIDER_ID: &str = "Reveille";

pub(super) fn read(section: &mut Section<'_, '_>) -> (Option<SocketAddr>, Gateway) {
    let default = ::gateway::Settings::default();
    let listen = listen::read(section, "127.0.0.1:8080");
    let path = section.text("path", &default.path);
    let provider_id = provider_id(section);
    let identity = identity::read(section, &default);
    let tls = tls::read(section, &identity);
    let sessions = identity.sessions;
    let settings = ::gateway::Settings {
        path,
        tls,
        client_certificates: identity.client_certificates,
        proxy_certificates: identity.proxy_certificates,
        certificate_name: identity.certificate_name,
        trusted_proxies: identity.trusted_proxies,
        sessions: dm::Settings {
            max_messages: section.count("max_messages", sessions.max_messages),
            silence: section.span("session_silence", sessions.silence),
            max_message_bytes: section.count("max_reply_bytes", sessions.max_message_bytes),
            max_object_bytes: section.count("max_object_bytes", sessions.max_object_bytes),
            ..sessions
        },
        guessing: limits::guessing(section, &default.guessing),
        connections: limits::connections(section, &default.connections),
        limits: limits::message(section, &default.limits),
        detail_every: section.span("detail_every", default.detail_every),
        max_under_way: section.count("max_under_way", default.max_under_way),
        max_buffered_bytes: section.count("max_buffered_bytes", default.max_buffered_bytes),
        overload_wait: section.span("overload_wait", default.overload_wait),
        request_timeout: section.span("request_timeout", default.request_timeout),
        ..default
    };
    check(section, &settings);
    let silence = settings.sessions.silence;
    (listen, Gateway { settings, provider_id, silence })
}

/// What works, and is probably not what somebody wants.
pub(super) fn warnings(settings: &::gateway::Settings) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    let by_credential = !settings.sessions.schemes.is_empty();
    if settings.sessions.session_auth == dm::SessionAuth::WholeSession && by_credential {
        warnings.push(
            "gateway.session_auth is \"212\": whoever knows a device's name and session id can speak for it until the \
             session ends. \"200\" asks for the credential in each message.",
        );
    }
    // Several networks can be one together.
    let proxies = IpNet::aggregate(&settings.trusted_proxies);
    if proxies.iter().any(|network| network.prefix_len() == 0) {
        warnings.push(
            "gateway.trusted_proxies holds every address: anybody may say whose certificate it is. Write the addresses \
             of your proxies.",
        );
    } else if proxies.iter().any(is_wide) {
        warnings.push(
            "gateway.trusted_proxies holds networks that are wider than /24 (IPv6: /64): whoever is in them may say \
             whose certificate it is, and from where it comes. Write the addresses of your proxies, and never a network \
             that devices are in.",
        );
    }
    let by_name = settings.certificate_name != ::gateway::CertificateName::Off;
    if settings.proxy_certificates.is_some() && by_name {
        warnings.push(
            "gateway.certificate_name is set, and certificates come from a proxy: the proxy must refuse those that \
             your CA did not issue.",
        );
    }
    warnings
}

/// Wider than a network of proxies has to be.
fn is_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 24,
        IpNet::V6(network) => network.prefix_len() < 64,
    }
}

/// Below this, messages of every device fail.
const LEAST_BYTES: usize = 4_096;

fn check(section: &mut Section<'_, '_>, settings: &::gateway::Settings) {
    use ::gateway::InvalidSettings::{BufferedBytes, HeaderBytes, NodeRoot, Path};
    let bytes =
        [("max_reply_bytes", settings.sessions.max_message_bytes), ("max_text_bytes", settings.limits.text)];
    for (key, found) in bytes {
        if (1..LEAST_BYTES).contains(&found) {
            section.mistake(key, format!("is {found}: write {LEAST_BYTES} or more"));
        }
    }
    for mistake in settings.check() {
        match mistake {
            Path => section.mistake("path", "is no path for devices to POST to: write one such as \"/dm\""),
            BufferedBytes => {
                section.mistake(
                    "max_buffered_bytes",
                    "is less than gateway.max_message_bytes: no message would fit",
                );
            }
            HeaderBytes => {
                let found = settings.connections.header_bytes;
                section.mistake("max_header_bytes", format!("is {found}: write 8192 or more"));
            }
            // `[push]` reads it.
            NodeRoot => {}
        }
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
