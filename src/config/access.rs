//! What servers ask of their clients, held against what there is.

use super::{ApiExtension, Authentication, Config, Extension, OtlpReceiver, Problem, Receiver, TenantSource};
use super::{ServerTls, ValidatedPipelines};

/// A server of the document, as far as access to it goes.
struct Server<'a> {
    path: String,
    endpoint: &'a str,
    tls: Option<&'a ServerTls>,
    auth: Option<&'a Authentication>,
    tenants: Option<TenantSource>,
}

fn of_receiver<'a>(path: &str, otlp: &'a OtlpReceiver) -> Vec<Server<'a>> {
    let grpc = otlp.protocols.grpc.as_ref().map(|grpc| Server {
        path: format!("{path}.protocols.grpc"),
        endpoint: &grpc.endpoint,
        tls: grpc.tls.as_ref(),
        auth: grpc.auth.as_ref(),
        tenants: grpc.tenants,
    });
    let http = otlp.protocols.http.as_ref().map(|http| Server {
        path: format!("{path}.protocols.http"),
        endpoint: &http.endpoint,
        tls: http.tls.as_ref(),
        auth: http.auth.as_ref(),
        tenants: http.tenants,
    });
    grpc.into_iter().chain(http).collect()
}

fn of_api(path: String, api: &ApiExtension) -> Server<'_> {
    let ApiExtension { endpoint, tls, auth, tenants } = api;
    Server { path, endpoint, tls: tls.as_ref(), auth: auth.as_ref(), tenants: *tenants }
}

/// Every server that is defined.
fn servers(document: &Config) -> Vec<Server<'_>> {
    let mut servers = Vec::new();
    for (id, receiver) in &document.receivers.0 {
        if let Receiver::Otlp(otlp) = receiver {
            servers.extend(of_receiver(&format!("receivers.{id}"), otlp));
        }
    }
    for (id, extension) in &document.extensions.0 {
        if let Extension::Api(api) = extension {
            servers.push(of_api(format!("extensions.{id}"), api));
        }
    }
    servers
}

/// Authenticators that do not run, tenants that are not declared, and tenants that are told twice.
pub(super) fn check(document: &Config, pipelines: &ValidatedPipelines) -> Vec<Problem> {
    let mut problems = Vec::new();
    for server in servers(document) {
        let Some(auth) = server.auth else { continue };
        let (id, path) = (&auth.authenticator, format!("{}.auth.authenticator", server.path));
        let Some(tokens) = pipelines.authenticators.get(&id.to_string()) else {
            let problem = match document.extensions.0.get(id) {
                None => Problem::new(path, format!("extension `{id}` is not defined"))
                    .instead(format!("define it: `extensions: {{{id}: {{filename: /secrets/token}}}}`")),
                Some(Extension::BearerTokenAuth(_)) => Problem::new(path, format!("extension `{id}` does not run"))
                    .instead("name it under `service.extensions`"),
                Some(_) => Problem::new(path, format!("extension `{id}` does not ask who clients are"))
                    .instead("name one of type `bearertokenauth`"),
            };
            problems.push(problem);
            continue;
        };
        if server.tenants.is_some() && tokens.tenants().next().is_some() {
            let problem =
                Problem::new(format!("{}.tenants", server.path), format!("the tokens of `{id}` tell tenants too"));
            problems.push(problem.instead("tell tenants by tokens or by certificates"));
        }
    }
    let is_gateway = pipelines.gateway.is_some();
    for (id, tokens) in &pipelines.authenticators {
        for (path, tenant) in tokens.tenants() {
            let path = format!("extensions.{id}.{path}");
            if is_gateway {
                problems.push(gateway_problem(path));
            } else if tenant != crate::model::DEFAULT_TENANT && !pipelines.incident.tenants.contains_key(tenant) {
                let problem = Problem::new(path, format!("tenant `{tenant}` is not declared"));
                problems.push(
                    problem.instead(format!("write `connectors: {{incident: {{tenants: {{{tenant}: {{}}}}}}}}`")),
                );
            }
        }
    }
    if is_gateway {
        let told = servers(document).into_iter().filter(|server| server.tenants.is_some());
        problems.extend(told.map(|server| gateway_problem(format!("{}.tenants", server.path))));
    }
    problems
}

fn gateway_problem(path: String) -> Problem {
    Problem::new(path, "a gateway keeps no tenants apart: the records of all go to the same topics")
        .instead("run a gateway, with topics of its own, for each tenant")
}

/// Servers that other machines reach and that send or take secrets in the clear.
pub(super) fn warnings(pipelines: &ValidatedPipelines) -> Vec<Problem> {
    let otlp = pipelines.otlp.iter().flat_map(|(id, otlp, _)| of_receiver(&format!("receivers.{id}"), otlp));
    let api = pipelines.api.iter().map(|(id, api)| of_api(format!("extensions.{id}"), api));
    otlp.chain(api)
        .filter(|server| server.auth.is_some() && server.tls.is_none() && !is_loopback(server.endpoint))
        .map(|server| {
            let problem = Problem::new(format!("{}.auth", server.path), "tokens come over the network in the clear");
            problem.instead("give `tls`, or have whatever stands before it encrypt")
        })
        .collect()
}

/// Whether an endpoint is this machine's own alone.
fn is_loopback(endpoint: &str) -> bool {
    let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
