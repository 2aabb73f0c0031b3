//! Probing an app whose credentials are refused while nothing is due: with a request for a token.

use push::{AppCondition, FaultKind, TokenTrouble};
use store::Error;
use wns::TokenState;

use crate::app::AppLoop;

impl AppLoop {
    /// Asks for a token if that is what the app's fault is about. A token proves the credentials; whether WNS takes it
    /// shows with the next push, which is a probe still. While a token is held that WNS refused, only a push can tell.
    pub(crate) async fn probe_credentials(&self, condition: &AppCondition) -> Result<(), Error> {
        let refused = condition.fault().is_some_and(|fault| fault.kind == FaultKind::Credential);
        let (store, wns) = (&self.dispatcher.store, &self.dispatcher.wns);
        if !refused || matches!(wns.token_state(&self.name), Ok(TokenState::Held(_)) | Err(_)) {
            return Ok(());
        }
        let outcome = match wns.check_credentials(&self.name).await {
            Ok(()) => {
                tracing::info!(push_app = %self.name, "the push app gets tokens again");
                None
            }
            Err(TokenTrouble::Credential { description }) => Some(description),
            // That says nothing about the credentials, and the WNS client does not ask again at once.
            Err(TokenTrouble::Unavailable { .. }) => return Ok(()),
        };
        store.credentials_probed(&self.name, outcome, store.now()).await
    }
}
