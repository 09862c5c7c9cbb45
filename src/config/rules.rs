//! Rules of single settings: ranges, addresses, URLs, keys.

mod kafka;

use url::Url;

use super::{
    AlertWebhooks, ClientTls, ComponentId, Config, Connector, Duration, EncryptionKind, Exporter, Extension,
    MIN_RETENTION, OtlpReceiver, Problem, Processor, Receiver, RetryOnFailure, SendingQueue, ServerTls, StoreClient,
    TenantSource, WebhookExporter,
};
use crate::model::{RootKey, Tenant};

/// Sets of detectors that exist.
const PRESETS: &[&str] = &["pii", "pci", "phi", "secrets"];

/// Holds every component that is defined to its rules, whether it is used or not.
pub(super) fn check(document: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let found = &mut problems;
    for (id, receiver) in &document.receivers.0 {
        match receiver {
            Receiver::Otlp(otlp) => otlp_receiver(found, id, otlp),
            Receiver::Kafka(kafka) => kafka::receiver(found, &format!("receivers.{id}"), kafka),
        }
    }
    processors(document, found);
    connectors(document, found);
    for (id, exporter) in &document.exporters.0 {
        match exporter {
            Exporter::Bundle(bundle) => {
                let path = format!("exporters.{id}");
                store(found, &path, &bundle.url);
                stored(found, &path, &bundle.url, bundle.client());
                kept(found, &path, bundle.retention);
                sending(found, &path, &bundle.retry_on_failure, Some(&bundle.sending_queue), bundle.timeout);
            }
            Exporter::Raw(raw) => {
                let path = format!("exporters.{id}");
                store(found, &path, &raw.url);
                stored(found, &path, &raw.url, raw.client());
                kept(found, &path, raw.retention);
                sending(found, &path, &raw.retry_on_failure, None, raw.timeout);
                found.extend(raw.problems_of_recipients().into_iter().map(|problem| problem.under(&path)));
            }
            Exporter::Webhook(webhook) => hook(found, &format!("exporters.{id}"), webhook),
            Exporter::Kafka(kafka) => kafka::exporter(found, &format!("exporters.{id}"), kafka),
        }
    }
    for (id, extension) in &document.extensions.0 {
        let path = format!("extensions.{id}");
        match extension {
            Extension::Signing(signing) if signing.key.expose().trim().is_empty() => {
                fault(
                    found,
                    &format!("{path}.key"),
                    "bundles cannot be signed without a key",
                    "write `${file:/secrets/signing.pem}`: an ed25519 key, PKCS#8 in PEM",
                );
            }
            Extension::Signing(_) => {}
            Extension::FileStorage(storage) if storage.directory.trim().is_empty() => {
                fault(
                    found,
                    &format!("{path}.directory"),
                    "the directory is empty",
                    "name one that outlives the process, such as `/var/lib/casefile`",
                );
            }
            Extension::FileStorage(_) => {}
            Extension::HealthCheck(health) => {
                endpoint(found, &format!("{path}.endpoint"), &health.endpoint);
                one_of(found, &format!("{path}.path"), &health.path, &["/", "/livez", "/readyz"]);
            }
            Extension::Api(api) => {
                endpoint(found, &format!("{path}.endpoint"), &api.endpoint);
                security(found, &path, api.tls.as_ref(), api.tenants);
            }
            Extension::BearerTokenAuth(tokens) => {
                found.extend(tokens.problems().into_iter().map(|problem| problem.under(&path)));
            }
        }
    }
    service(document, found);
    problems
}

fn otlp_receiver(found: &mut Vec<Problem>, id: &ComponentId, otlp: &OtlpReceiver) {
    let path = format!("receivers.{id}.protocols");
    if otlp.protocols.grpc.is_none() && otlp.protocols.http.is_none() {
        fault(
            found,
            &path,
            "no protocol is turned on, so it would not listen",
            "write `grpc:` or `http:` under `protocols`",
        );
    }
    if let Some(grpc) = &otlp.protocols.grpc {
        security(found, &format!("{path}.grpc"), grpc.tls.as_ref(), grpc.tenants);
        endpoint(found, &format!("{path}.grpc.endpoint"), &grpc.endpoint);
        positive(found, &format!("{path}.grpc.max_recv_msg_size_mib"), grpc.max_recv_msg_size_mib);
        positive(found, &format!("{path}.grpc.max_concurrent_streams"), u64::from(grpc.max_concurrent_streams));
        if grpc.max_recv_msg_size_mib > 4096 {
            fault(
                found,
                &format!("{path}.grpc.max_recv_msg_size_mib"),
                "gRPC messages cannot be larger than 4 GiB",
                "write 4096 or less",
            );
        }
    }
    if let Some(http) = &otlp.protocols.http {
        let path = format!("{path}.http");
        security(found, &path, http.tls.as_ref(), http.tenants);
        endpoint(found, &format!("{path}.endpoint"), &http.endpoint);
        positive(found, &format!("{path}.max_request_body_size"), http.max_request_body_size);
        positive(found, &format!("{path}.max_attachment_size"), http.max_attachment_size);
        lasting(found, &format!("{path}.read_header_timeout"), http.read_header_timeout);
        lasting(found, &format!("{path}.read_timeout"), http.read_timeout);
        let AlertWebhooks { sentry, datadog } = &http.alerts;
        let paths = [
            &http.traces_url_path,
            &http.logs_url_path,
            &http.metrics_url_path,
            &http.evidence_url_path,
            &sentry.url_path,
            &datadog.url_path,
        ];
        let names = [
            "traces_url_path",
            "logs_url_path",
            "metrics_url_path",
            "evidence_url_path",
            "alerts.sentry.url_path",
            "alerts.datadog.url_path",
        ];
        alert_secrets(found, &path, &http.alerts);
        for (name, url_path) in names.into_iter().zip(paths) {
            if !url_path.starts_with('/') || url_path.contains(['?', '#', '{', '}', ' ']) {
                fault(
                    found,
                    &format!("{path}.{name}"),
                    "not the path of a URL",
                    "begin it with `/`, without `?`, `#`, braces or spaces",
                );
            } else if paths.iter().filter(|other| *other == &url_path).count() > 1 {
                fault(
                    found,
                    &format!("{path}.{name}"),
                    format!("`{url_path}` serves two signals"),
                    "give each signal a path of its own",
                );
            }
        }
    }
}

/// TLS of a server, and what is told by it.
fn security(found: &mut Vec<Problem>, path: &str, tls: Option<&ServerTls>, tenants: Option<TenantSource>) {
    let problems = tls.map(ServerTls::problems).unwrap_or_default();
    found.extend(problems.into_iter().map(|problem| problem.under(&format!("{path}.tls"))));
    if tenants.is_some() && tls.is_none_or(|tls| tls.client_ca_file.is_none()) {
        fault(
            found,
            &format!("{path}.tenants"),
            "a tenant that is told by a certificate needs certificates of clients",
            "give `tls.client_ca_file`, or tell tenants by tokens: `bearertokenauth: {tokens: [{token: …, tenant: acme}]}`",
        );
    }
}

fn processors(document: &Config, found: &mut Vec<Problem>) {
    for (id, processor) in &document.processors.0 {
        let path = format!("processors.{id}");
        match processor {
            Processor::MemoryLimiter(limiter) => {
                positive(found, &format!("{path}.limit_mib"), limiter.limit_mib);
                if limiter.limit_mib > 0 && limiter.spike_limit_mib >= limiter.limit_mib {
                    fault(
                        found,
                        &format!("{path}.spike_limit_mib"),
                        "leaves nothing of `limit_mib`",
                        "write less than `limit_mib`",
                    );
                }
            }
            Processor::Redaction(redaction) => {
                if let Err(error) = RootKey::parse(redaction.key.expose()) {
                    fault(
                        found,
                        &format!("{path}.key"),
                        error.to_string(),
                        "give 32 bytes or more as 64 hex digits or base64, from `${file:/secrets/redaction.key}` or `${env:NAME}`; `openssl rand -hex 32` makes one",
                    );
                }
                for (at, preset) in redaction.presets.iter().enumerate() {
                    if !PRESETS.contains(&preset.as_str()) {
                        let path = format!("{path}.presets[{at}]");
                        fault(
                            found,
                            &path,
                            format!("unknown preset `{preset}`"),
                            super::suggest::one_of(preset, PRESETS),
                        );
                    }
                }
            }
        }
    }
}

/// The least that a bundle's document needs for what is never cut.
const MIN_BUNDLE_BYTES: u64 = 16 * 1024;
const MIN_BUNDLE_TOKENS: u64 = 4000;

fn connectors(document: &Config, found: &mut Vec<Problem>) {
    for (id, connector) in &document.connectors.0 {
        let Connector::Incident(incident) = connector;
        let path = format!("connectors.{id}");
        lasting(found, &format!("{path}.tail_sampling.decision_wait"), incident.tail_sampling.decision_wait);
        lasting(found, &format!("{path}.window.retention"), incident.window.retention);
        positive(found, &format!("{path}.window.max_bytes"), incident.window.max_bytes.0);
        positive(found, &format!("{path}.logs.max_per_trace"), incident.logs.max_per_trace as u64);
        let (bytes, tokens) = (incident.bundle.max_bytes.0, incident.bundle.max_tokens);
        if (1..MIN_BUNDLE_BYTES).contains(&bytes) {
            let path = format!("{path}.bundle.max_bytes");
            fault(found, &path, "must be 16KiB or more", "write 0 for no limit");
        }
        if (1..MIN_BUNDLE_TOKENS).contains(&tokens) {
            let path = format!("{path}.bundle.max_tokens");
            fault(found, &path, "must be 4000 or more", "write 0 for no limit");
        }
        for (tenant, limits) in &incident.tenants {
            let path = format!("{path}.tenants.{tenant}");
            if !Tenant::is_name(tenant) {
                fault(found, &path, "not the name of a tenant", "use letters, digits, `-`, `_` and `.`, 64 at most");
            }
            if limits.max_bytes.is_some_and(|bytes| bytes.0 == 0) {
                fault(found, &format!("{path}.max_bytes"), "must be more than 0", "leave it out for all there are");
            }
        }
        if incident.incidents.max_bundles > 0 {
            lasting(found, &format!("{path}.incidents.per"), incident.incidents.per);
        }
    }
}

fn service(document: &Config, found: &mut Vec<Problem>) {
    let telemetry = &document.service.telemetry;
    lasting(found, "service.shutdown_timeout", document.service.shutdown_timeout);
    for (key, processors) in [("logs", &telemetry.logs.processors), ("traces", &telemetry.traces.processors)] {
        let path = format!("service.telemetry.{key}.processors");
        if processors.len() > 1 {
            fault(found, &path, "more than one", "name one, and send on from there");
        }
        for (at, processor) in processors.iter().enumerate() {
            let endpoint = &processor.batch.exporter.otlp.endpoint;
            if !Url::parse(endpoint).is_ok_and(|url| url.scheme() == "http" && url.has_host()) {
                fault(
                    found,
                    &format!("{path}[{at}].batch.exporter.otlp.endpoint"),
                    "not an `http:` URL",
                    "write `http://127.0.0.1:4317`: a Collector beside this process",
                );
            }
        }
    }
    one_of(found, "service.telemetry.logs.encoding", &telemetry.logs.encoding, &["console", "json"]);
    one_of(
        found,
        "service.telemetry.metrics.level",
        &telemetry.metrics.level,
        &["none", "basic", "normal", "detailed"],
    );
    if telemetry.metrics.level != "none" {
        match telemetry.metrics.readers.as_slice() {
            [] => endpoint(found, "service.telemetry.metrics.address", &telemetry.metrics.address),
            [_] => {
                let path = "service.telemetry.metrics.readers[0].pull.exporter.prometheus.host";
                endpoint(found, path, &telemetry.metrics.endpoint());
            }
            [_, _, ..] => fault(
                found,
                "service.telemetry.metrics.readers",
                "there is one place for metrics",
                "name one reader, with `pull: {exporter: {prometheus: …}}`",
            ),
        }
    }
}

fn kept(found: &mut Vec<Problem>, path: &str, retention: Option<Duration>) {
    if retention.is_some_and(|retention| retention < MIN_RETENTION) {
        fault(found, &format!("{path}.retention"), "must be 1h or longer", "leave it out to keep everything");
    }
}

fn store(found: &mut Vec<Problem>, path: &str, url: &str) {
    let at = format!("{path}.url");
    const INSTEAD: &str = "write `file:/path`, `s3://bucket/prefix` or `gs://bucket/prefix`";
    match url.split_once(':') {
        None if url.is_empty() => fault(found, &at, "a place to be stored at is needed", INSTEAD),
        Some(("file", folder)) => {
            if folder.trim_matches('/').is_empty() {
                fault(found, &at, "the URL names no folder", INSTEAD);
            } else if folder.starts_with("//") && !folder.starts_with("///") {
                fault(found, &at, "the URL names a host, not a folder", "write `file:/path` or `file:///path`");
            }
        }
        Some(("s3" | "gs", _)) => match Url::parse(url) {
            Ok(url) if url.host_str().is_none_or(str::is_empty) => {
                fault(found, &at, "the URL names no bucket", INSTEAD)
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                fault(
                    found,
                    &at,
                    "credentials do not belong into the URL",
                    "give them in `options` or in the environment",
                );
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                fault(found, &at, "the URL has a query or fragment", "give settings in `options`");
            }
            Ok(_) => {}
            Err(error) => fault(found, &at, format!("not a URL: {error}"), INSTEAD),
        },
        _ => fault(found, &at, "not a store", INSTEAD),
    }
}

/// What a store is told beside its URL.
fn stored(found: &mut Vec<Problem>, path: &str, url: &str, client: StoreClient<'_>) {
    const MOST_TAGS: usize = 10;
    let tls = client.tls.map(ClientTls::problems).unwrap_or_default();
    found.extend(tls.into_iter().map(|problem| problem.under(&format!("{path}.tls"))));
    if client.tls.is_some() && url.starts_with("file:") {
        fault(found, &format!("{path}.tls"), "a folder speaks no TLS", "leave it out");
    }
    let tags = client.tags.filter(|tags| !tags.is_empty());
    for (key, is_given) in [("sse", client.sse.is_some()), ("tags", tags.is_some())] {
        if is_given && !url.is_empty() && !url.starts_with("s3:") {
            fault(found, &format!("{path}.{key}"), "only S3 knows this", "leave it out, or write an `s3:` URL");
        }
    }
    if let Some(sse) = client.sse
        && sse.kind == EncryptionKind::Aes256
        && (sse.kms_key_id.is_some() || sse.bucket_key_enabled)
    {
        fault(found, &format!("{path}.sse.type"), "`AES256` has no key of KMS", "write `aws:kms`");
    }
    for (key, value) in tags.into_iter().flatten() {
        let legal = |c: char| c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c);
        let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        if !fits || !key.chars().all(legal) || !value.chars().all(legal) {
            let message = "not a tag that S3 takes";
            fault(found, &format!("{path}.tags.{key}"), message, "use letters, digits, spaces and `+-=._:/@`");
        }
    }
    if tags.is_some_and(|tags| tags.len() > MOST_TAGS) {
        fault(found, &format!("{path}.tags"), "more tags than S3 takes", "give 10 at most");
    }
}

fn hook(found: &mut Vec<Problem>, path: &str, webhook: &WebhookExporter) {
    const INSTEAD: &str = "write `https://host/path`";
    let at = format!("{path}.url");
    match Url::parse(&webhook.url) {
        _ if webhook.url.is_empty() => fault(found, &at, "a webhook needs a URL", INSTEAD),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            fault(found, &at, "not an `http:` or `https:` URL", INSTEAD)
        }
        Ok(_) => {}
        Err(error) => fault(found, &at, format!("not a URL: {error}"), INSTEAD),
    }
    let tls = webhook.tls.as_ref().map(ClientTls::problems).unwrap_or_default();
    found.extend(tls.into_iter().map(|problem| problem.under(&format!("{path}.tls"))));
    if webhook.signing_secret.expose().is_empty() {
        fault(
            found,
            &format!("{path}.signing_secret"),
            "receivers cannot trust events that are not signed",
            "give a secret from `${file:/secrets/hook}` or `${env:NAME}`; `openssl rand -base64 32` makes one",
        );
    }
    sending(found, path, &webhook.retry_on_failure, Some(&webhook.sending_queue), webhook.timeout);
}

/// A secret that is there must be one.
fn alert_secrets(found: &mut Vec<Problem>, path: &str, alerts: &AlertWebhooks) {
    let AlertWebhooks { sentry, datadog } = alerts;
    let secrets = [("alerts.sentry.client_secret", &sentry.client_secret), ("alerts.datadog.token", &datadog.token)];
    for (name, secret) in secrets {
        if secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
            fault(
                found,
                &format!("{path}.{name}"),
                "an empty secret would let anybody in",
                "give one from `${file:/secrets/hook}` or `${env:NAME}`, or leave the setting out",
            );
        }
    }
    if !is_header(&datadog.token_header) {
        fault(
            found,
            &format!("{path}.alerts.datadog.token_header"),
            "not the name of a header",
            "use letters, digits and `-`, such as `X-Casefile-Token`",
        );
    }
}

fn is_header(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn sending(
    found: &mut Vec<Problem>,
    path: &str,
    retry: &RetryOnFailure,
    queue: Option<&SendingQueue>,
    timeout: Duration,
) {
    lasting(found, &format!("{path}.timeout"), timeout);
    if let Some(queue) = queue {
        positive(found, &format!("{path}.sending_queue.queue_size"), queue.queue_size as u64);
        positive(found, &format!("{path}.sending_queue.num_consumers"), queue.num_consumers as u64);
    }
    if retry.enabled {
        let path = format!("{path}.retry_on_failure");
        lasting(found, &format!("{path}.initial_interval"), retry.initial_interval);
        if retry.max_interval < retry.initial_interval {
            fault(found, &format!("{path}.max_interval"), "shorter than `initial_interval`", "write a longer time");
        }
    }
}

/// `host:port`, with IPv6 addresses in brackets. Port 0 lets the system choose.
fn endpoint(found: &mut Vec<Problem>, path: &str, text: &str) {
    let fits = text.rsplit_once(':').is_some_and(|(host, port)| {
        let host_fits = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains(['/', ':', '@', ' ', '[', ']']),
        };
        host_fits && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
    });
    if !fits {
        fault(
            found,
            path,
            "not an address and port",
            "write `host:port`, such as `127.0.0.1:4317`, `0.0.0.0:4317` or `[::1]:4317`",
        );
    }
}

fn positive(found: &mut Vec<Problem>, path: &str, value: u64) {
    if value == 0 {
        fault(found, path, "must be more than 0", "leave it out for its default");
    }
}

fn lasting(found: &mut Vec<Problem>, path: &str, value: Duration) {
    if value.0.is_zero() {
        fault(found, path, "must be longer than 0s", "leave it out for its default");
    }
}

fn one_of(found: &mut Vec<Problem>, path: &str, value: &str, known: &[&str]) {
    if !known.contains(&value) {
        fault(found, path, "unknown value", super::suggest::one_of(value, known));
    }
}

fn fault(found: &mut Vec<Problem>, path: &str, message: impl Into<String>, instead: impl Into<String>) {
    found.push(Problem::new(path, message).instead(instead));
}
