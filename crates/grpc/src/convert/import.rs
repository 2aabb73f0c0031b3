//! What became of imported rows.

use reveille_api::v1 as api;
use store::{ImportAction, ImportMode, Imported};

use super::channel;

pub(crate) fn imported(imported: &Imported, mode: ImportMode) -> api::ImportResult {
    let action = match imported.action {
        ImportAction::Created => api::ImportAction::Created,
        ImportAction::Updated => api::ImportAction::Updated,
        ImportAction::Unchanged => api::ImportAction::Unchanged,
    };
    // A device that would be created has no id yet.
    let known = mode == ImportMode::Apply || imported.action != ImportAction::Created;
    api::ImportResult {
        action: action.into(),
        device_id: if known { imported.device.to_string() } else { String::new() },
        channel_state: channel::state(imported.channel).into(),
    }
}
