//! What a user sees of wrong settings of TLS, tokens, tenants, webhooks and stores.

use super::{EXAMPLE, casefile, folder, refused, refused_text, write};

const GRPC: &str = "max_recv_msg_size_mib: 64}";
const EXTENSIONS: &str = "extensions:\n  health_check:";

/// The example with these settings of its gRPC server, and these extensions, which run.
fn with(grpc: &str, extensions: &[(&str, &str)]) -> String {
    let mut text = EXAMPLE.replacen(GRPC, &format!("max_recv_msg_size_mib: 64, {grpc}}}"), 1);
    for (id, settings) in extensions {
        text = text.replacen(EXTENSIONS, &format!("extensions:\n  {id}: {settings}\n  health_check:"), 1);
        text = text.replacen("extensions: [", &format!("extensions: [{id}, "), 1);
    }
    text
}

fn fits(text: &str) {
    let folder = folder();
    let path = write(folder.path(), text);
    let output = casefile(folder.path(), &["validate", "--config", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn tls_of_a_server_is_held_to_what_it_needs_and_can() {
    let at = "receivers.otlp.protocols.grpc.tls";
    let cases: &[(&str, &[&str])] = &[
        ("tls: {}", &["tls: neither `cert_file` nor `cert_pem` is given", "tls: neither `key_file` nor `key_pem`"]),
        (
            "tls: {cert_file: a, key_file: b, min_version: '1.0'}",
            &["tls.min_version: unknown value `1.0`", "did you mean"],
        ),
        (
            "tls: {cert_file: a, key_file: b, min_version: '1.3', max_version: '1.2'}",
            &["tls.max_version: older than `min_version`"],
        ),
        ("tls: {cert_file: a, cert_pem: b, key_file: c}", &["tls.cert_pem: `cert_file` is given too"]),
        (
            "tls: {cert_file: a, key_file: b, cipher_suites: [X]}",
            &["tls.cipher_suites: has no place here", "leave it out"],
        ),
        ("tls: {cert_file: a, key_file: b, ca_file: c}", &["tls.ca_file: has no place here", "client_ca_file"]),
        ("tls: {cert_file: a, key_file: b, client_ca: c}", &["tls.client_ca: unknown key", "client_ca_file"]),
    ];
    for (settings, parts) in cases {
        refused_text(&with(settings, &[]), parts);
        refused_text(&with(settings, &[]), &[at]);
    }
    fits(&with("tls: {cert_file: a, key_file: b, client_ca_file: c, reload_interval: 5m, max_version: '1.3'}", &[]));
}

#[test]
fn an_authenticator_must_run_and_have_a_token() {
    let auth = "auth: {authenticator: bearertokenauth}";
    let at = "receivers.otlp.protocols.grpc.auth.authenticator: extension `bearertokenauth`";
    refused_text(&with(auth, &[]), &[at, "is not defined"]);
    let idle =
        with(auth, &[]).replacen(EXTENSIONS, "extensions:\n  bearertokenauth: {token: secret}\n  health_check:", 1);
    refused_text(&idle, &[at, "does not run", "service.extensions"]);
    let other = with("auth: {authenticator: health_check}", &[]);
    refused_text(&other, &["extension `health_check` does not ask who clients are"]);
    let cases: &[(&str, &str)] = &[
        ("{}", "extensions.bearertokenauth: there is no token"),
        (
            "{token: secret, filename: /f}",
            "extensions.bearertokenauth: more than one of `token`, `tokens` and `filename`",
        ),
        ("{token: 'two words'}", "extensions.bearertokenauth.token: not a token"),
        ("{tokens: [{tenant: acme}]}", "extensions.bearertokenauth.tokens[0]: there is neither `token` nor `filename`"),
        (
            "{tokens: [{token: secret, tenant: acme}]}",
            "extensions.bearertokenauth.tokens[0].tenant: tenant `acme` is not declared",
        ),
        ("{tokens: [{token: secret, tenent: acme}]}", "extensions.bearertokenauth.tokens[0].tenent: unknown key"),
    ];
    for (settings, part) in cases {
        refused_text(&with(auth, &[("bearertokenauth", settings)]), &[part]);
    }
    fits(&with(auth, &[("bearertokenauth", "{tokens: [one, two], scheme: Token}")]));
}

#[test]
fn tenants_are_declared_and_told_in_one_way() {
    let tls = "tls: {cert_file: a, key_file: b, client_ca_file: c}";
    let tenants = "tenants: {from: certificate_common_name}";
    refused_text(&with(tenants, &[]), &["protocols.grpc.tenants: a tenant that is told by a certificate needs"]);
    refused_text(&with("tenants: {from: header}", &[]), &["tenants.from: unknown value `header`"]);
    let declared =
        |text: String| text.replacen("    services:", "    tenants: {acme: {max_bytes: 1GiB}}\n    services:", 1);
    let both = with(
        &format!("{tls}, {tenants}, auth: {{authenticator: bearertokenauth}}"),
        &[("bearertokenauth", "{tokens: [{token: secret, tenant: acme}]}")],
    );
    refused_text(&declared(both), &["the tokens of `bearertokenauth` tell tenants too"]);
    fits(&declared(with(&format!("{tls}, {tenants}"), &[])));
    for (name, part) in [("../acme", "not the name of a tenant"), ("acme: {max_bytes: 0}, x", "must be more than 0")] {
        let text = EXAMPLE.replacen("    services:", &format!("    tenants: {{{name}: {{}}}}\n    services:"), 1);
        refused_text(&text, &["connectors.incident.tenants", part]);
    }
}

#[test]
fn webhooks_and_stores_are_held_to_their_rules() {
    let url = "url: \"https://agents.example/hooks\"";
    refused(url, &format!("{url}, allowed_hosts: [other.example]"), &["`agents.example` is none of `allowed_hosts`"]);
    refused(
        url,
        "url: \"http://127.0.0.1/hooks\"",
        &["an address of this machine or a private network", "allow_private"],
    );
    refused(url, &format!("{url}, tls: {{cert_file: a}}"), &["exporters.webhook/agents.tls: neither `key_file`"]);
    let store = "compression: zstd}";
    refused(store, "compression: zstd, sse: {type: 'aws:kmz'}}", &["sse.type: unknown value `aws:kmz`", "aws:kms"]);
    refused(store, "compression: zstd, sse: {type: AES256, kms_key_id: k}}", &["`AES256` has no key of KMS"]);
    refused(store, "compression: zstd, tags: {'a&b': c}}", &["not a tag that S3 takes"]);
    let text = EXAMPLE.replacen("s3://acme-casefiles/prod", "gs://acme-casefiles/prod", 1);
    refused_text(&text.replacen(store, "tags: {a: b}}", 1), &["exporters.bundle/main.tags: only S3 knows this"]);
    fits(&EXAMPLE.replacen(
        store,
        "sse: {type: 'aws:kms', kms_key_id: k, bucket_key_enabled: true}, tags: {team: a}}",
        1,
    ));
}
