//! The spans that are sent.

use std::io::Write as _;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

pub(crate) const SPANS_PER_TRACE: u64 = 10;
pub(crate) const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// Spans of an encoded request.
pub(crate) const SPANS_PER_REQUEST: usize = 512;
/// Traces whose spans come mixed, as those of many services do at a Collector.
const INTERLEAVED: usize = 64;

/// A request that is encoded once and sent often, its traces new ones each time.
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    /// Where each trace id stands.
    ids: Vec<usize>,
}

impl Encoded {
    /// The bytes of the request in this round. Rounds share no trace, and the requests of a round share theirs.
    pub(crate) fn in_round(&self, round: u64) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let mask = round.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        for at in &self.ids {
            bytes[*at..*at + mask.len()].iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        }
        bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Requests of interleaved traces: 1 to 50 spans each, one in 2,000 of 5,000, `failing` in a hundred failing in their last span.
pub(crate) fn encoded(requests: usize, failing: u64) -> Vec<Encoded> {
    let mut traces = 0..;
    let mut open: Vec<(u64, u64, u64)> = Vec::new();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut next = move || {
        while open.len() < INTERLEAVED {
            let size = if draw(2000) == 0 { 5000 } else { 1 + draw(50) };
            open.extend(traces.next().map(|trace| (trace, 0, size)));
        }
        let at = draw(INTERLEAVED as u64) as usize;
        let (trace, span, size) = open[at];
        open[at].1 += 1;
        if span + 1 == size {
            open.swap_remove(at);
        }
        make_span(trace, span, trace % 100 < failing && span + 1 == size)
    };
    (0..requests).map(|_| encode((0..SPANS_PER_REQUEST).map(|_| next()).collect())).collect()
}

/// The bytes as the Collector's exporters compress them: gzip, at the level that is Go's default.
pub(crate) fn gzipped(bytes: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map(Bytes::from).expect("memory takes everything")
}

fn encode(spans: Vec<Span>) -> Encoded {
    let traces: Vec<_> = spans.iter().map(|span| span.trace_id.clone()).collect();
    let bytes = request(spans).encode_to_vec();
    let mut from = 0;
    let find = |id: &Vec<u8>| {
        from += bytes[from..].windows(id.len()).position(|window| window == id).expect("the span is in the request");
        from += id.len();
        from - id.len()
    };
    let ids = traces.iter().map(find).collect();
    Encoded { bytes, ids }
}

/// Spread by an odd multiplier, as random ids are.
pub(crate) fn trace_id(trace: u64) -> [u8; 16] {
    (u128::from(trace) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// A span of about 460 B, of which gzip makes a fifth, as it does of what services send: its ids, its times and a few of its values are its
/// own, and the rest is what all say.
pub(crate) fn make_span(trace: u64, span: u64, failed: bool) -> Span {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let place = |span: u64| trace << 16 | (span + 1);
    let id = |span: u64| scattered(place(span)).to_be_bytes().to_vec();
    let [own, more] = [1, 2].map(|stream: u64| scattered(place(span) ^ stream << 60));
    let start = now + span * 7_000_000 + own % 5_000_000;
    let [.., a, b, c] = more.to_be_bytes();
    Span {
        trace_id: trace_id(trace).to_vec(),
        span_id: id(span),
        parent_span_id: if span == 0 { Vec::new() } else { id(span - 1) },
        name: format!("step {span}"),
        kind: 2,
        start_time_unix_nano: start,
        end_time_unix_nano: start + more % 40_000_000,
        attributes: vec![
            text("http.request.method", "GET"),
            text("http.route", "/api/v1/orders/{id}"),
            text("url.full", &format!("https://shop.example.com/api/v1/orders/{trace}?page={span}")),
            text("server.address", "shop.example.com"),
            text("user_agent.original", "okhttp/4.12.0"),
            text("user.id", &(scattered(trace) % 10_000_000_000).to_string()),
            text("network.protocol.version", "1.1"),
            text("network.peer.address", &format!("10.{a}.{b}.{c}")),
            text("thread.name", &format!("worker-{}", trace % 16)),
            text("session.id", &format!("{own:016x}{more:016x}")),
        ],
        status: failed.then(|| Status { code: 2, message: "upstream answered 500".to_owned() }),
        ..Span::default()
    }
}

/// Another number for each, as if drawn at random (SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
fn scattered(number: u64) -> u64 {
    let mixed = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

pub(crate) fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes = vec![text("service.name", "orders"), text("service.version", "1.0.0")];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}
