pub use model::Scope;
use syncml::Message;

use crate::alert;

/// The scope that package 1 claims by its alert `com.microsoft.mdm.synctype`; None without one.
/// `mixed` and whatever else counts as the device's.
pub(crate) fn claimed(message: &Message<'_>) -> Option<Scope> {
    let mut types = alert::read(message).filter(|alert| alert.code == 1224);
    let kind = types.find(|alert| alert.is("com.microsoft.mdm.synctype"))?;
    let data = kind.data.unwrap_or_default().trim();
    let is_user = data.eq_ignore_ascii_case("user");
    Some(if is_user { Scope::User } else { Scope::Device })
}
