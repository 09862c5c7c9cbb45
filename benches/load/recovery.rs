//! What a start after a kill costs: a Casefile that holds spans on disk is killed, and the next one takes them up.
//!
//! `--recover --spans N [--gzip]`. A start with nothing on disk is the baseline; the next start's CPU time until it is ready, less that of the
//! baseline, is what the spans cost. None of them has expired.

use crate::cost::{Options, Requests, incident, send_all};
use crate::server::Server;
use crate::traffic;

pub(crate) async fn measure(options: &Options) -> Result<(), String> {
    let encoded = traffic::encoded(crate::cost::REQUESTS, options.failing).into();
    let requests = Requests::new(&encoded, options);
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    // Windows keep what is sent until the process is killed.
    let incident = incident("[]", "file_storage")
        .replace("retention: 10s", "retention: 1h")
        .replace("decision_wait: 10s", "decision_wait: 1h");
    let (first, empty) = started(&incident, folder.path()).await?;
    send_all(&first, &requests, options).await?;
    drop(first);
    let (second, full) = started(&incident, folder.path()).await?;
    let taken_up = second.recovered().await?;
    let seconds = full - empty;
    println!(
        "{taken_up} spans taken up in {seconds:.2} s of CPU: {:.2} million spans a second of a core",
        taken_up as f64 / seconds / 1e6
    );
    println!("start with nothing on disk: {empty:.2} s");
    Ok(())
}

/// A Casefile that is ready, and the CPU seconds that this took.
async fn started(incident: &str, folder: &std::path::Path) -> Result<(Server, f64), String> {
    let server = Server::start(folder, incident).await?;
    let used = server.process.usage().ok_or("no /proc to read CPU time from")?.cpu;
    Ok((server, used))
}
