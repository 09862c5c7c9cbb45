//! What tools printed, from files that they wrote.

use super::*;

/// Scenario: what Jest 30 printed with `jest.retryTimes(2, {logErrorsBeforeRetry: true})`. Guarantee: runs that failed before the last are
/// counted, and a test that passed in the end is flaky.
#[test]
fn what_jest_prints_of_retries_is_read() {
    let text = include_str!("../testdata/jest_retries.txt");
    assert_eq!(Kind::told("", "", text.as_bytes()), Kind::Jest);
    let found = tests(Kind::Jest, text);
    assert_eq!(counts(&found), [3, 2, 1, 0, 0, 1]);
    let [breaks, wobbles] = found.failures.as_slice() else { panic!("{found:?}") };
    assert_eq!((breaks.name.as_str(), breaks.failed_runs, breaks.passed_runs), ("cart › breaks", 3, 0));
    assert_eq!((wobbles.name.as_str(), wobbles.status), ("cart wobbles", Status::Flaky));
    assert_eq!((wobbles.failed_runs, wobbles.passed_runs), (2, 1));
    assert_eq!((wobbles.kind.as_deref(), wobbles.message.as_deref()), (Some("TypeError"), Some("slow 2")));
    assert!(found.failures.iter().all(|failure| failure.suite == "./cart.test.js"));
    // Cut off, nobody knows how the test ended that was run again.
    let cut = tests(Kind::Jest, text.split("  ● ").next().unwrap());
    assert!(cut.failures.iter().all(|failure| (failure.status, failure.passed_runs) == (Status::Failed, 0)), "{cut:?}");
    let early = text.split("FAIL").next().unwrap();
    assert_eq!(read(Kind::Jest, early.as_bytes()), Content::Unread);
}

/// Scenario: what Go 1.26 printed of packages that pass, fail, panic, take too long and do not compile, with `-v` and without. Guarantees: each
/// failure has its package, its test and its own words.
#[test]
fn what_go_prints_is_read_with_v_and_without() {
    let failures = |tests: &Tests| -> Vec<(String, String)> {
        let said =
            |failure: &Failure| format!("{} {}", failure.status.as_str(), failure.message.as_deref().unwrap_or("-"));
        let named = |failure: &Failure| format!("{} {}", failure.suite, failure.name).trim().to_owned();
        tests.failures.iter().map(|failure| (named(failure), said(failure))).collect()
    };
    let pairs = |expected: &[(&str, &str)]| -> Vec<(String, String)> {
        expected.iter().map(|(name, said)| ((*name).to_owned(), (*said).to_owned())).collect()
    };
    let verbose = include_str!("../testdata/go_test_v.txt");
    assert_eq!(Kind::told("", "", verbose.as_bytes()), Kind::GoTest);
    let found = tests(Kind::GoTest, verbose);
    assert_eq!(counts(&found), [10, 3, 4, 2, 1, 0]);
    let panic = "panic: assignment to entry in nil map [recovered, repanicked]";
    let bad = "error bad/bad_test.go:3:34: expected operand, found '}'";
    let expected = [
        ("shop/boom TestBoom", &*format!("failed {panic}")),
        ("shop/cart TestTotal", "failed cart_test.go:3: got 9, want 10"),
        ("shop/cart TestTable", "failed -"),
        ("shop/cart TestTable/zero", "failed cart_test.go:6: empty cart"),
        ("shop/slow TestSlow", "error panic: test timed out after 1s"),
        ("shop/bad", bad),
    ];
    assert_eq!(failures(&found), pairs(&expected));
    let boom = found.failures[0].text.as_deref().unwrap();
    assert!(
        boom.starts_with("panic: ")
            && boom.contains("/srv/shop/boom/boom_test.go:4 +0x28")
            && !boom.contains("shop/boom\t")
    );

    let plain = include_str!("../testdata/go_test.txt");
    assert_eq!(Kind::told("", "", plain.as_bytes()), Kind::GoTest);
    let found = tests(Kind::GoTest, plain);
    assert_eq!(counts(&found), [6, 0, 4, 2, 0, 0]);
    let expected = [
        ("shop/boom TestBoom", &*format!("failed {panic}")),
        ("shop/cart TestTotal", "failed cart_test.go:3: got 9, want 10"),
        ("shop/cart TestTable", "failed -"),
        ("shop/cart TestTable/zero", "failed cart_test.go:6: empty cart"),
        ("shop/bad", bad),
        ("shop/slow", "error panic: test timed out after 1s"),
    ];
    assert_eq!(failures(&found), pairs(&expected));
}

/// Guarantee: what was printed of tests is read as far as it goes, and nothing is made up.
#[test]
fn what_go_prints_may_be_cut_off_repeated_or_something_else() {
    let verbose = include_str!("../testdata/go_test_v.txt");
    for end in (0..verbose.len()).step_by(7) {
        match read(Kind::GoTest, &verbose.as_bytes()[..end]) {
            Content::Tests(tests) => {
                assert!(
                    tests
                        .failures
                        .iter()
                        .all(|failure| verbose.contains(&failure.name) && verbose.contains(&failure.suite))
                );
            }
            found => assert_eq!(found, Content::Unread),
        }
    }
    let again =
        "=== RUN   TestA\n--- FAIL: TestA (0.00s)\n=== RUN   TestA\n--- PASS: TestA (0.10s)\nFAIL\nFAIL\tshop\t0.2s\n";
    let found = tests(Kind::GoTest, again);
    assert_eq!((counts(&found), found.failures[0].status), ([1, 1, 0, 0, 0, 1], Status::Flaky));
    for text in [
        "--- FAIL: a thing happened\n",
        "--- FAIL: TestA (soon)\n",
        "ok  \tshop\t0.1s\n",
        "FAIL\n",
        "=== RUN   TestA\n",
        "",
    ] {
        assert_eq!(read(Kind::GoTest, text.as_bytes()), Content::Unread, "{text:?}");
        assert_ne!(Kind::told("", "", text.as_bytes()), Kind::GoTest, "{text:?}");
    }
}
