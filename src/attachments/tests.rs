//! Reports as their tools write them, shortened.

mod printed;

use super::*;

fn tests(kind: Kind, text: &str) -> Tests {
    match read(kind, text.as_bytes()) {
        Content::Tests(tests) => tests,
        other => panic!("{kind:?}: {other:?}"),
    }
}

fn counts(tests: &Tests) -> [u64; 6] {
    let TestCounts { total, passed, failed, errors, skipped, flaky } = tests.counts;
    [total, passed, failed, errors, skipped, flaky]
}

const SUREFIRE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="shop.CartTest" tests="5" failures="1" errors="1" flakes="1">
  <properties><property name="java.version" value="21"/></properties>
  <testcase name="adds" classname="shop.CartTest" time="0.01"/>
  <testcase name="totals" classname="shop.CartTest">
    <failure message="expected:&lt;10&gt; but was:&lt;9&gt;" type="java.lang.AssertionError"><![CDATA[java.lang.AssertionError: expected:<10> but was:<9>
	at org.junit.Assert.fail(Assert.java:89)
	at shop.CartTest.totals(CartTest.java:31)
]]></failure>
    <rerunFailure message="again" type="java.lang.AssertionError"><stackTrace>second</stackTrace><system-out>noise</system-out></rerunFailure>
    <system-out>printed</system-out>
  </testcase>
  <testcase name="saves" classname="shop.CartTest">
    <error type="java.io.IOException">java.io.IOException: disk &amp; tape full</error>
  </testcase>
  <testcase name="later" classname="shop.CartTest"><skipped/></testcase>
  <testcase name="wobbles" classname="shop.CartTest">
    <flakyFailure message="timed out" type="java.util.concurrent.TimeoutException"><stackTrace>java.util.concurrent.TimeoutException: timed out</stackTrace></flakyFailure>
  </testcase>
</testsuite>"#;

#[test]
fn junit_tells_failures_errors_and_what_was_run_again() {
    let tests = tests(Kind::Junit, SUREFIRE);
    assert_eq!(counts(&tests), [5, 2, 1, 1, 1, 1]);
    let [totals, saves, wobbles] = tests.failures.as_slice() else { panic!("{tests:?}") };
    assert_eq!((totals.suite.as_str(), totals.name.as_str()), ("shop.CartTest", "totals"));
    assert_eq!((totals.status, totals.failed_runs, totals.passed_runs), (Status::Failed, 2, 0));
    assert_eq!(totals.message.as_deref(), Some("expected:<10> but was:<9>"), "the failure itself, not its rerun");
    assert!(totals.text.as_ref().unwrap().contains("CartTest.java:31"));
    assert_eq!(saves.text.as_deref(), Some("java.io.IOException: disk & tape full"));
    assert_eq!((wobbles.status, wobbles.failed_runs, wobbles.passed_runs), (Status::Flaky, 1, 1));
    assert!(wobbles.text.as_ref().unwrap().contains("TimeoutException"));
}

#[test]
fn junit_that_is_cut_off_still_tells_what_stands_in_it() {
    let (report, _) = SUREFIRE.split_once("&amp; tape").unwrap();
    let tests = tests(Kind::Junit, report);
    assert_eq!(counts(&tests), [3, 1, 1, 1, 0, 0]);
    assert_eq!(tests.failures[1].text.as_deref(), Some("java.io.IOException: disk "));
}

#[test]
fn no_entity_of_a_document_is_read_from_elsewhere() {
    let text = r#"<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd"><!ENTITY l "lol&l;&l;">]>
<testsuite><testcase name="a"><failure message="&f;">&f;&l;</failure></testcase></testsuite>"#;
    let tests = tests(Kind::Junit, text);
    assert_eq!(tests.failures[0].text.as_deref(), Some("&f;&l;"));
}

const PYTEST: &str = "\
============================= test session starts ==============================
platform linux -- Python 3.12.3, pytest-8.2.0
collected 3 items

tests/test_cart.py F.                                                    [ 66%]

=================================== FAILURES ===================================
__________________________ TestCart.test_total[eur] ___________________________

self = <tests.test_cart.TestCart object at 0x7f>, currency = 'eur'

    def test_total(self, currency):
>       assert total([1, 2], currency) == 4

tests/test_cart.py:12: 
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

    def total(items, currency):
>       raise ValueError(f\"no rate: {currency}\")
E       ValueError: no rate: eur

shop/cart.py:7: ValueError
----------------------------- Captured stdout call -----------------------------
charging
=========================== short test summary info ============================
FAILED tests/test_cart.py::TestCart::test_total[eur] - ValueError: no rate: eur
ERROR tests/test_db.py - ModuleNotFoundError: No module named 'psycopg'
==================== 1 failed, 1 passed, 1 skipped, 1 error in 0.12s ====================
";

#[test]
fn pytest_output_gives_names_types_and_places() {
    let tests = tests(Kind::Pytest, PYTEST);
    assert_eq!(counts(&tests), [4, 1, 1, 1, 1, 0]);
    let [total, db] = tests.failures.as_slice() else { panic!("{tests:?}") };
    assert_eq!((total.suite.as_str(), total.name.as_str()), ("tests/test_cart.py", "TestCart::test_total[eur]"));
    assert_eq!((total.kind.as_deref(), total.message.as_deref()), (Some("ValueError"), Some("no rate: eur")));
    let places: Vec<_> =
        total.frames.iter().map(|frame| (frame.func.as_str(), frame.file.as_deref().unwrap(), frame.line)).collect();
    assert_eq!(places, [("total", "shop/cart.py", Some(7)), ("test_total", "tests/test_cart.py", Some(12))]);
    assert_eq!((db.status, db.kind.as_deref()), (Status::Error, Some("ModuleNotFoundError")));
}

#[test]
fn pytest_json_and_reruns() {
    let text = r#"{"exitcode": 1, "tests": [
        {"nodeid": "tests/test_a.py::test_ok", "outcome": "passed"},
        {"nodeid": "tests/test_a.py::test_net", "outcome": "rerun", "call": {"outcome": "failed", "crash": {"path": "/a/test_a.py", "lineno": 3, "message": "TimeoutError: slow"}, "longrepr": "test_a.py:3: TimeoutError"}},
        {"nodeid": "tests/test_a.py::test_net", "outcome": "passed"},
        {"nodeid": "tests/test_a.py::test_bad", "outcome": "failed", "call": {"outcome": "failed", "crash": {"message": "assert 1 == 2"}, "longrepr": "E       assert 1 == 2\n\ntests/test_a.py:9: AssertionError"}}]}"#;
    assert_eq!(Kind::told("application/json", "", text.as_bytes()), Kind::Pytest);
    let tests = tests(Kind::Pytest, text);
    assert_eq!(counts(&tests), [3, 2, 1, 0, 0, 1]);
    assert_eq!((tests.failures[0].status, tests.failures[0].kind.as_deref()), (Status::Flaky, Some("TimeoutError")));
    assert_eq!(tests.failures[1].kind.as_deref(), Some("AssertionError"));
}

/// Scenario: `pytest --reruns 2`, with `-rR`, with `-v`, with both, and with xdist. Guarantees: a test that passed in the end is flaky and
/// says how often it failed; where that is not sure, nothing is said.
#[test]
fn reruns_that_pytest_prints_are_runs_of_their_tests() {
    let run = |progress: &str, summary: &str, totals: &str| {
        let head = "=== test session starts ===";
        let failed = "=== FAILURES ===\n____ test_down ____\nE   OSError: no\n\ntests/test_a.py:9: OSError\nRERUN tests/test_a.py::test_printed\n";
        tests(
            Kind::Pytest,
            &format!("{head}\n{progress}{failed}=== short test summary info ===\n{summary}=== {totals} in 0.2s ===\n"),
        )
    };
    let told = |tests: &Tests| -> Vec<(String, Status, u64, u64)> {
        let one = |test: &Failure| (test.name.clone(), test.status, test.failed_runs, test.passed_runs);
        tests.failures.iter().map(one).collect()
    };
    let verbose = "tests/test_a.py::test_ok PASSED        [ 20%]\ntests/test_a.py::test_net RERUN        [ 40%]\ntests/test_a.py::test_net PASSED [ 40%]\n\
        tests/test_a.py::test_down RERUN [ 60%]\ntests/test_a.py::test_down RERUN [ 60%]\ntests/test_a.py::test_down FAILED [ 60%]\n";
    let xdist = "[gw0] [ 20%] PASSED tests/test_a.py::test_ok \n[gw1] [ 40%] RERUN tests/test_a.py::test_net \n[gw1] [ 40%] PASSED tests/test_a.py::test_net \n\
        [gw0] [ 60%] RERUN tests/test_a.py::test_down \n[gw0] [ 60%] RERUN tests/test_a.py::test_down \n";
    let summary =
        "RERUN tests/test_a.py::test_net\nRERUN tests/test_a.py::test_down\nRERUN tests/test_a.py::test_down\n";
    let named = format!("{summary}FAILED tests/test_a.py::test_down - OSError: no\n");
    let expected = [("test_down".to_owned(), Status::Failed, 3, 0), ("test_net".to_owned(), Status::Flaky, 1, 1)];
    for (progress, summary) in
        [("", summary), (verbose, ""), (verbose, summary), (xdist, ""), (xdist, &named), ("", &named)]
    {
        let found = run(progress, summary, "1 failed, 2 passed, 3 rerun");
        assert_eq!(told(&found), expected, "{progress}{summary}");
        assert_eq!(counts(&found), [3, 2, 1, 0, 0, 1]);
    }
    // Two failed, one is named: the other may be this one.
    assert_eq!(told(&run(verbose, "", "2 failed, 1 passed, 3 rerun")), expected[..1]);
    assert_eq!(told(&run("", "", "1 failed, 1 passed")), [("test_down".to_owned(), Status::Failed, 1, 0)]);
}

const JEST_JSON: &str = r#"{"numFailedTests": 1, "numPassedTests": 2, "testResults": [{"name": "/app/cart.test.js", "status": "failed", "assertionResults": [
    {"fullName": "cart adds", "status": "passed", "failureMessages": []},
    {"fullName": "cart wobbles", "status": "passed", "failureMessages": [], "invocations": 2, "retryReasons": ["Error: slow\n    at slow (/app/net.js:1:2)"]},
    {"fullName": "cart totals", "status": "failed", "failureMessages": ["TypeError: \u001b[2mrate\u001b[22m is undefined\n    at total (/app/cart.js:7:11)\n    at Object.<anonymous> (/app/cart.test.js:3:5)"]}]},
    {"name": "/app/broken.test.js", "status": "failed", "message": "SyntaxError: Unexpected token", "assertionResults": []}]}"#;

#[test]
fn jest_json_gives_failures_reruns_and_files_that_do_not_load() {
    let tests = tests(Kind::Jest, JEST_JSON);
    assert_eq!(counts(&tests), [4, 2, 1, 1, 0, 1]);
    let [wobbles, totals, broken] = tests.failures.as_slice() else { panic!("{tests:?}") };
    assert_eq!((wobbles.status, wobbles.message.as_deref()), (Status::Flaky, Some("slow")));
    assert_eq!((totals.kind.as_deref(), totals.message.as_deref()), (Some("TypeError"), Some("rate is undefined")));
    assert_eq!((broken.status, broken.kind.as_deref()), (Status::Error, Some("SyntaxError")));
}

#[test]
fn jest_output_gives_each_failure_once() {
    let text = "FAIL src/cart.test.js\n  cart\n    ✓ adds (2 ms)\n    ✕ totals (1 ms)\n\n  ● cart › totals\n\n    TypeError: rate is undefined\n\n      at total (src/cart.js:7:11)\n\nSummary of all failing tests\nFAIL src/cart.test.js\n  ● cart › totals\n\n    TypeError: rate is undefined\n\nTest Suites: 1 failed, 1 total\nTests:       1 failed, 1 passed, 2 total\n";
    assert_eq!(Kind::told("text/plain", "", text.as_bytes()), Kind::Jest);
    let tests = tests(Kind::Jest, text);
    assert_eq!(counts(&tests), [2, 1, 1, 0, 0, 0]);
    assert_eq!(
        (tests.failures[0].suite.as_str(), tests.failures[0].name.as_str()),
        ("src/cart.test.js", "cart › totals")
    );
    assert!(tests.failures[0].text.as_ref().unwrap().contains("cart.js:7:11"));
}

const GO: &str = r#"{"Time":"2025-07-01T12:00:00Z","Action":"start","Package":"shop"}
{"Action":"run","Package":"shop","Test":"TestTotal"}
{"Action":"output","Package":"shop","Test":"TestTotal","Output":"=== RUN   TestTotal\n"}
{"Action":"output","Package":"shop","Test":"TestTotal","Output":"    cart_test.go:12: got 9, want 10\n"}
{"Action":"output","Package":"shop","Test":"TestTotal","Output":"--- FAIL: TestTotal (0.00s)\n"}
{"Action":"fail","Package":"shop","Test":"TestTotal","Elapsed":0}
{"Action":"run","Package":"shop","Test":"TestNet"}
{"Action":"output","Package":"shop","Test":"TestNet","Output":"    net_test.go:3: refused\n"}
{"Action":"fail","Package":"shop","Test":"TestNet"}
{"Action":"pass","Package":"shop","Test":"TestNet"}
{"Action":"pass","Package":"shop","Test":"TestOk"}
{"Action":"skip","Package":"shop","Test":"TestLater"}
{"Action":"fail","Package":"shop","Elapsed":0.01}
{"Action":"output","Package":"shop/bad","Output":"bad.go:3:1: syntax error\n"}
{"Action":"fail","Package":"shop/bad"}
"#;

#[test]
fn go_events_give_what_each_test_printed() {
    assert_eq!(Kind::told("", "", GO.as_bytes()), Kind::GoTest);
    let tests = tests(Kind::GoTest, GO);
    assert_eq!(counts(&tests), [5, 2, 1, 1, 1, 1]);
    let [total, net, bad] = tests.failures.as_slice() else { panic!("{tests:?}") };
    assert_eq!(total.message.as_deref(), Some("cart_test.go:12: got 9, want 10"));
    assert_eq!((net.status, net.failed_runs, net.passed_runs), (Status::Flaky, 1, 1));
    assert_eq!((bad.suite.as_str(), bad.message.as_deref()), ("shop/bad", Some("bad.go:3:1: syntax error")));
}

/// Scenario: what each tool prints of the seed of its run. Guarantees: it is found with the option that takes it, and nothing else is.
#[test]
fn reports_name_the_seeds_of_their_runs() {
    let found = |kind: Kind, text: &str| {
        let (seeds, more) = seeds(kind, text.as_bytes());
        let shown: Vec<String> = seeds
            .into_iter()
            .map(|seed| {
                format!("{}={} {}", seed.option, seed.value, seed.package.unwrap_or_default()).trim_end().to_owned()
            })
            .collect();
        assert_eq!(more, 0);
        shown.join(", ")
    };
    let pytest = "=== test session starts ===\r\nUsing --randomly-seed=1553614239\r\nUsing --random-order-bucket=module\nUsing --random-order-seed=24775\n\
        You can add @seed(302934307671667531413257853548643485645) to this test or run pytest with --hypothesis-seed=302934307671667531413257853548643485645 to reproduce this failure.\n";
    assert_eq!(
        found(Kind::Pytest, pytest),
        "--randomly-seed=1553614239, --random-order-seed=24775, --hypothesis-seed=302934307671667531413257853548643485645"
    );
    assert_eq!(
        found(Kind::Jest, "\u{1b}[1mSeed:        \u{1b}[22m-1155866044\nTests:       1 failed, 1 total\n"),
        "--seed=-1155866044"
    );
    assert_eq!(found(Kind::Text, "Running tests with seed \"1785418078146\"\n"), "--sequence.seed=1785418078146");
    let go = r#"{"Action":"output","Package":"shop","Output":"-test.shuffle 1636399552801504000\n"}
{"Action":"output","Package":"shop","Test":"TestA","Output":"    a_test.go:3: -test.shuffle 5\n"}
{"Action":"output","Package":"shop/net","Output":"-test.shuffle 17\n"}"#;
    assert_eq!(found(Kind::GoTest, go), "-shuffle=1636399552801504000 shop, -shuffle=17 shop/net");
    assert_eq!(found(Kind::Text, "-test.shuffle 9\n=== RUN   TestA\n--- FAIL: TestA (0.00s)\n"), "-shuffle=9");
    let rspec =
        "<testsuite name=\"rspec\"><properties><property name=\"seed\" value=\"8528\"/></properties></testsuite>";
    assert_eq!(found(Kind::Junit, rspec), "--seed=8528");
    assert_eq!(found(Kind::Text, rspec), "", "an XML file of another kind");
    for (text, seed) in [
        ("Randomized with seed 395457\n", "--seed=395457"),
        ("Run options: -v --seed 11292\n\n# Running:\n", "--seed=11292"),
        ("Random Seed:   1689431\n", "--random-order-seed=1689431"),
        (
            "To reproduce ordering use flag -Dsurefire.runOrder.random.seed=3082923979307916\n",
            "-Dsurefire.runOrder.random.seed=3082923979307916",
        ),
        ("Note: Randomizing tests' orders with a seed of 70053 .\n", "--gtest_random_seed=70053"),
        ("running 12 tests (shuffle seed: 1234)\n", "--shuffle-seed=1234"),
    ] {
        assert_eq!(found(Kind::Text, text), seed);
        assert_eq!(found(Kind::Text, &text.repeat(3)), seed, "said once");
        assert_eq!(found(Kind::Dump, text), "", "no test ran");
    }
    for text in ["Using --randomly-seed=last\n", "Seed: 5\n", "planted seed 5\n", "-test.shuffle on\n"] {
        assert_eq!(found(Kind::Text, text), "", "{text}");
    }
}

#[test]
fn coverage_is_told_in_ranges_of_lines_of_code() {
    let lcov = "TN:\nSF:src/cart.js\nDA:1,3\nDA:2,3\nDA:4,0\nDA:5,0\nDA:9,1\nend_of_record\nSF:src/net.js\nDA:1,0\nend_of_record\n";
    assert_eq!(Kind::told("", "lcov.info", lcov.as_bytes()), Kind::Lcov);
    let Content::Coverage(files) = read(Kind::Lcov, lcov.as_bytes()) else { panic!() };
    let cart = FileLines { file: "src/cart.js".to_owned(), hit: vec![[1, 2], [9, 9]], missed: vec![[4, 5]] };
    let net = FileLines { file: "src/net.js".to_owned(), hit: vec![], missed: vec![[1, 1]] };
    assert_eq!(files, [cart, net]);

    let cobertura = r#"<?xml version="1.0"?><coverage line-rate="0.5"><packages><package><classes>
        <class name="cart" filename="shop/cart.py"><methods/><lines><line number="1" hits="2"/><line number="3" hits="0"/></lines></class>
        <class name="inner" filename="shop/cart.py"><lines><line number="3" hits="1"/><line number="4" hits="0"/></lines></class>
        </classes></package></packages></coverage>"#;
    assert_eq!(Kind::told("text/xml", "", cobertura.as_bytes()), Kind::Cobertura);
    let Content::Coverage(files) = read(Kind::Cobertura, cobertura.as_bytes()) else { panic!() };
    assert_eq!(files, [FileLines { file: "shop/cart.py".to_owned(), hit: vec![[1, 3]], missed: vec![[4, 4]] }]);
}

#[test]
fn dumps_are_taken_apart_where_threads_begin() {
    let go = "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:3 +0x1\n\ngoroutine 7 [chan receive, 5 minutes]:\nmain.wait()\n\t/app/wait.go:9 +0x1\n";
    let java = "Full thread dump OpenJDK:\n\n\"main\" #1 prio=5 os_prio=0 tid=0x1 nid=0x2 runnable\n   java.lang.Thread.State: RUNNABLE\n\tat shop.Cart.total(Cart.java:7)\n\n\"pool-1\" #9 daemon prio=5\n\tat shop.Pool.take(Pool.java:1)\n";
    let gdb = "Core was generated by `./shop'.\nThread 2 (Thread 0x7f (LWP 12)):\n#0  0x01 in wait () at wait.c:1\nThread 1 (Thread 0x7e (LWP 11)):\n#0  0x02 in total () at cart.c:7\n";
    for (text, kind, threads) in
        [(go, Kind::Dump, ["1", "7"]), (java, Kind::Dump, ["main", "pool-1"]), (gdb, Kind::Core, ["2", "1"])]
    {
        assert_eq!(Kind::told("", "", text.as_bytes()), kind, "{text}");
        let Content::Stacks(blocks) = read(kind, text.as_bytes()) else { panic!() };
        assert_eq!(blocks.iter().map(|block| block.thread.as_str()).collect::<Vec<_>>(), threads);
    }
    let race = "==================\nWARNING: DATA RACE\nRead at 0x1 by goroutine 7:\n  main.a()\n      /app/a.go:1 +0x1\n\nPrevious write at 0x1 by goroutine 6:\n  main.b()\n      /app/b.go:2 +0x1\n==================\n==================\nWARNING: DATA RACE\nRead at 0x2 by goroutine 8:\n  main.c()\n      /app/c.go:1 +0x1\n==================\nFound 2 data race(s)\n";
    assert_eq!(Kind::told("", "", race.as_bytes()), Kind::Race);
    let Content::Stacks(blocks) = read(Kind::Race, race.as_bytes()) else { panic!() };
    let races = blocks.iter().filter(|block| block.text.contains("DATA RACE")).count();
    assert_eq!(races, 2, "{blocks:?}");
}

#[test]
fn binary_files_are_told_and_not_read() {
    for (name, bytes, kind) in [
        ("cpu.pprof", b"\x1f\x8b\x08\0rest".as_slice(), Kind::Pprof),
        ("recording.jfr", b"FLR\0\0\x02", Kind::Jfr),
        ("trace.zip", b"PK\x03\x04\0\0", Kind::Playwright),
        ("rr-trace.tar", b"a\0b\xff", Kind::Rr),
        ("", b"\0\x01\x02", Kind::Binary),
    ] {
        assert_eq!(Kind::told("application/octet-stream", name, bytes), kind, "{name}");
        assert_eq!(read(kind, bytes), Content::Opaque);
    }
    assert_eq!(Kind::told("application/octet-stream", "notes", b"plain words"), Kind::Text);
}

#[test]
fn what_is_not_of_its_kind_is_unread_and_nothing_is_a_fault() {
    let texts =
        ["", "words", "{", "[]", "<a><b></a>", "<testsuite", "{\"testResults\": 3}", "SF:", "\u{1b}[", "E   ", "&;"];
    for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_binary()) {
        for text in texts {
            let found = read(kind, text.as_bytes());
            let wanted = match kind {
                Kind::Text => matches!(found, Content::Text),
                Kind::Race | Kind::Dump | Kind::Core => matches!(found, Content::Stacks(_)),
                Kind::Lcov if text == "SF:" => matches!(found, Content::Unread),
                _ => matches!(found, Content::Unread),
            };
            assert!(wanted, "{kind:?} of {text:?}: {found:?}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_are_a_fault(bytes: Vec<u8>, kind in 0_usize..15, at in 0_usize..2000) {
        let kind = Kind::ALL[kind];
        proptest::prop_assert_eq!(read(kind, &bytes), read(kind, &bytes));
        proptest::prop_assert_eq!(Kind::told("", "x", &bytes), Kind::told("", "x", &bytes));
        for text in [SUREFIRE, PYTEST, JEST_JSON, GO] {
            let mut mixed = text.as_bytes()[..at.min(text.len())].to_vec();
            mixed.extend(&bytes);
            proptest::prop_assert_eq!(read(kind, &mixed), read(kind, &mixed));
        }
    }
}

fn profile(kind: Kind, content: &[u8]) -> Profile {
    match read(kind, content) {
        Content::Profile(profile) => profile,
        other => panic!("{kind:?}: {other:?}"),
    }
}

const CPU: &[u8] = include_bytes!("testdata/cpu.pprof");

#[test]
fn a_profile_of_go_tells_its_heaviest_stacks() {
    assert_eq!(Kind::told("", "cpu.pprof", CPU), Kind::Pprof);
    let profile = profile(Kind::Pprof, CPU);
    assert_eq!((profile.kind.as_str(), profile.unit.as_str(), profile.total), ("cpu", "nanoseconds", 130_000_000.0));
    let sum: f64 = profile.stacks.iter().map(|(_, value)| value).sum();
    assert!(profile.stacks.len() > 1 && profile.more == 0 && (sum - profile.total).abs() < 1.0, "{profile:?}");
    assert!(profile.stacks.is_sorted_by(|a, b| a.1 >= b.1));
    let (heaviest, _) = &profile.stacks[0];
    assert!(
        heaviest.starts_with("runtime.main (") && heaviest.contains(";main.parse ("),
        "outermost first: {heaviest}"
    );
}

#[test]
fn a_profile_that_is_no_profile_is_known_by_its_digest() {
    let cut = &CPU[..CPU.len() / 2];
    let empty_samples = [0x12, 0].repeat(1_100_000);
    for content in [cut, b"\x1f\x8bnot gzip", b"\x12\xff", b"", &empty_samples] {
        assert_eq!(read(Kind::Pprof, content), Content::Opaque);
    }
}

#[test]
fn a_profile_that_inflates_without_end_is_not_read() {
    use std::io::Write as _;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![0; 64 << 20]).unwrap();
    assert_eq!(read(Kind::Pprof, &packed.finish().unwrap()), Content::Opaque);
}

#[test]
fn folded_stacks_are_summed_and_the_heaviest_kept() {
    let text = "main;parse;spin 30\nmain;render 5\nmain;parse;spin 12\nmain;idle 0\n";
    assert_eq!(Kind::told("", "", text.as_bytes()), Kind::Folded);
    let found = profile(Kind::Folded, text.as_bytes());
    assert_eq!(found.stacks, [("main;parse;spin".to_owned(), 42.0), ("main;render".to_owned(), 5.0)]);
    assert_eq!((found.total, found.more, found.kind.as_str()), (47.0, 0, ""));

    let headed = profile(Kind::Folded, format!("# type: wall nanoseconds\n# total: 100\n{text}").as_bytes());
    assert_eq!((headed.kind.as_str(), headed.unit.as_str(), headed.total), ("wall", "nanoseconds", 100.0));

    let many: String = (0..50).map(|n| format!("main;f{n} {}\n", n + 1)).collect();
    let many = profile(Kind::Folded, many.as_bytes());
    assert_eq!((many.stacks.len(), many.more, many.total), (20, 30, 1275.0));
    assert_eq!(many.stacks[0].0, "main;f49");

    let deep = format!("{} 1\n", ["f"; 5000].join(";"));
    assert_eq!(profile(Kind::Folded, deep.as_bytes()).stacks[0].0, format!("…{}", ";f".repeat(100)));
    // Of long names fewer are kept, whole ones, and the innermost whatever its length.
    let name = "n".repeat(500);
    let long = format!("{} 1\n", [name.as_str(); 9].join(";"));
    assert_eq!(profile(Kind::Folded, long.as_bytes()).stacks[0].0, format!("…{}", format!(";{name}").repeat(4)));
    let endless = format!("main;{} 1\n", "n".repeat(5000));
    assert_eq!(profile(Kind::Folded, endless.as_bytes()).stacks[0].0, format!("…;{}", "n".repeat(5000)));
    assert_eq!(read(Kind::Folded, "nothing\nof\nthe kind\n".repeat(9).as_bytes()), Content::Unread);
    assert_eq!(Kind::told("", "", b"listening on port;host 80 with\nsome text\n"), Kind::Text);
}

#[test]
fn no_number_of_a_profile_is_one_that_a_document_cannot_hold() {
    for total in ["inf", "NaN", "1e400", "-5", "18446744073709551615"] {
        let found = profile(Kind::Folded, format!("# total: {total}\na;b 18446744073709551615\na;c 7\n").as_bytes());
        assert_eq!((found.total, found.stacks[0].1), (9_007_199_254_740_992.0, 9_007_199_254_740_992.0), "{total}");
    }
}
