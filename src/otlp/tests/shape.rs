use opentelemetry_proto::tonic::trace::v1::{Span, Status, span};
use prost::Message as _;

use super::{records, text, traces};
use crate::model::Signal;
use crate::otlp::{Limits, scan, shape};

fn shape_of(span: Span) -> u64 {
    let request = traces(vec![span]).encode_to_vec();
    let entries = scan(Signal::Traces, &request, &Limits::default()).unwrap().entries;
    shape(&records(Signal::Traces, &request, &entries)[0])
}

fn failed(order: u64, stack: &str) -> Span {
    let event = span::Event {
        name: "exception".to_owned(),
        attributes: vec![text("exception.type", "ValueError"), text("exception.stacktrace", stack)],
        ..span::Event::default()
    };
    Span {
        attributes: vec![text("http.route", "/orders/{id}"), text("app.order", &order.to_string())],
        events: vec![event],
        status: Some(Status { code: 2, message: format!("order {order:x}a1 refused") }),
        ..super::span(&format!("GET /orders/{order}"))
    }
}

#[test]
fn what_varies_from_one_failure_to_the_next_does_not_change_the_shape() {
    let first = failed(17, "at parse (orders.js:12:3)\n at id 0af7651916cd43dd");
    let again = Span {
        span_id: vec![9; 8],
        end_time_unix_nano: 99,
        ..failed(1_234_567, "at parse (orders.js:9:30)\n at id 1")
    };
    assert_eq!(shape_of(first), shape_of(again));
}

#[test]
fn what_tells_failures_apart_does() {
    let base = || failed(1, "at parse (orders.js:12:3)");
    let others = [
        failed(1, "at format (orders.js:12:3)"),
        Span { name: "GET /refunds/1".to_owned(), ..base() },
        Span { status: Some(Status { code: 2, message: "order 1a1 timed out".to_owned() }), ..base() },
        Span { attributes: vec![text("http.route", "/refunds/{id}")], ..base() },
        Span { events: Vec::new(), ..base() },
    ];
    for other in others {
        assert_ne!(shape_of(base()), shape_of(other.clone()), "{other:?}");
    }
}
