//! Probes and metrics while data saturates the process. No time is asserted: each answer must come, and many of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::spawn;

use crate::support::casefile::{Home, Settings};
use crate::support::http;
use crate::support::otlp::failing_trace;

#[test]
fn probes_answer_while_data_saturates() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings { max_bytes: "32MiB", ..Settings::default() });
    let mut casefile = home.start();
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let senders: Vec<_> = (0..8_u8)
        .map(|sender| {
            let (stop, sent, port) = (Arc::clone(&stop), Arc::clone(&sent), home.http);
            spawn(move || {
                let mut number = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let body = failing_trace(&format!("{sender:02x}{number:030x}"), 20_000);
                    // Refused or not: it keeps the process busy.
                    if http::post_json(port, "/v1/traces", &body).is_ok() {
                        sent.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    casefile.wait("some load", |_| sent.load(Ordering::Relaxed) > 200);
    for _ in 0..50 {
        assert_eq!(http::get(home.health(), "/livez").unwrap().status, 200);
        let ready = http::get(home.health(), "/readyz").unwrap();
        assert!([200, 503].contains(&ready.status), "{}", ready.text());
        let status = http::get(home.health(), "/status").unwrap();
        assert!(status.text().contains("\"status\""), "{}", status.text());
        assert!(casefile.exposition().contains("casefile_window_bytes"));
    }
    stop.store(true, Ordering::Relaxed);
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    casefile.wait("being ready again", |casefile| casefile.is_ready());
}
