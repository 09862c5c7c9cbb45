//! `casefile mcp`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::code::{CodeArgs, Scrubber};
use super::ledger::LedgerArgs;
use super::patch::{Place, RuleArgs};
use super::serve::{StopSignal, runtime};
use super::store::StoreArgs;
use super::workshop::{RepoArgs, RunArgs, TestArgs, made_before};
use crate::agent::patch::Judgement;
use crate::agent::testgen::Made;
use crate::agent::{CodeSource, McpServer, Workshop};
use crate::model::Bundle;

#[derive(Debug, Args)]
pub(super) struct McpArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    code: CodeArgs,
    #[command(flatten)]
    test: TestArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    /// Serves by streamable HTTP at /mcp of this address instead of stdin and stdout. A port alone is one of loopback. There is no
    /// authentication: on any other address put a proxy in front that has.
    #[arg(long, value_name = "HOST:PORT")]
    http: Option<String>,
}

/// What makes tests and judges patches in the repository that was named.
struct Bound {
    store: StoreArgs,
    repo: RepoArgs,
    run: RunArgs,
    rules: RuleArgs,
    /// What is not shown may not be changed.
    blocked: Vec<String>,
    ledger: LedgerArgs,
}

impl Bound {
    fn made(&self, bundle: &Bundle, values: BTreeMap<String, String>) -> anyhow::Result<Made> {
        let noting = self.ledger.open(&self.store)?;
        let made = self.repo.make_with(bundle, &self.repo.tree(bundle)?, values)?;
        noting.test_made(bundle, &made)?;
        Ok(made)
    }

    fn judged(&self, bundle: &Bundle, diff: &str, test: Option<&str>) -> anyhow::Result<Judgement> {
        let noting = self.ledger.open(&self.store)?;
        let tree = self.repo.tree(bundle)?;
        let made = match test {
            Some(test) => made_before(test.to_owned(), Path::new("test"), bundle, &tree)?,
            None => self.repo.make(bundle, &tree)?,
        };
        let keys: Vec<&Path> = self.ledger.key_file().into_iter().collect();
        let place =
            Place { repo: &self.repo.repo, run: &self.run, rules: &self.rules, blocked: &self.blocked, keys: &keys };
        let bench = place.bench(bundle.clone(), tree, made)?;
        let judgement = bench.judge(diff)?;
        noting.patch_checked(bundle, &bench.made, &judgement)?;
        Ok(judgement)
    }
}

impl Workshop for Bound {
    fn make(&self, bundle: &Bundle, values: BTreeMap<String, String>) -> Result<Made, String> {
        self.made(bundle, values).map_err(|error| format!("{error:#}"))
    }

    fn check(&self, bundle: &Bundle, diff: &str, test: Option<&str>) -> Result<Judgement, String> {
        self.judged(bundle, diff, test).map_err(|error| format!("{error:#}"))
    }
}

/// What the repository is for: to show its code, and to make tests and judge patches in it.
fn of_repository(args: &McpArgs, repository: &Path) -> anyhow::Result<(CodeSource, Bound)> {
    let scrubber = Scrubber::new()?;
    let scrub = move |path: &str, text: &str| scrubber.scrub(path, text);
    let code = CodeSource { repository: repository.to_owned(), blocked: args.code.blocked()?, scrub: Arc::new(scrub) };
    let bound = Bound {
        store: args.store.clone(),
        repo: RepoArgs { repo: repository.to_owned(), test: args.test.clone() },
        run: args.run.clone(),
        rules: args.rules.clone(),
        blocked: args.code.block.clone(),
        ledger: args.ledger.clone(),
    };
    Ok((code, bound))
}

pub(super) fn run(args: &McpArgs) -> anyhow::Result<()> {
    let catalog = args.store.open()?;
    // What is wrong with the ledger is said now, and not by the first tool that is to write to it.
    args.ledger.open(&args.store)?;
    let (code, workshop) = match &args.code.repo {
        None => (None, None),
        Some(repository) => {
            let (code, bound) = of_repository(args, repository)?;
            (Some(code), Some(Arc::new(bound) as Arc<dyn Workshop>))
        }
    };
    let server = McpServer::new(catalog, code, workshop);
    runtime()?.block_on(async {
        let Some(address) = &args.http else { return Ok(server.serve_stdio().await?) };
        let address = if address.contains(':') { address.clone() } else { format!("127.0.0.1:{address}") };
        let listener =
            tokio::net::TcpListener::bind(&address).await.with_context(|| format!("listening on {address}"))?;
        let is_open = args.code.repo.is_some() && args.run.is_open();
        anyhow::ensure!(
            listener.local_addr()?.ip().is_loopback() || !is_open,
            "--no-sandbox with --http on {address}: whoever reaches it could run programs here; serve on loopback, or within a sandbox"
        );
        say(&format!("serving MCP at http://{}/mcp", listener.local_addr()?));
        let mut stopped = StopSignal::listen()?;
        let stop = CancellationToken::new();
        let served = server.serve_http(listener, stop.clone());
        tokio::pin!(served);
        tokio::select! {
            ended = &mut served => return Ok(ended?),
            _ = stopped.received() => stop.cancel(),
        }
        Ok(served.await?)
    })
}

#[expect(clippy::print_stderr, reason = "stdout is the protocol's")]
fn say(text: &str) {
    eprintln!("casefile: {text}");
}
