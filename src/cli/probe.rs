//! `casefile probe`: for container health checks and `helm test`, whose images have no other program.

use std::time::Duration;

use anyhow::{Context as _, bail};

use super::store::block_on;

/// Time between two questions.
const PACE: Duration = Duration::from_millis(500);
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks a running Casefile whether it is ready, and ends with 0 if so.
#[derive(Debug, clap::Args)]
pub(super) struct ProbeArgs {
    /// Where `health_check` answers
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:13133/", conflicts_with = "otlp")]
    url: String,
    /// Sends an empty request to an OTLP/HTTP receiver in place of that: http://host:4318
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// How long to ask again where the answer is not that it is ready
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

/// Asks until the answer is good or the time is over.
///
/// # Errors
/// If the answer is not good then, with the reason of the last try.
pub(super) fn run(args: &ProbeArgs) -> anyhow::Result<()> {
    block_on(async {
        let client =
            reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().context("building an HTTP client")?;
        let asked = async {
            loop {
                let answer = ask(&client, args).await;
                let Err(error) = answer else { return };
                tracing::debug!(%error, "not ready");
                tokio::time::sleep(PACE).await;
            }
        };
        if args.timeout > Duration::ZERO && tokio::time::timeout(args.timeout, asked).await.is_ok() {
            return Ok(());
        }
        ask(&client, args).await
    })
}

async fn ask(client: &reqwest::Client, args: &ProbeArgs) -> anyhow::Result<()> {
    let request = match &args.otlp {
        // No bytes are an empty request in protobuf.
        Some(base) => {
            let url = format!("{}/v1/traces", base.trim_end_matches('/'));
            client.post(url).header("content-type", "application/x-protobuf").body(Vec::new())
        }
        None => client.get(&args.url),
    };
    let answer = request.send().await.context("no answer")?;
    let status = answer.status();
    if !status.is_success() {
        let text = answer.text().await.unwrap_or_default();
        bail!("it answers {status}: {}", text.chars().take(500).collect::<String>());
    }
    Ok(())
}
