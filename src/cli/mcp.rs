//! `casefile mcp`.

use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::code::{CodeArgs, Scrubber};
use super::serve::{StopSignal, runtime};
use super::store::StoreArgs;
use crate::agent::{CodeSource, McpServer};

#[derive(Debug, Args)]
pub(super) struct McpArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    code: CodeArgs,
    /// Serves by streamable HTTP at /mcp of this address instead of stdin and stdout. A port alone is one of loopback. There is no
    /// authentication: on any other address put a proxy in front that has.
    #[arg(long, value_name = "HOST:PORT")]
    http: Option<String>,
}

pub(super) fn run(args: &McpArgs) -> anyhow::Result<()> {
    let catalog = args.store.open()?;
    let code = match &args.code.repo {
        None => None,
        Some(repository) => {
            let scrubber = Scrubber::new()?;
            let scrub = move |path: &str, text: &str| scrubber.scrub(path, text);
            let blocked = args.code.blocked()?;
            Some(CodeSource { repository: repository.clone(), blocked, scrub: Arc::new(scrub) })
        }
    };
    let server = McpServer::new(catalog, code);
    runtime()?.block_on(async {
        let Some(address) = &args.http else { return Ok(server.serve_stdio().await?) };
        let address = if address.contains(':') { address.clone() } else { format!("127.0.0.1:{address}") };
        let listener =
            tokio::net::TcpListener::bind(&address).await.with_context(|| format!("listening on {address}"))?;
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
