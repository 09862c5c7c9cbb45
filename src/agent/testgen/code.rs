//! The service's code as far as a test has to name it: where its application is made, which function failed, with which parameters.
//!
//! Names come from the repository alone. A name that telemetry gives is looked up there and never written into a test by itself.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::super::worktree::Worktree;
use super::super::worktree::WorktreeError;
use crate::evidence::same_file;

/// Files beyond this size are not searched.
const MAX_FILE: usize = 1024 * 1024;

/// A constant pattern.
#[expect(clippy::unwrap_used, reason = "constant patterns, compiled in every test run")]
pub(in crate::agent) fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static PY_FACTORY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^def (\w*app\w*)\((?:\s*|[^()]*=[^()]*)\)(?:\s*->[^:\n]+)?:"));
static PY_APP: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^(\w+)(?:\s*:[^=\n]+)?\s*=\s*(?:\w+\.)?(?:Flask|FastAPI|Starlette|Quart)\("));
static PY_FRAMEWORK: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(Flask|FastAPI|Starlette|Quart)\("));
static JS_APP: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^export const (\w+)(?:\s*:[^=\n]+)?\s*=\s*express\(\)"));
static JS_MODULE_APP: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^(?:const|let|var) (\w+)\s*=\s*express\(\)"));
static GO_HANDLER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^func (\w+)\(([^()]*)\) (?:http\.Handler|\*http\.ServeMux|\*gin\.Engine|chi\.Router|\*chi\.Mux|\*mux\.Router|\*echo\.Echo) \{",
    )
});
static RUST_ROUTER: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^pub fn (\w+)\(\)\s*->\s*(?:axum::)?Router\b"));

/// The files of a repository at the commit that failed.
pub(super) struct Code<'a> {
    pub(super) tree: &'a Worktree,
    pub(super) files: Vec<String>,
}

/// Where a Python application comes from.
pub(super) struct PythonApp {
    pub(super) module: String,
    pub(super) name: String,
    /// Whether the name is a function that makes it.
    pub(super) is_factory: bool,
    /// `Flask`, `FastAPI`, `Starlette` or `Quart`.
    pub(super) framework: String,
}

/// Where an Express application comes from.
pub(super) struct ExpressApp {
    pub(super) file: String,
    /// The export's name; `None` for `module.exports` or the default.
    pub(super) name: Option<String>,
}

/// How a Go handler is made.
pub(super) struct GoHandler {
    pub(super) call: String,
    /// Statements before it, each of which makes an argument: name, type, and the expression.
    pub(super) arguments: Vec<(String, String, String)>,
}

impl<'a> Code<'a> {
    pub(super) fn new(tree: &'a Worktree) -> Result<Self, WorktreeError> {
        Ok(Self { tree, files: tree.files()? })
    }

    /// The file of a frame.
    pub(super) fn file(&self, recorded: &str) -> Option<&str> {
        let recorded = recorded.strip_prefix("file://").unwrap_or(recorded).replace('\\', "/");
        let mut best: Option<&str> = None;
        for file in &self.files {
            // The longest that fits: `handlers/report.py` before `report.py`.
            if same_file(&recorded, file) && best.is_none_or(|best| file.len() > best.len()) {
                best = Some(file);
            }
        }
        // Go names a file by its module and folder: the module's name is not part of the path.
        best.or_else(|| {
            let mut rest = recorded.as_str();
            loop {
                rest = rest.split_once('/')?.1;
                if let Some(found) = self.files.iter().find(|file| file.as_str() == rest) {
                    return Some(found);
                }
            }
        })
    }

    pub(super) fn text(&self, file: &str) -> Option<String> {
        self.tree.read(Path::new(file)).filter(|text| text.len() <= MAX_FILE)
    }

    pub(super) fn has(&self, file: &str, word: &str) -> bool {
        self.text(file).is_some_and(|text| text.contains(word))
    }

    /// Whether one of these files at the root has the word: a manifest that names a package.
    pub(super) fn names(&self, manifests: &[&str], word: &str) -> bool {
        manifests.iter().any(|manifest| self.has(manifest, word))
    }

    /// Files with one of these endings that are no tests, those nearest to `near` first.
    fn sources(&self, endings: &[&str], near: &str) -> Vec<&str> {
        let mut found: Vec<&str> = self.files.iter().map(String::as_str).collect();
        found.retain(|file| endings.iter().any(|ending| file.ends_with(ending)) && !is_test(file));
        let common = |file: &str| file.split('/').zip(near.split('/')).take_while(|(a, b)| a == b).count();
        found.sort_by_key(|file| (std::cmp::Reverse(common(file)), file.matches('/').count(), (*file).to_owned()));
        found
    }

    pub(super) fn python_app(&self, near: &str) -> Option<PythonApp> {
        let sources = self.sources(&[".py"], near);
        let texts = sources.iter().filter_map(|file| Some((*file, self.text(file)?)));
        let found: Vec<_> = texts.filter(|(_, text)| PY_FRAMEWORK.is_match(text)).collect();
        let of = |pattern: &Regex, is_factory: bool| {
            found.iter().find_map(|(file, text)| {
                let name = pattern.captures(text)?.get(1)?.as_str().to_owned();
                let framework = PY_FRAMEWORK.captures(text)?.get(1)?.as_str().to_owned();
                Some(PythonApp { module: python_module(file), name, is_factory, framework })
            })
        };
        of(&PY_FACTORY, true).or_else(|| of(&PY_APP, false))
    }

    pub(super) fn express_app(&self, near: &str) -> Option<ExpressApp> {
        self.sources(&[".ts", ".js", ".mjs", ".cjs"], near).into_iter().find_map(|file| {
            let text = self.text(file)?;
            if let Some(found) = JS_APP.captures(&text) {
                return Some(ExpressApp {
                    file: file.to_owned(),
                    name: found.get(1).map(|name| name.as_str().to_owned()),
                });
            }
            let name = JS_MODULE_APP.captures(&text)?.get(1)?.as_str().to_owned();
            let has = |form: String| text.contains(&form);
            if has(format!("module.exports = {name}")) || has(format!("export default {name}")) {
                return Some(ExpressApp { file: file.to_owned(), name: None });
            }
            let is_named = has(format!("module.exports = {{ {name}")) || has(format!("export {{ {name}"));
            is_named.then(|| ExpressApp { file: file.to_owned(), name: Some(name) })
        })
    }

    /// The handler of a Go package, with arguments that functions without parameters make.
    pub(super) fn go_handler(&self, folder: &str) -> Option<GoHandler> {
        let texts: Vec<String> = self.go_files(folder).into_iter().filter_map(|file| self.text(file)).collect();
        let maker = |kind: &str| {
            let form = Regex::new(&format!(r"(?m)^func (\w+)\(\) {} \{{", regex::escape(kind))).ok()?;
            texts.iter().find_map(|text| Some(form.captures(text)?.get(1)?.as_str().to_owned()))
        };
        texts.iter().flat_map(|text| GO_HANDLER.captures_iter(text)).find_map(|found| {
            let (name, parameters) = (found.get(1)?.as_str(), found.get(2)?.as_str());
            let mut arguments = Vec::new();
            for parameter in parameters.split(',').map(str::trim).filter(|parameter| !parameter.is_empty()) {
                let (_, kind) = parameter.split_once(' ')?;
                arguments.push((
                    format!("argument{}", arguments.len()),
                    kind.to_owned(),
                    format!("{}()", maker(kind)?),
                ));
            }
            let names: Vec<&str> = arguments.iter().map(|(name, ..)| name.as_str()).collect();
            Some(GoHandler { call: format!("{name}({})", names.join(", ")), arguments })
        })
    }

    fn go_files(&self, folder: &str) -> Vec<&str> {
        let inside = |file: &&String| {
            let (parent, name) = file.rsplit_once('/').unwrap_or(("", file));
            parent == folder && name.ends_with(".go") && !name.ends_with("_test.go")
        };
        self.files.iter().filter(inside).map(String::as_str).collect()
    }

    /// The name of the package in a folder.
    pub(super) fn go_package(&self, folder: &str) -> Option<String> {
        let clause = pattern(r"(?m)^package (\w+)");
        let text = self.go_files(folder).into_iter().find_map(|file| self.text(file))?;
        Some(clause.captures(&text)?.get(1)?.as_str().to_owned())
    }

    /// The type of a method without parameters of a package: `*cache` for `refresh`.
    pub(super) fn go_method(&self, folder: &str, name: &str) -> Option<String> {
        let form = Regex::new(&format!(r"(?m)^func \(\w+ (\*?\w+)\) {}\(\)", regex::escape(name))).ok()?;
        let texts = self.go_files(folder).into_iter().filter_map(|file| self.text(file));
        texts.into_iter().find_map(|text| Some(form.captures(&text)?.get(1)?.as_str().to_owned()))
    }

    pub(super) fn axum_router(&self) -> Option<(String, String)> {
        self.sources(&[".rs"], "src/lib.rs").into_iter().find_map(|file| {
            let name = RUST_ROUTER.captures(&self.text(file)?)?.get(1)?.as_str().to_owned();
            Some((file.to_owned(), name))
        })
    }

    /// The parameters of a function at the top of a file, in order; `None` where the file has no such function.
    pub(super) fn parameters(&self, file: &str, function: &str) -> Option<Vec<String>> {
        let name = function.rsplit(['.', ':']).next().unwrap_or_default();
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let text = self.text(file)?;
        let form = match file.rsplit_once('.')?.1 {
            "py" => format!(r"(?m)^(?:async )?def {name}\(([^()]*)\)"),
            "rs" => format!(r"(?m)^pub (?:async )?fn {name}\(([^()]*)\)"),
            "go" => format!(r"(?m)^func {name}\(([^()]*)\)"),
            "java" => format!(r"(?m)^\s+public static [\w<>\[\], ]+ {name}\(([^()]*)\)"),
            _ => format!(r"(?m)^export (?:default )?(?:async )?function {name}\(([^()]*)\)"),
        };
        let list = Regex::new(&form).ok()?.captures(&text)?.get(1)?.as_str().to_owned();
        let is_java = file.ends_with(".java");
        let named = list.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "/" && *part != "*");
        let names = named.map(|part| {
            let name = if is_java { part.rsplit(' ').next() } else { part.split([':', '=', ' ', '?']).next() };
            name.unwrap_or_default().trim_start_matches('*').to_owned()
        });
        Some(names.collect())
    }
}

/// `app/handlers/report.py` as it is imported.
pub(super) fn python_module(file: &str) -> String {
    let path = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".py");
    path.strip_suffix("/__init__").unwrap_or(path).replace('/', ".")
}

/// Whether a file belongs to the tests, by the habits of its ecosystem.
#[must_use]
pub fn is_test(file: &str) -> bool {
    let (folders, name) = file.rsplit_once('/').unwrap_or(("", file));
    let in_folder = folders.split('/').any(|folder| {
        matches!(folder, "test" | "tests" | "__tests__" | "spec" | "specs" | "testdata" | "__snapshots__" | "e2e")
    });
    let by_name = (name.starts_with("test_") && name.ends_with(".py"))
        || ["_test.py", "_test.go", "_test.rs", "Test.java", "Tests.java", "IT.java", "Test.kt"]
            .iter()
            .any(|ending| name.ends_with(ending))
        || [".test.", ".spec."].iter().any(|part| name.contains(part))
        || name == "conftest.py";
    in_folder || by_name
}
