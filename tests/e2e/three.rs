//! Three services in three languages, one calling the other: a gateway (Flask) asks for an order (Express), that for a
//! profile (Go), and the profile's cache races.

use std::process::Command;

use serde_json::json;

use crate::service::{self, Service};
use crate::support::casefile::{Home, Settings};
use crate::support::{http, store};
use crate::{go, judge, typescript};

fn start_gateway(otlp: u16, orders: u16) -> Service {
    let mut command = Command::new(service::installed("python-flask/bin/python"));
    command.args(["-B", "gateway.py"]).current_dir(service::source("python-gateway"));
    command.env("ORDERS_URL", format!("http://127.0.0.1:{orders}"));
    Service::start("gateway", command, otlp)
}

#[test]
fn a_failure_three_services_deep_becomes_one_bundle_that_spans_them() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings { decision_wait: "5s", ..Settings::default() });
    let mut casefile = home.start();
    let profiles = go::start(folder.path(), home.http);
    let orders = typescript::start(home.http, profiles.port);
    let gateway = start_gateway(home.http, orders.port);

    let good = http::get(gateway.port, "/checkout/o-1").unwrap();
    assert_eq!((good.status, good.text().contains("Ada")), (200, true), "{}", good.text());
    assert_eq!(http::post_json(profiles.port, "/refresh", b"").unwrap().status, 202);
    let trace_id = judge::failing(gateway.port, "/checkout/o-1");
    Service::end_all([gateway, orders, profiles]);
    let bundle = judge::the_bundle(&home, &mut casefile, &trace_id);

    judge::identity(&bundle, "go", "profiles");
    assert_eq!(bundle["incident"]["services"], json!(["gateway", "orders", "profiles"]));
    go::check_exception(&bundle);
    let path = bundle["trace"]["span_path"].as_array().unwrap();
    let steps: Vec<_> =
        path.iter().map(|span| ["service", "name", "kind", "status"].map(|key| span[key].as_str().unwrap())).collect();
    let expected = [
        ["gateway", "GET /checkout/<order>", "server", "error"],
        ["gateway", "GET", "client", "error"],
        ["orders", "GET /orders/:id", "server", "error"],
        ["orders", "request handler", "internal", "error"],
        ["orders", "GET", "client", "error"],
        ["profiles", "GET /profiles/{id}", "server", "error"],
    ];
    assert_eq!(steps, expected);
    for (above, below) in path.iter().zip(&path[1..]) {
        assert_eq!(below["parent_span_id"], above["span_id"]);
    }

    let said: Vec<_> =
        bundle["logs"]["window"].as_array().unwrap().iter().map(|line| line["service"].clone()).collect();
    for service in ["gateway", "orders", "profiles"] {
        assert!(said.contains(&json!(service)), "{service} is not among {said:?}");
    }
    assert_eq!(judge::log_lines(&bundle)[0], ("INFO", "checkout of order o-1"));
    let upstream = bundle["suspects"].as_array().unwrap().iter().find(|suspect| suspect["kind"] == "upstream").unwrap();
    assert_eq!(upstream["at"], "/trace/span_path/4", "the call of the other service");
    casefile.stop();
    store::assert_nowhere(&home.store(), &["cust-17"]);
}
