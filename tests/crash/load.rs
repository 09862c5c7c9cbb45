//! A load that a test knows by heart: which records there are, which of them were acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::support::http;

/// Spans and logs of one trace.
const SPANS: u64 = 3;
const LOGS: u64 = 2;
/// Records of one trace.
pub(crate) const RECORDS: usize = (SPANS + LOGS) as usize;
/// One trace in so many fails.
const FAILS: u64 = 3;
/// Traces whose records are on their way at the same time.
const INTERLEAVED: usize = 8;

/// Knuth's MMIX generator: the same sequence for the same seed.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A request of one record each, of one trace.
#[derive(Debug, Clone)]
struct Piece {
    trace: u64,
    signal: &'static str,
    request: Value,
}

/// What clients have sent and were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Records acknowledged, by trace.
    pub(crate) acknowledged: BTreeMap<u64, usize>,
    /// Requests that got no answer, or one that asks to come again.
    pub(crate) sent_again: u64,
}

/// Clients that send traces until they are told to finish, and every record until it is acknowledged.
#[derive(Debug)]
pub(crate) struct Load {
    told: Arc<Mutex<Told>>,
    finish: Arc<AtomicBool>,
    client: JoinHandle<()>,
}

impl Load {
    /// Starts to send to this port, which need not be served yet.
    pub(crate) fn start(port: u16, seed: u64) -> Self {
        let (told, finish) = (Arc::<Mutex<Told>>::default(), Arc::<AtomicBool>::default());
        let (says, ends) = (Arc::clone(&told), Arc::clone(&finish));
        let client = std::thread::spawn(move || send_all(port, &mut Dice(seed), &says, &ends));
        Self { told, finish, client }
    }

    /// Waits until everything that was begun is acknowledged.
    pub(crate) fn finish(self) -> Told {
        self.finish.store(true, Ordering::Release);
        self.client.join().unwrap();
        Arc::into_inner(self.told).unwrap().into_inner()
    }
}

fn send_all(port: u16, dice: &mut Dice, told: &Mutex<Told>, finish: &AtomicBool) {
    let mut open: VecDeque<Vec<Piece>> = VecDeque::new();
    let mut next = 0;
    loop {
        while open.len() < INTERLEAVED && !finish.load(Ordering::Acquire) {
            open.push_back(pieces(next, dice));
            next += 1;
        }
        let Some(mut trace) = open.pop_front() else { return };
        if let Some(piece) = trace.pop() {
            send(port, &piece, told);
        }
        if !trace.is_empty() {
            let place = dice.roll(INTERLEAVED as u64) as usize;
            open.insert(place.min(open.len()), trace);
        }
    }
}

/// Sends a piece until it is acknowledged, as a client does.
fn send(port: u16, piece: &Piece, told: &Mutex<Told>) {
    let body = serde_json::to_vec(&piece.request).unwrap();
    loop {
        let answer = http::post_json(port, &format!("/v1/{}", piece.signal), &body);
        if answer.is_ok_and(|answer| answer.status == 200) {
            *told.lock().acknowledged.entry(piece.trace).or_default() += 1;
            return;
        }
        told.lock().sent_again += 1;
        sleep(Duration::from_millis(5));
    }
}

/// Whether a trace fails.
pub(crate) fn fails(trace: u64) -> bool {
    trace.is_multiple_of(FAILS)
}

/// The id of a trace, as it stands in names.
pub(crate) fn trace_id(trace: u64) -> String {
    format!("{:032x}", u128::from(trace + 1) << 64 | 0xcafe)
}

/// The records of a trace, in an order of their own.
fn pieces(trace: u64, dice: &mut Dice) -> Vec<Piece> {
    let span = |number: u64| format!("{:016x}", (trace + 1) << 8 | number);
    let spans = (0..SPANS).map(|number| {
        let status = if fails(trace) && number == SPANS - 1 { json!({"code": 2, "message": "refused"}) } else { json!({}) };
        let parent = if number == 0 { String::new() } else { span(number - 1) };
        let request = json!({"resourceSpans": [{"resource": resource(), "scopeSpans": [{"spans": [{
            "traceId": trace_id(trace), "spanId": span(number), "parentSpanId": parent, "name": format!("step {number}"),
            "startTimeUnixNano": (1_751_371_380_000_000_000 + trace * 1000 + number).to_string(),
            "endTimeUnixNano": (1_751_371_380_100_000_000 + trace * 1000 - number).to_string(),
            "status": status,
        }]}]}]});
        Piece { trace, signal: "traces", request }
    });
    let logs = (0..LOGS).map(|number| {
        let request = json!({"resourceLogs": [{"resource": resource(), "scopeLogs": [{"logRecords": [{
            "traceId": trace_id(trace), "spanId": span(number), "severityNumber": 9,
            "timeUnixNano": (1_751_371_380_000_000_500 + trace * 1000 + number).to_string(),
            "body": {"stringValue": format!("line {number}")},
        }]}]}]});
        Piece { trace, signal: "logs", request }
    });
    let mut pieces: Vec<_> = spans.chain(logs).collect();
    for last in (1..pieces.len()).rev() {
        pieces.swap(last, dice.roll(last as u64 + 1) as usize);
    }
    pieces
}

fn resource() -> Value {
    json!({"attributes": [{"key": "service.name", "value": {"stringValue": "checkout"}}]})
}
