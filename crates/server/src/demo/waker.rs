//! Asks for wakes: each device again only after its last wake has ended.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use reveille_api::v1::{
    DeviceRef, GetWakeRequest, Wake, WakePriority, WakeRequest, WakeState, device_ref::By,
    wake_service_client::WakeServiceClient,
};
use simulator::device::Identity;
use tokio::{task::JoinSet, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tonic::{Status, transport::Channel};

use super::{DemoSettings, progress::Progress};

/// Between two wakes when somebody waits for the end.
const AT_ONCE: Duration = Duration::from_millis(1);
/// Between two wakes when nobody does.
const NOW_AND_THEN: Duration = Duration::from_secs(2);
/// How often a wake is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long a wake may take in the demo.
const PATIENCE: Duration = Duration::from_mins(1);

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
    let mut moments = tokio::time::interval(if settings.exit { AT_ONCE } else { NOW_AND_THEN });
    moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while left > 0 || !running.is_empty() {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = moments.tick(), if left > 0 && !idle.is_empty() => {
                left -= 1;
                let client = WakeServiceClient::new(channel.clone());
                if let Some(device) = idle.pop_front() {
                    running.spawn(wake(client, device, progress.clone()));
                }
            }
            Some(ended) = running.join_next(), if !running.is_empty() => {
                idle.push_back(ended.map_err(|panic| Status::internal(panic.to_string()))??);
            }
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
