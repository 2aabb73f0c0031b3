//! The fields that owners set, read alike wherever they come from.

use model::{CertificateFingerprint, ProviderId, PushAppName};
use reveille_api::v1::ErrorReason;
use tonic::{Code, Status};

use super::Devices;
use crate::{
    request::{Noted, Reader},
    status::{self, Wanted},
};

/// Bytes of an external id.
const EXTERNAL_ID: usize = 255;

/// An external id; an empty one is none.
pub(super) fn external_id(reader: &mut Reader, field: &str, text: String) -> Result<Option<String>, Noted> {
    let text = reader.text(field, text, EXTERNAL_ID).ok_or(Noted)?;
    Ok(Some(text).filter(|id| !id.is_empty()))
}

/// A fingerprint; an empty one is none.
pub(super) fn certificate(
    reader: &mut Reader,
    field: &str,
    text: &str,
) -> Result<Option<CertificateFingerprint>, Noted> {
    if text.is_empty() { Ok(None) } else { reader.parse(field, text).ok_or(Noted).map(Some) }
}

impl Devices {
    /// A provider id; the gateway's own if it is empty.
    pub(super) fn provider_id(&self, reader: &mut Reader, field: &str, text: &str) -> Option<ProviderId> {
        if text.is_empty() {
            return Some(self.0.settings.default_provider_id.clone());
        }
        reader.parse(field, text)
    }

    /// The app of that name; the only one of the configuration, if there is only one and none is named.
    pub(super) fn push_app(&self, reader: &mut Reader, field: &str, name: &str) -> Option<PushAppName> {
        let apps = &self.0.settings.apps;
        let mut names = apps.keys();
        let only = names.next().filter(|_| apps.len() == 1);
        if name.is_empty() {
            if only.is_none() {
                reader.wrong(field, "say which: not exactly one push app is configured");
            }
            return only.cloned();
        }
        reader.parse(field, name)
    }

    /// A name and a certificate belong to one device each: says which of them is taken.
    pub(super) async fn taken(
        &self,
        error: store::Error,
        certificate: Option<CertificateFingerprint>,
        wanted: Wanted,
    ) -> Status {
        let conflict = matches!(error, store::Error::Conflict(_));
        if let Some(certificate) = certificate.filter(|_| conflict)
            && let Ok(Some((_, name))) = self.0.store.device_of_certificate(&certificate).await
        {
            let why = format!("the device {name} is bound to this certificate");
            return status::refuse(Code::AlreadyExists, ErrorReason::DeviceExists, &why);
        }
        status::of_store(error, wanted)
    }
}
