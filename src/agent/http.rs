//! The same answers over HTTP as JSON, and the OpenAPI document that describes them.
//!
//! Web pages are kept out: a browser names the page that asks in `Origin`, and only pages of this machine may.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use futures::stream::StreamExt as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::rendered;
use super::catalog::{Catalog, CatalogError};
use super::difference::Differences;
use super::merge::BundleView;
use super::openapi;
use super::prompt::{DEFAULT_TOKENS, Prompt, PromptError, UnknownTarget};
use super::reports::Reports;
use super::select::select;
use super::watch::{Watch, Watchers};
use crate::transport::Denial;

/// Items of a page where the request does not say.
const DEFAULT_LIMIT: usize = 50;

/// The routes. Each asks the catalog that its request carries: that of whoever was let in.
pub(super) fn routes(watchers: Watchers) -> Router {
    let document: Arc<Value> = Arc::new(openapi::document());
    let described = get(move || {
        let document = Arc::clone(&document);
        async move { Json((*document).clone()) }
    });
    Router::new()
        .route("/v1/incidents", get(incidents))
        .route("/v1/incidents/{id}", get(incident))
        .route("/v1/bundles", get(bundles))
        .route("/v1/bundles/{id}", get(bundle))
        .route("/v1/bundles/{id}/prompt", get(prompt))
        .route("/v1/bundles/{id}/differences/{other}", get(compared))
        .route("/v1/watch", get(watched).layer(Extension(watchers)))
        .route("/openapi.json", described)
        .layer(axum::middleware::from_fn(of_this_machine))
}

/// Whether an `Origin` is a page of this machine.
pub(super) fn is_local_origin(origin: &str) -> bool {
    let Ok(url) = url::Url::parse(origin) else { return false };
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

async fn of_this_machine(request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN);
    if origin.is_some_and(|origin| !origin.to_str().is_ok_and(is_local_origin)) {
        return refused(StatusCode::FORBIDDEN, "pages of other machines may not ask");
    }
    next.run(request).await
}

#[derive(Debug, Deserialize)]
struct PageQuery {
    limit: Option<usize>,
    #[serde(default)]
    after: String,
    incident: Option<String>,
}

#[derive(Debug, Deserialize)]
struct SelectQuery {
    select: Option<String>,
}

async fn incidents(Extension(catalog): Extension<Catalog>, Query(page): Query<PageQuery>) -> Response {
    answer(catalog.incidents(page.limit.unwrap_or(DEFAULT_LIMIT), &page.after).await)
}

async fn incident(
    Extension(catalog): Extension<Catalog>,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
) -> Response {
    let found = async {
        let Some(incident) = catalog.incident(&id).await? else { return Ok(None) };
        let limit = page.limit.unwrap_or(DEFAULT_LIMIT);
        let bundles = catalog.bundles(Some(&id), limit, &page.after).await?;
        let (files, total) = catalog.attachments(&id, limit).await?;
        let tests = Reports::of(files.iter().map(|found| &found.attachment));
        let attachments = json!({
            "items": files, "total": total, "returned": files.len(), "truncated": files.len() < total, "next": null,
        });
        Ok(Some(json!({"incident": incident, "bundles": bundles, "attachments": attachments, "tests": tests})))
    };
    found_or_not(found.await, "no bundle of this incident is in the store")
}

async fn bundles(Extension(catalog): Extension<Catalog>, Query(page): Query<PageQuery>) -> Response {
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT);
    answer(catalog.bundles(page.incident.as_deref(), limit, &page.after).await)
}

async fn bundle(
    Extension(catalog): Extension<Catalog>,
    Path(id): Path<String>,
    Query(part): Query<SelectQuery>,
) -> Response {
    let view = match view(&catalog, &id).await {
        Ok(view) => view,
        Err(refused) => return refused,
    };
    let Ok(document) = view.merged() else { return unwritten() };
    match part.select.map(|path| select(&document, &path)) {
        None => Json(document).into_response(),
        Some(Ok(part)) => Json(part).into_response(),
        Some(Err(error)) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

#[derive(Debug, Deserialize)]
struct PromptQuery {
    #[serde(default, rename = "for")]
    reader: String,
    max_tokens: Option<u64>,
}

/// A prompt.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PromptAnswer {
    /// The text.
    text: String,
    /// Its tokens (`o200k_base`).
    tokens: u64,
    /// What was left out or shortened for the budget.
    cuts: Vec<String>,
}

async fn prompt(
    Extension(catalog): Extension<Catalog>,
    Path(id): Path<String>,
    Query(asked): Query<PromptQuery>,
) -> Response {
    let target = match asked.reader.parse() {
        Ok(target) => target,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &UnknownTarget::to_string(&error)),
    };
    let view = match view(&catalog, &id).await {
        Ok(view) => view,
        Err(refused) => return refused,
    };
    match rendered(view, target, asked.max_tokens.unwrap_or(DEFAULT_TOKENS)).await {
        Ok(Prompt { text, tokens, cuts }) => Json(PromptAnswer { text, tokens, cuts }).into_response(),
        Err(error @ PromptError::Budget(_)) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

#[derive(Debug, Deserialize)]
struct DifferenceQuery {
    limit: Option<usize>,
    after: Option<usize>,
}

async fn compared(
    Extension(catalog): Extension<Catalog>,
    Path((a, b)): Path<(String, String)>,
    Query(page): Query<DifferenceQuery>,
) -> Response {
    let (a, b) = match (view(&catalog, &a).await, view(&catalog, &b).await) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(refused), _) | (_, Err(refused)) => return refused,
    };
    let found = Differences::of(&a, &b, page.limit.unwrap_or(DEFAULT_LIMIT), page.after.unwrap_or(0));
    found.map_or_else(|_| unwritten(), |found| Json(found).into_response())
}

#[derive(Debug, Deserialize)]
struct WatchQuery {
    incident: Option<String>,
    #[serde(default)]
    all: bool,
}

/// A line of JSON for each bundle that comes, and an empty one now and then, which tells a reader that is gone.
async fn watched(
    Extension(catalog): Extension<Catalog>,
    Extension(watchers): Extension<Watchers>,
    Query(asked): Query<WatchQuery>,
) -> Response {
    let Some(place) = watchers.place() else {
        return refused(StatusCode::TOO_MANY_REQUESTS, "too many wait for bundles here already");
    };
    let watch = match Watch::begin(catalog, asked.incident, asked.all).await {
        Ok(watch) => watch,
        Err(error) => return failed(&error),
    };
    let lines = place.follow(watch).map(|found| {
        let mut text = String::new();
        for one in found.inspect_err(|error| drop(failed(error))).map_err(std::io::Error::other)? {
            text.push_str(&serde_json::to_string(&one)?);
            text.push('\n');
        }
        Ok::<_, std::io::Error>(if text.is_empty() { "\n".to_owned() } else { text })
    });
    ([(header::CONTENT_TYPE, "application/jsonl")], Body::from_stream(lines)).into_response()
}

/// A bundle by trace id or bundle id, or the answer that says why there is none.
async fn view(catalog: &Catalog, id: &str) -> Result<BundleView, Response> {
    match catalog.bundle(id).await {
        Ok(Some(view)) => Ok(view),
        Ok(None) => Err(refused(StatusCode::NOT_FOUND, "no bundle of this id is in the store")),
        Err(error) => Err(failed(&error)),
    }
}

fn unwritten() -> Response {
    refused(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be written as JSON")
}

fn answer<T: serde::Serialize>(found: Result<T, CatalogError>) -> Response {
    found.map_or_else(|error| failed(&error), |found| Json(found).into_response())
}

fn found_or_not<T: serde::Serialize>(found: Result<Option<T>, CatalogError>, not: &str) -> Response {
    match found {
        Ok(Some(found)) => Json(found).into_response(),
        Ok(None) => refused(StatusCode::NOT_FOUND, not),
        Err(error) => failed(&error),
    }
}

/// A store that does not answer may answer later; a broken object will not.
fn failed(error: &CatalogError) -> Response {
    match error {
        CatalogError::After(_) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
        CatalogError::Ambiguous { .. } => return refused(StatusCode::CONFLICT, &error.to_string()),
        _ => tracing::warn!(error = error as &dyn std::error::Error, "store could not be read"),
    }
    match error {
        CatalogError::Store(_) => refused(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read"),
        _ => refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// The answer to whom nobody lets in.
pub(super) fn denied(denial: &Denial) -> Response {
    if denial.is_forbidden() {
        return refused(StatusCode::FORBIDDEN, &denial.to_string());
    }
    let mut response = refused(StatusCode::UNAUTHORIZED, &denial.to_string());
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"error": why}))).into_response()
}
