//! Options of the commands that run code of a repository: which evidence, which repository, which tests, within which walls.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use clap::{Args, ValueEnum};

use super::NotFound;
use super::store::{StoreArgs, block_on};
use crate::agent::testgen::{About, Framework, Made, Runner, make};
use crate::agent::worktree::{Sandbox, Worktree};
use crate::bundle::{MAX_DOCUMENT_BYTES, digest_of, to_canonical, unpack};
use crate::config::ProcessEnvironment;
use crate::model::Bundle;

/// What runs tests, as the command line names it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum FrameworkName {
    Pytest,
    Jest,
    Vitest,
    Go,
    Junit,
    Cargo,
}

/// The repository, and the test in it.
#[derive(Debug, Clone, Args)]
pub(super) struct RepoArgs {
    /// The repository of the service that failed.
    #[arg(long, value_name = "PATH", default_value = ".")]
    pub(super) repo: PathBuf,
    #[command(flatten)]
    pub(super) test: TestArgs,
}

/// How a test is made.
#[derive(Debug, Clone, Args)]
pub(super) struct TestArgs {
    /// The commit that failed, in place of the bundle's.
    #[arg(long, value_name = "SHA")]
    commit: Option<String>,
    /// What runs its tests; told by the bundle's language, if it is not given.
    #[arg(long, value_enum)]
    framework: Option<FrameworkName>,
    /// The value that a token of the bundle stands for, where you know it: `--value 'user:U-a4k…=cust-17'`.
    #[arg(long = "value", value_name = "TOKEN=VALUE")]
    values: Vec<String>,
}

/// What tests are run with and within.
#[derive(Debug, Clone, Args)]
pub(super) struct RunArgs {
    /// Runs of the test.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) runs: u32,
    /// The runner in place of the framework's usual one, words divided by blanks: `.venv/bin/python -m pytest`.
    #[arg(long, value_name = "COMMAND")]
    runner: Option<String>,
    /// Folder of the repository that git does not know and tests need; node_modules, .venv and venv are linked by themselves.
    #[arg(long = "link", value_name = "NAME")]
    links: Vec<String>,
    /// Variable of this environment that tests get; they see no other but PATH.
    #[arg(long = "env", value_name = "NAME")]
    env: Vec<String>,
    /// Folder that tests may write to beside their own: a compiler's cache.
    #[arg(long = "cache", value_name = "DIR")]
    caches: Vec<PathBuf>,
    /// File or folder that tests and agents see as empty, beside ~/.ssh, ~/.aws and the like and the keys of ./casefile-data.
    #[arg(long = "hide", value_name = "PATH")]
    hidden: Vec<PathBuf>,
    /// Seconds that one run may take.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    timeout: u64,
    /// Command that keeps them in a container, in place of bubblewrap: `docker run --rm --network none {env} -v {work}:{work} -w {dir} IMAGE`.
    /// The image has what the tests need, and `timeout`; `{env}` stands for their variables.
    #[arg(long, value_name = "COMMAND")]
    container: Option<String>,
    /// Runs them without a sandbox if there is none: on a machine that is itself one.
    #[arg(long)]
    no_sandbox: bool,
}

/// Reads the bundle: a file, else a trace or bundle id of the store.
pub(super) fn bundle(name: &str, store: &StoreArgs) -> anyhow::Result<Bundle> {
    let path = Path::new(name);
    if !path.is_file() {
        let catalog = store.open()?;
        let found = block_on(async { Ok(catalog.bundle(name).await?) })?;
        let found = found.ok_or_else(|| {
            NotFound(format!("{name} is neither a file nor the trace id or bundle id of a bundle in the store"))
        })?;
        return Ok(found.bundle);
    }
    let stored = Bytes::from(std::fs::read(path).with_context(|| format!("{name} cannot be read"))?);
    let document = unpack(name, &stored, MAX_DOCUMENT_BYTES).with_context(|| format!("{name} cannot be read"))?;
    serde_json::from_slice(&document).with_context(|| format!("{name} is not a bundle"))
}

/// Digest of a bundle as one document, amendments and all.
pub(super) fn digest(bundle: &Bundle) -> anyhow::Result<String> {
    Ok(digest_of(&to_canonical(bundle)?))
}

impl RepoArgs {
    /// Whether a value of a token was given.
    pub(super) fn gives_values(&self) -> bool {
        !self.test.values.is_empty()
    }

    /// The repository at the commit that failed.
    pub(super) fn tree(&self, bundle: &Bundle) -> anyhow::Result<Worktree> {
        let commit = self.test.commit.as_deref().or(bundle.commit_sha.as_deref());
        let commit = commit.ok_or(crate::agent::testgen::MakeError::NoCommit)?;
        Ok(Worktree::at(&self.repo, commit)?)
    }

    /// What runs the tests.
    pub(super) fn framework(&self, bundle: &Bundle, tree: &Worktree) -> anyhow::Result<Framework> {
        let named = self.test.framework.map(|name| match name {
            FrameworkName::Pytest => Framework::Pytest,
            FrameworkName::Jest => Framework::Jest,
            FrameworkName::Vitest => Framework::Vitest,
            FrameworkName::Go => Framework::Go,
            FrameworkName::Junit => Framework::Junit,
            FrameworkName::Cargo => Framework::Cargo,
        });
        named
            .or_else(|| Framework::of(bundle, tree))
            .context("the bundle's language has no known framework: say --framework")
    }

    /// Makes the test.
    pub(super) fn make(&self, bundle: &Bundle, tree: &Worktree) -> anyhow::Result<Made> {
        self.make_with(bundle, tree, BTreeMap::new())
    }

    /// Makes the test with more known values of tokens.
    pub(super) fn make_with(
        &self,
        bundle: &Bundle,
        tree: &Worktree,
        mut values: BTreeMap<String, String>,
    ) -> anyhow::Result<Made> {
        for given in &self.test.values {
            let (token, value) =
                given.split_once('=').with_context(|| format!("--value `{given}`: write TOKEN=VALUE"))?;
            values.entry(token.to_owned()).or_insert_with(|| value.to_owned());
        }
        Ok(make(bundle, tree, self.framework(bundle, tree)?, values)?)
    }

    /// The test in a file that was made before, else one that is made now.
    pub(super) fn test(&self, file: Option<&Path>, bundle: &Bundle, tree: &Worktree) -> anyhow::Result<Made> {
        let Some(file) = file else { return self.make(bundle, tree) };
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        made_before(text, file, bundle, tree)
    }
}

/// A test that was made before. `file` is named where the text is no such test.
pub(super) fn made_before(text: String, file: &Path, bundle: &Bundle, tree: &Worktree) -> anyhow::Result<Made> {
    let about = About::read(&text, file)?;
    let (bundle_id, commit) = (bundle.bundle_id.clone(), tree.commit().to_owned());
    let (missing, notes, placeholders) = (Vec::new(), Vec::new(), BTreeMap::new());
    Ok(Made { about, bundle_id, commit, text, missing, notes, placeholders })
}

impl RunArgs {
    /// The walls, with the repository and its packages behind them. `keys` are files that nothing behind them may read.
    pub(super) fn sandbox(&self, repo: &Path, tree: &Worktree, keys: &[&Path]) -> anyhow::Result<Sandbox> {
        let container = self.container.as_deref().map(words);
        let mut sandbox = Sandbox::find(container, self.no_sandbox)?;
        let repo = std::fs::canonicalize(repo).with_context(|| format!("{} cannot be read", repo.display()))?;
        let mut links = ["node_modules", ".venv", "venv"].map(str::to_owned).to_vec();
        links.extend_from_slice(&self.links);
        tree.link(&repo, &links)?;
        sandbox.readable.extend(links.iter().filter_map(|name| std::fs::canonicalize(repo.join(name)).ok()));
        sandbox.readable.push(repo);
        let data = PathBuf::from(super::keys::data_dir(&ProcessEnvironment));
        sandbox.hidden.extend(["redaction.key", "signing.pem"].map(|name| data.join(name)));
        sandbox.hidden.extend_from_slice(&self.hidden);
        sandbox.hidden.extend(keys.iter().map(|key| (*key).to_owned()));
        // What signs the ledger is nobody's behind the walls, whether or not this command writes to it.
        sandbox.hidden.extend(std::env::var_os(super::ledger::KEY_FILE).map(PathBuf::from));
        sandbox.writable.clone_from(&self.caches);
        sandbox.pass.clone_from(&self.env);
        Ok(sandbox)
    }

    /// The runner.
    pub(super) fn runner(&self, framework: Framework, suite: Option<&str>) -> Runner {
        let program = self.runner.as_deref().map(words);
        Runner { framework, program, suite: suite.map(str::to_owned), limit: self.limit() }
    }

    /// Whether programs may run without walls.
    pub(super) fn is_open(&self) -> bool {
        self.no_sandbox
    }

    /// How long one run may take.
    pub(super) fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// Words of a command that no shell reads.
pub(super) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// A file as text.
pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        return std::io::read_to_string(std::io::stdin()).context("standard input cannot be read");
    }
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Writes a file, and the folders that it needs.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folders = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    folders.and_then(|()| std::fs::write(path, text)).with_context(|| format!("{} cannot be written", path.display()))
}
