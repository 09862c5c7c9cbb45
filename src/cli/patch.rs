//! `casefile patch check|rank|verify`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use sha2::{Digest as _, Sha256};

use super::exit::Partial;
use super::ledger::LedgerArgs;
use super::store::StoreArgs;
use super::workshop::{self, RepoArgs, RunArgs};
use super::{keys, term};
use crate::agent::one_line;
use crate::agent::patch::{
    CommitAs, CommitKey, Decision, External, Guard, Judgement, Level, Policy, Ranked, STATEMENT_TYPE, check, commit,
    rank, sarif, statement,
};
use crate::agent::testgen::{Made, Runner};
use crate::agent::worktree::{Sandbox, Worktree};
use crate::bundle::{Envelope, Verifier, digest_of, to_canonical};
use crate::model::Bundle;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Judges a diff. Exit code 0: accepted, 1: refused, 4: a person has to look at it.
    Check {
        /// The diff; `-` is stdin.
        diff: PathBuf,
        #[command(flatten)]
        guard: GuardArgs,
        #[command(flatten)]
        give: GiveArgs,
        #[command(flatten)]
        ledger: LedgerArgs,
    },
    /// Judges several diffs for one failure, and lists them, the best first: most tests, then the smallest.
    Rank {
        /// The diffs.
        #[arg(required = true)]
        diffs: Vec<PathBuf>,
        #[command(flatten)]
        guard: GuardArgs,
        /// JSON on stdout in place of text.
        #[arg(long)]
        json: bool,
    },
    /// Checks the signature of a statement that `patch check` wrote, and that it is about this diff and accepts it.
    Verify {
        /// The statement.
        statement: PathBuf,
        /// File with the ed25519 public key in PEM.
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
        /// The diff.
        #[arg(long, value_name = "FILE")]
        diff: PathBuf,
    },
}

/// What a diff is held against.
#[derive(Debug, Clone, Args)]
pub(super) struct GuardArgs {
    /// Trace id or bundle id, or a file with a bundle.
    #[arg(long)]
    pub(super) bundle: String,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) repo: RepoArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// The failing test, as `test make` wrote it; without it one is made.
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Paths that may not change, beside the built-in ones (continuous integration, keys).
    #[arg(long = "block", value_name = "GLOB")]
    blocked: Vec<String>,
    #[command(flatten)]
    rules: RuleArgs,
}

/// What a patch may do, and what is run beside the made test.
#[derive(Debug, Clone, Args)]
pub(super) struct RuleArgs {
    /// Most files, beside tests and prose, that may change.
    #[arg(long, default_value_t = 5, value_name = "COUNT")]
    max_files: usize,
    /// Most lines, added and removed, beside tests and prose.
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    max_lines: usize,
    /// Paths that may change; where there is one, no others may. `**` stands for folders.
    #[arg(long = "allow", value_name = "GLOB")]
    allowed: Vec<String>,
    /// Paths that a person has to look at, beside the built-in ones (manifests, settings of test runners, migrations).
    #[arg(long = "review", value_name = "GLOB")]
    reviewed: Vec<String>,
    /// The command of the whole suite, by a shell, in place of the framework's; `{report}` in it is the file for its report.
    #[arg(long, value_name = "COMMAND")]
    suite: Option<String>,
    /// Does not run the suite.
    #[arg(long, conflicts_with = "suite")]
    no_suite: bool,
    /// The coverage report that the suite leaves (lcov, Cobertura, Go's cover profile), as a path of the repository.
    #[arg(long, value_name = "FILE")]
    coverage: Option<String>,
    /// A further check, by a shell: `--check 'lint=ruff check .'`. Of SARIF on its stdout the results that are new count, else its exit code.
    #[arg(long = "check", value_name = "NAME=COMMAND")]
    checks: Vec<String>,
}

/// Where the verdict goes.
#[derive(Debug, Clone, Args)]
pub(super) struct GiveArgs {
    /// What is written to stdout.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    /// Also writes it as SARIF.
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Also writes it as an in-toto test-result statement in a DSSE envelope.
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,
    /// File with the ed25519 private key (PKCS#8 in PEM) that signs the statement.
    #[arg(long, value_name = "FILE", requires = "statement")]
    key: Option<PathBuf>,
    /// Commits what is not refused (with the made test) as a new branch of the repository.
    #[arg(long, value_name = "BRANCH")]
    branch: Option<String>,
    /// What signs the commit: a file with a private SSH key, or the id of a GnuPG key.
    #[arg(long, value_name = "KEY", requires = "branch")]
    sign_with: Option<String>,
    /// Author of the commit.
    #[arg(long, default_value = "Casefile <casefile@localhost>", value_name = "NAME <MAIL>")]
    author: String,
}

impl GiveArgs {
    /// The file of the key that signs the commit, where it is one.
    fn commit_key(&self) -> Option<&Path> {
        self.sign_with.as_deref().map(Path::new).filter(|key| key.is_file())
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    Text,
    Json,
    Sarif,
}

/// All that a verdict needs, ready to judge.
pub(super) struct Bench {
    pub(super) bundle: Bundle,
    pub(super) tree: Worktree,
    pub(super) made: Made,
    pub(super) sandbox: Sandbox,
    runner: Runner,
    policy: Policy,
    checks: Vec<External>,
    runs: u32,
    rules: RuleArgs,
}

/// What a bench is made of, but for the evidence.
pub(super) struct Place<'a> {
    pub(super) repo: &'a Path,
    pub(super) run: &'a RunArgs,
    pub(super) rules: &'a RuleArgs,
    /// Patterns of paths that may not change.
    pub(super) blocked: &'a [String],
    /// Files that nothing behind the sandbox's walls may read.
    pub(super) keys: &'a [&'a Path],
}

impl GuardArgs {
    /// Reads the bundle, checks its commit out, and makes the test, if there is none. `keys` are what tests and agents may not read.
    pub(super) fn bench(&self, keys: &[&Path]) -> anyhow::Result<Bench> {
        let bundle = workshop::bundle(&self.bundle, &self.store)?;
        let tree = self.repo.tree(&bundle)?;
        let made = self.repo.test(self.test.as_deref(), &bundle, &tree)?;
        let place = Place { repo: &self.repo.repo, run: &self.run, rules: &self.rules, blocked: &self.blocked, keys };
        place.bench(bundle, tree, made)
    }

    /// Whether the test is given, and not made anew.
    pub(super) fn gives_test(&self) -> bool {
        self.test.is_some()
    }
}

impl Place<'_> {
    /// The bench for a bundle, the repository at its commit, and its test.
    pub(super) fn bench(&self, bundle: Bundle, tree: Worktree, made: Made) -> anyhow::Result<Bench> {
        let Place { repo, run, rules, blocked, keys } = *self;
        let sandbox = run.sandbox(repo, &tree, keys)?;
        let runner = run.runner(made.about.framework, rules.suite.as_deref());
        let policy = Policy::new(rules.max_files, rules.max_lines, &rules.allowed, blocked, &rules.reviewed)?;
        let checks = rules.checks.iter().map(|line| external(line, run.limit())).collect::<anyhow::Result<_>>()?;
        Ok(Bench { bundle, tree, made, sandbox, runner, policy, checks, runs: run.runs, rules: rules.clone() })
    }
}

impl Bench {
    /// Judges a diff.
    pub(super) fn judge(&self, diff: &str) -> anyhow::Result<Judgement> {
        let guard = Guard {
            bundle: &self.bundle,
            made: &self.made,
            runner: &self.runner,
            sandbox: &self.sandbox,
            policy: &self.policy,
            runs: self.runs,
            suite: !self.rules.no_suite,
            coverage: self.rules.coverage.clone(),
            checks: &self.checks,
        };
        Ok(check(&guard, &self.tree, diff)?)
    }
}

fn external(line: &str, limit: Duration) -> anyhow::Result<External> {
    let (name, command) = line.split_once('=').with_context(|| format!("--check `{line}`: write NAME=COMMAND"))?;
    Ok(External { name: name.to_owned(), command: command.to_owned(), limit })
}

pub(super) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Check { diff, guard, give, ledger } => {
            let diff = workshop::read(diff)?;
            let noting = ledger.open(&guard.store)?;
            let keys: Vec<&Path> =
                [ledger.key_file(), give.key.as_deref(), give.commit_key()].into_iter().flatten().collect();
            let bench = guard.bench(&keys)?;
            let judgement = bench.judge(&diff)?;
            noting.patch_checked(&bench.bundle, &bench.made, &judgement)?;
            give_out(&bench, &guard.repo.repo, &diff, &judgement, give)?;
            end(&judgement)
        }
        Command::Rank { diffs, guard, json } => {
            let bench = guard.bench(&[])?;
            let mut patches = Vec::new();
            for path in diffs {
                let judgement = bench.judge(&workshop::read(path)?)?;
                patches.push(Ranked { name: path.display().to_string(), judgement });
            }
            rank(&mut patches);
            let mut out = term::stdout();
            if *json {
                return out.json(&patches);
            }
            let rows: Vec<Vec<String>> = patches
                .iter()
                .map(|Ranked { name, judgement }| {
                    let tests = judgement.suite.as_ref().map_or(0, |suite| suite.after.passed);
                    vec![
                        word(judgement.decision).to_owned(),
                        format!("{}/{}", judgement.passed, judgement.runs),
                        tests.to_string(),
                        judgement.size.counted.to_string(),
                        name.clone(),
                    ]
                })
                .collect();
            Ok(out.table(&["verdict", "test", "suite", "lines", "patch"], &rows)?)
        }
        Command::Verify { statement, public_key, diff } => verify(statement, public_key, diff),
    }
}

fn give_out(bench: &Bench, repo: &Path, diff: &str, judgement: &Judgement, give: &GiveArgs) -> anyhow::Result<()> {
    let log = sarif(judgement);
    let mut out = term::stdout();
    match give.format {
        Form::Json => out.json(judgement)?,
        Form::Sarif => out.json(&log)?,
        Form::Text => text(&mut out, judgement)?,
    }
    if let Some(file) = &give.sarif {
        workshop::write(file, &serde_json::to_string_pretty(&log)?)?;
    }
    if let Some(file) = &give.statement {
        let signer = give.key.as_deref().map(keys::signer).transpose()?;
        let test = digest_of(bench.made.text.as_bytes());
        let statement = to_canonical(&statement(judgement, &workshop::digest(&bench.bundle)?, &test))?;
        let envelope = Envelope::of(STATEMENT_TYPE, &statement, signer.as_ref());
        workshop::write(file, &serde_json::to_string(&envelope)?)?;
    }
    // What needs a look is looked at on a branch, too.
    if let Some(branch) = give.branch.as_ref().filter(|_| judgement.decision != Decision::Refused) {
        let key = give.sign_with.as_deref().map(|key| match std::fs::canonicalize(key) {
            Ok(file) => CommitKey::Ssh(file),
            Err(_) => CommitKey::Gpg(key.to_owned()),
        });
        let incident = &bench.bundle.incident;
        let message = format!(
            "Fix {}\n\nIncident: {}\nBundle: {}\n",
            one_line(&incident.summary),
            incident.id,
            bench.bundle.bundle_id
        );
        let as_what = CommitAs { branch, author: &give.author, message: &message, key: key.as_ref() };
        let id = commit(&bench.tree, repo, diff, &bench.made, &as_what)?;
        if matches!(give.format, Form::Text) {
            out.line(&format!("committed {id} as {branch}"))?;
        }
    }
    Ok(())
}

fn text(out: &mut term::Terminal<std::io::Stdout>, judgement: &Judgement) -> anyhow::Result<()> {
    out.line(word(judgement.decision))?;
    for finding in &judgement.findings {
        let place = finding.file.as_deref().map_or_else(String::new, |file| {
            finding.line.map_or_else(|| format!(" {file}"), |line| format!(" {file}:{line}"))
        });
        let line = format!("{}{place}: {}", finding.rule.as_str(), one_line(&finding.message));
        if finding.level == Level::Refusal { out.failure(&line)? } else { out.line(&line)? }
    }
    let size = &judgement.size;
    out.line(&format!("size: {} files, +{} -{}", size.files, size.added, size.removed))?;
    out.line(&format!("localisation {:.2}, simplicity {:.2}", judgement.localisation, judgement.simplicity))?;
    if judgement.runs > 0 {
        out.line(&format!("test: passed {} of {} times with the patch", judgement.passed, judgement.runs))?;
    }
    if let Some(suite) = &judgement.suite {
        out.line(&format!("suite: {} passed before, {} now", suite.before.passed, suite.after.passed))?;
        if let (Some(before), Some(after)) = (suite.coverage_before, suite.coverage_after) {
            out.line(&format!("coverage: {:.1} % before, {:.1} % now", before.percent(), after.percent()))?;
        }
    }
    Ok(out.line(&format!("sandbox: {}", judgement.sandbox))?)
}

/// How the process ends.
fn end(judgement: &Judgement) -> anyhow::Result<()> {
    match judgement.decision {
        Decision::Accepted => Ok(()),
        Decision::NeedsReview => Err(Partial("a person has to look at the patch".to_owned()).into()),
        Decision::Refused => anyhow::bail!("the patch is refused"),
    }
}

pub(super) fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Accepted => "accepted",
        Decision::NeedsReview => "needs review",
        Decision::Refused => "refused",
    }
}

fn verify(file: &Path, public_key: &Path, diff: &Path) -> anyhow::Result<()> {
    let key = Verifier::from_pem(&workshop::read(public_key)?)
        .map_err(|problem| anyhow::anyhow!("{}: {}", public_key.display(), problem.message))?;
    let envelope: Envelope =
        serde_json::from_str(&workshop::read(file)?).with_context(|| format!("{} is no envelope", file.display()))?;
    anyhow::ensure!(envelope.payload_type == STATEMENT_TYPE, "{} holds no in-toto statement", file.display());
    key.verify(&envelope).with_context(|| format!("the signature of {} does not hold", file.display()))?;
    let statement: serde_json::Value = serde_json::from_slice(&envelope.payload()?)?;
    let text = |pointer: &str| statement.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(workshop::read(diff)?.as_bytes()));
    anyhow::ensure!(text("/subject/0/digest/sha256") == digest, "the statement is about another diff");
    let result = text("/predicate/result");
    anyhow::ensure!(result == "PASSED", "the statement says {result}");
    Ok(term::stdout().line(&format!("signed by this key, about this diff, {result}"))?)
}
