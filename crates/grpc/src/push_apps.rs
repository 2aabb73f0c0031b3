//! `PushAppService`.

use std::sync::Arc;

use model::{PushAppName, Timestamp};
use reveille_api::v1::{self as api, push_app_service_server::PushAppService};
use store::{AppCommand, ChannelCount, PageRequest, PushAppRecord};
use tonic::{Request, Response, Status};

use crate::{
    convert::app::{Known, app},
    page,
    request::Reader,
    service::Edge,
    status::{self, Wanted},
    task,
};

pub(crate) struct PushApps(pub(crate) Arc<Edge>);

#[tonic::async_trait]
impl PushAppService for PushApps {
    async fn list_push_apps(
        &self,
        request: Request<api::ListPushAppsRequest>,
    ) -> Result<Response<api::ListPushAppsResponse>, Status> {
        self.list(&request.into_inner()).await.map(Response::new)
    }

    async fn get_push_app(
        &self,
        request: Request<api::GetPushAppRequest>,
    ) -> Result<Response<api::GetPushAppResponse>, Status> {
        self.look(&request.into_inner().name)
            .await
            .map(|found| Response::new(api::GetPushAppResponse { push_app: Some(found) }))
    }

    async fn pause_push_app(
        &self,
        request: Request<api::PausePushAppRequest>,
    ) -> Result<Response<api::PausePushAppResponse>, Status> {
        self.command(&request.into_inner().name, AppCommand::Pause)
            .await
            .map(|app| Response::new(api::PausePushAppResponse { push_app: Some(app) }))
    }

    async fn resume_push_app(
        &self,
        request: Request<api::ResumePushAppRequest>,
    ) -> Result<Response<api::ResumePushAppResponse>, Status> {
        self.command(&request.into_inner().name, AppCommand::Resume)
            .await
            .map(|app| Response::new(api::ResumePushAppResponse { push_app: Some(app) }))
    }
}

impl PushApps {
    /// The apps of the configuration, by name; the store may remember more, of earlier configurations.
    async fn list(&self, request: &api::ListPushAppsRequest) -> Result<api::ListPushAppsResponse, Status> {
        const MARK: &str = "push apps";
        let mut reader = Reader::default();
        let page = page::wanted(&mut reader, request.page_size, &request.page_token, MARK);
        let PageRequest { size, after } = reader.finish(page)?;
        let apps = self.0.store.push_apps().await.map_err(failed)?;
        let known = |record: &PushAppRecord| self.0.settings.apps.contains_key(&record.name);
        let after =
            |record: &PushAppRecord| after.as_ref().is_none_or(|after| record.name.as_str() > after.as_str());
        let mut left = apps.into_iter().filter(|record| known(record) && after(record));
        let records: Vec<_> = left.by_ref().take(size as usize).collect();
        let next = left.next().and(records.last()).map(|last| last.name.to_string());
        let counts = self.counts().await?;
        let now = self.0.store.now();
        let push_apps = records.iter().filter_map(|record| self.converted(record, &counts, now)).collect();
        Ok(api::ListPushAppsResponse { push_apps, next_page_token: page::token(next, MARK) })
    }

    async fn look(&self, name: &str) -> Result<api::PushApp, Status> {
        let name = self.name(name)?;
        let record = self.0.store.push_app(&name).await.map_err(failed)?;
        self.shown(&record).await
    }

    async fn command(&self, name: &str, command: AppCommand) -> Result<api::PushApp, Status> {
        let (name, store) = (self.name(name)?, self.0.store.clone());
        let commanded = task::to_its_end(async move {
            let record = store.command_app(&name, command, store.now()).await.map_err(failed)?;
            tracing::info!(push_app = %name, ?command, "an operator's command");
            Ok(record)
        });
        self.shown(&commanded.await?).await
    }

    fn name(&self, name: &str) -> Result<PushAppName, Status> {
        let mut reader = Reader::default();
        let name = reader.parse::<PushAppName>("name", name);
        let name = reader.finish(name)?;
        let known = self.0.settings.apps.contains_key(&name);
        if known { Ok(name) } else { Err(status::not_found(Wanted::PushApp)) }
    }

    async fn shown(&self, record: &PushAppRecord) -> Result<api::PushApp, Status> {
        let counts = self.counts().await?;
        let shown = self.converted(record, &counts, self.0.store.now());
        shown.ok_or_else(|| status::not_found(Wanted::PushApp))
    }

    async fn counts(&self) -> Result<Vec<ChannelCount>, Status> {
        self.0.store.channel_counts().await.map_err(failed)
    }

    /// None if the configuration does not have it.
    fn converted(
        &self,
        record: &PushAppRecord,
        counts: &[ChannelCount],
        now: Timestamp,
    ) -> Option<api::PushApp> {
        let Edge { store, settings, .. } = &*self.0;
        let info = settings.apps.get(&record.name)?;
        let token = settings.tokens.of(&record.name);
        Some(app(
            record,
            &Known { info, mode: store.rules().mode_of_app(record.name.as_str()), token, counts },
            now,
        ))
    }
}

fn failed(error: store::Error) -> Status {
    status::of_store(error, Wanted::PushApp)
}
