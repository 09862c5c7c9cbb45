//! The `casefile.v1` query service, and the same over HTTP on the same port.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::catalog::{Catalog, CatalogError, IncidentSummary};
use super::page::Page;
use crate::exporter::IndexRef;
use crate::model::proto;
use crate::model::proto::query_service_server::{QueryService, QueryServiceServer};

/// Items of a page where the request does not say.
const DEFAULT_LIMIT: usize = 50;

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The transport failed.
    #[error("the query api failed")]
    Transport(#[from] std::io::Error),
    /// The descriptor that reflection serves is broken.
    #[error("reflection cannot be served")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves the query service with gRPC reflection, and HTTP/JSON with its OpenAPI document (`/openapi.json`), until `stop`.
///
/// # Errors
/// If the transport fails.
pub async fn serve_api(listener: TcpListener, catalog: Catalog, stop: CancellationToken) -> Result<(), ApiError> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTOR)
        .build_v1()?;
    let grpc = tonic::service::Routes::new(QueryServiceServer::new(Query { catalog: catalog.clone() }))
        .add_service(reflection)
        .prepare()
        .into_axum_router();
    let router = grpc.merge(super::http::routes(catalog));
    axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await }).await?;
    Ok(())
}

struct Query {
    catalog: Catalog,
}

#[tonic::async_trait]
impl QueryService for Query {
    async fn list_incidents(
        &self,
        request: Request<proto::ListIncidentsRequest>,
    ) -> Result<Response<proto::ListIncidentsResponse>, Status> {
        let request = request.into_inner();
        let found = self.catalog.incidents(limit(request.limit), &request.after).await.map_err(unavailable)?;
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
        let id = request.into_inner().id;
        let found = self.catalog.incident(&id).await.map_err(unavailable)?;
        let found = found.ok_or_else(|| Status::not_found("no bundle of this incident is in the store"))?;
        let bundles = self.catalog.bundles(Some(&id), DEFAULT_LIMIT, "").await.map_err(unavailable)?;
        let page = Some(page(&bundles));
        let bundles = bundles.items.into_iter().map(reference).collect();
        Ok(Response::new(proto::GetIncidentResponse { incident: Some(incident(found)), bundles, page }))
    }

    async fn list_bundles(
        &self,
        request: Request<proto::ListBundlesRequest>,
    ) -> Result<Response<proto::ListBundlesResponse>, Status> {
        let request = request.into_inner();
        let of = Some(request.incident_id.as_str()).filter(|id| !id.is_empty());
        let found = self.catalog.bundles(of, limit(request.limit), &request.after).await.map_err(unavailable)?;
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
        let found = self.catalog.bundle(&request.into_inner().id).await.map_err(unavailable)?;
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
