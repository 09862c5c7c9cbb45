//! A repository with a fault in it, and the bundle of the failure that it led to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::casefile::{self, Home, Settings};
use crate::support::store;

/// Runs of a test that has to fail, or to pass.
pub(crate) const RUNS: &str = "10";

/// The repository, and what else lies beside it.
#[derive(Debug)]
pub(crate) struct Example {
    folder: TempDir,
    /// Options that every command gets which runs tests.
    options: Vec<String>,
}

impl Example {
    /// A repository of copies of these folders of `tests/`, all in one.
    pub(crate) fn new(sources: &[&str], options: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Self { folder, options: options.to_vec() };
        fs::create_dir(this.repo()).unwrap();
        for source in sources {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(source);
            copy(&source, &this.repo());
        }
        this.git(&["init", "--quiet"]);
        this.commit("The service as it was when it failed");
        this
    }

    /// With this program in place of the framework's own.
    pub(crate) fn with_runner(mut self, program: &Path) -> Self {
        self.options.extend(["--runner".to_owned(), program.display().to_string()]);
        self
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    /// A file beside the repository.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.test", "-c", "commit.gpgsign=false"]);
        let output = command.args(arguments).current_dir(self.repo()).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", message]);
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Lets the service fail before a Casefile that receives what its SDK sends, and keeps the bundle of it. `fail` is given the ports of
    /// OTLP over HTTP and a folder, and answers with the failed trace, when everything is sent.
    pub(crate) fn fail(&self, fail: impl FnOnce(u16, &Path) -> String) -> Value {
        let folder = self.folder.path().join("casefile");
        fs::create_dir(&folder).unwrap();
        let home = Home::new(&folder, &Settings { decision_wait: "2s", retention: "5s", ..Settings::default() });
        let mut casefile = home.start();
        let trace = fail(home.http, &folder);
        casefile.wait("the manifest", |_| !store::manifests(&home.store()).is_empty());
        casefile.settled();
        casefile.stop();
        let bundle = casefile::run(&folder, &["bundle", "get", &trace, "--store", &home.store_url()]).stdout;
        fs::write(self.bundle(), &bundle).unwrap();
        serde_json::from_slice(&bundle).unwrap()
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.file("bundle.json")
    }

    /// Runs casefile beside the repository.
    pub(crate) fn casefile(&self, arguments: &[&str]) -> Output {
        let mut command = casefile::command(self.folder.path());
        command.args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a command that works on the repository and runs tests in it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut all: Vec<&str> = arguments.to_vec();
        all.extend(["--repo", "repo"]);
        all.extend(self.options.iter().map(String::as_str));
        self.casefile(&all)
    }

    /// Makes the test, which has to be whole, and lets it fail three times: it does ten times before the guard takes a fix.
    pub(crate) fn make_and_verify(&self) -> Value {
        let page = self.casefile(&[
            "test",
            "make",
            "bundle.json",
            "--repo",
            "repo",
            "--out",
            "made",
            "--json",
            "--script",
            "repro.sh",
        ]);
        assert_eq!(page.status.code(), Some(0), "{}", said(&page));
        let made = json(&page);
        assert_eq!(made["missing"], serde_json::json!([]), "{made}");
        let verified = self.run(&["test", "verify", "bundle.json", "--test", "made", "--runs", "3", "--json"]);
        assert_eq!(verified.status.code(), Some(0), "{}", said(&verified));
        let verified = json(&verified);
        assert_eq!(verified["verdict"], "reproduced");
        assert_eq!(verified["runs"].as_array().unwrap().len(), 3);
        made
    }

    /// A diff of the repository with these texts replaced, or appended where there is none to be replaced, in its files. `None`
    /// deletes the file.
    pub(crate) fn diff(&self, edits: &[(&str, &str, Option<&str>)]) -> String {
        for (file, from, to) in edits {
            let path = self.repo().join(file);
            match to {
                None => fs::remove_file(&path).unwrap(),
                Some(to) => {
                    let text = fs::read_to_string(&path).unwrap_or_default();
                    assert!(from.is_empty() || text.contains(from), "{file} has no `{from}`");
                    fs::write(&path, if from.is_empty() { text + to } else { text.replace(from, to) }).unwrap();
                }
            }
        }
        self.git(&["add", "--all"]);
        let diff = self.git(&["diff", "--cached", "--binary"]);
        self.git(&["reset", "--quiet", "--hard"]);
        diff
    }

    /// The guard's verdict on a diff, and its exit code.
    pub(crate) fn check(&self, diff: &str, more: &[&str]) -> (i32, Value) {
        fs::write(self.file("patch.diff"), diff).unwrap();
        let line = ["patch", "check", "patch.diff", "--bundle", "bundle.json", "--test", "made", "--format", "json"];
        let output = self.run(&[&line[..], more].concat());
        (
            output.status.code().unwrap(),
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output))),
        )
    }

    /// The guard takes the known fix: the test fails without it and passes with it, ten times each, and the suite stays whole.
    pub(crate) fn accepts(&self, diff: &str, more: &[&str]) -> Value {
        let (exit, verdict) = self.check(diff, &[&["--runs", RUNS], more].concat());
        assert_eq!(verdict["decision"], "accepted", "{verdict:#}");
        assert_eq!(exit, 0);
        assert_eq!((&verdict["passed"], &verdict["runs"]), (&10.into(), &10.into()));
        assert_eq!(verdict["before"]["verdict"], "reproduced");
        assert_eq!(verdict["reverted"]["verdict"], "reproduced");
        let suite = &verdict["suite"];
        assert_eq!(suite["before"]["failed"], serde_json::json!([]), "{suite:#}");
        let passed = |when: &str| suite[when]["passed"].as_u64().unwrap();
        assert!(passed("before") > 0 && passed("after") > passed("before"), "the made test is one more: {suite:#}");
        verdict
    }

    /// The guard refuses a diff, first of all for this reason.
    pub(crate) fn refuses(&self, rule: &str, diff: &str) -> Value {
        let (exit, verdict) = self.check(diff, &["--runs", "1"]);
        assert_eq!(verdict["decision"], "refused", "{rule}: {verdict:#}");
        assert_eq!(exit, 1);
        assert_eq!(verdict["findings"][0]["rule"], rule, "{:#}", verdict["findings"]);
        verdict
    }
}

/// A command's standard output as JSON.
pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

/// All that a command said.
pub(crate) fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
