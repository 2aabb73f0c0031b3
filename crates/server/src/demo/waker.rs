//! Asks for wakes: each device again only after its last wake has ended.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use reveille_api::v1::{
    DeviceRef, GetWakeRequest, Wake, WakePriority, WakeRequest, WakeState, device_ref::By,
    wake_service_client::WakeServiceClient,
};
use simulator::device::Identity;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::{Status, transport::Channel};

use super::{DemoSettings, progress::Progress};

/// Between two wakes when nobody waits for the end.
const NOW_AND_THEN: Duration = Duration::from_secs(2);
/// How often a wake is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long a wake may take in the demo.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks for as many wakes as are wanted, and waits for the end of each.
pub(super) async fn run(
    settings: &DemoSettings,
    channel: Channel,
    devices: Vec<Identity>,
    progress: Arc<Progress>,
    shutdown: &CancellationToken,
) -> Result<(), Status> {
    let mut left = settings.wakes.unwrap_or(if settings.exit { devices.len() } else { usize::MAX });
    let mut idle: VecDeque<String> = devices.into_iter().map(|identity| identity.name).collect();
    let mut running = JoinSet::new();
    while left > 0 || !running.is_empty() {
        if left > 0
            && let Some(device) = idle.pop_front()
        {
            left -= 1;
            running.spawn(wake(WakeServiceClient::new(channel.clone()), device, progress.clone()));
        }
        let pause = if settings.exit { Duration::ZERO } else { NOW_AND_THEN };
        let more = left > 0 && !idle.is_empty();
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            Some(ended) = running.join_next(), if !running.is_empty() => {
                idle.push_back(ended.map_err(|panic| Status::internal(panic.to_string()))??);
            }
            () = tokio::time::sleep(pause), if more => {}
        }
    }
    Ok(())
}

/// One wake, from the call to its end. Gives the device back.
async fn wake(
    mut wakes: WakeServiceClient<Channel>,
    device: String,
    progress: Arc<Progress>,
) -> Result<String, Status> {
    let request = WakeRequest {
        device: Some(DeviceRef { by: Some(By::Name(device.clone())) }),
        timeout: Some(PATIENCE.try_into().unwrap_or_default()),
        priority: WakePriority::Interactive.into(),
        reason: "demo".to_owned(),
        ..Default::default()
    };
    let mut asked = wakes.wake(request).await?.into_inner().wake.unwrap_or_default();
    progress.asked();
    let mut looks = tokio::time::interval(LOOK);
    while asked.state() == WakeState::Live {
        looks.tick().await;
        asked = look(&mut wakes, asked.id).await?;
    }
    progress.ended(&asked);
    Ok(device)
}

async fn look(wakes: &mut WakeServiceClient<Channel>, id: String) -> Result<Wake, Status> {
    Ok(wakes.get_wake(GetWakeRequest { id }).await?.into_inner().wake.unwrap_or_default())
}
