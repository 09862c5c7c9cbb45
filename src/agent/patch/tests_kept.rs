//! Tests that a change takes away or weakens, and tests in files that are none.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::change::Change;
use super::{Finding, Rule};
use crate::agent::testgen::{is_test, pattern};

static PYTHON: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^\s*(?:async )?def (test\w*)\("));
static JAVASCRIPT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?m)^\s*(?:it|test|describe)(?:\.\w+)*\(\s*['"`](.+?)['"`]"#));
static GO: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^func ((?:Test|Benchmark|Fuzz)\w*)\("));
static JAVA: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"@(?:Test|ParameterizedTest|RepeatedTest)\b[^{;]*?\b(?:void|fun) (\w+)\("));
static RUST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"#\[(?:\w+::)?test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:pub )?(?:async )?fn (\w+)\("));
static ASSERTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\bassert\w*|\bexpect\(|\brequire\.|\bt\.(?:Error|Fatal|Fail)|\bshould\b|pytest\.raises|\.toThrow|\bverify\(|\bpanic!\(",
    )
});
static SKIP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\bskip\w*\b|\bxfail\b|\.only\(|\.todo\(|@Disabled|@Ignore|#\[ignore|\bt\.Skip|\bx(?:it|test|describe)\(|\bfit\(|importorskip|os\._exit|process\.exit|os\.Exit\(",
    )
});

/// The findings of one file.
pub(super) fn findings(change: &Change) -> Vec<Finding> {
    let names = |text: &Option<String>| text.as_deref().map(|text| names(&change.path, text)).unwrap_or_default();
    let (before, after) = (names(&change.before), names(&change.after));
    let mut found = Vec::new();
    let mut fault =
        |rule: Rule, line: Option<u32>, said: String| found.push(Finding::refusal(rule, &change.path, line, said));
    for gone in before.difference(&after) {
        fault(Rule::TestDeleted, None, format!("the test `{gone}` is gone"));
    }
    if is_test(&change.path) {
        if change.status == 'D' && before.is_empty() {
            fault(Rule::TestDeleted, None, "a file of the tests is deleted".to_owned());
        }
        for (line, text) in change.removed.iter().filter(|(_, text)| ASSERTION.is_match(text)).take(3) {
            if change.status != 'D' {
                fault(
                    Rule::TestWeakened,
                    Some(*line),
                    format!("an assertion is taken away or changed: `{}`", text.trim()),
                );
            }
        }
        let skips = |text: &Option<String>| text.as_deref().map_or(0, |text| SKIP.find_iter(text).count());
        if change.status == 'M' && skips(&change.after) > skips(&change.before) {
            let line = change.added.iter().find(|(_, text)| SKIP.is_match(text)).map(|(line, _)| *line);
            fault(Rule::TestWeakened, line, "tests are skipped".to_owned());
        }
    } else {
        // Rust keeps unit tests in the file that they test.
        let may =
            change.path.ends_with(".rs") && change.after.as_deref().is_some_and(|text| text.contains("cfg(test)"));
        for new in after.difference(&before).filter(|_| !may) {
            fault(Rule::TestInSource, None, format!("the test `{new}` stands in a file that is none of the tests"));
        }
    }
    found
}

fn names(path: &str, text: &str) -> BTreeSet<String> {
    let form: &Regex = match path.rsplit('.').next().unwrap_or_default() {
        "py" => &PYTHON,
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "tsx" => &JAVASCRIPT,
        "go" => &GO,
        "java" | "kt" => &JAVA,
        "rs" => &RUST,
        _ => return BTreeSet::new(),
    };
    form.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, before: &str, after: Option<&str>) -> Vec<Rule> {
        let numbered =
            |text: &str| text.lines().zip(1..).map(|(line, number)| (number, line.to_owned())).collect::<Vec<_>>();
        let after_lines: Vec<_> = numbered(after.unwrap_or_default());
        let before_lines: Vec<_> = numbered(before);
        let change = Change {
            path: path.to_owned(),
            status: if after.is_none() { 'D' } else { 'M' },
            removed: before_lines
                .iter()
                .filter(|(_, line)| !after_lines.iter().any(|(_, other)| other == line))
                .cloned()
                .collect(),
            added: after_lines
                .iter()
                .filter(|(_, line)| !before_lines.iter().any(|(_, other)| other == line))
                .cloned()
                .collect(),
            before: Some(before.to_owned()),
            after: after.map(str::to_owned),
            ..Change::default()
        };
        findings(&change).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_test_that_goes_or_says_less_is_found() {
        let python = "def test_a():\n    assert f() == 1\n";
        assert_eq!(rules("tests/test_a.py", python, None), [Rule::TestDeleted]);
        assert_eq!(rules("tests/test_a.py", python, Some("def test_a():\n    f()\n")), [Rule::TestWeakened]);
        let skipped = "@pytest.mark.skip\ndef test_a():\n    assert f() == 1\n";
        assert_eq!(rules("tests/test_a.py", python, Some(skipped)), [Rule::TestWeakened]);
        assert_eq!(rules("a_test.go", "func TestA(t *testing.T) {\n}\n", Some("\n")), [Rule::TestDeleted]);
        assert_eq!(rules("a.test.ts", "test('a', () => {});\n", Some("test('b', () => {});\n")), [Rule::TestDeleted]);
        let java = "class T {\n  @Test\n  void a() { assertTrue(f()); }\n}\n";
        assert_eq!(
            rules("src/test/java/T.java", java, Some("class T {\n}\n")),
            [Rule::TestDeleted, Rule::TestWeakened]
        );
        let more = format!("{python}\ndef test_b():\n    assert g()\n");
        assert_eq!(rules("tests/test_a.py", python, Some(&more)), [], "more tests are welcome");
    }

    #[test]
    fn only_files_of_the_tests_gain_tests() {
        assert_eq!(rules("app/report.py", "", Some("def test_a():\n    pass\n")), [Rule::TestInSource]);
        let unit = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn a() {}\n}\n";
        assert_eq!(rules("src/lib.rs", "", Some(unit)), []);
        assert_eq!(rules("src/lib.rs", unit, Some("")), [Rule::TestDeleted]);
    }
}
