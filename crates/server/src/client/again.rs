//! `--watch`: the same again, until it is interrupted.

use std::time::Duration;

use crate::{
    failure::{Failure, Outcome},
    print::{self, Page, Tone},
};

/// Shows what `look` brings, and again after each `every`. What fails at first is a mistake of who asks; what fails later
/// is shown and tried again, as a service that restarts is what somebody may be looking at.
pub(super) async fn again(every: Duration, look: impl AsyncFn() -> Result<Page, Failure>) -> Outcome {
    let mut page = look().await?;
    while print::picture(&page)?.is_continue() {
        tokio::time::sleep(every).await;
        page = look().await.unwrap_or_else(|failure| {
            let mut page = Page::default();
            page.text(Tone::Bad, &failure.to_string());
            page
        });
    }
    Ok(())
}
