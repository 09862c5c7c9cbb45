//! What the operator's files may be, and what becomes of a store that does not answer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const MAP: &[u8] = include_bytes!("testdata/checkout.min.js.map");

#[derive(Debug, Default, Clone)]
struct Files {
    files: BTreeMap<String, Vec<u8>>,
    is_down: bool,
    reads: Arc<AtomicUsize>,
}

impl SymbolFiles for Files {
    fn read(&self, name: &str, max_bytes: u64) -> Result<Option<Bytes>, ReadError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.is_down {
            return Err(ReadError::Unavailable("down".to_owned()));
        }
        match self.files.get(name) {
            Some(bytes) if bytes.len() as u64 > max_bytes => Err(ReadError::TooLarge),
            found => Ok(found.cloned().map(Bytes::from)),
        }
    }
}

fn files(files: &[(&str, &[u8])]) -> Files {
    let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
    Files { files: files.collect(), ..Files::default() }
}

const RELEASE: Release<'static> = Release { service: "shop", version: "3" };

fn look_up(symbols: &Symbols, file: &str) -> Result<Original, Unresolved> {
    symbols.of(RELEASE, 0).javascript(file, 1, 103, "c")
}

#[test]
fn names_are_made_of_plain_parts_alone() {
    let scripts = |file: &str| RELEASE.scripts(file);
    assert_eq!(scripts("https://cdn.example:8443/a/b.js?x=/y#z"), ["shop/3/a/b.js", "shop/3/b.js"]);
    assert_eq!(scripts("b.js"), ["shop/3/b.js"]);
    assert_eq!(scripts(r"C:\srv\b.js"), ["shop/3/b.js"]);
    assert_eq!(scripts("https://cdn.example/../../etc/b.js"), ["shop/3/b.js"]);
    assert_eq!(scripts("https://cdn.example/.."), [""; 0]);
    assert_eq!(scripts("https://cdn.example/%2e%2e/a b.js"), [""; 0]);
    for service in ["", "..", "a/b", "a b", ".build-id", "ä", &"x".repeat(200)] {
        assert_eq!(Release { service, version: "3" }.scripts("b.js"), [""; 0], "{service}");
        assert_eq!(Release { service, version: "3" }.mapping(), None, "{service}");
    }
    assert_eq!(
        RELEASE.modules("/usr/lib/libshop.so", Some("AB12cd")),
        [".build-id/ab/12cd.debug", "shop/3/libshop.so.debug", "shop/3/libshop.so"]
    );
    assert_eq!(Release { service: "", version: "" }.modules("x", Some("../..")), [""; 0]);
}

#[test]
fn a_file_that_is_absent_is_asked_for_once() {
    let (found, absent) = (files(&[("shop/3/a.js.map", MAP)]), "shop/3/b.js.map".to_owned());
    let reads = Arc::clone(&found.reads);
    let symbols = Symbols::new(Box::new(found), 64 << 20);
    for _ in 0..3 {
        assert_eq!(look_up(&symbols, "a.js").unwrap().line, Some(14));
        assert_eq!(look_up(&symbols, "b.js"), Err(Unresolved::Absent(absent.clone())));
    }
    assert_eq!(reads.load(Ordering::Relaxed), 3, "the map, its script, and what is not there");
}

#[test]
fn a_store_that_does_not_answer_is_left_alone() {
    let down = Files { is_down: true, ..Files::default() };
    let reads = Arc::clone(&down.reads);
    let symbols = Symbols::new(Box::new(down), 64 << 20);
    for n in 0..20 {
        assert_eq!(look_up(&symbols, &format!("{n}.js")), Err(Unresolved::Unavailable));
    }
    assert_eq!(reads.load(Ordering::Relaxed), 1);
}

#[test]
fn one_failure_reads_so_many_files_and_no_more() {
    let none = Files::default();
    let reads = Arc::clone(&none.reads);
    let symbols = Symbols::new(Box::new(none), 64 << 20);
    let mut lookup = symbols.of(RELEASE, 0);
    let found: Vec<_> = (0..100).map(|n| lookup.javascript(&format!("{n}.js"), 1, 1, "")).collect();
    assert_eq!(reads.load(Ordering::Relaxed), MAX_READS);
    assert_eq!(found[99], Err(Unresolved::TooMany));
    assert!(
        matches!(symbols.of(RELEASE, 0).javascript("99.js", 1, 1, ""), Err(Unresolved::Absent(_))),
        "the next asks again"
    );
}

#[test]
fn a_map_that_would_fill_the_memory_is_not_read() {
    // Small as a file, and sixty times that in memory.
    let names = format!(r#"{{"version":3,"sources":["a"],"names":[{}""],"mappings":""}}"#, r#""","#.repeat(400_000));
    let mappings = format!(r#"{{"version":3,"sources":["a"],"names":[],"mappings":"{}"}}"#, "AAAA,".repeat(400_000));
    for hostile in [names, mappings] {
        let symbols = Symbols::new(Box::new(files(&[("shop/3/a.js.map", hostile.as_bytes())])), 16 << 20);
        assert_eq!(look_up(&symbols, "a.js"), Err(Unresolved::TooLarge("shop/3/a.js.map".to_owned())));
    }
}

#[test]
fn files_that_are_no_symbols_are_said_to_be_unreadable() {
    let deep = "[".repeat(100_000);
    let cut = &MAP[..MAP.len() / 2];
    for bytes in [
        b"".as_slice(),
        b"<html>404</html>",
        deep.as_bytes(),
        cut,
        br#"{"version":3,"sources":[],"names":[],"mappings":"AAgggggggggggggggggA"}"#,
    ] {
        let all = [("shop/3/a.js.map", bytes), ("shop/3/mapping.txt", bytes), ("shop/3/a.so.debug", bytes)];
        let symbols = Symbols::new(Box::new(files(&all)), 64 << 20);
        assert!(matches!(look_up(&symbols, "a.js"), Err(Unresolved::Unreadable(_))), "{bytes:?}");
        let mut lookup = symbols.of(RELEASE, 0);
        assert!(matches!(lookup.native("a.so", None, 1), Err(Unresolved::Unreadable(_))));
        assert!(matches!(lookup.class("a.b"), Err(Unresolved::Unreadable(_))));
    }
}

#[test]
fn a_place_that_the_map_does_not_know_is_told() {
    let symbols = Symbols::new(Box::new(files(&[("shop/3/a.js.map", MAP)])), 64 << 20);
    let mut lookup = symbols.of(RELEASE, 0);
    for (line, column) in [(0, 0), (1, 0), (0, 1), (99, 1), (u32::MAX, u32::MAX)] {
        let found = lookup.javascript("a.js", line, column, "c");
        assert_eq!(found, Err(Unresolved::Unknown("shop/3/a.js.map".to_owned())), "{line}:{column}");
    }
}
