//! What an operator could do for a device, told from what is known of it.

use crate::{Channel, ChannelState, Refusal};

/// Something that an operator could do for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Its build is one whose channel renewal is known to fail.
    UpdateWindows,
    /// It answered 404 to every way of writing the PFN: a policy keeps cloud notifications from it (oma-dm.md §8.1).
    CloudNotificationsOff,
    /// It fell silent again and again when the PFN was written.
    WriteHangs,
    /// No polling schedule of it is on: without a push it does not come.
    NoPolling,
}

impl Hint {
    /// What is the matter, and what to do, in a sentence.
    pub fn text(self) -> &'static str {
        match self {
            Self::UpdateWindows => {
                "Update Windows: this build's channel renewal is known to fail, so its channel is reset more often."
            }
            Self::CloudNotificationsOff => {
                "Allow cloud notifications: the device answers 404 when its PFN is written, as it does while the policy \
                 NoCloudApplicationNotification is set."
            }
            Self::WriteHangs => {
                "Update Windows, or look at the device: its sessions fall silent when its PFN is written, so that is tried \
                 once a week only."
            }
            Self::NoPolling => {
                "Give it a polling schedule ([push.poll] in the configuration) or enroll it again: no schedule of it is on, \
                 so that only a push or a login brings it."
            }
        }
    }
}

impl Channel {
    /// What an operator could do for the device, whose OS build (`./DevDetail/SwV`) is known or not.
    pub fn hints(&self, os_version: Option<&str>) -> Vec<Hint> {
        let off = self.state() == ChannelState::Refused(Refusal::Write(404));
        let hints = [
            (os_version.is_some_and(renewal_fails), Hint::UpdateWindows),
            (off, Hint::CloudNotificationsOff),
            (self.writes_hang(), Hint::WriteHangs),
            (self.polling().is_off(), Hint::NoPolling),
        ];
        hints.into_iter().filter(|(holds, _)| *holds).map(|(_, hint)| hint).collect()
    }
}

/// Whether a build (`./DevDetail/SwV`) is one whose channel renewal is known to fail: Windows 8, 8.1 and 10.0.10586
/// (oma-dm.md §9.1).
pub fn renewal_fails(os_version: &str) -> bool {
    let mut parts = os_version.trim().split('.');
    let mut part = || parts.next().and_then(|part| part.parse::<u32>().ok());
    match (part(), part(), part()) {
        // The kernel of Windows 8 and 8.1 is 6.2 and 6.3; phones say 8.0 and 8.10.
        (Some(6), Some(2 | 3), _) | (Some(8), ..) | (Some(10), Some(0), Some(10_586)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_whose_renewal_fails() {
        for (build, expect) in [
            ("6.2.9200", true),
            ("6.3.9600.17415", true),
            ("8.10.14219.341", true),
            ("8.1", true),
            ("10.0.10586", true),
            ("10.0.10586.1176", true),
            ("10.0.105861", false),
            ("10.0.10240", false),
            ("10.0.14393.0", false),
            ("10.0.26200.9278", false),
            ("80.1", false),
            ("6.1.7601", false),
            ("", false),
            ("Windows", false),
        ] {
            assert_eq!(renewal_fails(build), expect, "{build}");
        }
    }
}
