//! `Debug` for the messages that carry a secret into the service: it says that there is one, not
//! which.

use std::fmt;

use crate::v1::{Credential, ImportRow, credential::Secret};

const REDACTED: &str = "[redacted]";

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("user", &self.user).field("secret", &self.secret).finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Password(_) => "Password",
            Self::InnerHash(_) => "InnerHash",
        };
        f.debug_tuple(kind).field(&REDACTED).finish()
    }
}

impl fmt::Debug for ImportRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every field is named, so that a new one cannot be forgotten here.
        let Self {
            name,
            provider_id,
            push_app,
            labels,
            external_id,
            credential,
            certificate_fingerprint,
            pfn,
            channel_uri,
            channel_first_seen_time,
        } = self;
        f.debug_struct("ImportRow")
            .field("name", name)
            .field("provider_id", provider_id)
            .field("push_app", push_app)
            .field("labels", labels)
            .field("external_id", external_id)
            .field("credential", credential)
            .field("certificate_fingerprint", certificate_fingerprint)
            .field("pfn", pfn)
            .field("channel_uri", &if channel_uri.is_empty() { "" } else { REDACTED })
            .field("channel_first_seen_time", channel_first_seen_time)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{CreateDeviceRequest, ImportDevicesRequest, UpdateDeviceRequest};

    const PLANTED: &str = "planted-secret";

    #[test]
    fn debug_never_prints_a_secret() {
        for secret in [Secret::Password(PLANTED.into()), Secret::InnerHash(PLANTED.into())] {
            let credential = Some(Credential { user: "alice".into(), secret: Some(secret) });
            let row = ImportRow {
                credential: credential.clone(),
                channel_uri: PLANTED.into(),
                ..ImportRow::default()
            };
            check(&credential);
            check(&CreateDeviceRequest { credential: credential.clone(), ..Default::default() });
            check(&UpdateDeviceRequest { credential, ..Default::default() });
            check(&ImportDevicesRequest { row: Some(row), ..Default::default() });
        }
    }

    /// A field that is added to the contract under such a name must be added to this file too.
    #[test]
    fn no_other_message_holds_a_secret() {
        use prost::Message;
        let set = prost_types::FileDescriptorSet::decode(crate::FILE_DESCRIPTOR_SET).unwrap();
        let found: Vec<_> = set
            .file
            .iter()
            .flat_map(|file| &file.message_type)
            .flat_map(|message| message.field.iter().map(move |field| (message.name(), field.name())))
            .filter(|(_, field)| {
                ["password", "secret", "hash", "uri", "token", "nonce", "key"]
                    .iter()
                    .any(|w| field.contains(w))
            })
            .filter(|(_, field)| !field.ends_with("page_token") && *field != "idempotency_key")
            .collect();
        let expect = [
            ("Credential", "password"),
            ("Credential", "inner_hash"),
            ("ImportRow", "channel_uri"),
            // The state of a token, without the token.
            ("PushApp", "token"),
        ];
        assert_eq!(found.len(), expect.len(), "{found:?}");
        assert!(expect.iter().all(|field| found.contains(field)), "{found:?}");
    }

    fn check(message: &impl fmt::Debug) {
        let text = format!("{message:?} {message:#?}");
        assert!(!text.contains(PLANTED), "{text}");
        assert!(text.contains("alice") && text.contains(REDACTED), "{text}");
    }
}
