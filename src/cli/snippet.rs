//! `casefile snippet`: the examples of `deploy/`, with the addresses of whoever asks.

use std::io::Write;

use anyhow::{Context as _, ensure};

/// An example, and what stands in it in place of an address.
struct Example {
    text: &'static str,
    address: &'static str,
}

const ADDITION: Example =
    Example { text: include_str!("../../deploy/collector/addition.yaml"), address: "casefile:4317" };
const WHOLE: Example = Example { text: include_str!("../../deploy/collector/otlp.yaml"), address: "casefile:4317" };
const GATEWAY: Example =
    Example { text: include_str!("../../deploy/collector/gateway.yaml"), address: "casefile:4317" };
const BALANCED: Example = Example {
    text: include_str!("../../deploy/collector/loadbalancing.yaml"),
    address: r#"["casefile-0.casefile:4317", "casefile-1.casefile:4317"]"#,
};
const BROKERS: &str = r#"["${env:KAFKA_BROKERS}"]"#;
const COLLECTOR_TO_KAFKA: Example =
    Example { text: include_str!("../../deploy/collector/kafka.yaml"), address: BROKERS };
const MEMBER: Example = Example { text: include_str!("../../deploy/kafka/casefile.yaml"), address: BROKERS };
const KAFKA_GATEWAY: Example = Example { text: include_str!("../../deploy/kafka/gateway.yaml"), address: BROKERS };

/// What `casefile snippet` prints.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// For a Collector that sends to Casefile: to one endpoint, or by trace id to several.
    Collector(CollectorArgs),
    /// For Kafka between a Collector and Casefile: the Collector's side, Casefile's side, or a gateway.
    Kafka(KafkaArgs),
}

/// Which of a Collector's configurations.
#[derive(Debug, clap::Args)]
pub(super) struct CollectorArgs {
    /// Where Casefile takes OTLP over gRPC: host:port. Given several times, each trace goes to one of them
    #[arg(long, value_name = "HOST:PORT", default_value = "casefile:4317")]
    endpoint: Vec<String>,
    /// A whole configuration, in place of what a Collector needs beside its own
    #[arg(long)]
    whole: bool,
    /// A gateway's whole configuration, which serves a tracing backend too
    #[arg(long, conflicts_with = "whole")]
    gateway: bool,
}

/// Which side of Kafka.
#[derive(Debug, clap::Args)]
pub(super) struct KafkaArgs {
    /// The brokers: host:port, separated by commas; without it the variable KAFKA_BROKERS is read where it runs
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    brokers: Vec<String>,
    /// Casefile's configuration, which reads the topics
    #[arg(long)]
    casefile: bool,
    /// That of a Casefile which takes OTLP and writes the topics
    #[arg(long, conflicts_with = "casefile")]
    gateway: bool,
}

/// Prints it.
///
/// # Errors
/// If an address is none, or `out` cannot be written.
pub(super) fn run(command: &Command, out: &mut dyn Write) -> anyhow::Result<()> {
    let text = match command {
        Command::Collector(args) => collector(args)?,
        Command::Kafka(args) => kafka(args)?,
    };
    out.write_all(text.as_bytes())?;
    Ok(())
}

fn collector(args: &CollectorArgs) -> anyhow::Result<String> {
    args.endpoint.iter().try_for_each(|endpoint| address(endpoint))?;
    if let [endpoint] = args.endpoint.as_slice() {
        let example = if args.gateway {
            GATEWAY
        } else if args.whole {
            WHOLE
        } else {
            ADDITION
        };
        return Ok(example.text.replace(example.address, endpoint));
    }
    ensure!(
        !args.gateway,
        "a gateway has one endpoint: print it without --gateway, and put that exporter into your gateway"
    );
    Ok(BALANCED.text.replace(BALANCED.address, &list(&args.endpoint)?))
}

fn kafka(args: &KafkaArgs) -> anyhow::Result<String> {
    args.brokers.iter().try_for_each(|broker| address(broker))?;
    let example = if args.casefile {
        MEMBER
    } else if args.gateway {
        KAFKA_GATEWAY
    } else {
        COLLECTOR_TO_KAFKA
    };
    if args.brokers.is_empty() {
        return Ok(example.text.to_owned());
    }
    Ok(example.text.replace(example.address, &list(&args.brokers)?))
}

/// A flow sequence of YAML, which JSON is.
fn list(addresses: &[String]) -> anyhow::Result<String> {
    Ok(serde_json::to_string(addresses)?.replace(r#"",""#, r#"", ""#))
}

/// Refuses what would not be an address where it is put.
fn address(text: &str) -> anyhow::Result<()> {
    let (host, port) = text.rsplit_once(':').with_context(|| format!("`{text}` is not host:port"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    ensure!(
        !host.is_empty() && host.chars().all(plain),
        "`{text}` has no host: host:port is asked for, without a scheme"
    );
    ensure!(port.parse::<u16>().is_ok_and(|port| port > 0), "`{text}` has no port: host:port is asked for");
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    fn print(line: &str) -> anyhow::Result<String> {
        let words = std::iter::once("snippet").chain(line.split_whitespace());
        let mut out = Vec::new();
        run(&Line::try_parse_from(words)?.command, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    #[test]
    fn addresses_stand_where_the_examples_have_theirs() {
        for line in ["collector", "collector --whole", "collector --gateway"] {
            let text = print(&format!("{line} --endpoint evidence.obs:14317")).unwrap();
            assert!(text.contains("evidence.obs:14317") && !text.contains("casefile:4317"), "{line}: {text}");
        }
        let text = print("collector --endpoint a:1 --endpoint b:2").unwrap();
        assert!(text.contains(r#"hostnames: ["a:1", "b:2"]"#) && text.contains("routing_key: traceID"), "{text}");
        for line in ["kafka", "kafka --casefile", "kafka --gateway"] {
            let text = print(&format!("{line} --brokers a:9092,b:9092")).unwrap();
            assert!(text.contains(r#"brokers: ["a:9092", "b:9092"]"#), "{line}: {text}");
            assert!(!text.contains("brokers: [\"${env:KAFKA_BROKERS}\"]"), "{line}: {text}");
            assert!(print(line).unwrap().contains("brokers: [\"${env:KAFKA_BROKERS}\"]"), "{line}");
        }
    }

    /// Guarantees: what a user of a Collector adds is no more than ten lines.
    #[test]
    fn a_collector_user_adds_ten_lines_at_most() {
        let text = print("collector").unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#')).count();
        assert!(lines <= 10, "{lines} lines:\n{text}");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in
            ["http://casefile:4317", "casefile", "casefile:", "casefile:0", ":4317", "a\"b:1", "casefile:99999"]
        {
            assert!(print(&format!("collector --endpoint {wrong}")).is_err(), "{wrong}");
            assert!(print(&format!("kafka --brokers {wrong}")).is_err(), "{wrong}");
        }
        print("collector --endpoint a:1 --endpoint b:2 --gateway").unwrap_err();
    }
}
