//! How devices prove who they are, and how the gateway proves to them who it is.

use ::gateway::CertificateName;
use dm::{Proof, Scheme, Schemes, ServerAccount, SessionAuth};
use http::HeaderName;
use ipnet::IpNet;
use secrecy::ExposeSecret;

use super::Section;

/// What the section says of identity.
pub(super) struct Identity {
    pub(super) sessions: dm::Settings,
    pub(super) client_certificates: bool,
    pub(super) proxy_certificates: Option<HeaderName>,
    pub(super) certificate_name: CertificateName,
    pub(super) trusted_proxies: Vec<IpNet>,
}

/// A word of `auth`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Credential(Scheme),
    ClientCertificate,
    ProxyCertificate,
}

const WAYS: [(&str, Way); 4] = [
    ("md5", Way::Credential(Scheme::Md5)),
    ("basic", Way::Credential(Scheme::Basic)),
    ("client-cert", Way::ClientCertificate),
    ("proxy-cert", Way::ProxyCertificate),
];
const DEFAULT_WAYS: [&str; 2] = ["md5", "basic"];
const HEADER: &str = "Client-Cert";

pub(super) fn read(section: &mut Section<'_, '_>, default: &::gateway::Settings) -> Identity {
    let ways = ways(section);
    let schemes: Vec<_> = ways
        .iter()
        .filter_map(|way| match way {
            Way::Credential(scheme) => Some(*scheme),
            Way::ClientCertificate | Way::ProxyCertificate => None,
        })
        .collect();
    let by_proxy = ways.contains(&Way::ProxyCertificate);
    let client_certificates = ways.contains(&Way::ClientCertificate);
    let certificates = by_proxy || client_certificates;
    let proof = proof(section, certificates && !schemes.is_empty());
    let header = header(section);
    if !by_proxy && header.as_ref().is_some_and(|header| *header != HEADER) {
        section.mistake(
            "proxy_cert_header",
            "has no use: certificates in it count only with \"proxy-cert\" in gateway.auth",
        );
    }
    let identity = Identity {
        client_certificates,
        proxy_certificates: header.filter(|_| by_proxy),
        certificate_name: section.choice(
            "certificate_name",
            &[
                ("off", CertificateName::Off),
                ("cn", CertificateName::CommonName),
                ("san", CertificateName::AlternativeName),
            ],
        ),
        trusted_proxies: networks(section),
        sessions: dm::Settings {
            session_auth: section.choice(
                "session_auth",
                &[("200", SessionAuth::EachMessage), ("212", SessionAuth::WholeSession)],
            ),
            schemes: Schemes::new(schemes),
            proof,
            server: server(section),
            ..default.sessions.clone()
        },
    };
    if by_proxy && identity.trusted_proxies.is_empty() {
        section.mistake(
            "trusted_proxies",
            "is empty, so that no header counts, but gateway.auth has \"proxy-cert\": write the proxy's address, such \
             as [\"10.0.0.5\"]",
        );
    }
    if !certificates && identity.certificate_name != CertificateName::Off {
        section.mistake(
            "certificate_name",
            "needs \"client-cert\" or \"proxy-cert\" in gateway.auth: add one of them, or write \"off\"",
        );
    }
    identity
}

fn ways(section: &mut Section<'_, '_>) -> Vec<Way> {
    let given = section.value("auth", DEFAULT_WAYS.map(String::from).to_vec());
    let mut ways = Vec::new();
    for word in &given {
        match WAYS.iter().find(|(known, _)| known == word) {
            Some((_, way)) if !ways.contains(way) => ways.push(*way),
            Some(_) => section.mistake("auth", format!("has \"{word}\" twice: leave one out")),
            None => section.not_a_word("auth", word, WAYS.map(|(word, _)| word)),
        }
    }
    if given.is_empty() {
        section.mistake(
            "auth",
            "is empty, and no device could prove who it is: write \"md5\", \"basic\", \"client-cert\" or \"proxy-cert\"",
        );
    }
    ways
}

fn proof(section: &mut Section<'_, '_>, has_both: bool) -> Proof {
    let proof = section.choice("require", &[("either", Proof::Either), ("both", Proof::Both)]);
    if proof == Proof::Both && !has_both {
        section.mistake(
            "require",
            "is \"both\", but gateway.auth has not both a certificate (\"client-cert\" or \"proxy-cert\") and a \
             credential (\"md5\" or \"basic\"): add what is missing, or write \"either\"",
        );
    }
    proof
}

fn header(section: &mut Section<'_, '_>) -> Option<HeaderName> {
    let text = section.text("proxy_cert_header", HEADER);
    let name = text.parse().ok();
    if name.is_none() {
        section.mistake("proxy_cert_header", "is no name of a header: write one such as \"Client-Cert\"");
    }
    name
}

fn networks(section: &mut Section<'_, '_>) -> Vec<IpNet> {
    let given: Vec<String> = section.value("trusted_proxies", Vec::new());
    let mut networks = Vec::new();
    for text in given {
        let address = || text.parse().map(|address: std::net::IpAddr| address.to_canonical().into());
        match text.parse::<IpNet>().or_else(|_| address()) {
            Ok(network) => networks.push(network.trunc()),
            Err(_) => section.mistake(
                "trusted_proxies",
                format!(
                    "has {text:?}, which is no network: write an address or a CIDR such as \"10.0.0.5/32\""
                ),
            ),
        }
    }
    networks
}

/// The gateway's own account, for devices that challenge it.
fn server(section: &mut Section<'_, '_>) -> Option<ServerAccount> {
    let user = section.text("server_user", "");
    let place = section.place("server_password", None);
    let Some(place) = place else {
        if !user.is_empty() {
            section.mistake(
                "server_password",
                "is missing: write where the password of gateway.server_user is, { env = \"NAME\" } or { file = \"PATH\" }",
            );
        }
        return None;
    };
    if user.is_empty() {
        section
            .mistake("server_user", "is missing: write the user whose password gateway.server_password is");
        return None;
    }
    let secret = place.secret(section.environment());
    let password = secret.map_err(|why| section.mistake("server_password", why)).ok()?;
    let inner_hash = dm::inner_hash(&user, password.expose_secret());
    Some(ServerAccount { user, inner_hash })
}
