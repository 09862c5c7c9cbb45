//! Profiles: samples of a trace become an attachment of it.

use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::profiles::v1development::{
    Function, Line, Link, Location, Profile, ProfilesDictionary, ResourceProfiles, Sample, ScopeProfiles, Stack,
    ValueType,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use crate::model::{Batch, Budget, Record, Signal, SpanId, TraceId};
use crate::otlp::{Body, Limits, Profiles, WireError, attachment_in, decode, read_profiles, scan};

/// Strings: 1 to 4 are functions, 5 a file, 6 and 7 what is measured.
const STRINGS: [&str; 8] = ["", "main", "parse;line", "spin", "render", "app.py", "cpu", "nanoseconds"];

fn dictionary() -> ProfilesDictionary {
    let function = |name| Function { name_strindex: name, filename_strindex: 5, ..Function::default() };
    let line = |function_index, line| Line { function_index, line, column: 0 };
    let location = |lines: Vec<Line>, address| Location { lines, address, ..Location::default() };
    ProfilesDictionary {
        string_table: STRINGS.map(str::to_owned).to_vec(),
        function_table: [0, 1, 2, 3, 4].map(function).to_vec(),
        location_table: vec![
            Location::default(),
            location(vec![line(1, 3)], 0),
            // `spin`, inlined into `parse`.
            location(vec![line(3, 20), line(2, 9)], 0),
            location(vec![line(4, 0)], 0),
            location(Vec::new(), 0xabc),
        ],
        stack_table: [vec![], vec![2, 1], vec![3, 1], vec![4, 99, 1]]
            .map(|location_indices| Stack { location_indices })
            .to_vec(),
        link_table: vec![
            Link::default(),
            Link { trace_id: vec![7; 16], span_id: vec![1; 8] },
            Link { trace_id: vec![7; 16], span_id: vec![2; 8] },
            Link { trace_id: vec![8; 16], span_id: vec![3; 8] },
            Link { trace_id: vec![0; 16], span_id: vec![3; 8] },
        ],
        ..ProfilesDictionary::default()
    }
}

fn sample(stack_index: i32, link_index: i32, values: &[i64], stamps: usize) -> Sample {
    let timestamps_unix_nano = vec![1; stamps];
    Sample { stack_index, link_index, values: values.to_vec(), timestamps_unix_nano, ..Sample::default() }
}

fn request(profiles: Vec<Profile>) -> Vec<u8> {
    let service = AnyValue { value: Some(Any::StringValue("shop".to_owned())) };
    let attributes = vec![KeyValue { key: "service.name".to_owned(), value: Some(service), key_strindex: 0 }];
    let of_resource = ResourceProfiles {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_profiles: vec![ScopeProfiles { profiles, ..ScopeProfiles::default() }],
        ..ResourceProfiles::default()
    };
    ExportProfilesServiceRequest { resource_profiles: vec![of_resource], dictionary: Some(dictionary()) }
        .encode_to_vec()
}

fn profile(samples: Vec<Sample>) -> Profile {
    let sample_type = Some(ValueType { type_strindex: 6, unit_strindex: 7 });
    Profile { sample_type, samples, profile_id: vec![0xab; 2], time_unix_nano: 5, ..Profile::default() }
}

fn read(request: &[u8]) -> Profiles {
    read_profiles(request, &Limits::default()).unwrap()
}

/// Trace, span, name and text of an attachment.
fn opened(request: &[u8]) -> (TraceId, SpanId, String, String) {
    let entry = scan(Signal::Logs, request, &Limits::default()).unwrap().entries.remove(0);
    let permit = Budget::new(0).take(0).unwrap();
    let batch = Batch { signal: Signal::Logs, bytes: request.to_vec().into(), packed: None, permit, origin: None };
    let record = Record { batch: batch.into(), entry };
    let Ok(Body::Log(log)) = decode(&record) else { panic!("no log record") };
    let (name, kind, content) = attachment_in(&log).unwrap();
    assert_eq!(kind, "folded");
    let text = String::from_utf8(content.to_vec()).unwrap();
    (entry.head.trace_id, entry.head.span_id, name.to_owned(), text)
}

#[test]
fn samples_that_are_linked_to_a_trace_are_its_evidence_and_others_are_left() {
    let samples = vec![
        sample(1, 1, &[30], 0),
        sample(2, 2, &[10, 2], 0),
        sample(1, 1, &[5], 0),
        sample(3, 3, &[], 4),
        sample(1, 0, &[1000], 0),
        sample(1, 4, &[1000], 0),
        sample(1, 99, &[1000], 0),
        sample(1, -1, &[1000], 0),
    ];
    let found = read(&request(vec![profile(samples), profile(vec![sample(1, 0, &[3], 0)])]));
    assert_eq!((found.profiles, found.unlinked, found.attachments.len()), (2, 1, 2));
    let (trace, span, name, text) = opened(&found.attachments[0]);
    assert_eq!((trace, span, name.as_str()), (TraceId([7; 16]), SpanId::default(), "cpu.folded"), "of two spans");
    assert_eq!(
        text,
        "# type: cpu nanoseconds\n# total: 47\n# profile: abab\n# time: 5\n# duration: 0 ns\n\
         main (app.py:3);parse:line (app.py:9);spin (app.py:20) 35\nmain (app.py:3);render (app.py) 12\n"
    );
    let (trace, span, _, text) = opened(&found.attachments[1]);
    assert_eq!((trace, span), (TraceId([8; 16]), SpanId([3; 8])), "of one span");
    assert!(text.ends_with("\nmain (app.py:3);0xabc 4\n"), "{text}");
}

#[test]
fn the_same_profile_is_the_same_record() {
    let request = request(vec![profile(vec![sample(1, 1, &[30], 0)])]);
    assert_eq!(read(&request), read(&request));
}

#[test]
fn indices_that_lead_nowhere_are_left_out() {
    let wild = [i32::MIN, -1, 99, i32::MAX];
    let samples = wild.iter().map(|index| sample(*index, 1, &[i64::MAX], 0)).collect();
    let found = read(&request(vec![profile(samples)]));
    let (_, _, _, text) = opened(&found.attachments[0]);
    assert!(text.contains(&format!("\n? {}\n", u64::MAX)), "{text}");
}

#[test]
fn input_8_what_would_take_far_more_memory_than_bytes_is_refused_before_it_is_decoded() {
    let samples: Vec<u8> = [0x12, 0].repeat(1_100_000);
    let nested = |number: u8, inner: &[u8]| {
        let mut out = vec![number << 3 | 2];
        prost::encoding::encode_varint(inner.len() as u64, &mut out);
        out.extend_from_slice(inner);
        out
    };
    let request = nested(1, &nested(2, &nested(2, &samples)));
    let refused = read_profiles(&request, &Limits::default());
    assert!(matches!(refused, Err(WireError::TooMany { .. })), "{refused:?}");
    let deep = (0..200).fold(Vec::new(), |inner, _| nested(5, &nested(1, &inner)));
    let deep = nested(2, &nested(6, &nested(2, &deep)));
    assert!(matches!(read_profiles(&deep, &Limits::default()), Err(WireError::TooMany { .. })));
    for malformed in [&b"\x0a\xff"[..], b"\x0b", b"\x12\x03\x2a\x01\xff"] {
        assert!(
            matches!(read_profiles(malformed, &Limits::default()), Err(WireError::Malformed { .. })),
            "{malformed:?}"
        );
    }
}
