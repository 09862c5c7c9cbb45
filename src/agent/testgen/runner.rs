//! The commands of each framework, and where they leave their reports.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::worktree::{Job, Sandbox, Worktree, regular};
use super::{About, Framework, Report};
use crate::attachments::Kind;

/// Why a run gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The runner cannot be started.
    #[error("the test runner cannot be started")]
    Start(#[from] std::io::Error),
    /// What is run has to be built first, and is not.
    #[error("the test does not build:\n{0}")]
    Build(String),
}

/// How tests are run.
#[derive(Debug, Clone)]
pub struct Runner {
    /// What runs them.
    pub framework: Framework,
    /// The command of the framework, in place of the usual one: `.venv/bin/python -m pytest`.
    pub program: Option<Vec<String>>,
    /// The command of the whole suite, by a shell, in place of the framework's; `{report}` in it is the file for its report.
    pub suite: Option<String>,
    /// How long one run may take.
    pub limit: Duration,
}

impl Runner {
    /// What has to be done once before the test is run again and again.
    ///
    /// # Errors
    /// If it does not build.
    pub fn prepare(&self, tree: &Worktree, sandbox: &Sandbox, about: &About) -> Result<(), RunError> {
        if self.framework != Framework::Go {
            return Ok(());
        }
        // Linking costs more than running: the binary is made once.
        let mut command = self.program(&["go"]);
        command.extend(["test", "-c", "-vet=off", "-o"].map(str::to_owned));
        command.push(binary(tree).display().to_string());
        command.extend(about.race.then(|| "-race".to_owned()));
        command.push(".".to_owned());
        let ran = sandbox.run(tree, self.job(tree, command, package(tree, about)))?;
        if ran.status == Some(0) { Ok(()) } else { Err(RunError::Build(ran.output)) }
    }

    /// Runs the one test.
    ///
    /// # Errors
    /// If the runner cannot be started.
    pub fn test(&self, tree: &Worktree, sandbox: &Sandbox, about: &About) -> Result<Report, RunError> {
        let report = tree.scratch().join("report");
        let path = about.path.display().to_string();
        let file = report.display().to_string();
        let (command, folder) = match self.framework {
            Framework::Pytest => (self.pytest(&file, Some(&format!("{path}::{}", about.name))), tree.path().to_owned()),
            Framework::Vitest => {
                let mut command = self.vitest(&file);
                command.push(path);
                (command, tree.path().to_owned())
            }
            Framework::Jest => {
                let mut command = self.jest(&file);
                command.extend(["--runTestsByPath".to_owned(), path]);
                (command, tree.path().to_owned())
            }
            Framework::Go => {
                let mut command = self.program(&["go"]);
                let binary = binary(tree).display().to_string();
                command.extend(["tool", "test2json", "-t", "-p", "casefile"].map(str::to_owned));
                command.push(binary);
                command.extend(["-test.v=test2json".to_owned(), "-test.count=1".to_owned()]);
                command.push(format!("-test.run=^{}$", about.name));
                (command, package(tree, about))
            }
            Framework::Junit => {
                let mut command = self.program(&["mvn", "--quiet", "--batch-mode", "--offline"]);
                command.extend(["test".to_owned(), format!("-Dtest={}", about.name)]);
                command.push("-Dsurefire.failIfNoSpecifiedTests=false".to_owned());
                (command, tree.path().to_owned())
            }
            Framework::Cargo => {
                let mut command = self.program(&["cargo"]);
                command.extend(["test", "--offline", "--test"].map(str::to_owned));
                command.extend([about.name.clone(), "--".to_owned(), "--exact".to_owned(), about.name.clone()]);
                (command, tree.path().to_owned())
            }
        };
        self.run(tree, sandbox, self.job(tree, command, folder), &report, about.path.file_stem())
    }

    /// Runs the whole suite.
    ///
    /// # Errors
    /// If the runner cannot be started.
    pub fn suite(&self, tree: &Worktree, sandbox: &Sandbox) -> Result<Report, RunError> {
        let report = tree.scratch().join("report");
        let file = report.display().to_string();
        let command = match (&self.suite, self.framework) {
            (Some(line), _) => vec!["sh".to_owned(), "-c".to_owned(), line.replace("{report}", &file)],
            (None, Framework::Pytest) => self.pytest(&file, None),
            (None, Framework::Vitest) => self.vitest(&file),
            (None, Framework::Jest) => self.jest(&file),
            (None, Framework::Go) => {
                let mut command = self.program(&["go"]);
                command.extend(["test", "-json", "-vet=off", "-count=1", "./..."].map(str::to_owned));
                command
            }
            (None, Framework::Junit) => {
                let mut command = self.program(&["mvn", "--quiet", "--batch-mode", "--offline"]);
                command.push("test".to_owned());
                command
            }
            (None, Framework::Cargo) => {
                let mut command = self.program(&["cargo"]);
                command.extend(["test", "--offline", "--no-fail-fast"].map(str::to_owned));
                command
            }
        };
        self.run(tree, sandbox, self.job(tree, command, tree.path().to_owned()), &report, None)
    }

    fn run(
        &self,
        tree: &Worktree,
        sandbox: &Sandbox,
        job: Job,
        report: &Path,
        class: Option<&std::ffi::OsStr>,
    ) -> Result<Report, RunError> {
        // What a run before it left must not be taken for its own.
        fs::remove_file(report).unwrap_or_default();
        let surefire = tree.path().join("target/surefire-reports");
        if self.framework == Framework::Junit {
            fs::remove_dir_all(&surefire).unwrap_or_default();
        }
        let ran = sandbox.run(tree, job)?;
        let found = match self.framework {
            Framework::Junit if self.suite.is_none() => surefire_reports(&surefire, class),
            _ => regular(report),
        };
        let kind = match self.framework {
            _ if self.suite.is_some() && class.is_none() => None,
            Framework::Pytest | Framework::Junit => Some(Kind::Junit),
            Framework::Vitest | Framework::Jest => Some(Kind::Jest),
            Framework::Go => Some(Kind::GoTest),
            Framework::Cargo => Some(Kind::Text),
        };
        Ok(Report::of(ran, found.as_deref(), kind))
    }

    fn program(&self, usual: &[&str]) -> Vec<String> {
        self.program.clone().unwrap_or_else(|| usual.iter().map(|word| (*word).to_owned()).collect())
    }

    fn pytest(&self, report: &str, test: Option<&str>) -> Vec<String> {
        let mut command = self.program(&["python3", "-m", "pytest"]);
        command.extend(["-q", "-p", "no:cacheprovider", "--tb=short", "-o", "junit_logging=no"].map(str::to_owned));
        command.push(format!("--junitxml={report}"));
        command.extend(test.map(str::to_owned));
        command
    }

    fn vitest(&self, report: &str) -> Vec<String> {
        let mut command = self.program(&["node_modules/.bin/vitest"]);
        command.extend(["run".to_owned(), "--reporter=json".to_owned(), format!("--outputFile={report}")]);
        command
    }

    fn jest(&self, report: &str) -> Vec<String> {
        let mut command = self.program(&["node_modules/.bin/jest"]);
        command.extend(["--json".to_owned(), format!("--outputFile={report}"), "--cache=false".to_owned()]);
        command
    }

    fn job(&self, tree: &Worktree, command: Vec<String>, folder: PathBuf) -> Job {
        let mut job = Job::new(command, &folder, self.limit);
        let mut set = |name: &str, value: &str| job.env.push((name.to_owned(), value.to_owned()));
        match self.framework {
            Framework::Pytest => {
                set("PYTHONDONTWRITEBYTECODE", "1");
                set("PYTHONHASHSEED", "0");
            }
            Framework::Jest => {
                let manifest = tree.read(Path::new("package.json")).unwrap_or_default();
                if manifest.contains("\"module\"") {
                    set("NODE_OPTIONS", "--experimental-vm-modules");
                }
            }
            Framework::Go => {
                set("GOTOOLCHAIN", "local");
                set("GOTELEMETRY", "off");
            }
            // Without a trace there is no frame to be compared; and what is built is no part of a patch.
            Framework::Cargo => {
                set("RUST_BACKTRACE", "1");
                set("CARGO_TARGET_DIR", &tree.scratch().join("target").display().to_string());
            }
            Framework::Vitest | Framework::Junit => {}
        }
        job
    }
}

fn binary(tree: &Worktree) -> PathBuf {
    tree.scratch().join("test.bin")
}

/// The folder of a Go package.
fn package(tree: &Worktree, about: &About) -> PathBuf {
    about.path.parent().map_or_else(|| tree.path().to_owned(), |folder| tree.path().join(folder))
}

/// The reports of Surefire as one document.
fn surefire_reports(folder: &Path, class: Option<&std::ffi::OsStr>) -> Option<Vec<u8>> {
    let mut names: Vec<PathBuf> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    names.retain(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let of_class = class.is_none_or(|class| name.contains(&*class.to_string_lossy()));
        name.starts_with("TEST-") && name.ends_with(".xml") && of_class
    });
    names.sort();
    let mut all = b"<testsuites>".to_vec();
    for name in names {
        let text = String::from_utf8(regular(&name)?).ok()?;
        let body = text.find("<testsuite").and_then(|at| text.get(at..)).unwrap_or_default();
        all.extend_from_slice(body.as_bytes());
    }
    all.extend_from_slice(b"</testsuites>");
    Some(all)
}
