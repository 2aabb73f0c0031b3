#![doc = include_str!("../README.md")]

mod certificate;
mod id;
mod labels;
mod name;
mod priority;
mod scope;
mod timestamp;
mod trace;

pub use certificate::{CertificateFingerprint, InvalidFingerprint};
pub use id::{DeviceId, PushId, SessionKey, SummonsId, WakeId};
pub use labels::{InvalidLabels, Labels};
pub use name::{DeviceName, InvalidName, Pfn, ProviderId, PushAppName};
pub use priority::Priority;
pub use scope::Scope;
pub use timestamp::Timestamp;
pub use trace::{InvalidTraceparent, TraceContext};
