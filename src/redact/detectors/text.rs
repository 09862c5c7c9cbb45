//! Looking around an offset in a text.

use std::ops::Range;

use regex_automata::meta;
use regex_automata::{Anchored, Input};

/// A regex that is tried at one place: where a word stands that it begins with.
#[derive(Debug, Clone)]
pub(super) struct Here(meta::Regex);

impl Here {
    /// Compiles `pattern`.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let config = meta::Config::new().nfa_size_limit(Some(16 << 20));
        meta::Regex::builder().configure(config).build(pattern).map(Self).map_err(|error| error.to_string())
    }

    /// What begins at `start` and ends at `limit` at the latest: all of it, and its first group, or all where there is none.
    pub(super) fn find(&self, text: &str, start: usize, limit: usize) -> Option<(Range<usize>, Range<usize>)> {
        let limit = text.floor_char_boundary(limit);
        if start > limit {
            return None;
        }
        let here = Input::new(text).span(start..limit).anchored(Anchored::Yes);
        // Nearly always there is nothing, and that is cheap to know.
        self.0.search_half(&here)?;
        let mut captures = self.0.create_captures();
        self.0.search_captures(&here, &mut captures);
        let whole = captures.get_group(0)?;
        let group = captures.get_group(1).unwrap_or(whole);
        Some((whole.range(), group.range()))
    }
}

/// The part of a text between two offsets; empty where they are not character boundaries in order.
pub(super) fn slice(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

/// The character before an offset.
pub(super) fn before(text: &str, at: usize) -> Option<char> {
    text.get(..at)?.chars().next_back()
}

/// The character at an offset.
pub(super) fn after(text: &str, at: usize) -> Option<char> {
    text.get(at..)?.chars().next()
}

/// What stands before an offset on its line, at most `limit` bytes of it.
pub(super) fn line_before(text: &str, at: usize, limit: usize) -> &str {
    let head = slice(text, text.ceil_char_boundary(at.saturating_sub(limit)), at);
    let start = memchr::memrchr(b'\n', head.as_bytes()).map_or(0, |newline| newline + 1);
    slice(head, start, head.len())
}

/// What stands behind an offset on its line, up to the first character that begins `limit` bytes on.
pub(super) fn line_behind(text: &str, at: usize, limit: usize) -> &str {
    let tail = slice(text, at, text.ceil_char_boundary(at.saturating_add(limit)));
    let end = memchr::memchr(b'\n', tail.as_bytes()).unwrap_or(tail.len());
    slice(tail, 0, end)
}

/// The offset after the longest run of `accept`ed characters from `at`, at most `limit` bytes on.
pub(super) fn run_end(text: &str, at: usize, limit: usize, accept: impl Fn(char) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let end = rest
        .char_indices()
        .find(|(offset, char)| *offset >= limit || !accept(*char))
        .map_or(rest.len(), |(offset, _)| offset);
    at + end
}

/// The offset where the run of `accept`ed characters that ends at `at` begins, at most `limit` bytes back.
pub(super) fn run_start(text: &str, at: usize, limit: usize, accept: impl Fn(char) -> bool) -> usize {
    let head = text.get(..at).unwrap_or_default();
    head.char_indices()
        .rev()
        .take_while(|(offset, char)| at - offset <= limit && accept(*char))
        .last()
        .map_or(at, |(offset, _)| offset)
}

/// Whether a number is not a part of a word, of a decimal number or of a longer number in groups.
pub(super) fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let is_part = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() && !is_unspaced(char));
    let joins = |char: Option<char>| matches!(char, Some('.' | '-' | '/'));
    let is_digit = |char: Option<char>| char.is_some_and(|char| char.is_ascii_digit());
    let (head, tail) = (before(text, start), after(text, end));
    let goes_back = is_part(head) || joins(head) && is_digit(before(text, start - 1));
    let goes_on = is_part(tail) || joins(tail) && is_digit(after(text, end + 1));
    !(goes_back || goes_on)
}

/// Names of numbers that are no telephone's and no card's, and of things that are numbered.
#[rustfmt::skip]
const OTHERS: &[&str] = &[
    "account", "acct", "address", "addr", "amount", "barcode", "batch", "bill", "blk", "block", "booking", "build", "byte",
    "bytes", "case", "claim", "code", "count", "cursor", "ean", "entry", "epoch", "event", "file", "fingerprint", "gtin",
    "handle", "hash", "id", "ids", "identifier", "imei", "index", "inode", "insurance", "invoice", "isbn", "item", "job", "lock",
    "lot", "lsn", "micros", "millis", "nanos", "node", "nonce", "object", "offset", "order", "orderid", "parcel", "part", "pid",
    "pointer", "policy", "port", "pos", "position", "process", "product", "queryid", "quote", "record", "ref", "reference",
    "registration", "request", "rev", "revision", "row", "rows", "run", "seed", "seq", "sequence", "serial", "session",
    "shipment", "size", "sku", "snapshot", "snowflake", "span", "task", "tax", "thread", "ticket", "tid", "time", "timestamp",
    "took", "total", "trace", "tracking", "transaction", "tx", "txn", "upc", "version", "volume", "voucher", "waybill", "xid",
    "zxid",
    // National ones.
    "abn", "acn", "bsn", "cif", "cnpj", "cpf", "ird", "nhs", "nif", "nino", "nip", "nir", "npi", "pesel", "regon", "rut", "sin",
    "siren", "siret", "tfn", "tin", "utr", "vat", "vid",
];

/// Whether the name that stands before `at`, and gives or introduces what stands there, is that of a number of something else: `reference:
/// …`, `"orderId": "…"`, `my TFN is …`.
pub(super) fn is_called_otherwise(text: &str, at: usize) -> bool {
    const LONGEST: usize = 48;
    /// What only says that a number comes: what stands before it tells whose.
    const LEADING: &[&str] =
        &["is", "was", "no", "nr", "num", "number", "numbers", "nummer", "the", "a", "with", "of", "for", "to"];
    let mut head = line_before(text, at, LONGEST);
    while let Some((rest, word)) = last_word(head) {
        let lower = if word.is_ascii() { None } else { Some(word.to_lowercase()) };
        let word = lower.as_deref().unwrap_or(word);
        let is_one_of = |words: &[&str]| words.iter().any(|one| word.eq_ignore_ascii_case(one));
        if !is_one_of(LEADING) {
            return is_one_of(OTHERS);
        }
        head = rest;
    }
    false
}

/// The last word of a text, also of a name in camel case, and what stands before it.
fn last_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_end_matches(|char: char| !char.is_alphanumeric());
    let start = run_start(text, text.len(), text.len(), char::is_alphanumeric);
    let word = slice(text, start, text.len());
    let hump = word
        .char_indices()
        .rev()
        .find(|(offset, char)| char.is_uppercase() && before(word, *offset).is_some_and(char::is_lowercase));
    let start = start + hump.map_or(0, |(offset, _)| offset);
    (start < text.len()).then(|| (slice(text, 0, start), slice(text, start, text.len())))
}

/// Whether a letter is of a script that puts no spaces between words, or particles behind them: Thai, Chinese, Japanese, Korean.
pub(super) fn is_unspaced(char: char) -> bool {
    matches!(char, '\u{e00}'..='\u{eff}' | '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}')
}
