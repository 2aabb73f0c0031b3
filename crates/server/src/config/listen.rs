//! Where the service listens.

use std::net::SocketAddr;

use super::{Listen, Mistake, section::Section, value::quoted};

/// `listen` of a section; empty text switches the listener off.
pub(super) fn read(section: &mut Section<'_, '_>, default: &str) -> Option<SocketAddr> {
    let text = section.text("listen", default);
    if text.is_empty() {
        return None;
    }
    let address = text.parse().ok();
    if address.is_none() {
        let found = quoted(&text);
        section.mistake(
            "listen",
            format!("is {found}: write an IP address and a port such as \"127.0.0.1:8080\", or \"\" to switch it off"),
        );
    }
    address
}

/// Two listeners cannot share an address.
pub(super) fn check(listen: Listen, mistakes: &mut Vec<Mistake>) {
    let Listen { gateway, grpc, admin } = listen;
    let pairs = [
        ("gateway", gateway, "grpc", grpc),
        ("gateway", gateway, "admin", admin),
        ("grpc", grpc, "admin", admin),
    ];
    for (one, first, other, second) in pairs {
        if let Some(address) = first.filter(|address| Some(*address) == second && address.port() != 0) {
            mistakes.push(Mistake::new(format!(
                "{one}.listen and {other}.listen are both \"{address}\": give each its own port."
            )));
        }
    }
}
