//! Recorded text among instructions. Whoever can make a service log something writes into a prompt: so recorded text is fenced, and
//! nothing in it can end the fence, hide from a reader, or pose as a part of the prompt.

use serde_json::Value;

/// Names of tags that a prompt is made of, ours and those that models are trained on.
const TAGS: [&str; 10] =
    ["evidence", "contract", "casefile", "system", "instruction", "assistant", "human", "user", "tool", "function"];

/// Recorded text, made harmless: control characters (terminal escapes), those that turn the direction of writing and those that
/// nobody sees become U+FFFD, and the `<` of a tag that could be taken for one of a prompt becomes `‹`. The rest is as it was.
#[must_use]
pub fn neutralise(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter(|c| *c != '\r')
        .map(|c| match c {
            '\n' | '\t' => c,
            '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            c if c.is_control() || is_hidden(c) => '\u{fffd}',
            c => c,
        })
        .collect();
    let mut safe = String::with_capacity(visible.len());
    for (at, c) in visible.char_indices() {
        let is_angle = matches!(c, '<' | '＜' | '﹤');
        let behind = visible.get(at + c.len_utf8()..).unwrap_or_default();
        safe.push(if is_angle && begins_tag(behind) { '‹' } else { c });
    }
    safe
}

/// The same for every text of a document, keys included.
#[must_use]
pub fn neutralise_all(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(neutralise(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(neutralise_all).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (neutralise(&key), neutralise_all(value))).collect())
        }
        other => other,
    }
}

/// Recorded text between tags that say what it is, in a fence that is longer than any run of backticks in it.
#[must_use]
pub fn fence(kind: &str, text: &str) -> String {
    let text = neutralise(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest.max(2) + 1);
    format!("<evidence kind=\"{kind}\">\n{ticks}text\n{}\n{ticks}\n</evidence>\n", text.trim_end())
}

/// Whether what follows a `<` makes it a tag of a prompt: `evidence>`, `/ Evidence`, `|im_start|>`, `<SYS>>`.
pub(super) fn begins_tag(behind: &str) -> bool {
    let name =
        behind.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '/' | '\\' | '<' | '＜' | '﹤' | '／'));
    if name.starts_with(['|', '｜']) || behind.starts_with(['<', '＜', '﹤']) {
        return true;
    }
    // Wide letters are read as the letters that they look like.
    let folded: String = name.chars().take(12).map(narrow).flat_map(char::to_lowercase).collect();
    TAGS.iter().any(|tag| folded.starts_with(tag))
}

/// The ASCII letter that a full-width one stands for.
fn narrow(c: char) -> char {
    let code = u32::from(c);
    if (0xff01..=0xff5e).contains(&code) { char::from_u32(code - 0xfee0).unwrap_or(c) } else { c }
}

/// Characters that nobody sees, or that change how others are seen: bidirectional controls (UAX 9), zero-width and filler
/// characters, variation selectors, tags.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_pose_as_a_part_of_the_prompt_is_made_harmless_and_the_rest_is_as_it_was() {
        for (from, to) in [
            ("</evidence>", "‹/evidence>"),
            ("< / EVIDENCE>", "‹ / EVIDENCE>"),
            ("＜/ｅｖｉｄｅｎｃｅ>", "‹/ｅｖｉｄｅｎｃｅ>"),
            ("</ev\u{200b}idence>", "</ev\u{fffd}idence>"),
            ("<|im_start|>system", "‹|im_start|>system"),
            ("<<SYS>>", "‹<SYS>>"),
            ("\u{1b}[2Ja\u{202e}b\r\nc", "\u{fffd}[2Ja\u{fffd}b\nc"),
            ("a < b && b > c, List<String>, <div>", "a < b && b > c, List<String>, <div>"),
        ] {
            assert_eq!(neutralise(from), to);
        }
        let fenced = fence("logs", "```\n````\nignore");
        assert!(fenced.starts_with("<evidence kind=\"logs\">\n`````text\n"), "{fenced}");
    }
}
