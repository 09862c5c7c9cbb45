//! The `casefile.v1` query service, and the same over HTTP on the same port.

use axum::body::Body;
use axum::middleware::Next;
use futures::TryStreamExt as _;
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::catalog::{Catalog, CatalogError, Catalogs, IncidentSummary};
use super::difference::Differences;
use super::merge::BundleView;
use super::page::Page;
use super::prompt::{DEFAULT_TOKENS, Prompt, PromptError, PromptRequest, Target, UnknownTarget};
use super::reports::Reports;
use super::select::select;
use super::watch::{Watch, Watchers};
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
    let watchers = Watchers::until(stop.clone());
    let router = Routes::new(QueryServiceServer::new(Query(watchers.clone())))
        .add_service(reflection)
        .into_axum_router()
        .merge(super::http::routes(watchers))
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

struct Query(Watchers);

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
        let (catalog, request) = (catalog(&request)?, request.into_inner());
        let (id, limit) = (request.id, limit(request.limit));
        let found = catalog.incident(&id).await.map_err(unavailable)?;
        let found = found.ok_or_else(|| Status::not_found("no bundle of this incident is in the store"))?;
        let bundles = catalog.bundles(Some(&id), limit, &request.after).await.map_err(unavailable)?;
        let (files, total) = catalog.attachments(&id, limit).await.map_err(unavailable)?;
        let tests = Reports::of(files.iter().map(|found| &found.attachment));
        let tests = tests.map(|tests| serde_json::to_vec(&tests)).transpose().map_err(unwritten)?.unwrap_or_default();
        let attachments: serde_json::Result<Vec<Vec<u8>>> = files.iter().map(serde_json::to_vec).collect();
        let attachments = attachments.map_err(unwritten)?;
        let attachments_page = Some(proto::Page {
            total: total as u64,
            returned: attachments.len() as u64,
            truncated: attachments.len() < total,
            next: String::new(),
        });
        let page = Some(page(&bundles));
        let bundles = bundles.items.into_iter().map(reference).collect();
        let incident = Some(incident(found));
        Ok(Response::new(proto::GetIncidentResponse { incident, bundles, page, attachments, attachments_page, tests }))
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
        let (catalog, request) = (catalog(&request)?, request.into_inner());
        let document = bundle(&catalog, &request.id).await?.merged().map_err(unwritten)?;
        let json = if request.select.is_empty() {
            serde_json::to_vec(&document)
        } else {
            let part = select(&document, &request.select);
            serde_json::to_vec(&part.map_err(|error| Status::invalid_argument(error.to_string()))?)
        };
        Ok(Response::new(proto::GetBundleResponse { json: json.map_err(unwritten)? }))
    }

    async fn render_bundle(
        &self,
        request: Request<proto::RenderBundleRequest>,
    ) -> Result<Response<proto::RenderBundleResponse>, Status> {
        let (catalog, request) = (catalog(&request)?, request.into_inner());
        let target: Target =
            request.reader.parse().map_err(|error: UnknownTarget| Status::invalid_argument(error.to_string()))?;
        let max_tokens = if request.max_tokens == 0 { DEFAULT_TOKENS } else { request.max_tokens };
        let view = bundle(&catalog, &request.id).await?;
        let Prompt { text, tokens, cuts } = rendered(view, target, max_tokens).await.map_err(|error| match error {
            PromptError::Budget(_) => Status::invalid_argument(error.to_string()),
            PromptError::Uncounted => Status::internal(error.to_string()),
        })?;
        Ok(Response::new(proto::RenderBundleResponse { text, tokens, cuts }))
    }

    async fn diff_bundles(
        &self,
        request: Request<proto::DiffBundlesRequest>,
    ) -> Result<Response<proto::DiffBundlesResponse>, Status> {
        let (catalog, request) = (catalog(&request)?, request.into_inner());
        let after = match request.after.as_str() {
            "" => 0,
            after => {
                after.parse().map_err(|_| Status::invalid_argument(format!("`{after}` is not the `next` of a page")))?
            }
        };
        let (a, b) = (bundle(&catalog, &request.a).await?, bundle(&catalog, &request.b).await?);
        let found = Differences::of(&a, &b, limit(request.limit), after).map_err(unwritten)?;
        let page = Some(proto::Page {
            total: found.total as u64,
            returned: found.returned as u64,
            truncated: found.truncated,
            next: found.next.map_or_else(String::new, |next| next.to_string()),
        });
        let differences = found.items.into_iter().map(|one| proto::Difference {
            path: one.path,
            a: one.a.to_string(),
            b: one.b.to_string(),
        });
        Ok(Response::new(proto::DiffBundlesResponse { differences: differences.collect(), page }))
    }

    type WatchBundlesStream = BoxStream<'static, Result<proto::BundleRef, Status>>;

    async fn watch_bundles(
        &self,
        request: Request<proto::WatchBundlesRequest>,
    ) -> Result<Response<Self::WatchBundlesStream>, Status> {
        let (catalog, request) = (catalog(&request)?, request.into_inner());
        let place =
            self.0.place().ok_or_else(|| Status::resource_exhausted("too many wait for bundles here already"))?;
        let of = Some(request.incident_id).filter(|id| !id.is_empty());
        let watch = Watch::begin(catalog, of, request.all).await.map_err(unavailable)?;
        let found = place.follow(watch).map_err(unavailable);
        let each = found.map_ok(|found| stream::iter(found.into_iter().map(|one| Ok(reference(one))))).try_flatten();
        Ok(Response::new(each.boxed()))
    }
}

/// A bundle by trace id or bundle id.
async fn bundle(catalog: &Catalog, id: &str) -> Result<BundleView, Status> {
    let found = catalog.bundle(id).await.map_err(unavailable)?;
    found.ok_or_else(|| Status::not_found("no bundle of this id is in the store"))
}

/// A bundle as a prompt, without code: a server has no repository. Counting tokens takes its time, so that it keeps no other task waiting.
pub(super) async fn rendered(view: BundleView, target: Target, max_tokens: u64) -> Result<Prompt, PromptError> {
    let render = move || PromptRequest { view: &view, code: None, target, max_tokens }.render();
    tokio::task::spawn_blocking(render).await.unwrap_or(Err(PromptError::Uncounted))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unwritten(error: serde_json::Error) -> Status {
    Status::internal(format!("the answer cannot be written as JSON: {error}"))
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
