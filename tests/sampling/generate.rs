//! Policies and traces by seed: few keys and few values, so that they meet.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event};
use prost::Message as _;
use serde_json::{Value, json};

/// All types that a policy can be of.
pub(crate) const KINDS: [&str; 17] = [
    "always_sample",
    "latency",
    "numeric_attribute",
    "probabilistic",
    "status_code",
    "string_attribute",
    "trace_state",
    "trace_flags",
    "rate_limiting",
    "bytes_limiting",
    "span_count",
    "boolean_attribute",
    "ottl_condition",
    "and",
    "not",
    "drop",
    "composite",
];

const KEYS: [&str; 5] = ["tier", "http.route", "code", "vip", "region"];
const TEXTS: [&str; 6] = ["gold", "silver", "/pay", "/pay/card", "503", ""];
const STATES: [&str; 7] = ["", "vendor=a", "vendor=b,other=c", "a=1,a=2", "Upper=x", "vendor=a , other=d", "t@v=a"];

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let index = usize::try_from(self.below(items.len() as u64)).unwrap();
        &items[index]
    }
}

/// A trace, as an export request.
pub(crate) struct Trace {
    pub(crate) id: String,
    pub(crate) request: Vec<u8>,
    /// Start and end of its spans in milliseconds, in the order in which they come.
    pub(crate) times: Vec<(u64, u64)>,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#?}", ExportTraceServiceRequest::decode(self.request.as_slice()).unwrap())
    }
}

/// Whether these policies measure traces and limit them, too. What a difference in time takes from a limit is missing later on, for traces
/// that do not differ: so such policies get traces whose time is plain.
pub(crate) fn want_plain_times(config: &Value) -> bool {
    let mut counts = BTreeMap::new();
    kinds(config, &mut counts);
    let limits = ["rate_limiting", "bytes_limiting", "composite"];
    counts.contains_key("latency") && limits.iter().any(|kind| counts.contains_key(*kind))
}

/// A trace. Where times are `plain`, all are set, and the first span holds all others.
pub(crate) fn trace(rng: &mut Rng, plain: bool) -> Trace {
    let whole = plain.then(|| rng.below(1200));
    let id = [rng.next().to_be_bytes(), (rng.next() | 1).to_be_bytes()].concat();
    let mut times = Vec::new();
    let mut span_id = 0;
    let resources = 1 + rng.below(2);
    let resource_spans = (0..resources)
        .map(|_| {
            let scopes = 1 + rng.below(2);
            let scope_spans = (0..scopes)
                .map(|_| {
                    let spans = (0..1 + rng.below(3))
                        .map(|_| {
                            span_id += 1;
                            let (span, time) = span(rng, &id, span_id, whole);
                            times.push(time);
                            span
                        })
                        .collect();
                    let scope =
                        InstrumentationScope { name: (*rng.of(&["http", "db"])).to_owned(), ..Default::default() };
                    ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }
                })
                .collect();
            let resource = Resource { attributes: attributes(rng, 25), ..Resource::default() };
            ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }
        })
        .collect();
    let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    Trace { id: data_encoding::HEXLOWER.encode(&id), request, times }
}

fn span(rng: &mut Rng, trace: &[u8], number: u64, whole: Option<u64>) -> (Span, (u64, u64)) {
    let (start, end) = match whole {
        Some(length) if number == 1 => (1_000_000, 1_000_000 + length),
        Some(length) => (1_000_000 + length / 2, 1_000_000 + length / 2 + rng.below(length / 2 + 1)),
        None => (
            if rng.chance(1) { 0 } else { 1_000_000 + rng.below(400) },
            if rng.chance(1) { 0 } else { 1_000_000 + rng.below(400) + rng.below(800) },
        ),
    };
    let events = (0..rng.below(2))
        .map(|_| Event {
            name: (*rng.of(&["exception", "retry"])).to_owned(),
            attributes: attributes(rng, 20),
            ..Event::default()
        })
        .collect();
    let span = Span {
        trace_id: trace.to_vec(),
        span_id: number.to_be_bytes().to_vec(),
        parent_span_id: if number == 1 { vec![] } else { 1_u64.to_be_bytes().to_vec() },
        trace_state: (*rng.of(&STATES)).to_owned(),
        flags: *rng.of(&[0, 0, 0, 1, 0x100, 0x301]),
        name: (*rng.of(&["GET /pay", "charge", "select"])).to_owned(),
        kind: i32::try_from(rng.below(6)).unwrap(),
        start_time_unix_nano: start * 1_000_000,
        end_time_unix_nano: end * 1_000_000,
        attributes: attributes(rng, 25),
        events,
        status: rng.chance(80).then(|| Status {
            code: if rng.chance(20) { 2 } else { i32::try_from(rng.below(2)).unwrap() },
            ..Status::default()
        }),
        ..Span::default()
    };
    (span, (start, end))
}

fn attributes(rng: &mut Rng, percent: u64) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    for key in KEYS {
        if rng.chance(percent) {
            let value = match rng.below(10) {
                0..=3 => any_value::Value::StringValue((*rng.of(&TEXTS)).to_owned()),
                4..=6 => any_value::Value::IntValue(*rng.of(&[0, 1, 200, 404, 503, -7])),
                7 => any_value::Value::BoolValue(rng.chance(50)),
                8 => any_value::Value::DoubleValue(*rng.of(&[0.5, 200.0, 503.5])),
                _ => any_value::Value::BytesValue(vec![1, 2]),
            };
            attributes.push(KeyValue {
                key: key.to_owned(),
                value: Some(AnyValue { value: Some(value) }),
                ..KeyValue::default()
            });
        }
    }
    attributes
}

/// Policies of a configuration.
pub(crate) fn policies(rng: &mut Rng) -> Value {
    let count = 1 + rng.below(4);
    let mut policies: Vec<Value> = (0..count).map(|_| policy(rng)).collect();
    for (index, policy) in policies.iter_mut().enumerate() {
        policy["name"] = json!(format!("p{index}"));
    }
    Value::Array(policies)
}

fn policy(rng: &mut Rng) -> Value {
    match rng.below(10) {
        0 | 1 => json!({"type": "and", "and": {"and_sub_policy": parts(rng)}}),
        2 => json!({"type": "drop", "drop": {"drop_sub_policy": parts(rng)}}),
        3 => json!({"type": "not", "not": {"not_sub_policy": named(single(rng), "n")}}),
        4 => composite(rng),
        _ => single(rng),
    }
}

/// What `and` and `drop` combine.
fn parts(rng: &mut Rng) -> Vec<Value> {
    (0..1 + rng.below(3))
        .map(|index| {
            let part = if rng.chance(20) {
                json!({"type": "not", "not": {"not_sub_policy": named(single(rng), "n")}})
            } else {
                single(rng)
            };
            named(part, &format!("a{index}"))
        })
        .collect()
}

fn named(mut policy: Value, name: &str) -> Value {
    policy["name"] = json!(name);
    policy
}

fn composite(rng: &mut Rng) -> Value {
    let count = 1 + rng.below(3);
    let parts: Vec<Value> = (0..count)
        .map(|index| {
            let part = if rng.chance(25) {
                json!({"type": "and", "and": {"and_sub_policy": parts(rng)}})
            } else {
                single(rng)
            };
            named(part, &format!("c{index}"))
        })
        .collect();
    let mut shares = Vec::new();
    for index in 0..count {
        if rng.chance(60) {
            shares.push(json!({"policy": format!("c{index}"), "percent": rng.below(101)}));
        }
    }
    let order: Vec<String> = (0..count).rev().map(|index| format!("c{index}")).collect();
    json!({"type": "composite", "composite": {
        "max_total_spans_per_second": 3 + rng.below(20),
        "policy_order": order,
        "composite_sub_policy": parts,
        "rate_allocation": shares,
    }})
}

fn single(rng: &mut Rng) -> Value {
    let kind = KINDS[usize::try_from(rng.below(13)).unwrap()];
    let key = *rng.of(&KEYS);
    let invert = rng.chance(30);
    let block = match kind {
        "latency" => {
            let lower = rng.below(900);
            let upper = if rng.chance(40) { lower + 1 + rng.below(600) } else { 0 };
            json!({"threshold_ms": lower, "upper_threshold_ms": upper})
        }
        "numeric_attribute" => match rng.below(3) {
            0 => json!({"key": key, "min_value": 0, "max_value": 300, "invert_match": invert}),
            1 => json!({"key": key, "min_value": 400, "invert_match": invert}),
            _ => json!({"key": key, "min_value": -10, "max_value": 503, "invert_match": invert}),
        },
        "probabilistic" => {
            let percentage = *rng.of(&[0.0, 0.1, 10.0, 33.3, 50.0, 99.9, 100.0]);
            let salt = if rng.chance(50) { "" } else { "salt" };
            json!({"sampling_percentage": percentage, "hash_salt": salt})
        }
        "status_code" => json!({"status_codes": rng.of(&[vec!["ERROR"], vec!["OK"], vec!["UNSET", "ERROR"]])}),
        "string_attribute" => {
            let regex = rng.chance(50);
            let values = if regex {
                rng.of(&[vec!["^/pay"], vec!["ol", "er$"], vec![".*"], vec!["^$"], vec!["(?i)GOLD|5[0-9]{2}"]]).clone()
            } else {
                rng.of(&[vec!["gold"], vec!["gold", "silver"], vec!["/pay", ""], vec!["503"]]).clone()
            };
            json!({"key": key, "values": values, "enabled_regex_matching": regex, "cache_max_size": 3, "invert_match": invert})
        }
        "trace_state" => {
            json!({"key": rng.of(&["vendor", "other", "a", "t@v"]), "values": rng.of(&[vec!["a"], vec!["b", "d"], vec!["1"]])})
        }
        "rate_limiting" => match rng.below(2) {
            0 => json!({"spans_per_second": 1 + rng.below(5)}),
            _ => json!({"spans_per_second": 1 + rng.below(5), "burst_capacity": 1 + rng.below(30)}),
        },
        "bytes_limiting" => match rng.below(2) {
            0 => json!({"bytes_per_second": 100 + rng.below(900)}),
            _ => json!({"bytes_per_second": 100 + rng.below(900), "burst_capacity": 200 + rng.below(3000)}),
        },
        "span_count" => {
            let min = rng.below(6);
            json!({"min_spans": min, "max_spans": if rng.chance(50) { min + rng.below(6) } else { 0 }})
        }
        "boolean_attribute" => json!({"key": key, "value": rng.chance(50), "invert_match": invert}),
        "ottl_condition" => {
            let event = rng.chance(30);
            let conditions: Vec<String> = (0..1 + rng.below(2)).map(|_| expression(rng, event, 2)).collect();
            json!({"error_mode": rng.of(&["ignore", "silent", "propagate"]), if event { "spanevent" } else { "span" }: conditions})
        }
        _ => return json!({"type": kind}),
    };
    json!({"type": kind, kind: block})
}

fn expression(rng: &mut Rng, event: bool, depth: u64) -> String {
    if depth > 0 && rng.chance(50) {
        let (left, right) = (expression(rng, event, depth - 1), expression(rng, event, depth - 1));
        return match rng.below(4) {
            0 => format!("{left} and {right}"),
            1 => format!("{left} or {right}"),
            2 => format!("not ({left} or {right})"),
            _ => format!("({left}) and not ({right})"),
        };
    }
    let key = *rng.of(&KEYS);
    let comparison = *rng.of(&["==", "!=", "<", "<=", ">", ">="]);
    let context = *rng.of(if event { &["spanevent", "span", "resource"] } else { &["span", "span", "resource"] });
    match rng.below(12) {
        0 => format!(
            r#"IsMatch({context}.attributes["{key}"], "{}")"#,
            rng.of(&["^/pay", "5", "^true$", r"\\d{3}", "^$"])
        ),
        1 => format!(r#"IsMatch(span.name, "{}")"#, rng.of(&["^GET", "charge|select"])),
        2 if event => (*rng.of(&["true", "false"])).to_owned(),
        2 => (*rng.of(&["true", "false", "IsRootSpan()", "not IsRootSpan()"])).to_owned(),
        3 => format!("span.status.code == {}", rng.of(&["STATUS_CODE_ERROR", "STATUS_CODE_UNSET", "1"])),
        4 => format!("span.kind {comparison} {}", rng.of(&["SPAN_KIND_SERVER", "SPAN_KIND_CLIENT", "4"])),
        5 => format!(r#"span.kind.string == "{}""#, rng.of(&["Client", "Server", "Unspecified"])),
        6 if event => format!(r#"spanevent.name {comparison} "exception""#),
        6 => format!(r#"span.name {comparison} "charge""#),
        7 => format!(r#"scope.name {comparison} "http""#),
        8 => format!(r#"span.trace_state {comparison} "vendor=a""#),
        9 => format!("span.start_time_unix_nano {comparison} span.end_time_unix_nano"),
        _ => {
            let literal =
                *rng.of(&[r#""gold""#, r#""/pay""#, "200", "0", "-7", "503.5", "0.5", "true", "false", "nil"]);
            format!(r#"{context}.attributes["{key}"] {comparison} {literal}"#)
        }
    }
}

/// Counts the types of policies, those inside of others too.
pub(crate) fn kinds(value: &Value, counts: &mut BTreeMap<String, u64>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(kind)) = fields.get("type") {
                *counts.entry(kind.clone()).or_default() += 1;
            }
            fields.values().for_each(|value| kinds(value, counts));
        }
        Value::Array(items) => items.iter().for_each(|item| kinds(item, counts)),
        _ => {}
    }
}

/// The name that `docs/sampling.md` gives to the difference by which this trace may be decided otherwise.
pub(crate) fn explanation(config: &Value, trace: &Trace) -> Option<&'static str> {
    let mut counts = BTreeMap::new();
    kinds(config, &mut counts);
    if !counts.contains_key("latency") {
        return None;
    }
    let set = |time: &u64| *time > 0;
    if trace.times.iter().any(|(start, end)| !set(start) || !set(end)) {
        return Some("times-not-set");
    }
    // The Collector measures while it goes over the spans, and keeps what was within the bounds on the way.
    let mut lengths = (1..=trace.times.len()).map(|count| {
        let so_far = trace.times.get(..count).unwrap_or_default();
        let (start, end) = (so_far.iter().map(|time| time.0).min(), so_far.iter().map(|time| time.1).max());
        start.zip(end).map(|(start, end)| i128::from(end) - i128::from(start))
    });
    let whole = lengths.next_back().flatten();
    lengths.any(|length| length != whole).then_some("latency-on-the-way")
}
