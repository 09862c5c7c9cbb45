//! OTLP profiles (`opentelemetry.proto.profiles.v1development`, experimental): what of them belongs to traces.
//!
//! A profile holds samples of a whole process. Those that are linked to a trace are evidence of it: they become an attachment of that trace, as
//! folded stacks, and go the way of every record from there. Samples without a link say nothing of a failure and are left.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::profiles::v1development::{Link, Profile, ProfilesDictionary, Sample};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::attachment::{AttachedFile, write_attachment};
use super::wire::{Payload, Reader};
use super::{Limits, WireError};
use crate::model::{SpanId, TraceId};

/// Most stacks of one profile that are kept for one trace: the heaviest.
const MAX_STACKS: usize = 1000;
/// Most frames of a stack that are kept: the innermost.
const MAX_FRAMES: usize = 128;
/// Most pieces (of a profile, for a trace) of one request.
const MAX_PIECES: usize = 10_000;
/// Most messages, texts and attributes of one request.
const MAX_ELEMENTS: usize = 1_000_000;

/// What a request of profiles brings.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Profiles {
    /// Requests of log records, one attachment each.
    pub attachments: Vec<Vec<u8>>,
    /// Profiles in the request.
    pub profiles: u64,
    /// Those of which no sample is linked to a trace.
    pub unlinked: u64,
}

/// Reads an `ExportProfilesServiceRequest`. What refers to nothing in its dictionary is left out.
///
/// # Errors
/// If it is malformed, or holds too much.
pub fn read_profiles(request: &[u8], limits: &Limits) -> Result<Profiles, WireError> {
    let mut count = 0;
    walk(&REQUEST, Reader::new(request), limits.max_depth, &mut count)?;
    let malformed = |_| WireError::Malformed { offset: 0, what: "a request of profiles that cannot be decoded" };
    let request = ExportProfilesServiceRequest::decode(request).map_err(malformed)?;
    let dictionary = request.dictionary.unwrap_or_default();
    let mut found = Profiles::default();
    for of_resource in &request.resource_profiles {
        let service = service(of_resource.resource.as_ref());
        for profile in of_resource.scope_profiles.iter().flat_map(|scope| &scope.profiles) {
            found.profiles += 1;
            let pieces = pieces(profile, &dictionary);
            found.unlinked += u64::from(pieces.is_empty());
            if found.attachments.len() + pieces.len() > MAX_PIECES {
                return Err(WireError::TooMany { what: "traces of profiles in a request", limit: MAX_PIECES });
            }
            found.attachments.extend(pieces.into_iter().map(|(trace_id, piece)| {
                let file = piece.file(trace_id, &service, profile, &dictionary);
                write_attachment(file, false)
            }));
        }
    }
    Ok(found)
}

/// The samples of a profile that are linked to one trace.
#[derive(Default)]
struct Piece {
    spans: BTreeSet<SpanId>,
    /// By the index of the stack.
    stacks: BTreeMap<i32, u64>,
}

fn pieces(profile: &Profile, dictionary: &ProfilesDictionary) -> BTreeMap<TraceId, Piece> {
    let mut pieces: BTreeMap<TraceId, Piece> = BTreeMap::new();
    for sample in &profile.samples {
        // The first link of the table stands for none.
        let link = at(&dictionary.link_table, sample.link_index).filter(|_| sample.link_index > 0);
        let Some((link, trace_id)) = link.and_then(|link| Some((link, trace_of(link)?))) else { continue };
        let piece = pieces.entry(trace_id).or_default();
        piece.spans.extend(link.span_id.as_slice().try_into().ok().map(SpanId).filter(|id| !id.is_zero()));
        let weight = piece.stacks.entry(sample.stack_index).or_default();
        *weight = weight.saturating_add(weight_of(sample));
    }
    pieces
}

fn trace_of(link: &Link) -> Option<TraceId> {
    let id = TraceId(link.trace_id.as_slice().try_into().ok()?);
    (!id.is_zero()).then_some(id)
}

/// Its values together; where there are none, each of its timestamps counts one.
fn weight_of(sample: &Sample) -> u64 {
    if sample.values.is_empty() {
        return sample.timestamps_unix_nano.len() as u64;
    }
    sample.values.iter().fold(0_u64, |sum, value| sum.saturating_add(u64::try_from(*value).unwrap_or(0)))
}

impl Piece {
    fn file(
        self,
        trace_id: TraceId,
        service: &str,
        profile: &Profile,
        dictionary: &ProfilesDictionary,
    ) -> AttachedFile {
        let text = |index| at(&dictionary.string_table, index).map(String::as_str).unwrap_or_default();
        let kind =
            profile.sample_type.as_ref().map_or(("", ""), |kind| (text(kind.type_strindex), text(kind.unit_strindex)));
        let total = self.stacks.values().fold(0_u64, |sum, value| sum.saturating_add(*value));
        let mut stacks: Vec<(i32, u64)> = self.stacks.into_iter().collect();
        stacks.sort_by_key(|(stack, value)| (std::cmp::Reverse(*value), *stack));
        let mut lines: BTreeMap<String, u64> = BTreeMap::new();
        for (stack, value) in stacks.into_iter().take(MAX_STACKS) {
            let line = lines.entry(folded(stack, dictionary)).or_default();
            *line = line.saturating_add(value);
        }
        let one_word = |text: &str| text.split_whitespace().collect::<Vec<_>>().join("_");
        let mut content = format!(
            "# type: {} {}\n# total: {total}\n# profile: {}\n# time: {}\n# duration: {} ns\n",
            one_word(kind.0),
            one_word(kind.1),
            data_encoding::HEXLOWER.encode(&profile.profile_id),
            profile.time_unix_nano,
            profile.duration_nano,
        );
        for (stack, value) in lines {
            content.push_str(&format!("{stack} {value}\n"));
        }
        let name = if kind.0.is_empty() { "profile.folded".to_owned() } else { format!("{}.folded", one_word(kind.0)) };
        let mut spans = self.spans.into_iter();
        // Several spans are the trace's.
        let span_id = spans.next().filter(|_| spans.next().is_none()).unwrap_or_default();
        let kind = "folded".to_owned();
        AttachedFile { trace_id, span_id, service: service.to_owned(), name, kind, content: content.into_bytes() }
    }
}

/// A stack as `outermost;…;innermost`.
fn folded(stack: i32, dictionary: &ProfilesDictionary) -> String {
    let locations =
        at(&dictionary.stack_table, stack).map(|stack| stack.location_indices.as_slice()).unwrap_or_default();
    let mut frames: Vec<String> = Vec::new();
    for location in locations.iter().filter_map(|index| at(&dictionary.location_table, *index)) {
        if frames.len() >= MAX_FRAMES {
            frames.truncate(MAX_FRAMES);
            frames.push("…".to_owned());
            break;
        }
        if location.lines.is_empty() {
            frames.push(format!("0x{:x}", location.address));
        }
        // What was inlined stands before what it was inlined into.
        frames.extend(location.lines.iter().map(|line| {
            let text = |index| at(&dictionary.string_table, index).map(String::as_str).unwrap_or_default();
            let function = at(&dictionary.function_table, line.function_index);
            let name = function.map_or("", |function| text(function.name_strindex));
            let file = function.map_or("", |function| text(function.filename_strindex));
            frame(name, file, line.line)
        }));
    }
    if frames.is_empty() {
        frames.push("?".to_owned());
    }
    frames.reverse();
    frames.join(";")
}

fn frame(name: &str, file: &str, line: i64) -> String {
    let name = if name.is_empty() { "?" } else { name };
    let told = match (file, line) {
        ("", _) => name.to_owned(),
        (file, 1..) => format!("{name} ({file}:{line})"),
        (file, _) => format!("{name} ({file})"),
    };
    told.chars()
        .map(|char| {
            if char.is_control() {
                ' '
            } else if char == ';' {
                ':'
            } else {
                char
            }
        })
        .collect()
}

fn at<T>(table: &[T], index: i32) -> Option<&T> {
    table.get(usize::try_from(index).ok()?)
}

fn service(resource: Option<&Resource>) -> String {
    let named = resource.into_iter().flat_map(|resource| &resource.attributes).find(|pair| pair.key == "service.name");
    match named.and_then(|pair| pair.value.as_ref()).and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(name)) => name.clone(),
        _ => String::new(),
    }
}

/// The fields of a message that cost memory beyond their bytes: texts (`None`) and messages.
struct Shape(&'static [(u32, Option<&'static Shape>)]);

static REQUEST: Shape = Shape(&[(1, Some(&OF_RESOURCE)), (2, Some(&DICTIONARY))]);
static OF_RESOURCE: Shape = Shape(&[(1, Some(&RESOURCE)), (2, Some(&OF_SCOPE))]);
static RESOURCE: Shape = Shape(&[(1, Some(&PAIR)), (3, Some(&REFERENCE))]);
static REFERENCE: Shape = Shape(&[(3, None), (4, None)]);
static OF_SCOPE: Shape = Shape(&[(1, Some(&SCOPE)), (2, Some(&PROFILE))]);
static SCOPE: Shape = Shape(&[(3, Some(&PAIR))]);
static PROFILE: Shape = Shape(&[(2, Some(&NOTHING))]);
static DICTIONARY: Shape = Shape(&[
    (1, Some(&NOTHING)),
    (2, Some(&LOCATION)),
    (3, Some(&NOTHING)),
    (4, Some(&NOTHING)),
    (5, None),
    (6, Some(&ATTRIBUTE)),
    (7, Some(&NOTHING)),
]);
static LOCATION: Shape = Shape(&[(3, Some(&NOTHING))]);
static ATTRIBUTE: Shape = Shape(&[(2, Some(&ANY))]);
static PAIR: Shape = Shape(&[(2, Some(&ANY))]);
static ANY: Shape = Shape(&[(5, Some(&LIST)), (6, Some(&MAP))]);
static LIST: Shape = Shape(&[(1, Some(&ANY))]);
static MAP: Shape = Shape(&[(1, Some(&PAIR))]);
static NOTHING: Shape = Shape(&[]);

/// Counts what decoding will allocate, before it does.
fn walk(shape: &Shape, mut reader: Reader<'_>, depth: usize, count: &mut usize) -> Result<(), WireError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(WireError::TooMany { what: "levels of nested messages", limit: Limits::default().max_depth });
    };
    while let Some((number, payload)) = reader.next()? {
        let (Some((_, inner)), Payload::Len(start, end)) =
            (shape.0.iter().find(|(field, _)| *field == number), payload)
        else {
            continue;
        };
        *count += 1;
        if *count > MAX_ELEMENTS {
            return Err(WireError::TooMany { what: "messages and texts of profiles", limit: MAX_ELEMENTS });
        }
        if let Some(inner) = inner {
            walk(inner, reader.within(start, end), depth, count)?;
        }
    }
    Ok(())
}
