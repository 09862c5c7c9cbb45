//! A value of its own in every field of OTLP, of every kind and in every spelling: whoever reads all that was written, and
//! decodes it, comes upon none of them.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::print_stderr, reason = "a test")]

mod fields;
mod hook;
mod own;
mod reading;
#[path = "../support/mod.rs"]
mod support;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use aho_corasick::AhoCorasick;
use jiff::{SignedDuration, Timestamp};
use own::Own;
use serde_json::Value;
use support::casefile::{Home, Settings, run};
use support::{schema, store};
use values::{Kind, Spelling, canary};

/// Values that were sent, and where each stood.
#[derive(Debug, Default)]
struct Aviary {
    places: Vec<String>,
    traces: Vec<String>,
    /// The index in `places` of each of `traces`.
    owner: Vec<usize>,
}

impl Aviary {
    /// A new value in this spelling.
    fn breed(&mut self, kind: Kind, spelling: Spelling, place: &str) -> String {
        let owner = self.places.len();
        let canary = canary(kind, owner as u64);
        self.places.push(format!("{spelling:?} {kind:?}: {place}"));
        self.owner.extend(canary.traces.iter().map(|_| owner));
        self.traces.extend(canary.traces);
        // In other letters it is another signature, no wallet's address and no home folder.
        let is_fixed = matches!(kind, Kind::Jwt | Kind::Wallet | Kind::HomeFolder);
        let spelling = if is_fixed && spelling == Spelling::UpperCase { Spelling::Plain } else { spelling };
        spelling.of(&canary.value)
    }

    /// A failed trace for each kind in each spelling.
    fn traces(&mut self) -> Vec<[Value; 3]> {
        let mut all = Vec::new();
        for spelling in Spelling::ALL {
            for kind in Kind::ALL {
                let trace = format!("{:032x}", all.len() + 1);
                let service = self.breed(kind, spelling, "service.name");
                all.push(fields::requests(&trace, &service, &mut |place| self.breed(kind, spelling, place)));
            }
        }
        all
    }

    /// The places of the values that a reader of these texts comes upon, and where.
    fn escaped(&self, texts: &[(String, String)], own: &Own) -> Vec<String> {
        let automaton = AhoCorasick::new(&self.traces).unwrap();
        let mut found: BTreeMap<usize, BTreeSet<(&str, String)>> = BTreeMap::new();
        for (name, text) in texts {
            for (hit, around) in reading::found(text, &automaton, own) {
                found.entry(self.owner[hit]).or_default().insert((name, around));
            }
        }
        found.iter().map(|(owner, names)| format!("{} in {names:?}", self.places[*owner])).collect()
    }
}

/// Where it was written, and the name and text, of every file under `folder`.
fn written(folder: &Path) -> Vec<(String, String)> {
    let text = |path: &Path| String::from_utf8_lossy(&store::content(path)).into_owned();
    let files = store::files(folder);
    let name = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    files.iter().map(|path| ("store".to_owned(), format!("{}\n{}", name(path), text(path)))).collect()
}

fn assert_none_escaped(aviary: &Aviary, texts: &[(String, String)], own: &Own) {
    let escaped = aviary.escaped(texts, own);
    assert!(escaped.is_empty(), "{} of {} values:\n{}", escaped.len(), aviary.places.len(), escaped.join("\n"));
}

#[test]
fn the_reader_comes_upon_every_value_that_is_not_redacted() {
    let mut aviary = Aviary::default();
    let own = Own::since(Timestamp::now());
    let mut missed = Vec::new();
    for spelling in Spelling::ALL {
        for kind in Kind::ALL {
            let sent = aviary.breed(kind, spelling, "here");
            // As a bundle would hold it: a text in JSON.
            let texts = [("bundle".to_owned(), serde_json::json!({"body": format!("at {sent} last")}).to_string())];
            if aviary.escaped(&texts, &own).len() != 1 {
                missed.push(aviary.places.last().unwrap().clone());
            }
        }
    }
    assert_eq!(missed, Vec::<String>::new());
}

/// Guarantees: digits of the process's own clock are no value, and whatever else has the same digits is one.
#[test]
fn the_reader_passes_over_the_instants_of_the_process_and_nothing_else() {
    let mut aviary = Aviary::default();
    aviary.breed(Kind::Ssn, Spelling::Plain, "here");
    let digits = aviary.traces[0].clone();
    // A second that the run was in from its beginning to its end, so that its fraction may be any.
    let now = Timestamp::now();
    let own = Own::since(now - SignedDuration::from_secs(3));
    let second = (now - SignedDuration::from_secs(2)).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let escaped = |text: &str| {
        let manifest = data_encoding::BASE64.encode(text.as_bytes());
        let texts = [text.to_owned(), serde_json::json!({"payload": manifest}).to_string()];
        texts.map(|text| aviary.escaped(&[("store".to_owned(), text)], &own).len())
    };
    let manifest =
        |at: &str, said: &str| format!("{{\"closed_at\":\"{at}.{digits}Z\",\"said\":\"{said}\",\"lateness_ms\":10}}");
    assert_eq!(escaped(&manifest(&second, "nothing")), [0, 0]);
    assert_eq!(escaped(&format!("{{\"lateness_ms\":45{digits}}}")), [0, 0]);
    assert_eq!(escaped(&manifest("2025-06-15T15:06:40", "nothing")), [1, 1]);
    assert_eq!(escaped(&manifest(&second, &digits)), [1, 1]);
    assert_eq!(escaped(&format!("{{\"code\":45{digits}}}")), [1, 1]);
}

#[test]
fn no_value_of_a_recording_is_in_anything_that_its_replay_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("recording.jsonl"), folder.path().join("out"));
    let mut aviary = Aviary::default();
    let traces = aviary.traces();
    let lines: Vec<String> = traces.iter().flatten().map(Value::to_string).collect();
    fs::write(&input, lines.join("\n")).unwrap();
    fs::create_dir_all(&out).unwrap();
    let own = Own::since(Timestamp::now());
    let said = run(&out, &["replay".as_ref(), input.as_os_str(), "--out".as_ref(), out.as_os_str()]);

    assert_eq!(store::bundles(&out).len(), traces.len(), "a bundle for each trace");
    schema::assert_all_valid(&out);
    let mut texts = written(&out);
    texts.push(("stdout".to_owned(), String::from_utf8_lossy(&said.stdout).into_owned()));
    texts.push(("stderr".to_owned(), String::from_utf8_lossy(&said.stderr).into_owned()));
    assert_none_escaped(&aviary, &texts, &own);
}

#[test]
fn no_value_from_the_wire_is_in_the_store_the_logs_the_metrics_or_a_webhook() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = hook::Receiver::start();
    let recipient = age::x25519::Identity::generate().to_public();
    let raw = format!("{{url: \"file:{}/store\", recipients: [{recipient}]}}", folder.path().display());
    let home = Home::new(folder.path(), &Settings { raw: Some(raw), on_disk: Some(false), ..Settings::default() });
    let text = fs::read_to_string(home.config()).unwrap();
    let hook = format!(
        "exporters:\n  webhook: {{url: \"{}\", allow_private: true, signing_secret: \"a-test-secret\"}}\n",
        receiver.url()
    );
    let text = text.replace("exporters:\n", &hook).replace("[bundle, raw/main]", "[bundle, raw/main, webhook]");
    assert!(text.contains("raw/main, webhook]"), "{text}");
    fs::write(home.config(), text).unwrap();

    let mut aviary = Aviary::default();
    let traces = aviary.traces();
    let mut own = Own::since(Timestamp::now());
    let mut casefile = home.start();
    for requests in &traces {
        for (signal, request) in ["traces", "logs", "metrics"].into_iter().zip(requests) {
            let answer = casefile.send(signal, request.to_string().as_bytes());
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    let windows = written(&home.window());
    assert!(windows.iter().any(|(_, text)| text.starts_with("window-")), "open windows are on the disk");
    // What is refused is not written either.
    for kind in Kind::ALL {
        let broken =
            format!("{{\"resourceSpans\": [{{\"{}\": 1", aviary.breed(kind, Spelling::Plain, "broken request"));
        assert_eq!(casefile.send("traces", broken.as_bytes()).status, 400);
        let odd = aviary.breed(kind, Spelling::Plain, "trace id");
        let odd = serde_json::json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": odd, "name": "x"}]}]}]});
        casefile.send("traces", odd.to_string().as_bytes());
    }
    casefile.wait("every bundle to be told of", |_| receiver.bodies().len() >= traces.len());
    let metrics = casefile.exposition();
    let (status, said) = casefile.stop();
    assert!(status.success(), "ended with {status}");

    let mut texts = written(&home.store());
    assert_eq!(store::bundles(&home.store()).len(), traces.len(), "a bundle for each trace");
    let raw = store::files(&home.store().join("raw"));
    assert_eq!(raw.len(), traces.len(), "raw evidence for each trace");
    raw.iter().for_each(|object| own.add(&fs::read(object).unwrap()));
    texts.extend(windows);
    texts.push(("logs".to_owned(), said));
    texts.push(("metrics".to_owned(), metrics));
    texts.extend(receiver.bodies().into_iter().map(|body| ("webhook".to_owned(), body)));
    assert_none_escaped(&aviary, &texts, &own);
}
