//! The `casefile.v1` query service, and the same over HTTP on the same port.

use axum::body::Body;
use axum::middleware::Next;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::catalog::{Catalog, CatalogError, Catalogs, IncidentSummary};
use super::page::Page;
use crate::exporter::IndexRef;
use crate::model::proto;
use crate::model::proto::query_service_server::{QueryService, QueryServiceServer};
use crate::transport::{self, Access, Denial, Security, Settings};

/// Items of a page where the request does not say.
const DEFAULT_LIMIT: usize = 50;

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The descriptor that reflection serves is broken.
    #[error("reflection cannot be served")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves the query service with gRPC reflection, HTTP/JSON with its OpenAPI document (`/openapi.json`), and `grpc.health.v1.Health` until
/// `stop`. Health is told to everybody, the rest to whom `security` lets in.
///
/// # Errors
/// If reflection cannot be served.
pub async fn serve_api(
    listener: TcpListener,
    catalogs: impl Into<Catalogs>,
    security: Security,
    stop: CancellationToken,
) -> Result<(), ApiError> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTOR)
        .build_v1()?;
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<QueryServiceServer<Query>>().await;
    let (access, catalogs) = (security.access.clone(), catalogs.into());
    let router = Routes::new(QueryServiceServer::new(Query))
        .add_service(reflection)
        .into_axum_router()
        .merge(super::http::routes())
        .layer(axum::middleware::from_fn(move |request, next| {
            admitted(access.clone(), catalogs.clone(), request, next)
        }))
        .merge(Routes::new(health_service).into_axum_router().reset_fallback());
    transport::serve(listener, router, Settings { http1: true, ..Settings::default() }, security, stop).await;
    Ok(())
}

/// Lets a request through to the services if it may come in.
async fn admitted(
    access: Access,
    catalogs: Catalogs,
    mut request: axum::extract::Request,
    next: Next,
) -> http::Response<Body> {
    let content_type = request.headers().get(http::header::CONTENT_TYPE);
    let is_grpc = content_type.is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/grpc"));
    let tenant = access.admit(request.headers(), request.extensions());
    let found = tenant.and_then(|tenant| {
        catalogs.of(&tenant).ok_or(Denial::UnknownTenant).inspect_err(|denial| access.count(*denial))
    });
    match found {
        Ok(catalog) => {
            request.extensions_mut().insert(catalog);
            next.run(request).await
        }
        Err(denial) if !is_grpc => super::http::denied(&denial),
        Err(denial) if denial.is_forbidden() => Status::permission_denied(denial.to_string()).into_http(),
        Err(denial) => Status::unauthenticated(denial.to_string()).into_http(),
    }
}

struct Query;

/// The catalog of whoever asks. Without one nobody was let in.
fn catalog<T>(request: &Request<T>) -> Result<Catalog, Status> {
    let found = request.extensions().get::<Catalog>().cloned();
    found.ok_or_else(|| Status::unauthenticated("nobody has said who asks"))
}

#[tonic::async_trait]
impl QueryService for Query {
    async fn list_incidents(
        &self,
        request: Request<proto::ListIncidentsRequest>,
    ) -> Result<Response<proto::ListIncidentsResponse>, Status> {
        let (catalog, request) = (catalog(&request)?, request.into_inner());
        let found = catalog.incidents(limit(request.limit), &request.after).await.map_err(unavailable)?;
        let page = Some(page(&found));
        Ok(Response::new(proto::ListIncidentsResponse {
            incidents: found.items.into_iter().map(incident).collect(),
            page,
        }))
    }

    async fn get_incident(
        &self,
        request: Request<proto::GetIncidentRequest>,
    ) -> Result<Response<proto::GetIncidentResponse>, Status> {
        let (catalog, id) = (catalog(&request)?, request.into_inner().id);
        let found = catalog.incident(&id).await.map_err(unavailable)?;
        let found = found.ok_or_else(|| Status::not_found("no bundle of this incident is in the store"))?;
        let bundles = catalog.bundles(Some(&id), DEFAULT_LIMIT, "").await.map_err(unavailable)?;
        let page = Some(page(&bundles));
        let bundles = bundles.items.into_iter().map(reference).collect();
        Ok(Response::new(proto::GetIncidentResponse { incident: Some(incident(found)), bundles, page }))
    }

    async fn list_bundles(
        &self,
        request: Request<proto::ListBundlesRequest>,
    ) -> Result<Response<proto::ListBundlesResponse>, Status> {
        let (catalog, request) = (catalog(&request)?, request.into_inner());
        let of = Some(request.incident_id.as_str()).filter(|id| !id.is_empty());
        let found = catalog.bundles(of, limit(request.limit), &request.after).await.map_err(unavailable)?;
        let page = Some(page(&found));
        Ok(Response::new(proto::ListBundlesResponse {
            bundles: found.items.into_iter().map(reference).collect(),
            page,
        }))
    }

    async fn get_bundle(
        &self,
        request: Request<proto::GetBundleRequest>,
    ) -> Result<Response<proto::GetBundleResponse>, Status> {
        let (catalog, id) = (catalog(&request)?, request.into_inner().id);
        let found = catalog.bundle(&id).await.map_err(unavailable)?;
        let view = found.ok_or_else(|| Status::not_found("no bundle of this id is in the store"))?;
        let json = view.merged().and_then(|document| serde_json::to_vec(&document));
        let json = json.map_err(|error| Status::internal(format!("the bundle cannot be written as JSON: {error}")))?;
        Ok(Response::new(proto::GetBundleResponse { json }))
    }
}

fn limit(asked: u32) -> usize {
    if asked == 0 { DEFAULT_LIMIT } else { usize::try_from(asked).unwrap_or(usize::MAX) }
}

fn page<T>(page: &Page<T>) -> proto::Page {
    proto::Page {
        total: page.total as u64,
        returned: page.returned as u64,
        truncated: page.truncated,
        next: page.next.clone().unwrap_or_default(),
    }
}

fn incident(found: IncidentSummary) -> proto::Incident {
    let IncidentSummary { facts, bundles } = found;
    let history = facts.numbers.history.unwrap_or_default();
    proto::Incident {
        id: facts.id,
        fingerprint: facts.fingerprint,
        class: facts.class,
        summary: facts.summary,
        services: facts.services,
        first_seen: facts.numbers.first_seen,
        last_seen: facts.numbers.last_seen,
        count_24h: facts.numbers.count_24h,
        bundles: bundles as u64,
        version: history.version,
        new_in_version: history.new_in_version,
        regressed: history.regressed,
        commit_range: history.commit_range,
    }
}

fn reference(found: IndexRef) -> proto::BundleRef {
    proto::BundleRef {
        bundle_id: found.bundle_id,
        trace_id: found.trace_id.to_string(),
        incident_id: found.incident_id,
        summary: found.summary,
        failed_at: found.failed_at,
        object: found.object,
        tokens: found.tokens.unwrap_or_default(),
    }
}

/// A store that does not answer may answer later; a broken object will not.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unavailable(error: CatalogError) -> Status {
    match error {
        CatalogError::After(_) => return Status::invalid_argument(error.to_string()),
        CatalogError::Ambiguous { .. } => return Status::failed_precondition(error.to_string()),
        _ => {}
    }
    tracing::warn!(error = &error as &dyn std::error::Error, "store could not be read");
    match error {
        CatalogError::Store(_) => Status::unavailable("the store cannot be read"),
        _ => Status::data_loss(error.to_string()),
    }
}
