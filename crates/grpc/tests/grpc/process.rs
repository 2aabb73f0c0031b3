//! What all services share: health, draining, a database that fails, reflection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reveille_api::v1::ListWakesRequest;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{v1, v1alpha};
use tonic_types::StatusExt;

use crate::field::{Field, connect, refusal, refused, settings, wake_of};

const WAKES: &str = "reveille.v1.WakeService";
const SERVICES: [&str; 4] = ["", WAKES, "reveille.v1.DeviceService", "reveille.v1.PushAppService"];

async fn health(field: &Field, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(field.channel.clone()).check(request).await.unwrap().into_inner().status()
}

async fn until(field: &Field, wanted: ServingStatus) {
    let looking = async {
        for service in SERVICES {
            while health(field, service).await != wanted {}
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.expect("in time");
}

#[tokio::test]
async fn draining_turns_the_health_off_while_calls_are_still_taken() {
    let field = Field::new().await;
    until(&field, ServingStatus::Serving).await;
    field.draining.cancel();
    until(&field, ServingStatus::NotServing).await;
    let status = field.wakes().wake(wake_of("DEVICE")).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "it was looked for: {status:?}");
}

#[tokio::test]
async fn a_broken_database_turns_the_health_off_until_it_is_mended() {
    let field = Field::new().await;
    until(&field, ServingStatus::Serving).await;
    while !store::schema_status(&field.database).await.unwrap().applied.is_empty() {
        store::schema_down(&field.database).await.unwrap();
    }
    until(&field, ServingStatus::NotServing).await;
    let status = field.wakes().list_wakes(ListWakesRequest::default()).await.unwrap_err();
    assert_eq!(refusal(&status), refused(Code::Unavailable, "STORE_UNAVAILABLE"));
    assert!(status.get_details_retry_info().is_some());
    assert!(!status.message().contains("table"), "the database's words are for the log: {status:?}");
    store::schema_up(&field.database).await.unwrap();
    until(&field, ServingStatus::Serving).await;
}

#[tokio::test]
async fn each_service_tells_of_what_it_needs() {
    let mut field = Field::new().await;
    let stuck = Arc::new(AtomicBool::new(false));
    let looked = stuck.clone();
    let judge = grpc::Health::new(move || {
        let dispatcher = !looked.load(Ordering::Relaxed);
        async move { grpc::Fitness { store: true, dispatcher, trouble: String::new() } }
    });
    let service = grpc::Service::new(field.store.clone(), settings(Vec::new()), field.draining.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(service.judged_by(judge).serve(listener, field.shutdown.clone()));
    field.channel = connect(&url).await;
    until(&field, ServingStatus::Serving).await;
    stuck.store(true, Ordering::Relaxed);
    let wakes = async { while health(&field, WAKES).await == ServingStatus::Serving {} };
    tokio::time::timeout(Duration::from_secs(20), wakes).await.expect("in time");
    assert_eq!(health(&field, "").await, ServingStatus::NotServing);
    for service in &SERVICES[2..] {
        assert_eq!(health(&field, service).await, ServingStatus::Serving, "{service} needs no loops");
    }
}

#[tokio::test]
async fn those_who_watch_the_health_do_not_hold_up_the_end() {
    let field = Field::new().await;
    until(&field, ServingStatus::Serving).await;
    let request = HealthCheckRequest { service: WAKES.to_owned() };
    let mut client = HealthClient::new(field.channel.clone());
    let mut watched = client.watch(request).await.unwrap().into_inner();
    let mut next = async || watched.message().await.unwrap().map(|seen| seen.status());
    assert_eq!(next().await, Some(ServingStatus::Serving));
    field.shutdown.cancel();
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    assert_eq!(next().await, None);
    let served = tokio::time::timeout(Duration::from_secs(20), field.served).await;
    served.expect("in time").unwrap().unwrap();
}

#[tokio::test]
async fn reflection_lists_the_services_in_both_versions() {
    use v1::{server_reflection_request, server_reflection_response::MessageResponse};
    use v1alpha::{
        server_reflection_request as alpha_request,
        server_reflection_response::MessageResponse as AlphaResponse,
    };
    let field = Field::new().await;
    let list = server_reflection_request::MessageRequest::ListServices(String::new());
    let request = v1::ServerReflectionRequest { message_request: Some(list), ..Default::default() };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(field.channel.clone());
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(found)) = answer else { panic!("a list: {answer:?}") };
    let names: Vec<_> = found.service.into_iter().map(|service| service.name).collect();

    let list = alpha_request::MessageRequest::ListServices(String::new());
    let request = v1alpha::ServerReflectionRequest { message_request: Some(list), ..Default::default() };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(field.channel.clone());
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(AlphaResponse::ListServicesResponse(found)) = answer else { panic!("a list: {answer:?}") };
    let older: Vec<_> = found.service.into_iter().map(|service| service.name).collect();

    for names in [names, older] {
        for service in SERVICES.into_iter().skip(1).chain(["grpc.health.v1.Health"]) {
            assert!(names.iter().any(|name| name == service), "{service} in {names:?}");
        }
    }
}
