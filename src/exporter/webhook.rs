//! Tells an HTTP endpoint of each stored bundle: a CloudEvents 1.0 event in structured JSON mode, signed as Standard
//! Webhooks say (<https://www.standardwebhooks.com>). It never carries the bundle itself.
//!
//! The URL is the operator's, but what answers there may not be friendly: redirects are not followed, the body of an
//! answer is not read, addresses of this machine, of private networks and of a cloud's metadata service are refused after the name has
//! been resolved, and each request has a deadline. A queue of its own keeps a slow endpoint from holding bundles up.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use reqwest::StatusCode;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde_json::json;
use sha2::Sha256;
use tokio::sync::mpsc;

use super::error::{ErrorKind, ExportError};
use super::open::install_crypto;
use super::retry::{Watch, retry};
use super::writer::Receipt;
use crate::bundle::to_canonical;
use crate::config::{Problem, RetryOnFailure, Secret, WebhookExporter};
use crate::model::proto::BundleEvent;
use crate::model::{Manifest, ManifestKind};
use crate::telemetry::{Clock, names as metric};
use crate::transport::client_config;

/// The CloudEvents type of the event.
pub const EVENT_TYPE: &str = "dev.casefile.bundle.stored";

/// Most bytes of an event: what is told of a bundle is short, whatever stands in it.
const MAX_EVENT: usize = 64 * 1024;

/// Sends events to one endpoint.
#[derive(Debug)]
pub struct Webhook {
    id: String,
    /// `None` once no more events are taken.
    queue: Mutex<Option<mpsc::Sender<Event>>>,
    worker: tokio::sync::Mutex<tokio::task::JoinSet<()>>,
}

/// An event on its way: its id never changes, so the receiver can tell a repeated one.
#[derive(Debug)]
struct Event {
    id: String,
    body: serde_json::Value,
}

struct Sender {
    id: String,
    url: reqwest::Url,
    key: Vec<u8>,
    client: reqwest::Client,
    retries: RetryOnFailure,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// A webhook for the exporter `id`, and the task that sends. `source` is the CloudEvents source of its events.
    ///
    /// Must be called in a tokio runtime.
    ///
    /// # Errors
    /// If the URL is not one of HTTP, leads to a link-local address as it stands, or the secret is empty.
    pub fn spawn(id: impl Into<String>, config: &WebhookExporter, clock: Arc<dyn Clock>) -> Result<Self, Problem> {
        let id = id.into();
        let url = endpoint(config)?;
        let sender = Sender {
            id: id.clone(),
            url,
            key: signing_key(&config.signing_secret)?,
            client: client(config)?,
            retries: config.retry_on_failure.clone(),
            clock,
        };
        for result in ["delivered", "failed", "queue_full"] {
            count(&id, result, 0);
        }
        let (queue, events) = mpsc::channel(config.sending_queue.queue_size.max(1));
        let mut worker = tokio::task::JoinSet::new();
        worker.spawn(deliver_all(sender, events, config.sending_queue.num_consumers.max(1)));
        Ok(Self { id, queue: Mutex::new(Some(queue)), worker: tokio::sync::Mutex::new(worker) })
    }

    /// Checks where events would go, without resolving or sending anything.
    ///
    /// # Errors
    /// As [`Webhook::spawn`], but for the secret.
    pub fn check(config: &WebhookExporter) -> Result<(), Problem> {
        endpoint(config).map(drop)
    }

    /// The exporter's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Queues an event about a stored bundle or amendment. Where the queue is full the event is dropped and counted: the
    /// bundle stays in the store's index.
    pub(crate) fn tell(&self, receipt: &Receipt) {
        let event = Event { id: event_id(receipt), body: event(receipt) };
        let queued = self.queue.lock().as_ref().is_some_and(|queue| queue.try_send(event).is_ok());
        if !queued {
            count(&self.id, "queue_full", 1);
        }
    }

    /// Takes no more events and sends those that wait. Dropping the webhook gives up what is left.
    pub(crate) async fn finish(&self) {
        drop(self.queue.lock().take());
        while self.worker.lock().await.join_next().await.is_some() {}
    }
}

async fn deliver_all(sender: Sender, mut events: mpsc::Receiver<Event>, consumers: usize) {
    let stream = futures::stream::poll_fn(move |context| events.poll_recv(context));
    let sender = &sender;
    futures::StreamExt::for_each_concurrent(stream, consumers, |event| async move { sender.deliver(&event).await })
        .await;
}

impl Sender {
    async fn deliver(&self, event: &Event) {
        let body = match to_canonical(&event.body) {
            Ok(body) => Bytes::from(body),
            Err(error) => {
                tracing::error!(exporter = self.id, %error, "an event could not be encoded");
                return count(&self.id, "failed", 1);
            }
        };
        if body.len() > MAX_EVENT {
            tracing::error!(exporter = self.id, bytes = body.len(), "an event is too large to be sent");
            return count(&self.id, "failed", 1);
        }
        match retry(&self.retries, self, || self.post(&event.id, body.clone())).await {
            Ok(()) => count(&self.id, "delivered", 1),
            Err(error) => {
                tracing::warn!(exporter = self.id, error = error.chain(), "an event is given up; its bundle is stored");
                count(&self.id, "failed", 1);
            }
        }
    }

    async fn post(&self, id: &str, body: Bytes) -> Result<(), ExportError> {
        let timestamp = (self.clock.now().0 / 1_000_000_000).to_string();
        let answer = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/cloudevents+json; charset=utf-8")
            .header("webhook-id", id)
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", signature(&self.key, id, &timestamp, &body))
            .body(body)
            .send()
            .await
            // The URL may carry a token in its query.
            .map_err(|error| ExportError::new(ErrorKind::Retryable, "no answer").because(error.without_url()))?;
        // The body is not read: dropping the answer closes the connection if there is one.
        verdict(answer.status())
    }
}

impl Watch for Sender {
    fn failed(&self, error: &ExportError) {
        tracing::debug!(exporter = self.id, error = error.chain(), "an event could not be sent");
    }

    fn succeeded(&self) {}
}

fn verdict(status: StatusCode) -> Result<(), ExportError> {
    let kind = match status {
        status if status.is_success() => return Ok(()),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => ErrorKind::Retryable,
        status if status.is_server_error() => ErrorKind::Retryable,
        // Redirects too: they are not followed.
        _ => ErrorKind::Permanent,
    };
    Err(ExportError::new(kind, format!("the endpoint answered {}", status.as_u16())))
}

/// The event. CloudEvents 1.0, §3; its `data` is a few facts and where to read the rest.
fn event(receipt: &Receipt) -> serde_json::Value {
    let manifest = &receipt.manifest;
    let Manifest { bundle_id, tenant, trace_id, incident, commit_sha, kind, .. } = manifest;
    let history = incident.numbers.history.as_ref();
    let data = BundleEvent {
        bundle_id: bundle_id.clone(),
        trace_id: trace_id.to_string(),
        tenant: tenant.clone(),
        incident_id: incident.id.clone(),
        summary: incident.summary.clone(),
        services: incident.services.clone(),
        commit_sha: commit_sha.clone(),
        object: receipt.object_url.clone(),
        manifest: receipt.manifest_url.clone(),
        first_seen: incident.numbers.first_seen.clone(),
        count_24h: incident.numbers.count_24h,
        kind: match kind {
            ManifestKind::Bundle => "bundle",
            ManifestKind::Amendment => "amendment",
        }
        .to_owned(),
        version: history.and_then(|history| history.version.clone()),
        new_in_version: history.and_then(|history| history.new_in_version),
        regressed: history.and_then(|history| history.regressed),
    };
    json!({
        "specversion": "1.0",
        "id": event_id(receipt),
        "source": "/casefile",
        "type": EVENT_TYPE,
        "time": manifest.sealed.at,
        "subject": manifest.trace_id,
        "datacontenttype": "application/json",
        "data": data,
    })
}

/// The same for every telling of the same object, so that a receiver can drop repeated ones.
fn event_id(receipt: &Receipt) -> String {
    receipt.manifest.object.document.trim_start_matches("sha256:").to_owned()
}

/// Standard Webhooks: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
fn signature(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> String {
    // HMAC takes a key of any length, so the error cannot occur; no signature is better than a wrong one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
}

/// A secret as Standard Webhooks write it (`whsec_` and base64), or any other text as it is.
fn signing_key(secret: &Secret) -> Result<Vec<u8>, Problem> {
    let text = secret.expose().trim();
    if text.is_empty() {
        return Err(
            Problem::new("signing_secret", "the secret is empty").instead("write `${env:NAME}` or `${file:/path}`")
        );
    }
    match text.strip_prefix("whsec_") {
        None => Ok(text.as_bytes().to_vec()),
        Some(encoded) => BASE64
            .decode(encoded.as_bytes())
            .map_err(|_| Problem::new("signing_secret", "what follows `whsec_` is not base64")),
    }
}

fn endpoint(config: &WebhookExporter) -> Result<reqwest::Url, Problem> {
    let wrong = || Problem::new("url", "this is not an `http:` or `https:` URL").instead("write `https://host/path`");
    let url = reqwest::Url::parse(&config.url).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong());
    }
    let host = url.host_str().unwrap_or_default();
    if !config.allowed_hosts.is_empty() && !config.allowed_hosts.iter().any(|allowed| fits(host, allowed)) {
        let problem = Problem::new("url", format!("`{host}` is none of `allowed_hosts`"));
        return Err(problem.instead("name it there, if it may be told"));
    }
    // A literal address is not resolved, so the resolver below would not see it.
    let literal = match url.host().ok_or_else(wrong)? {
        url::Host::Ipv4(address) => Some(IpAddr::V4(address)),
        url::Host::Ipv6(address) => Some(IpAddr::V6(address)),
        url::Host::Domain(_) => None,
    };
    match literal {
        Some(address) if forbidden(address) => Err(Problem::new(
            "url",
            format!("{address} is a link-local or metadata address, and events are not sent there"),
        )),
        Some(address) if !config.allow_private && private(address) => {
            Err(Problem::new("url", format!("{address} is an address of this machine or a private network"))
                .instead("write `allow_private: true` if events are to go there"))
        }
        _ => Ok(url),
    }
}

/// Whether a host is an allowed one: the same, or one under `*.domain`.
fn fits(host: &str, allowed: &str) -> bool {
    match allowed.strip_prefix("*.") {
        None => host.eq_ignore_ascii_case(allowed),
        Some(domain) => {
            let host = host.to_ascii_lowercase();
            host.strip_suffix(&domain.to_ascii_lowercase()).is_some_and(|sub| sub.len() > 1 && sub.ends_with('.'))
        }
    }
}

fn client(config: &WebhookExporter) -> Result<reqwest::Client, Problem> {
    install_crypto();
    let mut builder = reqwest::Client::builder();
    if let Some(tls) = &config.tls {
        builder = builder.tls_backend_preconfigured(client_config(tls).map_err(|problem| problem.under("tls"))?);
    }
    builder
        .timeout(config.timeout.0)
        .redirect(reqwest::redirect::Policy::none())
        // The addresses that it lets through are those that are connected to: a name cannot change its mind in between.
        .dns_resolver(Arc::new(CheckedResolver { allow_private: config.allow_private }))
        // A proxy would resolve the name itself.
        .no_proxy()
        .build()
        .map_err(|error| Problem::new("url", format!("no HTTP client: {error}")))
}

/// The system's resolver, without the addresses that events are not sent to.
#[derive(Debug)]
struct CheckedResolver {
    allow_private: bool,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            allowed(found, allow_private).map_err(Into::into)
        })
    }
}

fn allowed(found: Vec<SocketAddr>, allow_private: bool) -> Result<Addrs, ExportError> {
    let count = found.len();
    let may = |address: &SocketAddr| !forbidden(address.ip()) && (allow_private || !private(address.ip()));
    let kept: Vec<SocketAddr> = found.into_iter().filter(may).collect();
    if kept.is_empty() && count > 0 {
        let message = "the name leads to no address that events may be sent to: link-local, private (`allow_private`) or metadata ones only";
        return Err(ExportError::new(ErrorKind::Permanent, message));
    }
    Ok(Box::new(kept.into_iter()))
}

/// Link-local addresses (169.254.0.0/16, fe80::/10; mapped ones too), the metadata services' own (fd00:ec2::254), and
/// the unspecified and multicast ones, which are no endpoint's.
fn forbidden(address: IpAddr) -> bool {
    const EC2_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_unspecified() || address.is_multicast(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => forbidden(IpAddr::V4(mapped)),
            None => {
                address.is_unicast_link_local()
                    || address.is_unspecified()
                    || address.is_multicast()
                    || address == EC2_METADATA
            }
        },
    }
}

/// Addresses of this machine and of private networks: loopback, RFC 1918, shared (100.64.0.0/10) and unique local ones, what is for tests
/// and benchmarks, and what is reserved.
fn private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, _] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_broadcast()
                || first == 0
                || first >= 240
                || (first == 100 && (64..128).contains(&second))
                || (first == 192 && second == 0 && third == 0)
                || (first == 198 && (18..20).contains(&second))
        }
        IpAddr::V6(address) => match address.to_ipv4() {
            // Mapped and compatible ones.
            Some(within) if !address.is_loopback() => private(IpAddr::V4(within)),
            _ => address.is_loopback() || address.is_unique_local() || is_translated(address),
        },
    }
}

/// Addresses that lead to IPv4 ones by translation or tunnel (64:ff9b::/96, 64:ff9b:1::/48, 2002::/16, 2001::/32): what is behind them cannot be judged.
fn is_translated(address: Ipv6Addr) -> bool {
    let [first, second, third, ..] = address.segments();
    first == 0x2002 || (first, second) == (0x2001, 0) || (first, second) == (0x64, 0xff9b) && third <= 1
}

fn count(exporter: &str, result: &'static str, events: u64) {
    metrics::counter!(metric::WEBHOOK_EVENTS, "exporter" => exporter.to_owned(), "result" => result).increment(events);
}

#[cfg(test)]
mod tests;
