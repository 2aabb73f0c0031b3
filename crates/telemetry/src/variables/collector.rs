//! Where spans go, and the way there.

use std::{fmt, fs};

use http::{HeaderName, HeaderValue, Uri, uri::Scheme};
use percent_encoding::percent_decode_str;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::{Variables, above_zero};
use crate::{Settings, StartError};

/// A collector and the way there. Headers, compression and timeout are read by the exporter itself, which would leave
/// out what it does not understand: they are only checked here.
pub(crate) struct Collector {
    pub(crate) url: Uri,
    pub(crate) protocol: Protocol,
    /// Certificates (PEM) that the collector's must come from; none: those of the system.
    pub(crate) authorities: Option<Vec<u8>>,
    pub(crate) identity: Option<Identity>,
}

/// Our own certificate and its key (PEM).
pub(crate) struct Identity {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// How spans are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP as protobuf over HTTP.
    Http,
}

/// Where spans are posted, below the URL that is for all signals.
const TRACES_PATH: &str = "/v1/traces";

impl Collector {
    /// The setting goes before the environment. None: spans go nowhere.
    pub(super) fn of(settings: &Settings, variables: Variables<'_>) -> Result<Option<Self>, StartError> {
        let off = variables.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variables.get("OTEL_TRACES_EXPORTER") == Some("none");
        let configured = settings.otlp_endpoint.as_deref().filter(|url| !url.is_empty());
        let of_setting = configured.map(|url| ("telemetry.otlp_endpoint".to_owned(), url));
        let endpoint = of_setting.or_else(|| of_exporter(variables, "ENDPOINT"));
        let Some((name, text)) = endpoint.filter(|_| !off) else { return Ok(None) };
        check_what_the_exporter_reads(variables)?;
        let protocol = protocol(variables)?;
        let url = url(name, text, protocol)?;
        if url.scheme() == Some(&Scheme::HTTP) {
            check_no_tls(variables)?;
        }
        Ok(Some(Self {
            url,
            protocol,
            authorities: certificates(variables, "CERTIFICATE")?,
            identity: identity(variables)?,
        }))
    }
}

/// A variable of the exporter: the one for traces before the one for all signals.
fn of_exporter<'a>(variables: Variables<'a>, name: &str) -> Option<(String, &'a str)> {
    let names = [format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")];
    names.into_iter().find_map(|name| variables.get(&name).map(|value| (name, value)))
}

fn url(name: String, text: &str, protocol: Protocol) -> Result<Uri, StartError> {
    let for_traces = name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    let url = endpoint(text);
    let url = match protocol {
        Protocol::Http if !for_traces => url.and_then(|url| below(&url, TRACES_PATH)),
        Protocol::Http | Protocol::Grpc => url,
    };
    url.ok_or(StartError::Endpoint(name))
}

/// User info would be a secret in every error that names the endpoint.
fn endpoint(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let known = url.scheme().is_some_and(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme));
    let plain = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    (known && plain).then_some(url)
}

fn below(url: &Uri, path: &str) -> Option<Uri> {
    let mut parts = url.clone().into_parts();
    let path = format!("{}{path}", url.path().trim_end_matches('/'));
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn protocol(variables: Variables<'_>) -> Result<Protocol, StartError> {
    match of_exporter(variables, "PROTOCOL") {
        None | Some((_, "grpc")) => Ok(Protocol::Grpc),
        Some((_, "http/protobuf")) => Ok(Protocol::Http),
        Some((name, other)) => Err(wrong(name, format!("is {other:?}: write grpc or http/protobuf"))),
    }
}

fn identity(variables: Variables<'_>) -> Result<Option<Identity>, StartError> {
    match (certificates(variables, "CLIENT_CERTIFICATE")?, private_key(variables, "CLIENT_KEY")?) {
        (Some(certificate), Some(key)) => Ok(Some(Identity { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(alone("CLIENT_CERTIFICATE", "CLIENT_KEY")),
        (None, Some(_)) => Err(alone("CLIENT_KEY", "CLIENT_CERTIFICATE")),
    }
}

/// Somebody who names certificates does not mean to send in the clear.
fn check_no_tls(variables: Variables<'_>) -> Result<(), StartError> {
    let files = ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"];
    match files.into_iter().find_map(|file| of_exporter(variables, file)) {
        None => Ok(()),
        Some((name, _)) => Err(wrong(
            name,
            "has no use: the collector's URL begins with http. Write https, or leave it out".into(),
        )),
    }
}

fn certificates(variables: Variables<'_>, name: &str) -> Result<Option<Vec<u8>>, StartError> {
    file(variables, name, "a certificate in PEM", |pem| {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        read.is_ok_and(|found| !found.is_empty())
    })
}

fn private_key(variables: Variables<'_>, name: &str) -> Result<Option<Vec<u8>>, StartError> {
    let is_one = |pem: &[u8]| PrivateKeyDer::from_pem_slice(pem).is_ok();
    file(variables, name, "a private key in PEM that is not encrypted", is_one)
}

/// The file that a variable names, which must hold something.
fn file(
    variables: Variables<'_>,
    name: &str,
    what: &str,
    holds_it: impl Fn(&[u8]) -> bool,
) -> Result<Option<Vec<u8>>, StartError> {
    let Some((name, path)) = of_exporter(variables, name) else { return Ok(None) };
    match fs::read(path) {
        Ok(bytes) if holds_it(&bytes) => Ok(Some(bytes)),
        Ok(_) => Err(wrong(name, format!("does not name {what}: {path}"))),
        Err(error) => Err(wrong(name, format!("cannot be read: {path}: {error}"))),
    }
}

fn check_what_the_exporter_reads(variables: Variables<'_>) -> Result<(), StartError> {
    if let Some((name, text)) = of_exporter(variables, "TIMEOUT") {
        above_zero::<u64>(&name, text)?;
    }
    if let Some((name, text)) = of_exporter(variables, "COMPRESSION")
        && !["gzip", "none"].iter().any(|known| text.eq_ignore_ascii_case(known))
    {
        return Err(wrong(name, format!("is {text:?}: write gzip or none")));
    }
    if let Some((name, text)) = of_exporter(variables, "HEADERS")
        && !text.split_terminator(',').all(is_header)
    {
        // Not quoted: it may be a password.
        return Err(wrong(name, "is no list of headers: write name=value,name=value".into()));
    }
    Ok(())
}

/// A header as `name=value`, its value percent-encoded (W3C Baggage).
fn is_header(pair: &str) -> bool {
    let Some((name, value)) = pair.split_once('=') else { return false };
    let value = percent_decode_str(value.trim()).decode_utf8_lossy();
    name.trim().parse::<HeaderName>().is_ok() && HeaderValue::from_str(&value).is_ok()
}

fn alone(given: &str, missing: &str) -> StartError {
    let says = format!("is set, and OTEL_EXPORTER_OTLP_{missing} is not: both are needed");
    wrong(format!("OTEL_EXPORTER_OTLP_{given}"), says)
}

fn wrong(name: String, says: String) -> StartError {
    StartError::Variable(name, says)
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("url", &self.url)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
