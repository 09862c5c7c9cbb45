//! Bearer tokens: who gets in, and who is told what.

use std::fs;
use std::time::Duration;

use casefile::config::{BearerTokenAuth, GrpcServer, HttpServer, Secret, TenantToken, TokenEntry};
use casefile::model::Signal;
use casefile::transport::{Demands, Protocols, Security};
use prost::Message as _;
use tonic::Code;

use crate::support::*;

const TICK: Duration = Duration::from_millis(100);
const TICKS: usize = 300;

fn security(tokens: &BearerTokenAuth) -> Security {
    let demands = Demands { server: "grpc", protocols: Protocols::H2, tls: None, tokens: Some(tokens), tenants: None };
    Security::open(demands).unwrap()
}

fn one_token() -> BearerTokenAuth {
    BearerTokenAuth { token: Some(Secret::new("correct-horse")), ..BearerTokenAuth::default() }
}

async fn send(server: &Server, headers: &[(&str, &str)]) -> GrpcAnswer {
    let message = framed(0, &traces(vec![span(1)]).encode_to_vec());
    grpc_raw(channel(server.address).await, path(Signal::Traces), headers, message).await
}

async fn code(server: &Server, headers: &[(&str, &str)]) -> Code {
    send(server, headers).await.status.code()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn otlp_26_input_52_only_the_whole_token_in_one_header_gets_in() {
    let server = grpc_behind(security(&one_token()), GrpcServer::default(), &ALL, Recorder::default()).await;
    assert_eq!(code(&server, &[("authorization", "Bearer correct-horse")]).await, Code::Ok);
    assert_eq!(code(&server, &[("authorization", "bearer correct-horse")]).await, Code::Ok, "schemes have no case");
    let refused: &[&[(&str, &str)]] = &[
        &[],
        &[("authorization", "")],
        &[("authorization", "Bearer")],
        &[("authorization", "Bearer ")],
        &[("authorization", "correct-horse")],
        &[("authorization", "Basic correct-horse")],
        &[("authorization", "Bearer correct-hors")],
        &[("authorization", "Bearer correct-horse ")],
        &[("authorization", "Bearer  correct-horse")],
        &[("authorization", "Bearer correct-horsex")],
        &[("authorization", "Bearer Correct-Horse")],
        &[("authorization", "Bearer correct-horse"), ("authorization", "Bearer correct-horse")],
        &[("x-authorization", "Bearer correct-horse")],
    ];
    for headers in refused {
        let answer = send(&server, headers).await;
        assert_eq!(answer.status.code(), Code::Unauthenticated, "{headers:?}");
        assert!(answer.status.message().contains("bearer token"), "{answer:?}");
        assert!(!answer.status.message().contains("horse"), "nothing of what was sent comes back: {answer:?}");
    }
    assert_eq!(server.intake.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_need_no_token() {
    let server = grpc_behind(security(&one_token()), GrpcServer::default(), &ALL, Recorder::default()).await;
    let answer = grpc_raw(channel(server.address).await, "/grpc.health.v1.Health/Check", &[], framed(0, &[])).await;
    assert_eq!(answer.status.code(), Code::Ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn otlp_26_http_says_401_in_the_format_of_the_request() {
    let server = http_behind(security(&one_token()), HttpServer::default(), &ALL, Recorder::default()).await;
    let body = traces(vec![span(1)]).encode_to_vec();
    let answer = post(&server, "/v1/traces", &[PROTOBUF], body.clone()).await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"));
    assert_eq!(answer.header("content-type"), PROTOBUF.1);
    let answer = post(&server, "/v1/logs", &[JSON, ("authorization", "Bearer nonsense")], "{}").await;
    assert_eq!((answer.status, answer.json()["code"].as_i64()), (401, Some(16)));
    let answer = post(&server, "/v1/evidence?trace_id=0102030405060708090a0b0c0d0e0f10", &[], "text").await;
    assert_eq!(answer.status, 401, "attachments are asked for it too");
    let answer = post(&server, "/v1/alerts/datadog", &[JSON], "{}").await;
    assert_eq!(answer.status, 401, "and alerts that have no secret of their own");
    assert!(server.intake.seen().is_empty());
    let answer = post(&server, "/v1/traces", &[PROTOBUF, ("authorization", "Bearer correct-horse")], body).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_tells_the_tenant_and_a_header_does_not() {
    let of = |token: &str, tenant: Option<&str>| {
        let tenant = tenant.map(str::to_owned);
        TokenEntry::Of(TenantToken { token: Some(Secret::new(token)), filename: None, tenant })
    };
    let tokens = BearerTokenAuth {
        tokens: vec![
            of("t-acme", Some("acme")),
            of("t-globex", Some("globex")),
            of("t-gone", Some("gone")),
            TokenEntry::Token(Secret::new("t-none")),
        ],
        ..BearerTokenAuth::default()
    };
    let server = grpc_behind(security(&tokens), GrpcServer::default(), &ALL, Recorder::default()).await;
    // input-53
    let forged = ("x-scope-orgid", "globex");
    assert_eq!(code(&server, &[("authorization", "Bearer t-acme"), forged]).await, Code::Ok);
    assert_eq!(code(&server, &[("authorization", "Bearer t-none"), forged]).await, Code::Ok);
    assert_eq!(code(&server, &[("authorization", "Bearer t-globex")]).await, Code::Ok);
    assert_eq!(code(&server, &[("authorization", "Bearer t-gone")]).await, Code::PermissionDenied);
    assert_eq!(server.intake.tenants(), ["acme", "default", "globex"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_tokens_is_read_again_and_an_empty_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    fs::write(&path, "first\nsecond\n").unwrap();
    let tokens = BearerTokenAuth { filename: Some(path.to_str().unwrap().to_owned()), ..BearerTokenAuth::default() };
    let server = grpc_behind(security(&tokens), GrpcServer::default(), &ALL, Recorder::default()).await;
    let is_in = async |token: &str| {
        let header = format!("Bearer {token}");
        code(&server, &[("authorization", header.as_str())]).await == Code::Ok
    };
    assert!(is_in("first").await && is_in("second").await && !is_in("third").await);
    fs::write(&path, "third\n").unwrap();
    let mut ticks = 0;
    while !is_in("third").await {
        assert!(ticks < TICKS, "the new token is not taken");
        ticks += 1;
        tokio::time::sleep(TICK).await;
    }
    assert!(!is_in("first").await, "a token that was taken back is one no more");
    fs::write(&path, "\n").unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(is_in("third").await, "an empty file takes nothing back");
}
