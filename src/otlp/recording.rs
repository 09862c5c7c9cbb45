//! Requests in a file: recordings of the Collector's file exporter, of `casefile` itself, and single requests.
//!
//! What a file is, is told from its content:
//!
//! - text that starts with `{`: OTLP/JSON requests, one a line (the file exporter's default) or over several lines;
//! - one protobuf request;
//! - protobuf requests, each after its length as a varint (protobuf's own delimited form);
//! - protobuf requests, each after its length as four bytes, big-endian (the file exporter's `format: proto`).
//!
//! A request does not say of which signal it is. In JSON its key tells; in protobuf the one signal whose schema fits.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::json::{Brackets, from_json, to_json};
use super::wire::{Reader, put_varint};
use super::{Limits, WireError, scan};
use crate::model::Signal;

/// A request of a recording, as protobuf.
pub type Recorded = (Signal, Vec<u8>);

/// The requests of a recording, in file order, as protobuf.
///
/// A line or request that cannot be read is an error of its own ([`WireError::InRecording`]), and the next ones follow
/// where they can be found: after a bad line always, after a bad length never.
pub fn read_recording<'a>(
    bytes: &'a [u8],
    limits: &'a Limits,
) -> Box<dyn Iterator<Item = Result<Recorded, WireError>> + 'a> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.trim_ascii().is_empty() {
        return Box::new(std::iter::empty());
    }
    if is_json(text) {
        return Box::new(Documents::new(text).flat_map(move |(line, json)| {
            json_requests(json, limits).into_iter().map(move |request| {
                request.map_err(|source| WireError::InRecording { unit: "line", at: line, source: Box::new(source) })
            })
        }));
    }
    if let Some(signal) = signal_of(bytes, limits) {
        return Box::new(std::iter::once(Ok((signal, bytes.to_vec()))));
    }
    for prefix in [Prefix::Varint, Prefix::BigEndian] {
        let frames = Frames { bytes, at: 0, prefix };
        // An empty request is a frame too, and says nothing of what the file is.
        let first = frames.clone().find(|(_, frame)| !matches!(frame, Ok(frame) if frame.is_empty()));
        if let Some((_, Ok(frame))) = first
            && signal_of(frame, limits).is_some()
        {
            return Box::new(frames.filter_map(move |(at, frame)| frame_request(at, frame, limits)));
        }
    }
    Box::new(std::iter::once(Err(WireError::NotARecording)))
}

/// Appends a request to a recording of OTLP/JSON lines.
///
/// # Errors
/// If the request is malformed; nothing is appended then.
pub fn write_json_line(signal: Signal, request: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    let json = to_json(signal, request)?;
    out.extend_from_slice(&json);
    out.push(b'\n');
    Ok(())
}

/// Appends a protobuf request to a recording, after its length as a varint.
pub fn write_length_delimited(request: &[u8], out: &mut Vec<u8>) {
    put_varint(out, request.len() as u64);
    out.extend_from_slice(request);
}

/// Text that starts with `{`. Control characters settle it: no protobuf request with records in it is free of them.
fn is_json(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'{')
        && bytes.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t'))
}

/// The keys that tell the signals apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    resource_spans: Option<IgnoredAny>,
    resource_logs: Option<IgnoredAny>,
    resource_metrics: Option<IgnoredAny>,
}

/// The requests in a JSON document: one, or one a signal where it carries several.
fn json_requests(json: &[u8], limits: &Limits) -> Vec<Result<Recorded, WireError>> {
    let keys: Keys = match serde_json::from_slice(json) {
        Ok(keys) => keys,
        // Our own reader finds the same fault, and words it without quoting values.
        Err(_) => {
            let fault = from_json(Signal::Traces, json, limits).err();
            return vec![Err(fault.unwrap_or_else(|| WireError::Json("not a JSON object".to_owned())))];
        }
    };
    let found = [keys.resource_spans, keys.resource_logs, keys.resource_metrics];
    let requests: Vec<_> = Signal::ALL
        .into_iter()
        .zip(found)
        .filter(|(_, found)| found.is_some())
        .map(|(signal, _)| from_json(signal, json, limits).map(|request| (signal, request)))
        .collect();
    if requests.is_empty() && json.trim_ascii() != b"{}" {
        let what = "none of resourceSpans, resourceLogs and resourceMetrics is in it".to_owned();
        return vec![Err(WireError::Json(what))];
    }
    requests
}

/// The JSON documents of a file and the lines they start at: one a line if the first line is a whole document, else
/// each from its first brace to its last.
struct Documents<'a> {
    rest: &'a [u8],
    line: usize,
    by_line: bool,
}

impl<'a> Documents<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let first = bytes.trim_ascii_start();
        let newline = first.iter().position(|byte| *byte == b'\n').unwrap_or(first.len());
        let by_line = document_end(first)
            .is_none_or(|end| end <= newline && first.get(end..newline).unwrap_or_default().trim_ascii().is_empty());
        // A file without any whole document in it is read by line too if it has more than one: the others may be whole.
        let several = first.get(newline..).unwrap_or_default().trim_ascii_start().first() == Some(&b'{');
        Self { rest: bytes, line: 1, by_line: by_line && (document_end(first).is_some() || several) }
    }

    fn advance(&mut self, by: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(by.min(self.rest.len()));
        self.line += taken.iter().filter(|byte| **byte == b'\n').count();
        self.rest = rest;
        taken
    }
}

impl<'a> Iterator for Documents<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let blank = self.rest.len() - self.rest.trim_ascii_start().len();
        self.advance(blank);
        if self.rest.is_empty() {
            return None;
        }
        let end = match self.by_line {
            true => self.rest.iter().position(|byte| *byte == b'\n'),
            false => document_end(self.rest),
        };
        let line = self.line;
        Some((line, self.advance(end.unwrap_or(self.rest.len()))))
    }
}

/// Where the JSON document at the start of `bytes` ends.
fn document_end(bytes: &[u8]) -> Option<usize> {
    let mut brackets = Brackets::default();
    bytes.iter().position(|byte| brackets.push(*byte)).map(|at| at + 1)
}

/// Of which signal a protobuf request is: the one whose schema fits, and if several do, the one that it has most
/// records of and fewest rejected (a metric's name stands where a span's trace id does).
fn signal_of(request: &[u8], limits: &Limits) -> Option<Signal> {
    Signal::ALL
        .into_iter()
        .filter(|_| Reader::new(request).next().is_ok_and(|field| field.is_none_or(|(number, _)| number == 1)))
        .filter_map(|signal| Some((signal, scan(signal, request, limits).ok()?)))
        .max_by_key(|(signal, found)| {
            let rejected = found.rejected.trace_id + found.rejected.span_id;
            (found.entries.len(), std::cmp::Reverse(rejected), std::cmp::Reverse(*signal))
        })
        .map(|(signal, _)| signal)
}

#[derive(Debug, Clone, Copy)]
enum Prefix {
    Varint,
    BigEndian,
}

/// The frames of a delimited recording, each with its offset. The first bad length is the last item.
#[derive(Debug, Clone)]
struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
    prefix: Prefix,
}

impl<'a> Iterator for Frames<'a> {
    type Item = (usize, Result<&'a [u8], WireError>);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let frame = self.prefix.split(rest).ok_or(WireError::Malformed { offset: start, what: "truncated frame" });
        self.at = match &frame {
            Ok((head, frame)) => start + head + frame.len(),
            Err(_) => self.bytes.len(),
        };
        Some((start, frame.map(|(_, frame)| frame)))
    }
}

impl Prefix {
    /// The length of the prefix and the frame behind it, if all of it is there.
    fn split(self, rest: &[u8]) -> Option<(usize, &[u8])> {
        let (head, length) = match self {
            Self::Varint => {
                let mut reader = Reader::new(rest);
                let length = usize::try_from(reader.varint().ok()?).ok()?;
                (reader.pos(), length)
            }
            Self::BigEndian => {
                let length = u32::from_be_bytes(rest.first_chunk().copied()?);
                (4, usize::try_from(length).ok()?)
            }
        };
        Some((head, rest.get(head..head.checked_add(length)?)?))
    }
}

/// The request in a frame; nothing for an empty one.
fn frame_request(at: usize, frame: Result<&[u8], WireError>, limits: &Limits) -> Option<Result<Recorded, WireError>> {
    let located = |source| WireError::InRecording { unit: "byte", at, source: Box::new(source) };
    match frame {
        Ok([]) => None,
        Ok(frame) => Some(match signal_of(frame, limits) {
            Some(signal) => Ok((signal, frame.to_vec())),
            None => Err(located(WireError::Malformed { offset: 0, what: "request of no signal" })),
        }),
        Err(error) => Some(Err(located(error))),
    }
}
