//! The query service, over a store that the binary wrote.

use std::collections::BTreeMap;
use std::time::Duration;

use casefile::agent::{Catalog, Catalogs, serve_api};
use casefile::config::{BearerTokenAuth, Secret, StoreClient, TenantToken, TokenEntry};
use casefile::exporter::Store;
use casefile::model::Tenant;
use casefile::model::proto::query_service_client::QueryServiceClient;
use casefile::model::proto::{
    DiffBundlesRequest, GetBundleRequest, GetIncidentRequest, ListBundlesRequest, ListIncidentsRequest,
    RenderBundleRequest, WatchBundlesRequest,
};
use casefile::transport::{Demands, Protocols, Security};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::lists::seven;
use super::recording::{failure, trace_id};

fn of_trace(number: u64) -> GetBundleRequest {
    GetBundleRequest { id: trace_id(number), ..Default::default() }
}

#[tokio::test]
async fn the_query_service_renders_compares_and_watches_as_the_command_line_does() {
    let folder = seven();
    let store = Store::open(&folder.url(), StoreClient::plain(&BTreeMap::new(), Duration::from_secs(10))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve_api(listener, Catalog::new(store), Security::default(), stop.clone()));
    let mut client = QueryServiceClient::connect(address).await.unwrap();
    let (latest, earliest) = (trace_id(7), trace_id(1));

    let asked = RenderBundleRequest { id: latest.clone(), reader: "swe-agent".to_owned(), max_tokens: 900 };
    let prompt = client.render_bundle(asked.clone()).await.unwrap().into_inner();
    assert_eq!(prompt.text, folder.text(&["bundle", "render", &latest, "--for", "swe-agent", "--max-tokens", "900"]));
    assert!(prompt.tokens <= 900, "{}", prompt.tokens);
    for wrong in [
        RenderBundleRequest { reader: "nobody".to_owned(), ..asked.clone() },
        RenderBundleRequest { max_tokens: 10, ..asked },
    ] {
        assert_eq!(client.render_bundle(wrong).await.unwrap_err().code(), Code::InvalidArgument);
    }

    let told = folder.json(&["bundle", "diff", &latest, &trace_id(6), "--json", "--limit", "1"]);
    let asked = DiffBundlesRequest { a: latest.clone(), b: trace_id(6), limit: 1, after: String::new() };
    let found = client.diff_bundles(asked.clone()).await.unwrap().into_inner();
    let page = found.page.unwrap();
    assert_eq!((told["total"].as_u64(), told["next"].as_u64()), (Some(page.total), page.next.parse().ok()));
    assert_eq!(found.differences[0].path, told["items"][0]["path"]);
    assert_eq!(found.differences[0].a, told["items"][0]["a"].to_string());
    let rest = DiffBundlesRequest { limit: 0, after: page.next, ..asked };
    let rest = client.diff_bundles(rest).await.unwrap().into_inner();
    assert_eq!(rest.differences.len() as u64, page.total - 1);

    let part = GetBundleRequest { id: latest.clone(), select: "trace.spans[0:1].name".to_owned() };
    let part = client.get_bundle(part).await.unwrap().into_inner();
    let part: Value = serde_json::from_slice(&part.json).unwrap();
    assert_eq!(part, folder.json(&["bundle", "get", &latest, "--select", "trace.spans[0:1].name"]));
    let nothing = GetBundleRequest { id: latest, select: "trace.span".to_owned() };
    assert_eq!(client.get_bundle(nothing).await.unwrap_err().code(), Code::InvalidArgument);

    let mut watched =
        client.watch_bundles(WatchBundlesRequest { all: true, ..Default::default() }).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().trace_id, earliest, "the earliest first");
    for _ in 2..=7 {
        watched.message().await.unwrap().unwrap();
    }
    folder.replay(&[failure(8, 9000, "GET /pay")]);
    assert_eq!(watched.message().await.unwrap().unwrap().trace_id, trace_id(8), "and what comes");

    // Whoever waits does not keep the server from stopping.
    stop.cancel();
    assert_eq!(watched.message().await.unwrap(), None);
    drop(client);
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_query_service_answers_what_the_command_line_answers() {
    let folder = seven();
    let store = Store::open(&folder.url(), StoreClient::plain(&BTreeMap::new(), Duration::from_secs(10))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve_api(listener, Catalog::new(store), Security::default(), stop.clone()));
    let mut client = QueryServiceClient::connect(address).await.unwrap();

    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let request = ListBundlesRequest { limit: 3, after, ..ListBundlesRequest::default() };
        let answer = client.list_bundles(request).await.unwrap().into_inner();
        let page = answer.page.unwrap();
        assert_eq!((page.total, page.returned), (7, answer.bundles.len() as u64));
        assert_eq!(page.truncated, !page.next.is_empty());
        found.extend(answer.bundles.into_iter().map(|bundle| bundle.trace_id));
        if !page.truncated {
            break;
        }
        after = page.next;
    }
    assert_eq!(found, (1..=7).rev().map(trace_id).collect::<Vec<_>>());

    let first = client.list_incidents(ListIncidentsRequest { limit: 2, after: String::new() }).await.unwrap();
    let first = first.into_inner();
    let page = first.page.unwrap();
    assert_eq!((page.total, page.returned, page.truncated), (3, 2, true));
    let rest = client.list_incidents(ListIncidentsRequest { limit: 0, after: page.next }).await.unwrap().into_inner();
    assert_eq!(rest.incidents.len(), 1);
    assert!(!first.incidents.contains(&rest.incidents[0]));

    let latest = first.incidents[0].clone();
    let shown = client
        .get_incident(GetIncidentRequest { id: latest.id.clone(), ..Default::default() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(shown.incident, Some(latest.clone()));
    assert_eq!(shown.bundles.len(), 3);
    let page = shown.page.unwrap();
    assert_eq!((page.total, page.returned, page.truncated), (3, 3, false));
    assert_eq!((latest.bundles, latest.count_24h), (3, 3));
    let of_it = ListBundlesRequest { incident_id: latest.id, limit: 1, after: String::new() };
    let of_it = client.list_bundles(of_it).await.unwrap().into_inner();
    assert_eq!((of_it.page.unwrap().total, of_it.bundles), (3, shown.bundles[..1].to_vec()));

    let by_trace = client.get_bundle(of_trace(7)).await.unwrap().into_inner();
    let by_id = GetBundleRequest { id: shown.bundles[0].bundle_id.clone(), ..Default::default() };
    assert_eq!(client.get_bundle(by_id).await.unwrap().into_inner(), by_trace);
    let json: Value = serde_json::from_slice(&by_trace.json).unwrap();
    assert_eq!(json, folder.json(&["bundle", "get", &trace_id(7)]));
    assert_eq!(json["incident"]["count_24h"], 3);

    let unknown = client.get_bundle(of_trace(99)).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound, "{unknown}");
    let unknown = client
        .get_incident(GetIncidentRequest { id: "INC-0000000000".to_owned(), ..Default::default() })
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound, "{unknown}");
    let nowhere = ListBundlesRequest { after: "yesterday".to_owned(), ..ListBundlesRequest::default() };
    assert_eq!(client.list_bundles(nowhere).await.unwrap_err().code(), Code::InvalidArgument);

    let object = folder.store().join(format!("bundles/default/{}.json", trace_id(7)));
    std::fs::remove_file(object).unwrap();
    let lost = client.get_bundle(of_trace(7)).await.unwrap_err();
    assert_eq!(lost.code(), Code::DataLoss, "{lost}");

    drop(client);
    stop.cancel();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_reader_is_shown_the_bundles_of_its_tenant_alone() {
    let folder = seven();
    let store = Store::open(&folder.url(), StoreClient::plain(&BTreeMap::new(), Duration::from_secs(10))).unwrap();
    let of = |token: &str, tenant: &str| {
        let tenant = Some(tenant.to_owned());
        TokenEntry::Of(TenantToken { token: Some(Secret::new(token)), filename: None, tenant })
    };
    let tokens = BearerTokenAuth {
        tokens: vec![of("t-acme", "acme"), of("t-globex", "globex"), of("t-gone", "gone")],
        ..BearerTokenAuth::default()
    };
    let demands = Demands { server: "api", protocols: Protocols::H2, tls: None, tokens: Some(&tokens), tenants: None };
    let catalogs = Catalogs::new(BTreeMap::from([
        (Tenant::new("acme"), Catalog::new(store.clone())),
        (Tenant::new("globex"), Catalog::new(store.of_tenant(&Tenant::new("globex")))),
    ]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let url = format!("{address}/v1/bundles");
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve_api(listener, catalogs, Security::open(demands).unwrap(), stop.clone()));
    let client = QueryServiceClient::connect(address).await.unwrap();
    let ask = async |token: Option<&str>| {
        let mut request = tonic::Request::new(ListBundlesRequest::default());
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
            request.metadata_mut().insert("x-tenant", "acme".parse().unwrap());
        }
        let answer = client.clone().list_bundles(request).await;
        answer.map(|answer| answer.into_inner().bundles.len()).map_err(|status| status.code())
    };
    assert_eq!(ask(Some("t-acme")).await, Ok(7));
    assert_eq!(ask(Some("t-globex")).await, Ok(0));
    assert_eq!(ask(Some("t-gone")).await, Err(Code::PermissionDenied));
    assert_eq!(ask(Some("t-none")).await, Err(Code::Unauthenticated));
    assert_eq!(ask(None).await, Err(Code::Unauthenticated));
    drop(rustls::crypto::ring::default_provider().install_default());
    let ask = async |token: &str| {
        let answer =
            reqwest::Client::new().get(&url).bearer_auth(token).header("x-tenant", "acme").send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<serde_json::Value>().await.unwrap()["total"].as_u64())
    };
    assert_eq!(ask("t-acme").await, (200, Some(7)));
    assert_eq!(ask("t-globex").await, (200, Some(0)));
    assert_eq!(ask("t-gone").await, (403, None));
    assert_eq!(ask("t-none").await, (401, None));
    drop(client);
    stop.cancel();
    server.await.unwrap().unwrap();
}
