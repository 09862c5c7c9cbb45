//! `casefile k8s`: what Kubernetes is given, for those who use no Helm.

use std::io::Write;

use anyhow::ensure;

/// The sidecar of `deploy/kubernetes/`, as the chart's `casefile.sidecar` makes it.
const SIDECAR: &str = include_str!("../../deploy/kubernetes/sidecar.yaml");

/// What `casefile k8s` prints.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// The container and volumes that put Casefile beside an application in its pod.
    Sidecar(SidecarArgs),
}

/// What differs from place to place.
#[derive(Debug, clap::Args)]
pub(super) struct SidecarArgs {
    /// The image
    #[arg(long, default_value = concat!("casefile:", env!("CARGO_PKG_VERSION")))]
    image: String,
    /// The ConfigMap that holds `casefile.yaml`
    #[arg(long, value_name = "NAME", default_value = "casefile")]
    config_map: String,
    /// The Secret that holds `redaction.key`
    #[arg(long, value_name = "NAME", default_value = "casefile-keys")]
    secret: String,
}

/// Prints it.
///
/// # Errors
/// If a name is none, or `out` cannot be written.
pub(super) fn run(command: &Command, out: &mut dyn Write) -> anyhow::Result<()> {
    let Command::Sidecar(args) = command;
    for name in [&args.image, &args.config_map, &args.secret] {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._/:@".contains(c);
        ensure!(!name.is_empty() && name.chars().all(plain), "`{name}` is not a name");
    }
    let text = SIDECAR
        .replace(r#"image: "casefile:0.1.0""#, &format!(r#"image: "{}""#, args.image))
        .replace("      name: casefile\n      items:", &format!("      name: {}\n      items:", args.config_map))
        .replace(r#"secretName: "casefile-keys""#, &format!(r#"secretName: "{}""#, args.secret));
    out.write_all(text.as_bytes())?;
    Ok(())
}
