//! The demo's shop: three services, one request after another, and a coupon that one of them cannot read.
//!
//! Every name, address and card number is made up (example.com, 192.0.2.0/24 and the test card of the schemes).

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span, status};

use crate::model::{SpanId, Timestamp, TraceId};

/// What Python prints when the coupon `10%` meets `int()`.
const STACK: &str = r#"Traceback (most recent call last):
  File "/srv/pricing/app/handlers/quote.py", line 41, in quote
    discount = parse_coupon(request.coupon)
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/srv/pricing/app/coupons.py", line 18, in parse_coupon
    return int(code)
           ^^^^^^^^^
ValueError: invalid literal for int() with base 10: '10%'
"#;

const MILLI: u64 = 1_000_000;

/// One order: what its three services report.
pub(super) struct Order {
    pub(super) trace_id: TraceId,
    pub(super) spans: ExportTraceServiceRequest,
    pub(super) logs: ExportLogsServiceRequest,
}

/// The ids of an order's spans.
struct Ids {
    trace: TraceId,
    web: SpanId,
    checkout: SpanId,
    call: SpanId,
    pricing: SpanId,
}

/// Order `number`, placed at `now`. With a coupon that is not a number, pricing fails.
pub(super) fn order(number: u64, now: Timestamp, coupon: &str) -> Result<Order, getrandom::Error> {
    let ids = Ids::random()?;
    let failed = coupon.parse::<u32>().is_err();
    let customer = Customer::of(number, failed);
    Ok(Order {
        trace_id: ids.trace,
        spans: ExportTraceServiceRequest { resource_spans: spans(&ids, now, coupon, failed, &customer) },
        logs: ExportLogsServiceRequest { resource_logs: logs(&ids, now, coupon, failed, number, &customer) },
    })
}

/// Who places an order. The one whose order fails is always the same.
struct Customer {
    email: String,
    address: String,
}

impl Customer {
    fn of(number: u64, failed: bool) -> Self {
        let (email, host) = if failed {
            ("jane.doe@example.com".to_owned(), 77)
        } else {
            (format!("customer{number}@example.com"), number % 200 + 1)
        };
        Self { email, address: format!("192.0.2.{host}") }
    }
}

impl Ids {
    fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 48];
        getrandom::fill(&mut bytes)?;
        let span = |at: usize| {
            let mut id = [1; SpanId::LEN];
            id.iter_mut().zip(bytes.iter().skip(at)).for_each(|(to, from)| *to = *from);
            SpanId(id)
        };
        let mut trace = [1; TraceId::LEN];
        trace.iter_mut().zip(bytes.iter().skip(32)).for_each(|(to, from)| *to = *from);
        Ok(Self { trace: TraceId(trace), web: span(0), checkout: span(8), call: span(16), pricing: span(24) })
    }
}

fn spans(ids: &Ids, now: Timestamp, coupon: &str, failed: bool, customer: &Customer) -> Vec<ResourceSpans> {
    let status_code = if failed { 500 } else { 200 };
    let path = format!("/checkout?cart=42&coupon={}", coupon.replace('%', "%25"));
    let web = Piece {
        id: ids.web,
        parent: SpanId::default(),
        name: "GET /checkout",
        kind: span::SpanKind::Server,
        from: 0,
        to: 48,
    };
    let checkout = Piece {
        id: ids.checkout,
        parent: ids.web,
        name: "POST /orders",
        kind: span::SpanKind::Server,
        from: 4,
        to: 44,
    };
    let call = Piece {
        id: ids.call,
        parent: ids.checkout,
        name: "pricing.Quote",
        kind: span::SpanKind::Client,
        from: 9,
        to: 40,
    };
    let pricing = Piece {
        id: ids.pricing,
        parent: ids.call,
        name: "pricing.Quote",
        kind: span::SpanKind::Server,
        from: 12,
        to: 37,
    };
    let mut thrower = pricing.span(
        ids.trace,
        now,
        failed,
        vec![
            text("rpc.system", "grpc"),
            text("rpc.service", "pricing"),
            text("rpc.method", "Quote"),
            text("app.coupon", coupon),
        ],
    );
    if failed {
        thrower.events.push(exception(now));
    }
    vec![
        of_service(
            "web",
            "javascript",
            vec![web.span(
                ids.trace,
                now,
                failed,
                vec![
                    text("http.request.method", "GET"),
                    text("http.route", "/checkout"),
                    text("url.full", &format!("https://shop.example.com{path}&email={}", customer.email)),
                    int("http.response.status_code", status_code),
                    text("client.address", &customer.address),
                ],
            )],
        ),
        of_service(
            "checkout",
            "go",
            vec![
                checkout.span(
                    ids.trace,
                    now,
                    failed,
                    vec![
                        text("http.request.method", "POST"),
                        text("http.route", "/orders"),
                        int("http.response.status_code", status_code),
                        text("user.email", &customer.email),
                    ],
                ),
                call.span(
                    ids.trace,
                    now,
                    failed,
                    vec![text("rpc.system", "grpc"), text("rpc.service", "pricing"), text("rpc.method", "Quote")],
                ),
            ],
        ),
        of_service("pricing", "python", vec![thrower]),
    ]
}

fn logs(ids: &Ids, now: Timestamp, coupon: &str, failed: bool, number: u64, customer: &Customer) -> Vec<ResourceLogs> {
    let line = |after: u64, span: SpanId, severity: (i32, &str), body: String| LogRecord {
        time_unix_nano: now.0 + after * MILLI,
        observed_time_unix_nano: now.0 + after * MILLI,
        severity_number: severity.0,
        severity_text: severity.1.to_owned(),
        body: Some(AnyValue { value: Some(any_value::Value::StringValue(body)) }),
        trace_id: ids.trace.0.to_vec(),
        span_id: span.0.to_vec(),
        ..LogRecord::default()
    };
    let (info, warning, error) = ((9, "INFO"), (13, "WARN"), (17, "ERROR"));
    let checkout = vec![
        line(5, ids.checkout, info, format!("order {number} from {} placed", customer.email)),
        line(7, ids.checkout, info, "paying with card 4111 1111 1111 1111".to_owned()),
    ];
    let mut pricing = vec![line(13, ids.pricing, info, format!("quote for cart 42 with coupon {coupon}"))];
    if failed {
        pricing.push(line(14, ids.pricing, warning, "coupon has an unusual form".to_owned()));
        pricing.push(line(15, ids.pricing, error, format!("no quote for {}", customer.email)));
    }
    [("checkout", "go", checkout), ("pricing", "python", pricing)]
        .into_iter()
        .map(|(service, language, log_records)| ResourceLogs {
            resource: Some(resource(service, language)),
            scope_logs: vec![ScopeLogs { scope: Some(scope()), log_records, schema_url: String::new() }],
            schema_url: String::new(),
        })
        .collect()
}

/// A span before it has a trace, times in milliseconds after the order was placed.
struct Piece {
    id: SpanId,
    parent: SpanId,
    name: &'static str,
    kind: span::SpanKind,
    from: u64,
    to: u64,
}

impl Piece {
    fn span(&self, trace_id: TraceId, now: Timestamp, failed: bool, attributes: Vec<KeyValue>) -> Span {
        let code = if failed { status::StatusCode::Error } else { status::StatusCode::Unset };
        Span {
            trace_id: trace_id.0.to_vec(),
            span_id: self.id.0.to_vec(),
            parent_span_id: if self.parent.is_zero() { Vec::new() } else { self.parent.0.to_vec() },
            name: self.name.to_owned(),
            kind: self.kind.into(),
            start_time_unix_nano: now.0 + self.from * MILLI,
            end_time_unix_nano: now.0 + self.to * MILLI,
            attributes,
            status: Some(Status { code: code.into(), message: String::new() }),
            ..Span::default()
        }
    }
}

fn exception(now: Timestamp) -> span::Event {
    span::Event {
        time_unix_nano: now.0 + 15 * MILLI,
        name: "exception".to_owned(),
        attributes: vec![
            text("exception.type", "ValueError"),
            text("exception.message", "invalid literal for int() with base 10: '10%'"),
            text("exception.stacktrace", STACK),
        ],
        dropped_attributes_count: 0,
    }
}

fn of_service(service: &str, language: &str, spans: Vec<Span>) -> ResourceSpans {
    ResourceSpans {
        resource: Some(resource(service, language)),
        scope_spans: vec![ScopeSpans { scope: Some(scope()), spans, schema_url: String::new() }],
        schema_url: String::new(),
    }
}

fn resource(service: &str, language: &str) -> Resource {
    Resource {
        attributes: vec![
            text("service.name", service),
            text("service.version", "2.4.1"),
            text("telemetry.sdk.language", language),
            text("vcs.ref.head.revision", "8c1f0e2b7d9a4453c6e0f1a2b3c4d5e6f7a8b9c0"),
            text("deployment.environment.name", "demo"),
            text("os.type", "linux"),
        ],
        ..Resource::default()
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope { name: "casefile.demo".to_owned(), ..InstrumentationScope::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, any_value::Value::StringValue(value.to_owned()))
}

fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, any_value::Value::IntValue(value))
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
