//! `devices update`

use std::collections::BTreeMap;

use prost_types::FieldMask;
use reveille_api::v1::{Device, GetDeviceRequest, UpdateDeviceRequest};

use super::{changed_json, new_credential, story::identity, tell_password};
use crate::{
    cli::UpdateDevice,
    client::{Client, named, present},
    failure::{Failure, Outcome},
    print,
};

pub(super) async fn run(client: &Client, update: UpdateDevice) -> Outcome {
    let relabelled = !(update.labels.is_empty() && update.removed_labels.is_empty());
    let (labels, etag) = if relabelled {
        let (labels, etag) = read_labels(client, &update).await?;
        (labels, if update.etag.is_empty() { etag } else { update.etag.clone() })
    } else {
        (BTreeMap::new(), update.etag.clone())
    };
    let (credential, made) = match update.user.clone() {
        None => (None, None),
        Some(user) => {
            let (credential, made) = new_credential(user, update.password_stdin)?;
            (Some(credential), made)
        }
    };
    let json = update.output.json;
    let request = UpdateDeviceRequest {
        update_mask: Some(FieldMask { paths: mask(&update, relabelled) }),
        device: Some(Device {
            name: update.name,
            etag,
            push_app: update.push_app.unwrap_or_default(),
            provider_id: update.provider_id.unwrap_or_default(),
            external_id: update.external_id.unwrap_or_default(),
            certificate_fingerprint: update
                .certificate_fingerprint
                .map(|it| it.to_string())
                .unwrap_or_default(),
            labels,
            ..Device::default()
        }),
        credential,
    };
    let device = present(client.answered(client.devices().update_device(request).await)?.device)?;
    if json {
        return changed_json(device, made);
    }
    print::line(format!("{} is changed: {}, push app {}.", device.name, identity(&device), device.push_app))?;
    tell_password(made)
}

/// Labels are replaced as a whole: those that it has, with the changes. The etag sees to it that nobody else changes them
/// meanwhile.
async fn read_labels(
    client: &Client,
    update: &UpdateDevice,
) -> Result<(BTreeMap<String, String>, String), Failure> {
    let request = GetDeviceRequest { device: Some(named(&update.name)) };
    let device = present(client.answered(client.devices().get_device(request).await)?.device)?;
    let mut labels = device.labels;
    for key in &update.removed_labels {
        if labels.remove(key).is_none() {
            return Err(Failure::new(format!("{} has no label `{key}`; nothing is changed.", update.name)));
        }
    }
    labels.extend(update.labels.iter().cloned());
    Ok((labels, device.etag))
}

/// What is to be changed, as the contract names it.
fn mask(update: &UpdateDevice, relabelled: bool) -> Vec<String> {
    let paths = [
        ("push_app", update.push_app.is_some()),
        ("provider_id", update.provider_id.is_some()),
        ("external_id", update.external_id.is_some()),
        ("labels", relabelled),
        ("credential", update.user.is_some() || update.no_credential),
        ("certificate_fingerprint", update.certificate_fingerprint.is_some() || update.no_certificate),
    ];
    paths.into_iter().filter(|(_, named)| *named).map(|(path, _)| path.to_owned()).collect()
}
