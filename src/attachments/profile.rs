//! Profiles: where the time, or whatever was sampled, went. Their heaviest stacks.
//!
//! Source: google/pprof, `proto/profile.proto`; Brendan Gregg's FlameGraph, `stackcollapse.pl` (`a;b;c 12`, outermost first, as perf, py-spy,
//! async-profiler and others write it too). Casefile's own receiver of OTLP profiles writes folded stacks with a header:
//! `# type: cpu nanoseconds` and `# total: 12`.

use std::collections::BTreeMap;
use std::io::Read;

use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};

/// Most stacks that are kept: the heaviest.
const MAX_STACKS: usize = 20;
/// Most frames of one stack that are kept, and most bytes of them as long as they are more than one: the innermost.
const MAX_FRAMES: usize = 100;
const MAX_STACK: usize = 2048;
/// Most bytes of a pprof profile once it is inflated, and most messages and texts in it, which take far more memory than bytes.
const MAX_INFLATED: u64 = 32 << 20;
const MAX_ELEMENTS: usize = 1_000_000;
/// The largest number that a document holds exactly.
const LARGEST: f64 = 9_007_199_254_740_992.0;
/// Most lines of a text that may be something else before one is a stack.
const MAX_STRANGE: usize = 10;

/// The heaviest stacks of a profile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// What was sampled: `cpu`, `inuse_space`; empty where it does not say.
    pub kind: String,
    /// Its unit: `nanoseconds`, `bytes`; empty where it does not say.
    pub unit: String,
    /// All that was sampled.
    pub total: f64,
    /// Heaviest first: frames from the outermost to the innermost, and how much.
    pub stacks: Vec<(String, f64)>,
    /// Stacks that are left out.
    pub more: u64,
}

impl Profile {
    fn of(kind: String, unit: String, total: Option<f64>, stacks: BTreeMap<String, f64>) -> Option<Self> {
        let sum: f64 = stacks.values().sum();
        let mut stacks: Vec<(String, f64)> = stacks
            .into_iter()
            .filter(|(_, value)| *value > 0.0)
            .map(|(stack, value)| (stack, value.min(LARGEST)))
            .collect();
        stacks.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let more = stacks.len().saturating_sub(MAX_STACKS) as u64;
        stacks.truncate(MAX_STACKS);
        let total = total.filter(|total| *total >= sum).unwrap_or(sum).min(LARGEST);
        (!stacks.is_empty()).then_some(Self { kind, unit, total, stacks, more })
    }
}

/// Reads folded stacks.
pub(super) fn folded(text: &str) -> Option<Profile> {
    let (mut kind, mut unit, mut total) = (String::new(), String::new(), None);
    let mut stacks: BTreeMap<String, f64> = BTreeMap::new();
    let mut strange = 0;
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if let Some(header) = line.strip_prefix("# ") {
            match header.split_once(": ") {
                Some(("type", told)) => {
                    let (first, second) = told.split_once(' ').unwrap_or((told, ""));
                    (kind, unit) = (first.to_owned(), second.to_owned());
                }
                Some(("total", digits)) => total = whole(digits),
                _ => {}
            }
            continue;
        }
        match line.rsplit_once(' ').and_then(|(stack, digits)| Some((stack.trim_end(), whole(digits)?))) {
            Some((stack, value)) if !stack.is_empty() => *stacks.entry(innermost(stack)).or_default() += value,
            _ => strange += 1,
        }
        if strange > MAX_STRANGE {
            return None;
        }
    }
    Profile::of(kind, unit, total, stacks)
}

/// Whether a text begins with folded stacks.
pub(super) fn is_folded(head: &str) -> bool {
    let mut lines = head.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).take(3).peekable();
    let is_stack = |line: &str| {
        line.rsplit_once(' ').is_some_and(|(stack, digits)| stack.contains(';') && whole(digits).is_some())
    };
    lines.peek().is_some() && lines.all(is_stack)
}

#[expect(clippy::cast_precision_loss, reason = "shares need no more than 53 bits")]
fn whole(digits: &str) -> Option<f64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?.map(|number| number as f64)
}

/// The innermost frames of a stack: whole ones, since half a name may hide what would have been found in all of it.
fn innermost(stack: &str) -> String {
    let dividers = || stack.rmatch_indices(';').map(|(at, _)| at);
    if stack.len() <= MAX_STACK && dividers().nth(MAX_FRAMES - 1).is_none() {
        return stack.to_owned();
    }
    let fits = dividers().take(MAX_FRAMES).take_while(|at| stack.len() - at <= MAX_STACK).last();
    match fits.or_else(|| dividers().next()) {
        Some(at) => format!("…{}", stack.get(at..).unwrap_or_default()),
        None => stack.to_owned(),
    }
}

#[derive(Clone, PartialEq, Message)]
struct Pprof {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    string_table: Vec<Vec<u8>>,
    #[prost(int64, tag = "14")]
    default_sample_type: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

/// Reads a profile of pprof, compressed or not.
pub(super) fn pprof(content: &[u8]) -> Option<Profile> {
    let mut inflated = Vec::new();
    let bytes = if content.starts_with(&[0x1f, 0x8b]) {
        flate2::bufread::MultiGzDecoder::new(content).take(MAX_INFLATED + 1).read_to_end(&mut inflated).ok()?;
        inflated.as_slice()
    } else {
        content
    };
    if bytes.len() as u64 > MAX_INFLATED || elements(bytes)? > MAX_ELEMENTS {
        return None;
    }
    let profile = Pprof::decode(bytes).ok()?;
    let text = |index: i64| {
        let text = usize::try_from(index).ok().and_then(|index| profile.string_table.get(index));
        String::from_utf8_lossy(text.map_or(&[], Vec::as_slice))
    };
    let by_default = profile
        .sample_type
        .iter()
        .rposition(|kind| profile.default_sample_type > 0 && text(kind.kind) == text(profile.default_sample_type));
    let column = by_default.or(profile.sample_type.len().checked_sub(1))?;
    let told = profile.sample_type.get(column)?;
    let functions: BTreeMap<u64, &Function> = profile.function.iter().map(|function| (function.id, function)).collect();
    let locations: BTreeMap<u64, &Location> = profile.location.iter().map(|place| (place.id, place)).collect();
    // Innermost first, as samples have them.
    let frames = |id: &u64| -> Vec<String> {
        let Some(location) = locations.get(id) else { return vec!["?".to_owned()] };
        let named = |line: &Line| {
            let function = functions.get(&line.function_id)?;
            Some(frame(&text(function.name), &text(function.filename), line.line))
        };
        let found: Vec<String> = location.line.iter().filter_map(named).collect();
        if found.is_empty() { vec![format!("0x{:x}", location.address)] } else { found }
    };
    let mut weights: BTreeMap<&[u64], f64> = BTreeMap::new();
    for sample in &profile.sample {
        let value = sample.value.get(column).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "shares need no more than 53 bits")]
        let weight = value.max(0) as f64;
        *weights.entry(&sample.location_id).or_default() += weight;
    }
    let total: f64 = weights.values().sum();
    let mut heaviest: Vec<(&[u64], f64)> = weights.into_iter().collect();
    heaviest.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let more = heaviest.iter().skip(MAX_STACKS).filter(|(_, weight)| *weight > 0.0).count() as u64;
    let mut stacks: BTreeMap<String, f64> = BTreeMap::new();
    for (places, weight) in heaviest.into_iter().take(MAX_STACKS) {
        let mut all: Vec<String> = places.iter().take(MAX_FRAMES).flat_map(frames).take(MAX_FRAMES).collect();
        if places.len() > MAX_FRAMES {
            all.push("…".to_owned());
        }
        all.reverse();
        *stacks.entry(innermost(&all.join(";"))).or_default() += weight;
    }
    let found = Profile::of(text(told.kind).into_owned(), text(told.unit).into_owned(), Some(total), stacks)?;
    Some(Profile { more: found.more + more, ..found })
}

/// A frame as folded stacks write it.
fn frame(name: &str, file: &str, line: i64) -> String {
    let name = if name.is_empty() { "?" } else { name };
    let told = match (file, line) {
        ("", _) => name.to_owned(),
        (file, 1..) => format!("{name} ({file}:{line})"),
        (file, _) => format!("{name} ({file})"),
    };
    told.replace(';', ":")
}

/// Fields of the outermost message; `None` if it is none.
fn elements(mut bytes: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !bytes.is_empty() {
        let (_, wire) = decode_key(&mut bytes).ok()?;
        let skipped = match wire {
            WireType::Varint => {
                decode_varint(&mut bytes).ok()?;
                0
            }
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => usize::try_from(decode_varint(&mut bytes).ok()?).ok()?,
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        bytes = bytes.get(skipped..)?;
        count += 1;
    }
    Some(count)
}
