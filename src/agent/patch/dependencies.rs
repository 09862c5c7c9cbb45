//! Dependencies that a change brings: what manifests name, and that lock files stay as they are.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::change::Change;
use crate::agent::testgen::pattern;

const LOCKS: [&str; 15] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "Pipfile.lock",
    "Cargo.lock",
    "go.sum",
    "gradle.lockfile",
    "buildscript-gradle.lockfile",
    "modules.txt",
];
/// Folders of other people's code.
const VENDORED: [&str; 5] = ["node_modules", "vendor", "third_party", "site-packages", ".venv"];

static POM_BLOCK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?s)<(?:dependency|plugin|parent|extension)>.*?</(?:dependency|plugin|parent|extension)>")
});
static POM_NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"<(groupId|artifactId|version)>\s*([^<]+?)\s*<"));
static GRADLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^\s*(?:\w*[iI]mplementation|\w*[aA]pi|\w*[cC]ompileOnly|\w*[rR]untimeOnly|classpath|id|annotationProcessor|kapt|ksp)[\s(].*$",
    )
});

/// What is wrong with a changed file, as far as dependencies go.
pub(super) fn fault(change: &Change) -> Option<String> {
    let name = change.path.rsplit('/').next().unwrap_or_default();
    if LOCKS.contains(&name) {
        return Some(format!("{} is a lock file", change.path));
    }
    let folders = change.path.rsplit_once('/').map_or("", |(folders, _)| folders);
    if change.status != 'D' && folders.split('/').any(|folder| VENDORED.contains(&folder)) {
        return Some(format!("{} belongs to other people's code", change.path));
    }
    let read = reader(name)?;
    let before = change.before.as_deref().and_then(read).unwrap_or_default();
    let Some(after) = (match change.after.as_deref() {
        Some(text) => read(text),
        None => Some(BTreeSet::new()),
    }) else {
        return Some(format!("{} cannot be read any more", change.path));
    };
    let new: Vec<&str> = after.difference(&before).map(String::as_str).take(5).collect();
    (!new.is_empty()).then(|| format!("{} names new dependencies: {}", change.path, new.join(", ")))
}

type Reader = fn(&str) -> Option<BTreeSet<String>>;

fn reader(name: &str) -> Option<Reader> {
    let is_requirements = name.ends_with(".txt") && (name.contains("requirements") || name.contains("constraints"));
    Some(match name {
        "package.json" => package_json,
        "pyproject.toml" | "Pipfile" | "Cargo.toml" => tables,
        "libs.versions.toml" => whole,
        "go.mod" | "go.work" => go_mod,
        "pom.xml" => pom,
        "build.gradle" | "build.gradle.kts" | "settings.gradle" | "settings.gradle.kts" => gradle,
        _ if is_requirements => whole,
        _ => return None,
    })
}

fn package_json(text: &str) -> Option<BTreeSet<String>> {
    let manifest: serde_json::Value = serde_json::from_str(text).ok()?;
    let mut found = BTreeSet::new();
    for (key, table) in manifest.as_object()? {
        let is_table =
            key.to_ascii_lowercase().ends_with("dependencies") || ["overrides", "resolutions"].contains(&key.as_str());
        for (name, version) in table.as_object().filter(|_| is_table).into_iter().flatten() {
            found.insert(format!("{name} {}", version.as_str().map_or_else(|| version.to_string(), str::to_owned)));
        }
    }
    Some(found)
}

/// Every table and list whose name speaks of dependencies, however deep.
fn tables(text: &str) -> Option<BTreeSet<String>> {
    fn walk(value: &toml::Value, inside: bool, found: &mut BTreeSet<String>) {
        match value {
            toml::Value::Table(table) => {
                for (name, value) in table {
                    let lower = name.to_ascii_lowercase();
                    let names_some = ["dependencies", "requires", "packages", "dependency-groups", "patch", "replace"]
                        .iter()
                        .any(|word| lower.ends_with(word));
                    if inside && !value.is_array() {
                        found.insert(format!("{name} {value:?}"));
                    }
                    walk(value, inside || names_some, found);
                }
            }
            toml::Value::Array(items) => items.iter().for_each(|item| match item {
                toml::Value::String(text) if inside => {
                    found.insert(text.clone());
                }
                item => walk(item, inside, found),
            }),
            _ => {}
        }
    }
    let manifest: toml::Table = text.parse().ok()?;
    let mut found = BTreeSet::new();
    walk(&toml::Value::Table(manifest), false, &mut found);
    Some(found)
}

fn whole(text: &str) -> Option<BTreeSet<String>> {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
    Some(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
}

fn go_mod(text: &str) -> Option<BTreeSet<String>> {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    let is_own = |line: &&str| line.starts_with("module ") || line.starts_with("go ") || line.starts_with("toolchain ");
    let names = lines.filter(|line| !line.is_empty() && !is_own(line) && !["(", ")"].contains(line));
    Some(names.map(|line| line.trim_start_matches("require ").to_owned()).collect())
}

fn pom(text: &str) -> Option<BTreeSet<String>> {
    let blocks = POM_BLOCK.find_iter(text);
    Some(
        blocks
            .map(|block| {
                let names = POM_NAME.captures_iter(block.as_str()).filter_map(|found| Some(found.get(2)?.as_str()));
                names.collect::<Vec<_>>().join(":")
            })
            .collect(),
    )
}

fn gradle(text: &str) -> Option<BTreeSet<String>> {
    Some(GRADLE.find_iter(text).map(|line| line.as_str().trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, before: &str, after: &str) -> Change {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Change { path: path.into(), status: 'M', before: text(before), after: text(after), ..Change::default() }
    }

    #[test]
    fn a_new_dependency_is_seen_in_each_manifest() {
        for (path, before, after) in [
            (
                "package.json",
                r#"{"dependencies": {"a": "1"}}"#,
                r#"{"dependencies": {"a": "1"}, "devDependencies": {"b": "2"}}"#,
            ),
            ("web/package.json", r#"{"dependencies": {"a": "1"}}"#, r#"{"dependencies": {"a": "git+https://x"}}"#),
            ("requirements.txt", "a==1\n", "a==1\nb==2\n"),
            ("requirements-dev.txt", "", "b==2\n"),
            ("pyproject.toml", "[project]\ndependencies = [\"a\"]\n", "[project]\ndependencies = [\"a\", \"b\"]\n"),
            (
                "pyproject.toml",
                "[tool.poetry.dependencies]\na = \"1\"\n",
                "[tool.poetry.dependencies]\na = \"1\"\nb = {git = \"x\"}\n",
            ),
            ("Cargo.toml", "[dependencies]\n", "[dependencies.b]\nversion = \"1\"\n"),
            (
                "Cargo.toml",
                "[package]\nname = \"x\"\n",
                "[package]\nname = \"x\"\n[target.'cfg(unix)'.dependencies]\nb = \"1\"\n",
            ),
            ("go.mod", "module m\ngo 1.26\n", "module m\ngo 1.26\nrequire (\n\texample.org/b v1.0.0\n)\n"),
            (
                "pom.xml",
                "<project/>",
                "<project><dependency><groupId>g</groupId><artifactId>b</artifactId></dependency></project>",
            ),
            ("build.gradle.kts", "plugins {}\n", "dependencies {\n  implementation(\"g:b:1\")\n}\n"),
            ("package.json", "{}", "{"),
        ] {
            assert!(fault(&change(path, before, after)).is_some(), "{path}: {after}");
            assert_eq!(fault(&change(path, before, before)).filter(|_| !before.is_empty()), None, "{path}: {before}");
        }
        assert!(fault(&change("a/Cargo.lock", "x", "y")).is_some());
        assert!(fault(&change("vendor/x/x.go", "", "package x")).is_some());
        assert!(fault(&change("src/app.py", "a", "b")).is_none());
        let fewer = change("requirements.txt", "a==1\nb==2\n", "a==1 # kept\n");
        assert_eq!(fault(&fewer), None, "one less is no new one");
    }
}
