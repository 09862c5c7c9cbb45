//! Source maps (ECMA-426), with or without sections.

use sourcemap::{DecodedMap, SourceView};

use super::Original;

/// Bytes that an element of a map (a mapping, a name, a source) may take in memory.
const ELEMENT: u64 = 64;
/// Source lines before a frame's own, and after it.
const LINES: u32 = 5;
/// A longer source line was made by a machine.
const MAX_LINE: usize = 4 << 10;

/// What reading a map may take, in bytes: every element has a comma, a semicolon or a bracket of its own.
pub(super) fn cost(bytes: &[u8]) -> u64 {
    let elements = memchr::memchr3_iter(b',', b';', b'{', bytes).count() as u64;
    2 * bytes.len() as u64 + ELEMENT * elements
}

/// A source map.
#[derive(Debug)]
pub(super) struct Map(DecodedMap);

/// The script that a map belongs to.
#[derive(Debug)]
pub(super) struct Script(SourceView);

impl Script {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(SourceView::from_string(String::from_utf8_lossy(bytes).into_owned()))
    }
}

impl Map {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        sourcemap::decode_slice(bytes).ok().map(Self)
    }

    /// The place that a line and column of the script come from, both from 1.
    pub(super) fn look_up(&self, line: u32, column: u32, func: &str, script: Option<&Script>) -> Option<Original> {
        let (line, column) = (line.checked_sub(1)?, column.checked_sub(1)?);
        let token = self.0.lookup_token(line, column).filter(|token| token.get_dst_line() == line)?;
        let file = token.get_source().filter(|file| !file.is_empty())?;
        // A method is called by its object's name and its own.
        let minified = func.rsplit(['.', ' ']).next().unwrap_or(func);
        let named = (!minified.is_empty()).then_some(minified);
        let original = self.0.get_original_function_name(line, column, named, script.map(|script| &script.0));
        Some(Original {
            file: Some(file.to_owned()),
            line: token.get_src_line().checked_add(1),
            column: token.get_src_col().checked_add(1),
            func: original.filter(|name| !name.is_empty()).map(str::to_owned),
            module: None,
            source: token.get_source_view().and_then(|view| around(view, token.get_src_line())),
        })
    }
}

fn around(view: &SourceView, line: u32) -> Option<(Vec<String>, String, Vec<String>)> {
    let text = |at| view.get_line(at).filter(|text| text.len() <= MAX_LINE).map(str::to_owned);
    let before = (line.saturating_sub(LINES)..line).filter_map(text).collect();
    let after = (line.checked_add(1)?..=line.checked_add(LINES)?).map_while(text).collect();
    Some((before, text(line)?, after))
}
