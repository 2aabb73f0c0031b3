//! Devices.

use model::Timestamp;
use push::{Hint, Settings};
use reveille_api::v1 as api;
use store::{DeviceInfo, DeviceRecord, LastRefusal};

use super::{channel, polling::polling, time};

pub(crate) fn device(record: &DeviceRecord, now: Timestamp, rules: &Settings) -> api::Device {
    let device = &record.device;
    let enrollment = match device.unenrolled_at {
        None => api::EnrollmentState::Enrolled,
        Some(_) => api::EnrollmentState::Unenrolled,
    };
    api::Device {
        id: device.id.to_string(),
        name: device.name.to_string(),
        provider_id: device.provider_id.to_string(),
        push_app: device.push_app.to_string(),
        labels: device.labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        external_id: device.external_id.clone().unwrap_or_default(),
        user: device.user.clone().unwrap_or_default(),
        enrollment_state: enrollment.into(),
        create_time: Some(time(device.created_at)),
        last_seen_time: device.last_seen_at.map(time),
        unenroll_time: device.unenrolled_at.map(time),
        channel: Some(channel::channel(&record.channel, record.pushed_by.as_str(), now, rules)),
        info: device.last_seen_at.map(|_| info(&device.info)),
        polling: polling(record.channel.polling()),
        etag: etag(device.revision),
        certificate_fingerprint: device.certificate.map(|it| it.to_string()).unwrap_or_default(),
        last_refusal: device.last_refusal.as_ref().map(refusal),
        hints: record.channel.hints(device.info.os_version.as_deref()).into_iter().map(hint).collect(),
    }
}

/// The etag of a revision.
pub(crate) fn etag(revision: i64) -> String {
    revision.to_string()
}

/// The revision of an etag; none if it is no etag of ours.
pub(crate) fn revision(etag: &str) -> Option<i64> {
    etag.parse().ok().filter(|revision| self::etag(*revision) == etag)
}

fn info(info: &DeviceInfo) -> api::DeviceInfo {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    api::DeviceInfo {
        manufacturer: text(&info.manufacturer),
        model: text(&info.model),
        dm_client_version: text(&info.dm_version),
        language: text(&info.language),
        os_version: text(&info.os_version),
        large_objects: info.large_objects,
    }
}

fn refusal(refusal: &LastRefusal) -> api::DeviceRefusal {
    api::DeviceRefusal { reason: refusal.reason.clone(), time: Some(time(refusal.at)) }
}

fn hint(hint: Hint) -> api::DeviceHint {
    let kind = match hint {
        Hint::UpdateWindows => api::DeviceHintKind::UpdateWindows,
        Hint::CloudNotificationsOff => api::DeviceHintKind::CloudNotificationsOff,
        Hint::WriteHangs => api::DeviceHintKind::WriteHangs,
        Hint::NoPolling => api::DeviceHintKind::NoPolling,
    };
    api::DeviceHint { kind: kind.into(), text: hint.text().to_owned() }
}
