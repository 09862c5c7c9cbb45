//! Whoever reads what was written and knows how to decode it: an own decoder, for one shared with the product would be blind
//! where the product is.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::AhoCorasick;
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

use super::own::Own;

/// How many layers of encoding the reader takes off.
const LAYERS: usize = 4;

/// How much of a text is told around what was found.
const AROUND: usize = 24;

/// The indexes of the `traces` that a reader of `text` comes upon, in whatever letter case and with whatever between the
/// letters; and what stands around each. What the process says of itself is no part of it.
pub(crate) fn found(text: &str, traces: &AhoCorasick, own: &Own) -> BTreeMap<usize, String> {
    let mut hits = BTreeMap::new();
    let mut layer = vec![text.to_owned()];
    for _ in 0..=LAYERS {
        for text in &mut layer {
            *text = own.without(text);
            let bare: String =
                text.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect();
            for hit in traces.find_overlapping_iter(&bare) {
                let around = hit.start().saturating_sub(AROUND)..bare.len().min(hit.end() + AROUND);
                hits.entry(hit.pattern().as_usize()).or_insert_with(|| bare[around].to_owned());
            }
        }
        let below: BTreeSet<String> = layer
            .iter()
            .flat_map(|text| [unescape(text, false), unescape(text, true), runs(text)])
            .filter(|text| !text.is_empty() && !layer.contains(text))
            .collect();
        layer = below.into_iter().collect();
    }
    hits
}

/// The text without its escapes; `=40` is one too where it is read as quoted-printable.
fn unescape(text: &str, quoted_printable: bool) -> String {
    let source = text.as_bytes();
    let mut out = Vec::with_capacity(source.len());
    let mut at = 0;
    while at < source.len() {
        let rest = &source[at..];
        let digits = |from: usize, to: usize, radix: u32| {
            let digits = std::str::from_utf8(rest.get(from..to)?).ok()?;
            let value = u32::from_str_radix(digits, radix).ok()?;
            (value < 128).then(|| (u8::try_from(value).unwrap(), to))
        };
        let escape = match rest {
            [b'%', ..] => digits(1, 3, 16),
            [b'=', ..] if quoted_printable => digits(1, 3, 16),
            [b'\\', b'u', ..] => digits(2, 6, 16),
            [b'\\', b'x', ..] => digits(2, 4, 16),
            [b'\\', b'0'..=b'7', ..] => digits(1, 4, 8),
            [b'\\', b'n' | b't' | b'r', ..] => Some((b' ', 2)),
            [b'\\', other, ..] => Some((*other, 2)),
            [b'&', b'#', more @ ..] => {
                more.iter().take(5).position(|byte| *byte == b';').and_then(|end| digits(2, 2 + end, 10))
            }
            _ => None,
        };
        let (byte, length) = escape.unwrap_or((source[at], 1));
        out.push(byte);
        at += length + usize::from(rest.starts_with(b"&#") && length > 1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What runs of base64 and hex say, one a line.
fn runs(text: &str) -> String {
    let is_run = |char: char| char.is_ascii_alphanumeric() || "+/-_".contains(char);
    let mut said = String::new();
    for run in text.split(|char| !is_run(char)).filter(|run| run.len() >= 8) {
        let pieces = run.split('/').chain([run]).collect::<BTreeSet<_>>();
        for piece in pieces {
            for decoder in [&HEXLOWER_PERMISSIVE, &BASE64_NOPAD, &BASE64URL_NOPAD] {
                if let Ok(bytes) = decoder.decode(piece.as_bytes()) {
                    said.push_str(&String::from_utf8_lossy(&bytes));
                    said.push('\n');
                }
            }
        }
    }
    said
}
