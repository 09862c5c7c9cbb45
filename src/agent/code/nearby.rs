//! What stands around a function: its file's imports, its tests, schemas and lock files. Found by name, as people find them.

use std::collections::BTreeMap;

use super::Blocked;

/// Lines shown of the beginning of a file.
pub(super) const HEAD: u32 = 80;
/// Test files shown.
const MAX_TESTS: usize = 2;
/// Schema files shown.
const MAX_SCHEMAS: usize = 3;

const LOCKFILES: [&str; 18] = [
    "Cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "poetry.lock",
    "uv.lock",
    "Pipfile.lock",
    "pdm.lock",
    "requirements.txt",
    "go.sum",
    "Gemfile.lock",
    "composer.lock",
    "gradle.lockfile",
    "packages.lock.json",
    "mix.lock",
    "pubspec.lock",
];

/// The lines that import something, with their numbers.
pub(super) fn imports(text: &str, limit: usize) -> Vec<(u32, String)> {
    const BEGINS: [&str; 9] =
        ["import ", "from ", "use ", "using ", "#include", "package ", "require ", "require_once ", "import("];
    let mut found = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(text.lines()) {
        let begins = BEGINS.iter().any(|begin| line.starts_with(begin)) || line.contains("= require(");
        if begins || open {
            found.push((number, line.to_owned()));
            // `import (` of Go, `from a import (` of Python, `import {` of JavaScript: on to where it is closed.
            let opened = line.matches(['(', '{']).count() > line.matches([')', '}']).count();
            open = if begins { opened } else { !line.trim_start().starts_with([')', '}']) };
        }
        if found.len() == limit {
            break;
        }
    }
    found
}

/// The tests of a file: those that bear its name, the nearest first.
pub(super) fn tests(file: &str, files: &BTreeMap<String, u64>) -> Vec<String> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let stem = name.split('.').next().unwrap_or(name).to_lowercase();
    let mut found: Vec<&String> = files.keys().filter(|path| *path != file && is_test_of(path, &stem)).collect();
    let common = |path: &str| path.split('/').zip(file.split('/')).take_while(|(a, b)| a == b).count();
    found.sort_by_key(|path| std::cmp::Reverse(common(path)));
    found.into_iter().take(MAX_TESTS).cloned().collect()
}

fn is_test_of(path: &str, stem: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let Some((base, _)) = name.split_once('.') else { return false };
    let rest = |ending: &str| base.strip_suffix(ending) == Some(stem);
    let marked = [".test.", ".spec."].iter().any(|mark| name.starts_with(&format!("{stem}{mark}")));
    marked
        || base.strip_prefix("test_") == Some(stem)
        || ["_test", "_spec", "test", "tests", "it"].iter().any(|end| rest(end))
}

/// OpenAPI documents, protobuf files and the like.
pub(super) fn schemas(files: &BTreeMap<String, u64>) -> Vec<String> {
    let is_schema = |path: &&String| {
        let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
        let ending = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        ending(&[".proto", ".avsc", ".graphql", ".xsd", ".schema.json"])
            || ((name.starts_with("openapi") || name.starts_with("swagger") || name.starts_with("schema"))
                && ending(&[".yaml", ".yml", ".json", ".sql"]))
    };
    files.keys().filter(is_schema).take(MAX_SCHEMAS).cloned().collect()
}

/// Files that pin versions.
pub(super) fn lockfiles(files: &BTreeMap<String, u64>, blocked: &Blocked) -> Vec<String> {
    let is_lock = |path: &&String| path.rsplit('/').next().is_some_and(|name| LOCKFILES.contains(&name));
    files.keys().filter(is_lock).filter(|path| !blocked.is_blocked(path)).take(20).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_and_tests_are_found_as_each_language_writes_them() {
        let lines = |text: &str| imports(text, 40).into_iter().map(|(number, _)| number).collect::<Vec<u32>>();
        assert_eq!(lines("package a\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc f() {}\n"), [1, 3, 4, 5, 6]);
        assert_eq!(lines("import os\nfrom a import (\n  b,\n)\nx = 1\n"), [1, 2, 3, 4]);
        assert_eq!(lines("import {\n  a,\n} from './a';\nconst b = require('b');\nconst c = 1;\n"), [1, 2, 3, 4]);

        let files: BTreeMap<String, u64> = [
            "a/report.py",
            "tests/test_report.py",
            "a/report_test.go",
            "a/report.test.ts",
            "a/ReportTest.java",
            "a/other_test.go",
        ]
        .into_iter()
        .map(|path| (path.to_owned(), 1))
        .collect();
        assert_eq!(tests("a/report.go", &files), ["a/ReportTest.java", "a/report.test.ts"]);
        assert_eq!(tests("tests/report.py", &files)[0], "tests/test_report.py");
        assert_eq!(tests("a/nothing.py", &files), [""; 0]);
    }
}
