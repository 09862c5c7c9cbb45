//! Tokens of a document, as the models that read bundles count them.

const ENCODING: &str = "o200k_base";

/// Reads the table of the encoding, so that nobody waits for it later. That takes more memory than the table has, for a moment.
pub(crate) fn read_table() {
    tiktoken::get_encoding(ENCODING);
}

/// Tokens of a text in OpenAI's `o200k_base` encoding, exactly as `tiktoken` counts them; special tokens are plain text. The encoding's
/// table takes some 150 ms to read, once a process; after that 100 KB of JSON take about 2 ms. `None` if the table is broken, or the document no text.
pub(crate) fn tokens(text: &[u8]) -> Option<u64> {
    let encoding = tiktoken::get_encoding(ENCODING)?;
    Some(encoding.count(std::str::from_utf8(text).ok()?) as u64)
}
