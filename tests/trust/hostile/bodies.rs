//! Bodies of requests, by the numbers of the list of hostile inputs.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use casefile::model::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use tonic::Code;

use crate::support::http;

pub(super) const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const MIB: usize = 1024 * 1024;
const START: u64 = 1_751_371_380_000_000_000;

/// What a request is to be answered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Taken,
    TooLarge,
    Undecodable,
    Unsupported,
}

impl Answer {
    pub(super) fn http(self) -> u16 {
        match self {
            Self::Taken => 200,
            Self::TooLarge => 413,
            Self::Undecodable => 400,
            Self::Unsupported => 415,
        }
    }

    pub(super) fn grpc(self) -> Code {
        match self {
            Self::Taken => Code::Ok,
            Self::TooLarge => Code::ResourceExhausted,
            Self::Undecodable => Code::InvalidArgument,
            Self::Unsupported => Code::Unimplemented,
        }
    }
}

/// A request that nobody means well with.
pub(super) struct Input {
    /// Its numbers.
    pub(super) name: String,
    pub(super) signal: Signal,
    pub(super) encoding: Option<&'static str>,
    pub(super) body: Vec<u8>,
    pub(super) answer: Answer,
}

impl Input {
    pub(super) fn plain(name: &str, body: Vec<u8>, answer: Answer) -> Self {
        Self { name: name.to_owned(), signal: Signal::Traces, encoding: None, body, answer }
    }

    fn encoded(name: &str, encoding: &'static str, body: Vec<u8>, answer: Answer) -> Self {
        Self { encoding: Some(encoding), ..Self::plain(name, body, answer) }
    }

    fn of_logs(self) -> Self {
        Self { signal: Signal::Logs, ..self }
    }

    /// Whether it is text, which gRPC does not take.
    pub(super) fn is_json(&self) -> bool {
        self.body.first() == Some(&b'{')
    }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zeros(length: u64) -> impl std::io::Read {
    std::io::Read::take(std::io::repeat(0), length)
}

fn gzip_bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::copy(&mut zeros(512 << 20), &mut encoder).unwrap();
    encoder.finish().unwrap()
}

fn string(text: impl Into<String>) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.into())) }
}

fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), key_strindex: 0 }
}

/// A span of trace `trace`, which has failed.
fn span(trace: u64, number: u64) -> Span {
    Span {
        trace_id: [trace.to_be_bytes(), 7_u64.to_be_bytes()].concat(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: "GET /pay".to_owned(),
        start_time_unix_nano: START,
        end_time_unix_nano: START + 1_000_000,
        status: Some(Status { code: 2, message: "refused".to_owned() }),
        ..Span::default()
    }
}

fn request_of(service: &str, spans: Vec<Span>) -> Vec<u8> {
    let resource = Resource { attributes: vec![pair("service.name", string(service))], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let envelope = ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![envelope] }.encode_to_vec()
}

fn request(spans: Vec<Span>) -> Vec<u8> {
    request_of("shop", spans)
}

fn log(body: AnyValue) -> Vec<u8> {
    let record = LogRecord { body: Some(body), time_unix_nano: START, ..LogRecord::default() };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
        .encode_to_vec()
}

/// A trace of fifty spans in which nothing fails.
pub(super) fn ordinary(sender: u8, number: u64) -> Vec<u8> {
    let spans = (0..50).map(|span_number| Span {
        trace_id: [u64::from(sender).to_be_bytes(), number.to_be_bytes()].concat(),
        status: None,
        ..span(0, span_number)
    });
    request(spans.collect())
}

/// A part of a million spans: of one trace, in which each has failed, or of as many traces, in which none has.
pub(super) fn spans(part: u64, count: u64, one_trace: bool) -> Vec<u8> {
    let numbers = part * count..(part + 1) * count;
    let spans = numbers.map(|number| match one_trace {
        true => span(36, number),
        false => Span { status: None, ..span((37 << 32) + number, 0) },
    });
    request(spans.collect())
}

/// Sends a request of 16 MiB that stays in the windows, if it is taken.
pub(super) fn fill(port: u16) {
    static NUMBER: AtomicU64 = AtomicU64::new(99 << 32);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let attributes = vec![pair("app.padding", string("x".repeat(16 * MIB)))];
    let body = request(vec![Span { attributes, status: None, ..span(number, 0) }]);
    // Who is refused while sending may find the connection closed before the answer is read.
    if let Ok(answer) = http::post(port, "/v1/traces", &[PROTOBUF], &body) {
        assert!([200, 503].contains(&answer.status), "{}", answer.text());
    }
}

fn nest(payload: &[u8], tag: u8) -> Vec<u8> {
    let mut message = vec![tag];
    prost::encoding::encode_varint(payload.len() as u64, &mut message);
    message.extend_from_slice(payload);
    message
}

/// Inputs 1 to 35 and 39.
pub(super) fn all() -> Vec<Input> {
    [compressed(), wire(), strings(), shapes()].into_iter().flatten().collect()
}

fn compressed() -> Vec<Input> {
    let plain = request(vec![span(1, 1)]);
    let whole = gzip(&plain);
    let mut wrong = whole.clone();
    let crc = wrong.len() - 8;
    wrong[crc] ^= 1;
    let half = gzip(&vec![0; 33 * MIB]);
    vec![
        Input::encoded("1 gzip bomb", "gzip", gzip_bomb(), Answer::TooLarge),
        Input::encoded("2 nested gzip", "gzip", gzip(&whole), Answer::Undecodable),
        Input::encoded("2 concatenated gzip", "gzip", [half.clone(), half].concat(), Answer::TooLarge),
        Input::encoded("3 truncated gzip", "gzip", whole[..whole.len() - 3].to_vec(), Answer::Undecodable),
        Input::encoded("4 wrong CRC", "gzip", wrong, Answer::Undecodable),
        Input::encoded("5 mislabelled", "zstd", whole, Answer::Undecodable),
        Input::encoded("6 zstd bomb", "zstd", zstd::encode_all(zeros(512 << 20), 3).unwrap(), Answer::TooLarge),
        Input::encoded("7 snappy", "snappy", vec![0xff, 0xff, 0xff, 0xff, 0x0f], Answer::Unsupported),
    ]
}

fn wire() -> Vec<Input> {
    let mut deep = AnyValue { value: Some(Value::IntValue(1)) };
    for _ in 0..200 {
        deep = AnyValue { value: Some(Value::ArrayValue(ArrayValue { values: vec![deep] })) };
    }
    let deep = Span { attributes: vec![pair("deep", deep)], ..span(10, 1) };
    let json = format!("{{\"resourceSpans\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let whole = request(vec![span(14, 1)]);
    vec![
        Input::plain("8 empty spans", nest(&nest(&[0x12, 0].repeat(1_000_000), 0x12), 0x0a), Answer::TooLarge),
        Input::plain("9 empty resources", [0x0a, 0].repeat(1_000_000), Answer::TooLarge),
        Input::plain("10 nested values", request(vec![deep]), Answer::TooLarge),
        Input::plain("11 nested JSON", json.into_bytes(), Answer::Undecodable),
        Input::plain("12 overlong varint", [&[0x0a][..], &[0xff; 11]].concat(), Answer::Undecodable),
        Input::plain("13 negative length", [&[0x0a][..], &[0xff; 9], &[1]].concat(), Answer::Undecodable),
        Input::plain("14 truncated", whole[..whole.len() - 3].to_vec(), Answer::Undecodable),
        Input::plain("15 wrong wire type", vec![0x08, 0x01], Answer::Undecodable),
        Input::plain("16 group tags", vec![0x0b, 0x0c, 0x0b], Answer::Undecodable),
    ]
}

fn strings() -> Vec<Input> {
    let invalid = |mut request: Vec<u8>| {
        let at = request.windows(4).position(|window| window == b"XXXX").unwrap();
        request[at] = 0xff;
        request
    };
    let key = Span { attributes: vec![pair("XXXX", string("a"))], ..span(17, 1) };
    let mut inputs = vec![
        Input::plain("17 invalid UTF-8 in a key", invalid(request(vec![key])), Answer::Taken),
        Input::plain("18 invalid UTF-8 in a body", invalid(log(string("XXXX"))), Answer::Taken).of_logs(),
    ];
    let names = ["19 \0", "20 \u{1b}[31m\n", "21 ../../../etc/passwd", "22 %2e%2e%2f", "24 сheckout"];
    for (number, name) in names.into_iter().map(str::to_owned).chain([format!("23 {}", "n".repeat(MIB))]).enumerate() {
        let body = request_of(&name, vec![span(1900 + number as u64, 1)]);
        let title: String = name.chars().take(12).collect();
        inputs.push(Input::plain(&format!("service.name {title:?}"), body, Answer::Taken));
    }
    inputs
}

fn shapes() -> Vec<Input> {
    let with = |change: fn(&mut Span), trace: u64| {
        let mut changed = span(trace, 1);
        change(&mut changed);
        request(vec![changed, span(trace, 2)])
    };
    let circle = vec![
        Span { parent_span_id: 3_u64.to_be_bytes().to_vec(), ..span(28, 1) },
        Span { parent_span_id: 2_u64.to_be_bytes().to_vec(), ..span(28, 2) },
    ];
    let doubles = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
        .map(|number| pair("app.number", AnyValue { value: Some(Value::DoubleValue(number)) }));
    let mut same: Vec<KeyValue> = Vec::new();
    for number in 0..10_000_i64 {
        same.push(pair("http.route", AnyValue { value: Some(Value::IntValue(number)) }));
    }
    let taken = |name: &str, body| Input::plain(name, body, Answer::Taken);
    vec![
        taken("25 zero trace id", with(|span| span.trace_id = vec![0; 16], 25)),
        taken("26 trace id of 15 bytes", with(|span| span.trace_id.truncate(15), 26)),
        taken("27 trace id of 32 bytes", with(|span| span.trace_id = vec![1; 32], 27)),
        taken("28 parents in a circle", request(circle)),
        taken("29 its own parent", with(|span| span.parent_span_id = span.span_id.clone(), 29)),
        taken(
            "30 one span id, two contents",
            request(vec![span(30, 1), Span { name: "else".to_owned(), ..span(30, 1) }]),
        ),
        taken("31 end before start", with(|span| span.end_time_unix_nano = 1, 31)),
        taken("32 no time", with(|span| (span.start_time_unix_nano, span.end_time_unix_nano) = (0, 0), 32)),
        taken("33 the end of time", with(|span| span.end_time_unix_nano = u64::MAX, 33)),
        taken("34 not a number", request(vec![Span { attributes: doubles.to_vec(), ..span(34, 1) }])),
        taken("35 10,000 times one key", request(vec![Span { attributes: same, ..span(35, 1) }])),
        Input::plain("39 a body of 64 MiB", log(string("x".repeat(64 * MIB))), Answer::TooLarge).of_logs(),
        taken("39 a body of 63 MiB", log(string("x".repeat(63 * MIB)))).of_logs(),
    ]
}
