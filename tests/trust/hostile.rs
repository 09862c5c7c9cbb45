//! Every hostile input that a server can meet, sent to the real binary while ordinary load goes on: each is answered as it should be, costs
//! nobody else anything, and the memory of the process never exceeds its limit by more than 15 %.
//!
//! What each input does by itself is shown where its part is tested (`input_NN`); here they come together.

mod bodies;
mod connections;
mod grpc;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, spawn};

use casefile::telemetry::names;

use self::bodies::{Answer, Input};
use crate::certificates::Authority;
use crate::support::casefile::{Casefile, Home, Settings};
use crate::support::http;
use crate::support::otlp::failing_trace;
use crate::support::ports::free_ports;
use crate::support::store;

/// What the process may take. A request may be 64 MiB, and twice that is what requests that are being read hold together.
const LIMIT_MIB: u64 = 1024;
const SPIKE_MIB: u64 = 128;

/// The most memory that the process has had so far, in MiB, as the kernel counts it.
fn peak_mib(casefile: &Casefile<'_>) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", casefile.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Fails if the process ever had more than its limit and 15 %.
fn assert_bounded(casefile: &Casefile<'_>, after: &str) {
    let peak = peak_mib(casefile);
    eprintln!("{peak} MiB after {after}");
    assert!(peak <= LIMIT_MIB + LIMIT_MIB * 15 / 100, "{peak} MiB of {LIMIT_MIB} after {after}");
}

/// A server with TLS for clients with a certificate, one with a token, and one that is open.
struct Doors {
    tls: u16,
    token: u16,
}

fn furnish(folder: &Path) -> (Home, Doors, Authority) {
    let home = Home::new(
        folder,
        &Settings { max_bytes: "4GiB", max_bundles: Some(100), retention: "10m", ..Settings::default() },
    );
    let [tls, token] = free_ports();
    let authority = Authority::new();
    let server = authority.sign("127.0.0.1");
    for (name, text) in
        [("tls.crt", &server.certificate), ("tls.key", &server.key), ("ca.crt", &authority.certificate())]
    {
        fs::write(folder.join(name), text).unwrap();
    }
    let folder = folder.display();
    for (from, to) in [
        (
            "processors:\n".to_owned(),
            format!(
                "  otlp/tls: {{protocols: {{grpc: {{endpoint: \"127.0.0.1:{tls}\", tls: {{cert_file: \"{folder}/tls.crt\", \
                 key_file: \"{folder}/tls.key\", client_ca_file: \"{folder}/ca.crt\"}}}}}}}}\n  \
                 otlp/token: {{protocols: {{http: {{endpoint: \"127.0.0.1:{token}\", auth: {{authenticator: bearertokenauth}}}}}}}}\n\
                 processors:\n  memory_limiter: {{limit_mib: {LIMIT_MIB}, spike_limit_mib: {SPIKE_MIB}}}\n"
            ),
        ),
        ("extensions:\n".to_owned(), "extensions:\n  bearertokenauth: {token: of-a-test}\n".to_owned()),
        ("extensions: [".to_owned(), "extensions: [bearertokenauth, ".to_owned()),
        ("casefile=trace,info".to_owned(), "info".to_owned()),
    ] {
        home.edit(&from, &to);
    }
    for signal in ["traces", "logs"] {
        home.edit(
            &format!("    {signal}: {{receivers: [otlp]"),
            &format!("    {signal}: {{processors: [memory_limiter], receivers: [otlp, otlp/tls, otlp/token]"),
        );
    }
    (home, Doors { tls, token }, authority)
}

/// Clients that send traces in which nothing fails, one after another, and try again what is refused for now.
struct Load {
    stop: Arc<AtomicBool>,
    taken: Arc<AtomicU64>,
    senders: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(port: u16) -> Self {
        let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let sender = |sender: u8| {
            let (stop, taken) = (Arc::clone(&stop), Arc::clone(&taken));
            spawn(move || {
                let mut number = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let body = bodies::ordinary(sender, number);
                    let answer = http::post(port, "/v1/traces", &[bodies::PROTOBUF], &body).unwrap();
                    assert!([200, 503].contains(&answer.status), "{}", answer.text());
                    taken.fetch_add(u64::from(answer.status == 200), Ordering::Relaxed);
                }
            })
        };
        Self { senders: (1..=2).map(sender).collect(), stop, taken }
    }

    /// Waits until so many requests more were taken.
    fn goes_on(&self, casefile: &mut Casefile<'_>, after: &str) {
        let before = self.taken.load(Ordering::Relaxed);
        casefile.wait(&format!("the load to go on after {after}"), |_| self.taken.load(Ordering::Relaxed) > before + 3);
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.senders.into_iter().for_each(|sender| sender.join().unwrap());
    }
}

/// Sends one input by HTTP and by gRPC, as far as it can be sent so.
fn send(home: &Home, grpc: &grpc::Client, input: &Input) {
    send_one(home, grpc, input, true);
    if !input.is_json() {
        send_one(home, grpc, input, false);
    }
}

/// Sends one input. Room may be short for a moment, which is a good answer, too: it is sent again, as a client would.
fn send_one(home: &Home, grpc: &grpc::Client, input: &Input, by_http: bool) {
    let Input { name, signal, encoding, body, answer } = input;
    if !by_http {
        assert_eq!(grpc.send(*signal, *encoding, body), answer.grpc(), "{name} over gRPC");
        return;
    }
    let media = if input.is_json() { ("content-type", "application/json") } else { bodies::PROTOBUF };
    let mut headers = vec![media];
    headers.extend(encoding.map(|encoding| ("content-encoding", encoding)));
    for patience in (0..600).rev() {
        let found = http::post(home.http, &format!("/v1/{}", signal.as_str()), &headers, body).unwrap();
        if found.status != 503 || patience == 0 {
            assert_eq!(found.status, answer.http(), "{name} over HTTP: {}", found.text());
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn input_36_37_and_all_others_are_answered_under_load_and_memory_stays_within_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (home, doors, authority) = furnish(folder.path());
    let mut casefile = home.start();
    let load = Load::start(home.http);
    let grpc = grpc::Client::connect(home.grpc);
    load.goes_on(&mut casefile, "the start");

    // 1 to 39, but for those of tenants and stores.
    for input in bodies::all() {
        eprintln!("{}", input.name);
        send(&home, &grpc, &input);
        assert_bounded(&casefile, &input.name);
    }
    load.goes_on(&mut casefile, "what is malformed or too much");

    // 36 and 37: a million spans of one trace, and of as many traces, half of them by each transport.
    for one_trace in [true, false] {
        for part in 0..20 {
            let body = bodies::spans(part, 50_000, one_trace);
            send_one(&home, &grpc, &Input::plain("36 or 37", body, Answer::Taken), part % 2 == 0);
            assert_bounded(&casefile, "a part of a million spans");
        }
    }
    load.goes_on(&mut casefile, "a million spans of one trace and of a million traces");

    // 44 to 53.
    connections::floods(home.grpc);
    connections::strangers(&doors, &authority, &home);
    load.goes_on(&mut casefile, "floods and strangers");
    // As much as requests may hold is being read, and full windows stand beside it.
    (0..64).for_each(|_| bodies::fill(home.http));
    assert_bounded(&casefile, "full windows");
    let held = casefile.metrics().sum(names::WINDOW_BYTES, &[]) >> 20;
    // As full as they get: when little of their room is left, what waits longest goes before its time.
    eprintln!("{held} MiB are held");
    assert!(held > LIMIT_MIB / 3, "the windows are full: {held} MiB");
    let slow = connections::slow(home.http, home.grpc);
    (0..10).for_each(|_| bodies::fill(home.http));
    assert_bounded(&casefile, "slow bodies and full windows");
    assert_eq!(http::get(home.health(), "/livez").unwrap().status, 200);
    drop(slow);
    load.end();

    // What is asked of it afterwards it does as before.
    casefile.wait("room again", |casefile| casefile.is_ready());
    let trace = "7a".repeat(16);
    assert_eq!(casefile.send("traces", &failing_trace(&trace, 1)).status, 200);
    let is_there = |path: &std::path::PathBuf| path.to_string_lossy().contains(&trace);
    casefile.wait("its bundle", |_| store::bundles(&home.store()).iter().any(is_there));
    assert_bounded(&casefile, "all of it");
    assert_eq!(casefile.metrics().sum(names::UNDECIDED_RECORDS, &[]), 0);
    eprintln!("at most {} MiB of {LIMIT_MIB}", peak_mib(&casefile));
}

/// 65: aliases that stand for a billion values are refused within the memory that a small configuration takes.
#[test]
fn input_65_an_alias_bomb_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &format!("a{level}: &a{level} [{before}]\n");
    }
    fs::write(folder.path().join("casefile.yaml"), text).unwrap();
    let output = std::process::Command::new("bash")
        .args(["-c", "ulimit -v 1048576; exec \"$0\" validate --config casefile.yaml", env!("CARGO_BIN_EXE_casefile")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("casefile.yaml:"), "{said}");
}

/// 66: a link where a bundle is to be written.
#[test]
fn input_66_a_link_in_the_store_is_not_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path(), &Settings::default());
    let victim = folder.path().join("victim");
    fs::write(&victim, "of somebody else").unwrap();
    let (linked, other) = ("7b".repeat(16), "7c".repeat(16));
    let bundles = home.store().join("bundles/default");
    fs::create_dir_all(&bundles).unwrap();
    for name in [format!("{linked}.json"), format!("{linked}.manifest.json")] {
        std::os::unix::fs::symlink(&victim, bundles.join(name)).unwrap();
    }
    let mut casefile = home.start();
    for trace in [&linked, &other] {
        assert_eq!(casefile.send("traces", &failing_trace(trace, 1)).status, 200);
    }
    casefile.wait("the other bundle", |_| bundles.join(format!("{other}.manifest.json")).exists());
    let (status, _) = casefile.stop();
    assert!(status.success());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "of somebody else");
}
