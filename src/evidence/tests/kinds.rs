//! Many failures of few kinds: each kind is one incident, whatever varies between its failures.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{assemble, failed, id, log, log_request, records, resource, span, span_request, text, thrown};
use crate::model::{Record, Signal};
use opentelemetry_proto::tonic::trace::v1::Status;

/// Failures of each kind.
const EACH: u64 = 500;

/// What varies between failures of one kind.
struct Varied(u64);

impl Varied {
    /// The output step of `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn number(&mut self, below: u64) -> u64 {
        self.next() % below
    }

    fn word(&mut self) -> String {
        let letters = self.next().to_be_bytes();
        letters.iter().map(|letter| char::from(b'a' + letter % 26)).collect()
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        let (head, tail) = (a >> 32, b & 0xffff_ffff_ffff);
        format!("{head:08x}-{:04x}-{:04x}-{:04x}-{tail:012x}", a >> 16 & 0xffff, a & 0xffff, b >> 48)
    }

    fn hex(&mut self) -> String {
        format!("{:016x}", self.next())
    }

    fn time(&mut self) -> String {
        format!(
            "2025-{:02}-{:02}T{:02}:{:02}:07.{:03}Z",
            self.number(12) + 1,
            self.number(28) + 1,
            self.number(24),
            self.number(60),
            self.number(1000)
        )
    }

    fn path(&mut self) -> String {
        format!("/var/{}/{}/{}.csv", self.word(), self.number(10_000), self.word())
    }
}

/// A traceback through `places` (file, function), outermost first, below as much of the framework as it happens to be.
fn traceback(varied: &mut Varied, places: &[(&str, &str)], last: &str) -> String {
    let mut text = "Traceback (most recent call last):\n".to_owned();
    for _ in 0..varied.number(3) {
        text +=
            "  File \"/usr/lib/python3/dist-packages/flask/app.py\", line 902, in dispatch_request\n    return f()\n";
    }
    for (file, function) in places {
        let line = varied.number(2) + 17;
        text += &format!("  File \"/srv/{file}\", line {line}, in {function}\n    x = {function}(y)\n");
    }
    text + last
}

/// A failed span with an exception, below a server span of another name.
fn crash(
    varied: &mut Varied,
    service: &str,
    name: &str,
    kind: &str,
    message: &str,
    places: &[(&str, &str)],
) -> Vec<Record> {
    let stack = traceback(varied, places, &format!("{kind}: {message}\n"));
    let at = varied.number(50);
    let spans = vec![
        failed(span(1, 0, &format!("GET /v1/{}", varied.number(9)), 0, 100)),
        thrown(failed(span(2, 1, name, 10, 90)), 20 + at, kind, message, &stack),
    ];
    let noise = log(2, 5, 9, &format!("worker {} took {}", varied.number(64), varied.uuid()));
    let mut all = records(Signal::Traces, span_request(resource(service), spans));
    all.extend(records(Signal::Logs, log_request(resource(service), vec![noise])));
    all
}

/// A span that failed with a status message and without an exception.
fn refused(service: &str, name: &str, message: &str) -> Vec<Record> {
    let mut spans = vec![span(1, 0, "POST /orders", 0, 100), span(2, 1, name, 10, 90)];
    for span in &mut spans[1..] {
        span.status = Some(Status { message: message.to_owned(), code: 2 });
    }
    records(Signal::Traces, span_request(resource(service), spans))
}

/// An error that was only logged.
fn logged(service: &str, message: &str) -> Vec<Record> {
    let mut record = log(0, 30, 17, message);
    record.span_id = id(0);
    record.attributes.push(text("thread.name", "main"));
    records(Signal::Logs, log_request(resource(service), vec![record]))
}

/// A failure of the kind of this number.
fn failure(kind: u64, varied: &mut Varied) -> Vec<Record> {
    let (n, m) = (varied.number(1_000_000), varied.number(900) + 1);
    let (word, uuid, hex, time, path) = (varied.word(), varied.uuid(), varied.hex(), varied.time(), varied.path());
    let report = [("app/report.py", "report"), ("app/parse.py", "parse")];
    let load = [("app/report.py", "report"), ("app/load.py", "load")];
    match kind {
        0 => crash(
            varied,
            "checkout",
            "report.parse",
            "ValueError",
            &format!("time data '{time}' does not match"),
            &report,
        ),
        // Another type at the same place.
        1 => crash(varied, "checkout", "report.parse", "TypeError", &format!("expected str, got {n}"), &report),
        // The same type at another place.
        2 => crash(varied, "checkout", "report.load", "ValueError", &format!("no rows for {uuid}"), &load),
        // The same in another service.
        3 => crash(
            varied,
            "billing",
            "report.parse",
            "ValueError",
            &format!("time data '{time}' does not match"),
            &report,
        ),
        4 => crash(varied, "checkout", "cache.get", "KeyError", &format!("'{word}'"), &[("app/cache.py", "get")]),
        5 => crash(varied, "checkout", "cache.put", "KeyError", &format!("'{word}'"), &[("app/cache.py", "put")]),
        6 => crash(
            varied,
            "files",
            "open",
            "FileNotFoundError",
            &format!("[Errno 2] No such file: '{path}'"),
            &[("app/io.py", "read")],
        ),
        7 => crash(
            varied,
            "files",
            "open",
            "PermissionError",
            &format!("[Errno 13] denied: '{path}'"),
            &[("app/io.py", "read")],
        ),
        8 => crash(varied, "orders", "total", "ZeroDivisionError", "division by zero", &[("app/sum.py", "mean")]),
        // A recursion of any depth.
        9 => {
            let depth = usize::try_from(varied.number(20) + 2).unwrap();
            let places = vec![("app/tree.py", "walk"); depth];
            crash(varied, "orders", "tree", "RecursionError", "maximum recursion depth exceeded", &places)
        }
        10 => refused("orders", "reserve", &format!("item {n} is out of stock at warehouse {m}")),
        11 => refused("orders", "reserve", &format!("item {n} is unknown")),
        12 => refused("orders", "pay", &format!("card declined by issuer: code {m}, request {uuid}")),
        13 => refused("payments", "pay", &format!("timeout after {m} ms calling https://bank.example/{word}/{n}")),
        14 => refused("payments", "settle", &format!("connection to 10.{}.{}.7:5432 refused", m % 250, n % 250)),
        15 => refused("search", "query", &format!("shard [{m}] failed at {time}: node {hex}")),
        16 => logged("mailer", &format!("could not deliver to {word}@{word}.example after {m} attempts")),
        17 => logged("mailer", &format!("template \"{word}\" has no field \"{uuid}\"")),
        18 => logged("mailer", &format!("queue at {path} is corrupt at offset 0x{hex}")),
        _ => logged("cron", &format!("job {uuid} overran: {m}.{n} s")),
    }
}

/// Bar: 10,000 failures of 20 kinds, mixed, are 20 incidents.
#[test]
fn ten_thousand_failures_of_twenty_kinds_are_twenty_incidents() {
    let mut varied = Varied(7);
    let mut incidents: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for number in 0..20 * EACH {
        let kind = number % 20;
        let incident = assemble(failure(kind, &mut varied)).0.bundle.incident;
        incidents.entry(incident.id).or_default().insert(kind);
    }
    assert_eq!(incidents.len(), 20, "{incidents:?}");
    assert!(incidents.values().all(|kinds| kinds.len() == 1), "{incidents:?}");
}
