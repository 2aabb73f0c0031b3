//! `PushAppService`.

use std::sync::Arc;

use model::PushAppName;
use reveille_api::v1::{self as api, push_app_service_server::PushAppService};
use store::{AppCommand, PageRequest, PushAppRecord};
use tonic::{Request, Response, Status};

use crate::{
    convert::app::app,
    page,
    request::Reader,
    service::Edge,
    status::{self, Wanted},
    trace,
};

pub(crate) struct PushApps(pub(crate) Arc<Edge>);

#[tonic::async_trait]
impl PushAppService for PushApps {
    async fn list_push_apps(
        &self,
        request: Request<api::ListPushAppsRequest>,
    ) -> Result<Response<api::ListPushAppsResponse>, Status> {
        let result = self.list(&request.into_inner()).await;
        trace::ended(&result);
        result.map(Response::new)
    }

    async fn get_push_app(
        &self,
        request: Request<api::GetPushAppRequest>,
    ) -> Result<Response<api::GetPushAppResponse>, Status> {
        let result = self.look(&request.into_inner().name).await;
        trace::ended(&result);
        result.map(|found| Response::new(api::GetPushAppResponse { push_app: Some(found) }))
    }

    async fn pause_push_app(
        &self,
        request: Request<api::PausePushAppRequest>,
    ) -> Result<Response<api::PausePushAppResponse>, Status> {
        let result = self.command(&request.into_inner().name, AppCommand::Pause).await;
        trace::ended(&result);
        result.map(|app| Response::new(api::PausePushAppResponse { push_app: Some(app) }))
    }

    async fn resume_push_app(
        &self,
        request: Request<api::ResumePushAppRequest>,
    ) -> Result<Response<api::ResumePushAppResponse>, Status> {
        let result = self.command(&request.into_inner().name, AppCommand::Resume).await;
        trace::ended(&result);
        result.map(|app| Response::new(api::ResumePushAppResponse { push_app: Some(app) }))
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
        let mut push_apps = Vec::with_capacity(records.len());
        for record in &records {
            push_apps.push(self.converted(record).await?);
        }
        Ok(api::ListPushAppsResponse { push_apps, next_page_token: page::token(next, MARK) })
    }

    async fn look(&self, name: &str) -> Result<api::PushApp, Status> {
        let name = self.name(name)?;
        let record = self.0.store.push_app(&name).await.map_err(failed)?;
        self.converted(&record).await
    }

    async fn command(&self, name: &str, command: AppCommand) -> Result<api::PushApp, Status> {
        let name = self.name(name)?;
        let record = self.0.store.command_app(&name, command).await.map_err(failed)?;
        tracing::info!(push_app = %name, ?command, "an operator's command");
        self.converted(&record).await
    }

    fn name(&self, name: &str) -> Result<PushAppName, Status> {
        let mut reader = Reader::default();
        let name = reader.parse::<PushAppName>("name", name);
        let name = reader.finish(name)?;
        let known = self.0.settings.apps.contains_key(&name);
        if known { Ok(name) } else { Err(status::not_found(Wanted::PushApp)) }
    }

    async fn converted(&self, record: &PushAppRecord) -> Result<api::PushApp, Status> {
        let Edge { store, settings } = &*self.0;
        let counts = store.channel_counts().await.map_err(failed)?;
        Ok(app(record, settings.tokens.of(&record.name), &counts, store.now()))
    }
}

fn failed(error: store::Error) -> Status {
    status::of_store(error, Wanted::PushApp)
}
