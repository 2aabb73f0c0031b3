//! The certificate of a device in a header of the proxy that terminated its TLS.
//!
//! Three forms, told apart by how they look: base64 of the DER, between colons (`Client-Cert`, RFC 9440) or bare (`HAProxy`'s
//! `ssl_c_der,base64`); a PEM, percent-encoded or on one line (nginx's `$ssl_client_escaped_cert`, Apache); and Envoy's `X-Forwarded-Client-Cert`, a list of
//! elements of which the last one was added by the nearest proxy.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;
use thiserror::Error;

use crate::certificate::{Certificate, NoCertificate};

/// Why the header of a trusted proxy is no use: the proxy's mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum HeaderError {
    /// It is there several times: which one is the proxy's cannot be told.
    #[error("it came more than once: the proxy must replace the header that a client sends")]
    Repeated,
    /// It is none of the known forms.
    #[error(
        "it is neither base64 of the DER (RFC 9440, HAProxy) nor a percent-encoded PEM nor Envoy's X-Forwarded-Client-Cert"
    )]
    Form,
    /// Envoy was not told to send the certificate.
    #[error("its last element has no Cert: set_current_client_cert_details needs `cert: true`")]
    NoCert,
    /// What it holds is no certificate.
    #[error(transparent)]
    Certificate(#[from] NoCertificate),
}

const ENVOY: &str = "x-forwarded-client-cert";
/// What Apache sends for a variable that has no value.
const NONE: &str = "(null)";
const PEM_BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const PEM_END: &str = "-----END CERTIFICATE-----";

/// The certificate in the header; None if the header is missing, empty or Apache's `(null)`, which means that the device showed none.
pub(crate) fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Certificate>, HeaderError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(HeaderError::Repeated);
    }
    let text = value.to_str().map_err(|_| HeaderError::Form)?.trim();
    if text.is_empty() || text == NONE {
        return Ok(None);
    }
    let der = if name.as_str() == ENVOY { envoy(text)? } else { plain(text)? };
    Ok(Some(Certificate::of_der(&der)?))
}

fn plain(text: &str) -> Result<Vec<u8>, HeaderError> {
    match text.strip_prefix(':') {
        Some(rest) => base64(rest.strip_suffix(':').ok_or(HeaderError::Form)?),
        // Base64 has neither of them.
        None if text.contains(['-', '%']) => pem(text),
        None => base64(text),
    }
}

/// A PEM. Line ends may be encoded, spaces, tabs or missing. A `+` stands for itself, encoded or not.
fn pem(text: &str) -> Result<Vec<u8>, HeaderError> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| HeaderError::Form)?;
    let body = decoded.trim().strip_prefix(PEM_BEGIN).and_then(|rest| rest.split_once(PEM_END));
    let (body, _chain) = body.ok_or(HeaderError::Form)?;
    let bare: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    base64(&bare)
}

fn base64(text: &str) -> Result<Vec<u8>, HeaderError> {
    STANDARD.decode(text).map_err(|_| HeaderError::Form)
}

/// `Hash=…;Cert="…";Subject="…",Hash=…;…`: one element for each proxy on the way.
fn envoy(text: &str) -> Result<Vec<u8>, HeaderError> {
    let nearest = unquoted_parts(text, ',').ok_or(HeaderError::Form)?.pop().unwrap_or_default();
    let pairs = unquoted_parts(nearest, ';').ok_or(HeaderError::Form)?;
    let mut certs = pairs.iter().filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case("cert").then_some(value.trim())
    });
    match (certs.next(), certs.next()) {
        (Some(cert), None) => pem(&unquoted(cert)),
        (None, _) => Err(HeaderError::NoCert),
        (Some(_), Some(_)) => Err(HeaderError::Repeated),
    }
}

/// The parts between separators that are not within quotes; None if a quote is never closed.
fn unquoted_parts(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                parts.push(&text[from..at]);
                from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    (!quoted).then_some(parts)
}

/// A value without its quotes and escapes.
fn unquoted(value: &str) -> Cow<'_, str> {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if inner.contains('\\') => inner.replace("\\\"", "\"").replace("\\\\", "\\").into(),
        Some(inner) => inner.into(),
        None => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    struct Made {
        certificate: Certificate,
        base64: String,
        pem: String,
        escaped: String,
    }

    fn made() -> Made {
        let key = KeyPair::generate().unwrap();
        let made = CertificateParams::new(["device.test".to_owned()]).unwrap().self_signed(&key).unwrap();
        let pem = made.pem();
        Made {
            certificate: Certificate::of_der(made.der()).unwrap(),
            base64: STANDARD.encode(made.der()),
            escaped: utf8_percent_encode(&pem, NON_ALPHANUMERIC).to_string(),
            pem,
        }
    }

    fn read_from(name: &'static str, values: &[&str]) -> Result<Option<Certificate>, HeaderError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        read(&headers, &HeaderName::from_static(name))
    }

    #[test]
    fn every_form_of_one_certificate() {
        let Made { certificate, base64, pem, escaped } = made();
        let on_one_line = pem.trim().replace('\r', "").replace('\n', " ");
        let escaped_lines = pem.replace(' ', "%20").replace('\r', "%0D").replace('\n', "%0A");
        for value in [format!(":{base64}:"), base64, escaped.clone(), escaped_lines.clone(), on_one_line] {
            assert_eq!(read_from("client-cert", &[&value]), Ok(Some(certificate.clone())), "{value}");
        }
        let other = made().escaped;
        for value in [
            format!("Cert=\"{escaped}\""),
            format!("By=spiffe://a;Hash=00;Cert=\"{escaped}\";Subject=\"CN=a,O=\\\"b;c\\\"\";URI="),
            format!("Hash=00;cert={escaped_lines}"),
            // What a client wrote itself stands before what the nearest proxy added.
            format!("Cert=\"{other}\",Hash=00;Cert=\"{escaped}\""),
        ] {
            assert_eq!(read_from(ENVOY, &[&value]), Ok(Some(certificate.clone())), "{value}");
        }
    }

    #[test]
    fn an_empty_header_is_no_certificate() {
        for values in [&[][..], &[""], &["  "], &["(null)"]] {
            assert_eq!(read_from("client-cert", values), Ok(None));
            assert_eq!(read_from(ENVOY, values), Ok(None));
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        use HeaderError::{Form, NoCert, Repeated};
        let Made { base64, escaped, .. } = made();
        let rfc9440 = format!(":{base64}:");
        for (name, values, why) in [
            ("client-cert", vec![rfc9440.as_str(), &rfc9440], Repeated),
            ("client-cert", vec![&rfc9440[..rfc9440.len() - 1]], Form),
            ("client-cert", vec!["bm90IGEgY2VydA=="], NoCertificate.into()),
            ("client-cert", vec![":not base64:"], Form),
            ("client-cert", vec![&escaped[..escaped.len() / 2]], Form),
            ("client-cert", vec![":AAAA:"], NoCertificate.into()),
            (ENVOY, vec![&rfc9440], NoCert),
            (ENVOY, vec!["Hash=00"], NoCert),
            (ENVOY, vec!["Cert=\"unclosed"], Form),
            (ENVOY, vec!["Cert=a;Cert=b"], Repeated),
            (ENVOY, vec![&format!("Cert=\"{escaped}\",Hash=00")], NoCert),
        ] {
            assert_eq!(read_from(name, &values), Err(why), "{name} {values:?}");
        }
    }
}
