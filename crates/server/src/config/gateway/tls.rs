//! TLS at the gateway itself.

use std::fs;

use ::gateway::{ClientAuth, Tls, TlsError};
use dm::Proof;

use super::{Section, identity::Identity};

pub(super) fn read(section: &mut Section<'_, '_>, identity: &Identity) -> Option<Tls> {
    let [certificate, key, client_ca] =
        ["tls_cert", "tls_key", "client_ca"].map(|key| (key, section.text(key, "")));
    let given = |file: &(&str, String)| !file.1.is_empty();
    let wants = identity.client_certificates;
    for (present, missing) in [(&certificate, &key), (&key, &certificate), (&client_ca, &certificate)] {
        if given(present) && !given(missing) {
            let (present, missing) = (present.0, missing.0);
            section.mistake(
                missing,
                format!("is missing: gateway.{present} needs it, write the path of a PEM file"),
            );
        }
    }
    if wants && !given(&certificate) {
        section.mistake(
            "tls_cert",
            "is missing: \"client-cert\" in gateway.auth needs TLS at the gateway. If something in front terminates it, \
             write \"proxy-cert\" instead",
        );
    }
    if wants && given(&certificate) && !given(&client_ca) {
        section.mistake(
            "client_ca",
            "is missing: write the path of a PEM file with the CAs that issue the certificates of your devices",
        );
    }
    if given(&client_ca) && !wants {
        section.mistake("client_ca", "has no use: gateway.auth does not have \"client-cert\"");
    }
    if !given(&certificate) || !given(&key) || wants != given(&client_ca) {
        return None;
    }
    let certificate = file(section, &certificate);
    let key = file(section, &key);
    let client_ca = if wants { Some(file(section, &client_ca)?) } else { None };
    let clients = client_ca.as_deref().map_or(ClientAuth::Off, |ca| clients(identity, ca));
    Tls::from_pem(&certificate?, &key?, clients)
        .map_err(|error| {
            let key = match &error {
                TlsError::Certificate(_) => "tls_cert",
                TlsError::Key(_) => "tls_key",
                TlsError::ClientCa(_) => "client_ca",
            };
            section.mistake(key, error);
        })
        .ok()
}

/// Who cannot do without a certificate need not be let in without.
fn clients<'a>(identity: &Identity, ca: &'a [u8]) -> ClientAuth<'a> {
    let credential = !identity.sessions.schemes.is_empty() && identity.sessions.proof == Proof::Either;
    if credential || identity.proxy_certificates.is_some() {
        ClientAuth::Optional(ca)
    } else {
        ClientAuth::Required(ca)
    }
}

fn file(section: &mut Section<'_, '_>, (key, path): &(&'static str, String)) -> Option<Vec<u8>> {
    let read = fs::read(path);
    read.map_err(|error| {
        section.mistake(key, format!("names the file {path}, which cannot be read ({error})"));
    })
    .ok()
}
