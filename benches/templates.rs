//! What a line costs in the template miner, beside what is commonly done.
//!
//! `cargo bench --bench templates`; items are lines. `miner` is one portion of 65,536 lines read by a new miner, as
//! `casefile inspect logs` does. `masks` replaces what six regexes find and counts the results in a table; `drain` is Drain's
//! tree (He et al., ICWS 2017: depth 4, similarity 0.4, at most 100 children), where a word with a digit is a value.

use std::collections::HashMap;

use casefile::templates::Miner;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use regex::Regex;

/// Lines of each run.
const LINES: usize = 1 << 16;

fn main() {
    divan::main();
}

/// Statements as services, kernels and schedulers write them; `{n}` is a number that changes, `{w}` a word that does.
const STATEMENTS: &[&str] = &[
    "Completed 200 OK in {n} ms for GET /api/v1/orders/{n}",
    "blockMap updated: 10.2.{n}.7:50010 is added to blk_-{n}4172017 size 67108864",
    "workerEnv.init() ok /etc/httpd/conf/workers{n}.properties",
    "pam_unix(sshd:auth): check pass; session {n} opened by (uid=0)",
    "Running task {n}.0 in stage 3.0 (TID {n}), memory_used=1024 MB, rdd_2_{n} found locally",
    "LAPIC (acpi_id[0x{n}] lapic_id[0x01] enabled), CPU{n} online",
    "ts=1762077600.{n} caller=retry.go:{n} msg=\"retrying request\" attempt={n} path=/api/v1/orders/{n} status=503",
    "worker {n} finished job 7d1f4c2e-9a1b-4f6e-8c31-5b0d{n}7aa: 12 rows, commit 9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "session closed for user {w}",
    "Failed password for {w} from 10.0.{n}.9 port {n} ssh2",
    "queue is empty",
    "Received disconnect from 10.1.2.{n}: 11: Bye Bye [preauth]",
];

fn lines() -> Vec<String> {
    const WORDS: &[&str] = &["anna", "bob", "carl", "dora", "emil", "fred", "gina", "hans", "inge", "jens"];
    let words = WORDS.iter().cycle();
    let numbered = (1000_u64..).zip(STATEMENTS.iter().cycle()).zip(words);
    let line = |((n, statement), word): ((u64, &&str), &&str)| {
        statement.replace("{n}", &(n.wrapping_mul(7919) % 9973).to_string()).replace("{w}", word)
    };
    numbered.take(LINES).map(line).collect()
}

#[divan::bench]
fn miner(bencher: Bencher) {
    let lines = lines();
    bencher.counter(ItemsCount::new(LINES)).bench(|| Miner::new().read(black_box(&lines).iter().map(String::as_str)));
}

/// Lines that differ in words, so that each has to be compared.
#[divan::bench]
fn miner_of_words_that_vary(bencher: Bencher) {
    let letters = |n: usize| n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'g')).collect::<String>();
    let lines: Vec<String> =
        (0..LINES).map(|n| format!("Accepted key for {} from 10.0.0.{n} port {n}", letters(n))).collect();
    bencher.counter(ItemsCount::new(LINES)).bench(|| Miner::new().read(black_box(&lines).iter().map(String::as_str)));
}

#[divan::bench]
fn masks(bencher: Bencher) {
    let masks = [
        r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        r"(/[\w.-]+)+",
        r"(\d{1,3}\.){3}\d{1,3}(:\d+)?",
        r"0x[0-9a-fA-F]+",
        r"\b[0-9a-f]{16,}\b",
        r"-?\d+(\.\d+)?",
    ]
    .map(|mask| Regex::new(mask).expect("the mask compiles"));
    let lines = lines();
    bencher.counter(ItemsCount::new(LINES)).bench(|| {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut found = Vec::with_capacity(LINES);
        for line in black_box(&lines) {
            let masked = masks.iter().fold(line.clone(), |text, mask| mask.replace_all(&text, "<*>").into_owned());
            let next = seen.len();
            found.push(*seen.entry(masked).or_insert(next));
        }
        found
    });
}

#[divan::bench]
fn drain(bencher: Bencher) {
    let lines = lines();
    bencher.counter(ItemsCount::new(LINES)).bench(|| {
        let mut drain = Drain::default();
        black_box(&lines).iter().map(|line| drain.add(line)).collect::<Vec<_>>()
    });
}

/// A group's words; none where its lines differ.
type Group<'l> = Vec<Option<&'l str>>;

/// Drain with the parameters of its paper.
#[derive(Default)]
struct Drain<'l> {
    /// By number of words and the first two of them.
    leaves: HashMap<(usize, [&'l str; 2]), Vec<usize>>,
    /// Words that have a branch of their own, by number of words.
    children: HashMap<usize, Vec<&'l str>>,
    groups: Vec<Group<'l>>,
}

impl<'l> Drain<'l> {
    fn add(&mut self, line: &'l str) -> usize {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let children = self.children.entry(words.len()).or_default();
        let branch = [0, 1].map(|at| {
            let word = words.get(at).copied().unwrap_or_default();
            let known = children.contains(&word);
            if word.bytes().any(|byte| byte.is_ascii_digit()) || (!known && children.len() >= 100) {
                return "<*>";
            }
            if !known {
                children.push(word);
            }
            word
        });
        let leaf = self.leaves.entry((words.len(), branch)).or_default();
        let alike = |group: &Group<'_>| group.iter().zip(&words).filter(|(a, b)| **a == Some(**b)).count();
        let best = leaf.iter().map(|index| (alike(&self.groups[*index]), *index)).max();
        match best {
            Some((same, index)) if same as f64 >= 0.4 * words.len() as f64 => {
                for (slot, word) in self.groups[index].iter_mut().zip(&words) {
                    *slot = slot.filter(|slot| slot == word);
                }
                index
            }
            _ => {
                let index = self.groups.len();
                self.groups.push(words.into_iter().map(Some).collect());
                leaf.push(index);
                index
            }
        }
    }
}
