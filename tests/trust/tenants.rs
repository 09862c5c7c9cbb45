//! Tenants, told by tokens: what of one is kept never meets what is of another.

use std::path::{Path, PathBuf};

use casefile::config::Secret;
use casefile::telemetry::names;

use crate::support::casefile::{Casefile, Fsync, Home, Settings};
use crate::support::http::{self, Answer};
use crate::support::otlp::{TRACE_ID, failing_trace};
use crate::support::store;

const ACME: &str = "Bearer token-of-acme";
const GLOBEX: &str = "Bearer token-of-globex";

/// A process for two tenants; `limits` are those of acme.
fn home(folder: &Path, limits: &str, on_disk: Option<Fsync>) -> Home {
    let home = Home::new(folder, &Settings { on_disk, max_bundles: Some(1), ..Settings::default() });
    home.edit("    services:\n", &format!("    tenants: {{acme: {{{limits}}}, globex: {{}}}}\n    services:\n"));
    home.edit(
        "extensions:\n",
        "extensions:\n  bearertokenauth: {tokens: [{token: token-of-acme, tenant: acme}, {token: token-of-globex, tenant: globex}]}\n",
    );
    home.edit("extensions: [", "extensions: [bearertokenauth, ");
    let (plain, guarded) =
        ("{endpoint: \"127.0.0.1:PORT\"}", "{endpoint: \"127.0.0.1:PORT\", auth: {authenticator: bearertokenauth}}");
    for port in [home.grpc, home.http] {
        let of = |text: &str| text.replace("PORT", &port.to_string());
        home.edit(&of(plain), &of(guarded));
    }
    home
}

fn post(home: &Home, token: &str, body: &[u8]) -> Answer {
    let headers = [("content-type", "application/json"), ("authorization", token)];
    http::post(home.http, "/v1/traces", &headers, body).unwrap()
}

fn place(home: &Home, tenant: &str) -> PathBuf {
    home.store().join("tenants").join(tenant)
}

/// The one document of a tenant.
fn document(home: &Home, tenant: &str) -> String {
    let found = store::bundles(&place(home, tenant));
    assert_eq!(found.len(), 1, "of {tenant}: {found:?}");
    String::from_utf8(store::content(&found[0])).unwrap()
}

fn email_token(document: &str) -> String {
    let at = document.find("email:E-").unwrap_or_else(|| panic!("no token in {document}"));
    document[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || ":-".contains(*c)).collect()
}

fn of(who: &str) -> Vec<u8> {
    let text = String::from_utf8(failing_trace(TRACE_ID, 1)).unwrap();
    text.replace("payment refused", &format!("payment refused for ada@example.org of {who}")).into_bytes()
}

/// Bundles and amendments of both tenants.
fn made(home: &Home) -> usize {
    ["acme", "globex"].iter().map(|tenant| store::bundles(&place(home, tenant)).len()).sum()
}

fn settle(casefile: &mut Casefile<'_>, bundles: usize, home: &Home) {
    casefile.wait("the bundles of both", |_| made(home) == bundles);
}

#[test]
fn input_38_one_trace_id_of_two_tenants_makes_two_bundles_that_share_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), "", None);
    let mut casefile = home.start();
    assert_eq!(post(&home, ACME, &of("acme")).status, 200);
    assert_eq!(post(&home, GLOBEX, &of("globex")).status, 200);
    // The limit of one bundle an incident is each tenant's own.
    settle(&mut casefile, 2, &home);
    let (acme, globex) = (document(&home, "acme"), document(&home, "globex"));
    assert!(acme.contains("of acme") && !acme.contains("globex"), "{acme}");
    assert!(globex.contains("of globex") && !globex.contains("acme"), "{globex}");
    assert_ne!(email_token(&acme), email_token(&globex), "one address, one token a tenant");
    // Late evidence amends the bundle of its own tenant.
    let later = String::from_utf8(of("acme, later")).unwrap().replace("00f067aa0ba902b7", "00f067aa0ba902b8");
    assert_eq!(post(&home, ACME, later.as_bytes()).status, 200);
    casefile.wait("the amendment", |_| store::bundles(&place(&home, "acme")).len() == 2);
    assert_eq!(store::bundles(&place(&home, "globex")).len(), 1);
    // Counters and indexes are apart as well.
    let names: Vec<_> = store::files(&home.store()).into_iter().collect();
    let outside = names.iter().filter(|path| !path.starts_with(home.store().join("tenants")));
    assert_eq!(outside.collect::<Vec<_>>(), Vec::<&PathBuf>::new());
    for tenant in ["acme", "globex"] {
        let counters = store::files(&place(&home, tenant).join("incidents"));
        assert_eq!(counters.len(), 1, "{counters:?}");
    }
    let metrics = casefile.metrics();
    assert_eq!(metrics.sum(names::TENANT_ACCEPTED_RECORDS, &[("tenant", "acme")]), 2);
    assert_eq!(metrics.sum(names::TENANT_ACCEPTED_RECORDS, &[("tenant", "globex")]), 1);
    let (status, said) = casefile.stop();
    assert!(status.success() && !said.contains("token-of-"), "{said}");
}

#[test]
fn input_53_a_header_does_not_make_a_tenant_and_a_stranger_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), "", None);
    let mut casefile = home.start();
    let forged = [
        ("content-type", "application/json"),
        ("authorization", ACME),
        ("x-scope-orgid", "globex"),
        ("x-tenant", "globex"),
    ];
    assert_eq!(http::post(home.http, "/v1/traces", &forged, &of("acme")).unwrap().status, 200);
    assert_eq!(post(&home, "Bearer guessed", &of("nobody")).status, 401);
    assert_eq!(http::post_json(home.http, "/v1/traces", &of("nobody")).unwrap().status, 401);
    settle(&mut casefile, 1, &home);
    assert!(document(&home, "acme").contains("of acme"));
    let metrics = casefile.metrics();
    assert_eq!(metrics.sum(names::AUTH_REFUSED_REQUESTS, &[("reason", "unknown")]), 1);
    assert_eq!(metrics.sum(names::AUTH_REFUSED_REQUESTS, &[("reason", "missing")]), 1);
}

#[test]
fn a_tenant_over_its_quota_is_told_when_to_come_again_and_no_other_is() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), "records_per_second: 1, max_bytes: 64KiB", None);
    let casefile = home.start();
    assert_eq!(post(&home, ACME, &of("acme")).status, 200);
    let answer = post(&home, ACME, &of("acme"));
    assert_eq!(answer.status, 429, "{}", answer.text());
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(wait >= 1, "{wait}");
    assert_eq!(post(&home, GLOBEX, &of("globex")).status, 200);
    let metrics = casefile.metrics();
    let refused = |labels: &[(&str, &str)]| metrics.sum(names::TENANT_REFUSED_REQUESTS, labels);
    assert_eq!(refused(&[("tenant", "acme"), ("reason", "tenant_rate")]), 1);
    assert_eq!(refused(&[("tenant", "globex")]), 0);
}

#[test]
fn a_tenants_part_of_the_windows_fills_up_alone() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), "max_bytes: 64KiB", None);
    let casefile = home.start();
    let large = failing_trace(TRACE_ID, 100 * 1024);
    let answer = post(&home, ACME, &large);
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert_eq!(post(&home, GLOBEX, &large).status, 200);
    assert_eq!(casefile.metrics().sum(names::TENANT_REFUSED_REQUESTS, &[("reason", "tenant_full")]), 1);
    assert!(casefile.is_ready(), "one tenant's share says nothing of the process");
}

#[test]
fn windows_on_disk_are_taken_up_by_their_own_tenants_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), "", Some(true));
    let casefile = home.start();
    assert_eq!(post(&home, ACME, &of("acme")).status, 200);
    assert_eq!(post(&home, GLOBEX, &of("globex")).status, 200);
    casefile.kill();
    assert_eq!(made(&home), 0, "neither was decided yet");
    let mut casefile = home.start();
    settle(&mut casefile, 2, &home);
    assert!(document(&home, "acme").contains("of acme") && document(&home, "globex").contains("of globex"));
    store::assert_nowhere(&home.window(), &["ada@example.org", "payment refused"]);
}

#[test]
fn secrets_are_not_printed() {
    let secret = Secret::new("token-of-acme");
    assert_eq!(format!("{secret:?}"), "[secret]");
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path(), "", None);
    let output =
        crate::support::casefile::run(folder.path(), &["print-config", "--config", home.config().to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("bearertokenauth") && !text.contains("token-of-"), "{text}");
}
