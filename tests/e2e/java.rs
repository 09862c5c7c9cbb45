//! `java-http`: a service on Java's own HTTP server, instrumented by OpenTelemetry's agent, wraps what a till's number led to.

use std::process::Command;

use serde_json::{Value, json};

use crate::judge;
use crate::service::{self, Service, line_of};
use crate::support::casefile::{Home, Settings};
use crate::support::http;

fn start(otlp: u16) -> Service {
    let installed = service::installed("java-http");
    let agent = installed.join("lib/opentelemetry-javaagent-2.33.1.jar");
    let mut command = Command::new("java");
    command.arg(format!("-javaagent:{}", agent.display()));
    command.arg("-cp").arg(format!("{0}/classes:{0}/lib/*", installed.display())).arg("shop.invoices.Main");
    Service::start("invoices", command, otlp)
}

#[test]
fn an_exception_of_a_java_service_becomes_a_bundle_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings { decision_wait: "2s", ..Settings::default() });
    let mut casefile = home.start();
    let invoices = start(home.http);
    assert_eq!(http::get(invoices.port, "/invoices/inv-1?currency=EUR").unwrap().text(), "1550");
    let trace_id = judge::failing(invoices.port, "/invoices/inv-2?currency=EUR");
    invoices.end();
    let bundle = judge::the_bundle(&home, &mut casefile, &trace_id);
    judge::identity(&bundle, "java", "invoices");
    assert_eq!(bundle["environment"]["runtime"]["name"], "OpenJDK Runtime Environment");
    check_exception(&bundle);

    let path = bundle["trace"]["span_path"].as_array().unwrap();
    assert_eq!(path.len(), 1, "{path:?}");
    assert_eq!((&path[0]["name"], &path[0]["kind"]), (&json!("GET /invoices/"), &json!("server")));
    assert_eq!(path[0]["attrs"]["http.route"], "/invoices/");
    let expected = [
        ("INFO", "invoice inv-2 has 2 lines"),
        ("WARNING", "amount 12,50 is not in cents"),
        ("SEVERE", "request failed"),
    ];
    assert_eq!(judge::log_lines(&bundle), expected);

    let repro = &bundle["repro"];
    assert_eq!(repro["inputs"], json!({"app.invoice": "[withheld]", "currency": "EUR"}), "a key of the service's own");
    assert_eq!((&repro["request"]["method"], &repro["request"]["route"]), (&json!("GET"), &json!("/invoices/")));
    let url = repro["request"]["url"].as_str().unwrap();
    assert!(url.ends_with("/invoices/inv-2?currency=EUR"), "{url}");
    assert_eq!(repro["command"].as_array().unwrap().last().unwrap(), "shop.invoices.Main");
    casefile.stop();
}

/// The exception, which only a log record carries, and the one behind it.
fn check_exception(bundle: &Value) {
    const SERVICE: &str = "java-http/src/shop/invoices/InvoiceService.java";
    const CONTROLLER: &str = "java-http/src/shop/invoices/InvoiceController.java";
    let exception = &bundle["exception"];
    assert_eq!(exception["type"], "java.lang.IllegalStateException");
    assert_eq!(exception["message"], "invoice inv-2 has no total");
    let (total, get) = ("shop.invoices.InvoiceService.total", "shop.invoices.InvoiceController.get");
    let handle = "shop.invoices.InvoiceController.handle";
    let expected = [
        (total, "InvoiceService.java", line_of(SERVICE, "throw new IllegalStateException(")),
        (get, "InvoiceController.java", line_of(CONTROLLER, "service.total(invoice)")),
        (handle, "InvoiceController.java", line_of(CONTROLLER, "body = get(exchange)")),
    ];
    assert_eq!(judge::own_frames(exception), expected, "and none of the JDK's or the agent's");
    assert_eq!(exception["frames"][0]["func"], total, "innermost first");

    let causes = exception["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 1, "{causes:?}");
    let cause = &causes[0];
    assert_eq!(cause["relation"], "cause");
    assert_eq!(cause["type"], "java.lang.NumberFormatException");
    assert_eq!(cause["message"], "For input string: \"12,50\"");
    let shared = exception["frames"].as_array().unwrap().len() as u64 - 1;
    assert_eq!(cause["common"], shared, "`... N more` are all but the frame that threw anew");
    assert_eq!(cause["frames"][0]["func"], "java.lang.NumberFormatException.forInputString");
    let expected = [
        ("shop.invoices.InvoiceService.cents", "InvoiceService.java", line_of(SERVICE, "Integer.parseInt(amount)")),
        (total, "InvoiceService.java", line_of(SERVICE, ".sum()")),
    ];
    assert_eq!(judge::own_frames(cause), expected);

    let raised = &bundle["suspects"][0];
    assert_eq!(raised["kind"], "raised");
    let frame = bundle.pointer(raised["at"].as_str().unwrap()).unwrap();
    assert_eq!(frame["func"], "shop.invoices.InvoiceService.cents", "where it began comes before where it surfaced");
}
