//! What the drivers share of HTTP.

use std::{error::Error, time::Duration};

use reqwest::{Certificate, ClientBuilder, Identity, Response, redirect};

/// A client in the manner of Windows: it follows no redirect. Building one takes some 40 ms: share it.
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    builder().build()
}

/// One that shows a certificate (PEM, with its key) and trusts this CA (PEM) alone.
pub(crate) fn client_with_certificate(identity: &[u8], ca: &[u8]) -> Result<reqwest::Client, reqwest::Error> {
    let (identity, ca) = (Identity::from_pem(identity)?, Certificate::from_pem(ca)?);
    builder().identity(identity).tls_certs_only([ca]).build()
}

fn builder() -> ClientBuilder {
    // Whoever came first has installed one; they are all ring (see the root manifest).
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().redirect(redirect::Policy::none()).no_proxy();
    builder.connect_timeout(Duration::from_secs(10))
}

/// The error and what caused it, without the URL.
pub(crate) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The wait that a server asks for in seconds, the only form that is told to devices.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get("retry-after")?;
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
