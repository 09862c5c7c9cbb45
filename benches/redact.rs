//! What a byte of text costs in the redactor: ordinary logs, bundles' worth of evidence, and inputs made to be slow.
//!
//! `cargo bench --bench redact`; items are bytes. The baseline runs six plain regexes one after another over the same text.

use casefile::config::RedactionProcessor;
use casefile::model::RootKey;
use casefile::redact::{Redactor, TextKind};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use regex::Regex;

/// Bytes of each text.
const SIZE: usize = 256 << 10;

fn main() {
    divan::main();
}

fn redactor() -> Redactor {
    let root = RootKey::parse(&"5a".repeat(32)).expect("a key of 32 bytes");
    Redactor::compile(&RedactionProcessor::default(), "default", &root).expect("the default rules compile")
}

/// Lines as services, kernels and schedulers write them; `{n}` is a number that changes.
const LINES: &[&str] = &[
    "2026-11-02T10:00:{n}.123Z INFO  [http-nio-8080-exec-{n}] o.s.w.s.DispatcherServlet : Completed 200 OK in {n} ms",
    "BLOCK* NameSystem.addStoredBlock: blockMap updated: block blk_{n}41720 is added to storage size 67108864",
    "[notice] workerEnv.init() ok /etc/httpd/conf/workers{n}.properties",
    "pam_unix(sshd:auth): check pass; session {n} opened by (uid=0)",
    "Running task {n}.0 in stage 3.0 (TID {n}), memory_used=1024 MB, rdd_2_{n} found locally",
    "kernel: ACPI: LAPIC (acpi_id[0x{n}] lapic_id[0x01] enabled), CPU{n} online",
    "level=warn ts=1762077600.{n} caller=retry.go:{n} msg=\"retrying request\" attempt={n} path=/api/v1/orders/{n} status=503",
    "worker {n} finished job 7d1f4c2e-9a1b-4f6e-8c31-5b0d{n}7aa: 12 rows, commit 9f8e7d6c5b4a39281706f5e4d3c2b1a0{n}",
];

fn ordinary() -> String {
    fill((1000..).zip(LINES.iter().cycle()).map(|(n, line)| line.replace("{n}", &n.to_string()) + "\n"))
}

/// As [`ordinary`], with something to hide on every eighth line.
fn with_entities() -> String {
    const ENTITIES: &[&str] = &[
        "user alice{n}@example.com logged in from 10.1.2.{n}",
        "POST /v1/pay?card=4111111111111111&email=bob%40example.com",
        "Authorization: Bearer abcdef0123456789abcdef{n}",
        "connecting to postgres://app:hunter{n}@db.example:5432/shop",
    ];
    let hidden = LINES.iter().take(7).chain(&ENTITIES[..1]).chain(LINES.iter().take(7)).chain(&ENTITIES[1..]);
    fill((100..).zip(hidden.cycle()).map(|(n, line)| line.replace("{n}", &(n % 256).to_string()) + "\n"))
}

fn fill(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::with_capacity(SIZE + 256);
    for line in lines {
        if text.len() >= SIZE {
            break;
        }
        text.push_str(&line);
    }
    text
}

/// Texts that anchor every detector as often as they can, and end where it must look furthest.
const WORST: &[(&str, &str)] = &[
    ("at signs", "a@"),
    ("digits", "4111 "),
    ("one digit run", "4"),
    ("percent", "%25"),
    ("backslashes", "\\\\u005c"),
    ("base64", "YWxpY2VAZXhhbXBsZS5jb20"),
    ("password", "password"),
    ("pem", "-----BEGIN "),
    ("colons", "a:b:"),
    ("hex and dots", "1.f:"),
    ("jwt", "eyJ"),
    ("bearer", "bearer "),
    ("plus signs", "+1-"),
    ("quotes", "'\""),
    ("one letter", "a"),
    ("base64 of letters", "QUFB"),
    ("marks of keys", "sk-"),
    ("queries", "SELECT "),
    ("updates", "update a set b="),
    ("commands of stores", "redis "),
    ("names", "first_name="),
    ("names in sentences", "first_name: A "),
    ("names in braces", "user:a {"),
    ("parts of queries", "\"filter\": {"),
    ("tokens without digits", ":“token"),
    ("rows in quotes", "``values ('"),
    ("errors of databases", "Failing row contains ("),
    ("commands and colons", "DETAIL:  = redis SET "),
];

#[divan::bench(sample_count = 20)]
fn ordinary_logs(bencher: Bencher<'_, '_>) {
    message(bencher, ordinary());
}

#[divan::bench(sample_count = 20)]
fn logs_with_entities(bencher: Bencher<'_, '_>) {
    message(bencher, with_entities());
}

#[divan::bench(sample_count = 20)]
fn lines_of_ordinary_logs(bencher: Bencher<'_, '_>) {
    let redactor = redactor();
    let text = ordinary();
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        for line in text.lines() {
            black_box(redactor.inspect(TextKind::Message, black_box(line)).is_ok());
        }
    });
}

#[divan::bench(args = WORST.iter().map(|(name, _)| *name), sample_count = 3, sample_size = 1)]
fn worst_case(bencher: Bencher<'_, '_>, name: &str) {
    let (_, unit) = WORST.iter().find(|(known, _)| *known == name).expect("a name of the table");
    message(bencher, fill(std::iter::repeat_with(|| (*unit).to_owned())));
}

#[divan::bench(sample_count = 20)]
fn baseline_regexes_in_turn(bencher: Bencher<'_, '_>) {
    let patterns: Vec<Regex> = [
        r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
        r"\b(?:\d[ -]?){13,19}\b",
        r"\b\d{3}-\d{2}-\d{4}\b",
        r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
        r"\+?\d{1,3}[ -]?\(?\d{2,4}\)?[ -]?\d{3,4}[ -]?\d{3,4}",
        r"(?i)(?:password|secret|token)\s*[:=]\s*\S+",
    ]
    .iter()
    .map(|pattern| Regex::new(pattern).expect("a constant pattern"))
    .collect();
    let text = ordinary();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| patterns.iter().map(|pattern| pattern.find_iter(black_box(&text)).count()).sum::<usize>());
}

fn message(bencher: Bencher<'_, '_>, text: String) {
    let redactor = redactor();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| black_box(redactor.inspect(TextKind::Message, black_box(&text)).is_ok()));
}
