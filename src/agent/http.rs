//! The same answers over HTTP as JSON, and the OpenAPI document that describes them.
//!
//! Web pages are kept out: a browser names the page that asks in `Origin`, and only pages of this machine may.

use std::sync::Arc;

use axum::extract::{Path, Query, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Catalog;
use super::catalog::CatalogError;
use super::openapi;
use super::select::select;
use crate::transport::Denial;

/// Items of a page where the request does not say.
const DEFAULT_LIMIT: usize = 50;

/// The routes. Each asks the catalog that its request carries: that of whoever was let in.
pub(super) fn routes() -> Router {
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
        let bundles = catalog.bundles(Some(&id), page.limit.unwrap_or(DEFAULT_LIMIT), &page.after).await?;
        Ok(Some(json!({"incident": incident, "bundles": bundles})))
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
    let view = match catalog.bundle(&id).await {
        Ok(Some(view)) => view,
        Ok(None) => return refused(StatusCode::NOT_FOUND, "no bundle of this id is in the store"),
        Err(error) => return failed(&error),
    };
    let Ok(document) = view.merged() else {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "the bundle cannot be written as JSON");
    };
    match part.select.map(|path| select(&document, &path)) {
        None => Json(document).into_response(),
        Some(Ok(part)) => Json(part).into_response(),
        Some(Err(error)) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
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
