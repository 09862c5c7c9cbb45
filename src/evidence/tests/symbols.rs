//! Minified, obfuscated and stripped stacks that real runtimes wrote, read with the symbols that real tools made.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::files::{file, file_of};
use super::world::*;
use crate::model::{Bundle, Frame, Signal};
use crate::symbols::{ReadError, SymbolFiles, Symbols};

const MINIFIED: &str = "TypeError: no price for chair
    at c (https://shop.example/assets/checkout.min.js?v=3:1:103)
    at https://shop.example/assets/checkout.min.js?v=3:1:46
    at Array.reduce (<anonymous>)
    at e (https://shop.example/assets/checkout.min.js?v=3:1:30)
    at t.submit (https://shop.example/assets/checkout.min.js?v=3:1:229)
    at a (https://shop.example/assets/checkout.min.js?v=3:1:325)
    at https://shop.example/assets/checkout.min.js?v=3:1:338
    at Object.<anonymous> (https://shop.example/assets/other.min.js:1:376)";

const OBFUSCATED: &str = "shop.orders.a: cannot place the order of 2
\tat shop.orders.b.a(SourceFile:14)
\tat shop.orders.Main.main(SourceFile:6)
Caused by: java.lang.IllegalStateException: no price of chair
\tat shop.orders.c.a(SourceFile:1012)
\tat shop.orders.b.a(SourceFile:12)
\t... 1 more";

const MAP: &[u8] = include_bytes!("../../symbols/testdata/checkout.min.js.map");
const SCRIPT: &[u8] = include_bytes!("../../symbols/testdata/checkout.min.js");
const MAPPING: &[u8] = include_bytes!("../../symbols/testdata/orders.mapping.txt");

#[derive(Debug)]
struct Files(BTreeMap<String, Vec<u8>>);

impl SymbolFiles for Files {
    fn read(&self, name: &str, _: u64) -> Result<Option<Bytes>, ReadError> {
        Ok(self.0.get(name).cloned().map(Bytes::from))
    }
}

fn symbols(files: &[(&str, &[u8])]) -> Arc<Symbols> {
    let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
    Arc::new(Symbols::new(Box::new(Files(files.collect())), 64 << 20))
}

fn of_release(language: &str, version: &str) -> Resource {
    let mut attributes = vec![text("service.name", "shop"), text("telemetry.sdk.language", language)];
    attributes.extend((!version.is_empty()).then(|| text("service.version", version)));
    Resource { attributes, ..Resource::default() }
}

/// The bundle of a span that threw.
fn failure(symbols: Option<Arc<Symbols>>, resource: Resource, kind: &str, message: &str, stack: &str) -> Bundle {
    let span = thrown(failed(span(1, 0, "GET /cart", 0, 50)), 20, kind, message, stack);
    assemble_by(&assembler_with(symbols), records(Signal::Traces, span_request(resource, vec![span]))).0.bundle
}

fn minified(symbols: Option<Arc<Symbols>>, version: &str) -> Bundle {
    failure(symbols, of_release("webjs", version), "TypeError", "no price for chair", MINIFIED)
}

fn places(frames: &[Frame]) -> Vec<(String, u32, String)> {
    let line = |frame: &Frame| frame.line.unwrap_or_default();
    frames.iter().map(|frame| (frame.file.clone().unwrap_or_default(), line(frame), frame.func.clone())).collect()
}

fn place(file: &str, line: u32, func: &str) -> (String, u32, String) {
    (file.to_owned(), line, func.to_owned())
}

/// What is said to be missing of frames.
fn missing(bundle: &Bundle) -> Vec<&str> {
    bundle.completeness.missing.iter().filter_map(|text| text.strip_prefix("exception.frames: ")).collect()
}

#[test]
fn frames_of_a_minified_bundle_show_the_source_that_its_map_tells() {
    let symbols = symbols(&[("shop/3/assets/checkout.min.js.map", MAP), ("shop/3/assets/checkout.min.js", SCRIPT)]);
    let bundle = minified(Some(symbols), "3");
    let exception = bundle.exception.as_ref().unwrap();
    let other = "https://shop.example/assets/other.min.js";
    assert_eq!(
        places(&exception.frames),
        [
            place("../src/cart.ts", 14, "priceOf"),
            place("../src/cart.ts", 8, ""),
            place("<anonymous>", 0, "Array.reduce"),
            place("../src/cart.ts", 8, "totalOf"),
            place("../src/checkout.ts", 7, "t.submit"),
            place("../src/checkout.ts", 15, "run"),
            place("../src/checkout.ts", 19, ""),
            place(other, 1, "Object.<anonymous>"),
        ]
    );
    let thrown = &exception.frames[0];
    assert_eq!(thrown.context.as_deref(), Some("    throw new TypeError(`no price for ${item.name}`);"));
    assert_eq!(thrown.pre_context.last().map(String::as_str), Some("  if (item.price === null) {"));
    assert_eq!(thrown.post_context.first().map(String::as_str), Some("  }"));
    assert!(thrown.in_app && thrown.column == Some(11));
    assert_eq!(exception.stacktrace.as_deref(), Some(MINIFIED), "the text stays as it was");
    assert_eq!(missing(&bundle), ["1 are shown as recorded: the symbols have no `shop/3/other.min.js.map`"]);
}

#[test]
fn without_symbols_frames_are_as_recorded_and_without_a_version_it_is_said_why() {
    let plain = minified(None, "3");
    assert_eq!(missing(&plain), [""; 0]);
    let unversioned = minified(Some(symbols(&[("shop/3/checkout.min.js.map", MAP)])), "");
    assert_eq!(plain.exception, unversioned.exception);
    let [why] = missing(&unversioned)[..] else { panic!("{:?}", unversioned.completeness) };
    assert!(why.starts_with("7 are shown as recorded: ") && why.contains("service.version"), "{why}");
}

#[test]
fn a_map_without_its_script_leaves_functions_their_names_and_says_so() {
    let bundle = minified(Some(symbols(&[("shop/3/checkout.min.js.map", MAP)])), "3");
    let exception = bundle.exception.as_ref().unwrap();
    assert_eq!(places(&exception.frames)[0], place("../src/cart.ts", 14, "c"), "no name is guessed");
    assert!(missing(&bundle)[0].contains("(shop/3/checkout.min.js)"), "{:?}", missing(&bundle));
}

#[test]
fn releases_that_differ_in_their_minified_names_alone_are_one_incident() {
    let id = |bundle: Bundle| bundle.incident.id;
    let both = || {
        symbols(&[
            ("shop/3/checkout.min.js.map", MAP),
            ("shop/3/checkout.min.js", SCRIPT),
            ("shop/4/checkout.min.js.map", MAP),
            ("shop/4/checkout.min.js", SCRIPT),
        ])
    };
    assert_eq!(id(minified(Some(both()), "3")), id(minified(Some(both()), "4")));
    assert_ne!(id(minified(Some(both()), "3")), id(minified(None, "3")), "what was minified tells nothing");
}

#[test]
fn frames_and_classes_of_an_obfuscated_program_have_their_names_back() {
    let failed_with = |files: &[(&str, &[u8])]| {
        let resource = of_release("java", "1.4.2");
        failure(Some(symbols(files)), resource, "shop.orders.a", "cannot place the order of 2", OBFUSCATED)
    };
    let bundle = failed_with(&[("shop/1.4.2/mapping.txt", MAPPING)]);
    let exception = bundle.exception.as_ref().unwrap();
    assert_eq!(exception.kind.as_deref(), Some("shop.orders.OrderException"));
    assert_eq!(
        places(&exception.frames),
        [
            place("OrderService.java", 14, "shop.orders.OrderService.place"),
            place("Main.java", 6, "shop.orders.Main.main")
        ]
    );
    assert_eq!(exception.frames[0].module.as_deref(), Some("shop.orders.OrderService"));
    let [cause] = exception.causes.as_slice() else { panic!("{:?}", exception.causes) };
    assert_eq!(
        places(&cause.frames),
        [
            place("PriceList.java", 12, "shop.orders.PriceList.missing"),
            place("PriceList.java", 6, "shop.orders.PriceList.priceOf"),
            place("OrderService.java", 12, "shop.orders.OrderService.place"),
        ],
        "what was inlined is a frame again"
    );
    assert_eq!(missing(&bundle), [""; 0]);
    assert!(bundle.trace.span_path[0].events.is_empty(), "the event says what `exception` does, by another name");

    let without = failed_with(&[]);
    assert_eq!(missing(&without), ["4 are shown as recorded: the symbols have no `shop/1.4.2/mapping.txt`"]);
}

#[test]
fn a_java_program_that_is_not_obfuscated_needs_no_mapping() {
    let stack = "java.lang.IllegalStateException: no\n\tat shop.Cart.total(Cart.java:12)";
    let resource = of_release("java", "1.4.2");
    let bundle = failure(Some(symbols(&[])), resource, "java.lang.IllegalStateException", "no", stack);
    assert_eq!(missing(&bundle), [""; 0]);
}

const PROGRAM: &str = r#"
#include <execinfo.h>
#include <unistd.h>

static void report(void) {
    void *calls[32];
    int count = backtrace(calls, 32);
    backtrace_symbols_fd(calls, count, STDERR_FILENO);
}

static inline __attribute__((always_inline)) int divide(int total, int count) {
    if (count == 0)
        report();
    return count ? total / count : 0;
}

static __attribute__((noinline)) int average(int total, int count) {
    return divide(total, count) + 1;
}

int main(int argc, char **argv) {
    (void)argv;
    return average(argc, argc - 1);
}
"#;

/// Compiles [`PROGRAM`] and runs it; answers the stack that it writes, and the file with its symbols.
fn native(folder: &Path, flags: &[&str]) -> (String, Vec<u8>) {
    std::fs::write(folder.join("average.c"), PROGRAM).unwrap();
    let program = folder.join("average");
    let mut compiler = Command::new("cc");
    compiler.args(["-g", "-O1"]).args(flags).arg("average.c").arg("-o").arg(&program).current_dir(folder);
    assert!(compiler.status().unwrap().success());
    let ran = Command::new(&program).output().unwrap();
    (String::from_utf8(ran.stderr).unwrap(), std::fs::read(&program).unwrap())
}

#[test]
fn addresses_in_a_native_module_become_the_lines_that_were_compiled() {
    for flags in [&["-gz=none"][..], &["-gz=zlib"]] {
        let folder = tempfile::tempdir().unwrap();
        let (stack, debug) = native(folder.path(), flags);
        let files = [("shop/7/average.debug", debug.as_slice())];
        let bundle = failure(Some(symbols(&files)), of_release("cpp", "7"), "SIGFPE", "", &stack);
        let frames = &bundle.exception.as_ref().unwrap().frames;
        let own: Vec<_> = frames.iter().filter(|frame| frame.file.is_some()).collect();
        let told: Vec<_> = own.iter().map(|frame| (&*frame.func, frame.line)).collect();
        let expected = [("report", Some(7)), ("divide", Some(13)), ("average", Some(18)), ("main", Some(23))];
        assert_eq!(told, expected, "{stack}\n{frames:?}");
        assert!(own.iter().all(|frame| frame.file.as_deref().is_some_and(|file| file.ends_with("average.c"))));
        // Of the C library there are no symbols.
        assert!(missing(&bundle).iter().any(|why| why.contains("libc.so")), "{:?}", missing(&bundle));
    }
}

#[test]
fn a_build_id_finds_the_symbols_whatever_the_release() {
    let folder = tempfile::tempdir().unwrap();
    let (stack, debug) = native(folder.path(), &["-Wl,--build-id=0xabcdef0123456789"]);
    let offset = |line: &str| line.split_once("(+0x").and_then(|(_, rest)| rest.split_once(')')).unwrap().0.to_owned();
    let innermost = offset(stack.lines().next().unwrap());
    let report = format!(
        "==1==ERROR: AddressSanitizer: SEGV on unknown address 0x0 (pc 0x1 bp 0x2 sp 0x3 T0)\n    #0 0x55d0c2a1 in report (/app/average+0x{innermost}) (BuildId: abcdef0123456789)\n"
    );
    let files = [(".build-id/ab/cdef0123456789.debug", debug.as_slice())];
    let bundle = failure(Some(symbols(&files)), of_release("cpp", ""), "SEGV", "", &report);
    let frames = &bundle.exception.as_ref().unwrap().frames;
    assert_eq!((&*frames[0].func, frames[0].line.is_some()), ("report", true), "{frames:?}");
    // The same as a file, beside a failure of which nothing else is known: a build id is of no release.
    let all = [spans(vec![failed(span(1, 0, "average", 0, 9))]), file("asan.txt", "race", &report)].concat();
    let beside = assemble_by(&assembler_with(Some(symbols(&files))), all).0.bundle;
    let attached = &beside.attachments[0].stacks[0].exception.frames[0];
    assert_eq!((&*attached.func, attached.line), (&*frames[0].func, frames[0].line));
}

const THREADS: &str = "Full thread dump OpenJDK 64-Bit Server VM:

\"main\" #1 prio=5 os_prio=0 tid=0x1 nid=0x2 runnable
\tat shop.orders.b.a(SourceFile:14)
\tat shop.orders.Main.main(SourceFile:6)

\"pool-1\" #9 daemon prio=5 os_prio=0 tid=0x3 nid=0x4 runnable
\tat shop.orders.b.a(SourceFile:14)
\tat shop.orders.Main.main(SourceFile:6)
";

/// Scenario: a dump of threads and a report of tests come by HTTP, one more dump names another service. Guarantees: stacks in files are read
/// with the symbols that the failure's are; those of another service are not; and both say which frames were not found.
#[test]
fn stacks_in_attachments_are_read_with_the_symbols_of_the_failure() {
    let report = format!(
        "<testsuite><testcase classname='shop.OrdersTest' name='places'><failure>{OBFUSCATED}</failure></testcase></testsuite>"
    );
    let resource = |service: &str, version: Option<&str>| {
        let mut attributes = vec![text("service.name", service), text("telemetry.sdk.language", "java")];
        attributes.extend(version.map(|version| text("service.version", version)));
        Resource { attributes, ..Resource::default() }
    };
    let trace = || {
        records(
            Signal::Traces,
            span_request(resource("shop", Some("1.4.2")), vec![failed(span(1, 0, "POST /orders", 0, 9))]),
        )
    };
    let other = || file_of("other", "b.txt", "dump", &THREADS.replace("shop.orders.b.a", "shop.orders.c.a"));
    let of = |files: &[(&str, &[u8])]| {
        let all = [trace(), file("a.txt", "dump", THREADS), other(), file("c.xml", "junit", &report)].concat();
        assemble_by(&assembler_with(Some(symbols(files))), all).0.bundle
    };
    let found = of(&[("shop/1.4.2/mapping.txt", MAPPING)]);
    let [dump, foreign, tests] = found.attachments.as_slice() else { panic!("{:?}", found.attachments) };
    let placed = [
        place("OrderService.java", 14, "shop.orders.OrderService.place"),
        place("Main.java", 6, "shop.orders.Main.main"),
    ];
    assert_eq!((places(&dump.stacks[0].exception.frames), dump.stacks[0].count), (placed.to_vec(), 2));
    assert_eq!(places(&foreign.stacks[0].exception.frames)[0], place("SourceFile", 14, "shop.orders.c.a"));
    let exception = &tests.tests.as_ref().unwrap().failures[0].exception;
    assert_eq!(exception.kind.as_deref(), Some("shop.orders.OrderException"));
    assert_eq!(places(&exception.frames), placed);
    assert_eq!(exception.causes[0].frames[0].file.as_deref(), Some("PriceList.java"));
    assert!(exception.stacktrace.as_ref().unwrap().contains("SourceFile:14"), "the text stays as it was");
    let said = |bundle: &Bundle| -> Vec<String> {
        let about = |text: &&String| text.starts_with("attachments[].frames: ");
        bundle.completeness.missing.iter().filter(about).cloned().collect()
    };
    let [nameless] = said(&found).try_into().unwrap();
    assert!(nameless.contains("2 are shown as recorded") && nameless.contains("service.version"), "{nameless}");
    let without = said(&of(&[]));
    assert!(without[0].contains("the symbols have no `shop/1.4.2/mapping.txt`"), "{without:?}");
    assert_eq!(said(&assemble(trace()).0.bundle), [""; 0]);
}

#[test]
fn source_lines_of_a_long_stack_are_bounded() {
    let (head, frame) = ("TypeError: no price for chair", "\n    at c (https://shop.example/checkout.min.js:1:103)");
    let stack = format!("{head}{}", frame.repeat(900));
    let symbols = symbols(&[("shop/3/checkout.min.js.map", MAP)]);
    let bundle = failure(Some(symbols), of_release("webjs", "3"), "TypeError", "no price for chair", &stack);
    let frames = bundle.exception.unwrap().frames;
    let with_source = frames.iter().filter(|frame| frame.context.is_some()).count();
    assert!(frames.len() == 900 && (100..600).contains(&with_source), "{with_source} of {}", frames.len());
    assert!(frames[0].context.is_some() && frames[899].context.is_none(), "the innermost have theirs");
}
