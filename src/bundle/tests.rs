//! Canonical form, names, envelopes and compression, without a store.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::dsse::pae;
use super::*;
use crate::config::{BundleSize, ByteSize, Compression};
use crate::model::{
    Bundle, CloseFacts, CloseReason, IncidentFacts, IncidentNumbers, Manifest, ManifestKind, ObjectRef, RecordDigest,
    SealFacts, Timestamp, TraceId,
};

/// The key of RFC 8410, §10.3, and its public key (§10.1): no secret.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";

fn manifest() -> Manifest {
    Manifest {
        version: 1,
        kind: ManifestKind::Bundle,
        bundle_id: "b".to_owned(),
        tenant: "default".to_owned(),
        trace_id: TraceId([7; 16]),
        object: ObjectRef {
            name: "bundles/default/x.json".to_owned(),
            digest: digest_of(b"x"),
            size: 1,
            compression: "none".to_owned(),
            document: digest_of(b"x"),
        },
        tokens: Some(1),
        incident: IncidentFacts {
            id: "INC-1".to_owned(),
            fingerprint: "v1:0".to_owned(),
            class: "crash".to_owned(),
            summary: "ValueError".to_owned(),
            services: vec!["checkout".to_owned()],
            numbers: IncidentNumbers {
                first_seen: String::new(),
                last_seen: String::new(),
                count_24h: 1,
                history: None,
            },
        },
        closed: CloseFacts {
            reason: CloseReason::DecisionWait,
            opened_at: String::new(),
            closed_at: String::new(),
            lateness_ms: 0,
        },
        records: vec![RecordDigest([1; 16])],
        raw: Vec::new(),
        normal_latencies: Vec::new(),
        commit_sha: None,
        sealed: SealFacts { at: String::new(), writer: "w".to_owned(), casefile: "0".to_owned() },
    }
}

#[test]
fn canonical_json_is_that_of_rfc_8785() {
    // RFC 8785, §3.2.4 (with the numbers of §3.2.2.3) and §3.2.3.
    let value = json!({
        "numbers": [333_333_333.333_333_3, 1e30, 4.50, 2e-3, 0.000_000_000_000_000_000_000_000_001],
        "string": "\u{20ac}$\u{f}\nA'B\"\\\\\"/",
        "literals": [null, true, false],
    });
    let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
                    \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(String::from_utf8(to_canonical(&value).unwrap()).unwrap(), expected);
    let keys = json!({"\u{20ac}": "euro", "\r": "cr", "\u{fb33}": "dalet", "1": "one", "\u{1f600}": "face", "\u{80}": "control"});
    let text = String::from_utf8(to_canonical(&keys).unwrap()).unwrap();
    let at: Vec<usize> =
        ["cr", "one", "control", "euro", "face", "dalet"].map(|word| text.find(word).unwrap()).to_vec();
    assert!(at.is_sorted(), "keys in the order of their UTF-16 units: {text}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53)..=1 << 53).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest::proptest! {
    #[test]
    fn canonical_json_is_that_of_a_writer_of_its_own(value in any_json()) {
        let written = to_canonical(&value).unwrap();
        proptest::prop_assert_eq!(written, serde_json_canonicalizer::to_vec(&value).unwrap());
    }
}

#[test]
fn every_kind_of_value_is_written_as_its_tree_is() {
    #[derive(serde::Serialize)]
    struct Unit;
    #[derive(serde::Serialize)]
    struct Pair(u8, &'static str);
    #[derive(serde::Serialize)]
    enum Kind {
        Unit,
        One(i8),
        Two(f32, char),
        Named { z: u16, a: Option<i128> },
    }
    #[derive(serde::Serialize)]
    struct Counts {
        total: u32,
        failed: u128,
    }
    #[derive(serde::Serialize)]
    struct Whole {
        zeta: Vec<Kind>,
        beta: (bool, Unit, Pair),
        #[serde(rename = "type")]
        kind: BTreeMap<i64, ()>,
        #[serde(flatten)]
        counts: Counts,
        alpha: HashMap<bool, char>,
        omitted: Option<u8>,
        gamma: BTreeMap<&'static str, u8>,
    }
    let whole = Whole {
        zeta: vec![Kind::Unit, Kind::One(-1), Kind::Two(0.5, '\u{e000}'), Kind::Named { z: 1, a: Some(-2) }],
        beta: (true, Unit, Pair(3, "\u{7}\"")),
        kind: BTreeMap::from([(-2, ()), (10, ()), (9, ())]),
        counts: Counts { total: 1, failed: 2 },
        alpha: HashMap::from([(true, 'a'), (false, 'b')]),
        omitted: None,
        gamma: BTreeMap::from([("a", 1), ("a b", 2), ("ab", 3), ("a!", 4)]),
    };
    let tree = serde_json::to_value(&whole).unwrap();
    assert_eq!(to_canonical(&whole).unwrap(), serde_json_canonicalizer::to_vec(&tree).unwrap());
    assert!(to_canonical(&HashMap::from([((1, 2), 3)])).is_err(), "a key that is no string");
}

#[test]
fn numbers_that_json_cannot_hold_are_refused_and_named() {
    assert_eq!(to_canonical(&f64::NAN).unwrap(), b"null");
    assert!(to_canonical(&json!({"a": 9_007_199_254_740_992_u64})).is_ok());
    for value in [json!(9_007_199_254_740_993_u64), json!(-9_007_199_254_740_993_i64)] {
        let error = to_canonical(&json!({"spans": [{"duration": value}]})).unwrap_err();
        assert!(error.to_string().contains("`/spans/0/duration`"), "{error}");
    }
}

#[test]
fn pae_is_that_of_the_dsse_protocol() {
    let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
    assert_eq!(pae("http://example.com/HelloWorld", b"hello world"), expected);
}

#[test]
fn a_signed_envelope_verifies_and_any_change_is_seen() {
    let signer = Signer::from_pem(PRIVATE).unwrap();
    assert_eq!(signer.public_pem().unwrap(), PUBLIC);
    let verifier = Verifier::from_pem(PUBLIC).unwrap();
    let stored = envelope(&manifest(), Some(&signer)).unwrap();
    assert_eq!(stored, envelope(&manifest(), Some(&signer)).unwrap(), "the same bytes each time");
    let read = Envelope::read(&stored).unwrap();
    verifier.verify(&read).unwrap();
    assert_eq!(read.manifest().unwrap(), manifest());

    let other = Manifest { tenant: "other".to_owned(), ..manifest() };
    let forged =
        Envelope { payload: Envelope::read(&envelope(&other, None).unwrap()).unwrap().payload, ..read.clone() };
    assert!(matches!(verifier.verify(&forged), Err(VerifyError::OtherKey(_))));
    let retyped = Envelope { payload_type: "text/plain".to_owned(), ..read };
    assert!(verifier.verify(&retyped).is_err());
    let unsigned = Envelope::read(&envelope(&manifest(), None).unwrap()).unwrap();
    assert!(matches!(verifier.verify(&unsigned), Err(VerifyError::Unsigned)));
}

#[test]
fn a_key_that_is_none_is_refused_without_showing_it() {
    for pem in ["", "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp", PUBLIC] {
        let problem = Signer::from_pem(pem).unwrap_err();
        assert!(!problem.to_string().contains("MC4C"), "{problem}");
    }
    assert!(Verifier::from_pem(PRIVATE).is_err());
    assert_eq!(format!("{:?}", Signer::from_pem(PRIVATE).unwrap()).matches("MC4C").count(), 0);
}

#[test]
fn input_21_22_23_names_stay_in_their_folder_and_within_the_limits_of_stores() {
    for tenant in ["../../etc", "%2e%2e%2f", "..", ".", "", "a/b", "a\u{0}b", "\u{1b}[31m\n", &"x".repeat(1 << 20)] {
        let names = names::TraceNames::new(tenant, TraceId([7; 16]));
        for name in
            [names.bundle(Compression::Zstd), names.manifest(), names.amendment(&"a".repeat(32), Compression::Zstd)]
        {
            let parts: Vec<&str> = name.split('/').collect();
            assert_eq!(parts.len(), 3, "{name}");
            assert!(parts.iter().all(|part| !part.starts_with('.') && part.len() < 200), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%'), "{name}");
            assert_eq!(names::trace_of(&name), Some(TraceId([7; 16])));
        }
    }
    assert_eq!(names::part("acme-prod_1.eu"), "acme-prod_1.eu");
    assert_eq!(names::part("../é"), "=2E.=2F=C3=A9");
}

#[test]
fn the_name_of_a_reference_says_where_it_stands() {
    let place = |at: u64, id: &str, is_amendment: bool| names::Place {
        trace_id: TraceId([7; 16]),
        failed_at: Timestamp(at),
        bundle_id: id.to_owned(),
        is_amendment,
    };
    for of in [place(0, "0a", false), place(1_751_371_380_000_000_000, "c6cbc848", true), place(u64::MAX, "f", false)] {
        for name in [names::by_day(&of), names::by_incident("INC-7K2M9Q4T1X", &of)] {
            assert_eq!(names::Place::of(&name).as_ref(), Some(&of), "{name}");
            assert_eq!(names::trace_of(&name), Some(of.trace_id), "{name}");
        }
    }
    let trace = TraceId([7; 16]);
    let long = names::by_day(&place(u64::MAX, &"../".repeat(200), true));
    assert!(long.split('/').count() == 4 && long.split('/').all(|part| part.len() <= 255), "{long}");
    for other in ["json", "1.json", "x.0a.json", "1.0a.b.json", "1.0a.a.c.json", "-1.0a.json", "1..json", "1.0a.txt"] {
        assert_eq!(names::Place::of(&format!("index/day/2025-07-01/{trace}.{other}")), None, "{other}");
    }
    let of = names::TraceNames::new("default", trace);
    assert!(names::is_amendment(&of.amendment_manifest("0a")) && !names::is_amendment(&of.manifest()));
}

#[test]
fn input_24_33_homoglyphs_and_invented_times_have_names_of_their_own() {
    assert_ne!(names::part("a"), names::part("\u{430}"));
    assert_eq!(names::day(Timestamp(0)), "1970-01-01");
    assert_eq!(names::day(Timestamp::MAX), "2554-07-21");
}

#[test]
fn a_bomb_or_a_damaged_object_is_refused_when_read() {
    let document = Bytes::from(vec![b' '; 1 << 20]);
    let stored = pack(&document, Compression::Zstd).unwrap();
    assert!(stored.len() < 1000);
    assert_eq!(unpack("x.json.zst", &stored, 1 << 20).unwrap(), document);
    assert!(matches!(unpack("x.json.zst", &stored, (1 << 20) - 1), Err(UnpackError::TooLarge(_))));
    assert!(matches!(unpack("x.json", &document, 10), Err(UnpackError::TooLarge(10))));
    let mut damaged = stored.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    assert!(matches!(unpack("x.json.zst", &damaged.into(), 1 << 20), Err(UnpackError::Corrupt(_))));
    let cut = stored.slice(..stored.len() - 5);
    assert!(matches!(unpack("x.json.zst", &cut, 1 << 20), Err(UnpackError::Corrupt(_))));
}

proptest! {
    #[test]
    fn different_texts_have_different_names(one in ".{0,200}", two in ".{0,200}") {
        prop_assert_eq!(one == two, names::part(&one) == names::part(&two));
        prop_assert!(names::part(&one).len() <= names::MAX_PART);
    }

    #[test]
    fn every_document_comes_back(document in proptest::collection::vec(any::<u8>(), 0..5000)) {
        let document = Bytes::from(document);
        for (compression, name) in [(Compression::None, "a.json"), (Compression::Zstd, "a.json.zst")] {
            let stored = pack(&document, compression).unwrap();
            prop_assert_eq!(&stored, &pack(&document, compression).unwrap());
            prop_assert_eq!(unpack(name, &stored, 10_000).unwrap(), document.clone());
        }
    }
}

#[test]
fn tokens_are_those_of_o200k() {
    // Counted with OpenAI's tiktoken.
    for (text, counted) in [
        ("", 0),
        ("hello world", 2),
        ("{\"span_id\":\"00f067aa0ba902b7\",\"duration_ms\":12.5}", 21),
        ("größer als 用户 👩‍💻\r\n\t  end", 12),
        ("<|endoftext|>", 7),
    ] {
        assert_eq!(tokens(text.as_bytes()), Some(counted), "{text:?}");
    }
}

#[test]
fn what_makes_a_failure_happen_again_is_cut_from_its_environment_to_its_inputs() {
    let long = |letter: &str| letter.repeat(30_000);
    for (size, env, headers) in [
        (BundleSize { max_bytes: ByteSize(80_000), max_tokens: 0 }, false, true),
        (BundleSize { max_bytes: ByteSize(40_000), max_tokens: 0 }, false, false),
        (BundleSize { max_bytes: ByteSize(0), max_tokens: 4_000 }, false, false),
    ] {
        let remark = |path: &str| json!({"path": path, "rule": "r", "reason": "", "count": 1, "length": 2});
        let mut bundle: Bundle = serde_json::from_value(json!({
            "version": 1, "bundle_id": "b",
            "incident": {"id": "INC-1", "fingerprint": "v1:0", "class": "crash", "summary": "ValueError", "services": []},
            "trace": {"trace_id": "5b8efff798038103d269b633813fc60c", "root": "present", "span_path": [], "spans": [], "span_count": 0},
            "exception": null, "logs": {"window": [], "total": 0, "collapsed": 0}, "metrics": {"exemplars": []},
            "environment": {"runtime": {}, "os": {}, "container": {}, "k8s": {}, "service": {}, "timezone": null, "feature_flags": {}},
            "repro": {"env": {"FLAGS": long("e ")}, "inputs": {"q": "kept"},
                "request": {"protocol": "http", "method": "POST", "headers": {"accept": long("h ")}}},
            "attachments": [],
            "redaction": {"policy": "p", "key_id": "k", "remarks": [remark("/repro/env/FLAGS"), remark("/repro/inputs/q")]},
            "completeness": {"records": 1, "shown": 0, "truncated": [], "missing": []},
            "provenance": {"policy": "errors", "config": "", "casefile": "0.1.0"},
        }))
        .unwrap();
        let (document, tokens) = super::fit::fitted(&mut bundle, Timestamp(0), &size).unwrap();
        assert!(size.max_bytes.0 == 0 || document.len() as u64 <= size.max_bytes.0, "{size}: {} bytes", document.len());
        assert!(size.max_tokens == 0 || tokens.is_none_or(|many| many <= size.max_tokens), "{size}: {tokens:?}");
        let request = bundle.repro.request.unwrap();
        assert_eq!((!bundle.repro.env.is_empty(), !request.headers.is_empty()), (env, headers), "{size}");
        assert_eq!(json!(bundle.repro.inputs), json!({"q": "kept"}), "{size}");
        let mut said = vec![format!("repro.env: 1 cut to fit into {size}")];
        said.extend((!headers).then(|| format!("repro.request.headers: 1 cut to fit into {size}")));
        assert_eq!(bundle.completeness.truncated, said);
        let remarks: Vec<&str> = bundle.redaction.remarks.iter().map(|remark| remark.path.as_str()).collect();
        assert_eq!(remarks, ["/repro/inputs/q"], "{size}");
    }
}
