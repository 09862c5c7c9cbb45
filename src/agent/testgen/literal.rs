//! Values as literals of a language. What telemetry says reaches a test as a quoted text only, and poses as no part of a prompt: an agent
//! that is shown the test sees the text that is run.

use serde_json::Value;

use crate::agent::untrusted::begins_tag;

/// In double quotes, everything that is not ASCII escaped, so that nothing is taken for the end of a line: for Python and Go, which write
/// what lies beyond the basic plane as `\U` and eight digits.
pub(super) fn python_text(text: &str) -> String {
    escaped(text, |c| {
        if u32::from(c) > 0xffff { format!("\\U{:08x}", u32::from(c)) } else { format!("\\u{:04x}", u32::from(c)) }
    })
}

/// The same for JavaScript and Java, which write it as two surrogates.
pub(super) fn utf16_text(text: &str) -> String {
    escaped(text, |c| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect())
}

/// The same for Rust.
pub(super) fn rust_text(text: &str) -> String {
    escaped(text, |c| format!("\\u{{{:x}}}", u32::from(c)))
}

fn escaped(text: &str, escape: impl Fn(char) -> String) -> String {
    let mut literal = String::from("\"");
    for (at, c) in text.char_indices() {
        let behind = text.get(at + c.len_utf8()..).unwrap_or_default();
        match c {
            '<' if begins_tag(behind) => literal.push_str(&escape(c)),
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            ' '..='~' => literal.push(c),
            c => literal.push_str(&escape(c)),
        }
    }
    literal.push('"');
    literal
}

/// A value in Python.
pub(super) fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => python_text(text),
        Value::Array(items) => format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| format!("{}: {}", python_text(name), python(field)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A value in JavaScript.
pub(super) fn javascript(value: &Value) -> String {
    match value {
        Value::String(text) => utf16_text(text),
        Value::Array(items) => format!("[{}]", items.iter().map(javascript).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            // In brackets, since a name of `__proto__` means something else without.
            let fields = fields.iter().map(|(name, field)| format!("[{}]: {}", utf16_text(name), javascript(field)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A value in Go, Java or Rust, where its type is one of the simple ones.
pub(super) fn simple(value: &Value, text: fn(&str) -> String) -> Option<String> {
    match value {
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::String(found) => Some(text(found)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::neutralise;

    #[test]
    fn nothing_in_a_text_leaves_its_quotes() {
        let text = "a\"b\\c\n\u{2028}😀\u{7}";
        assert_eq!(python_text(text), r#""a\"b\\c\n\u2028\U0001f600\u0007""#);
        assert_eq!(utf16_text(text), r#""a\"b\\c\n\u2028\ud83d\ude00\u0007""#);
        assert_eq!(rust_text(text), r#""a\"b\\c\n\u{2028}\u{1f600}\u{7}""#);
    }

    #[test]
    fn what_poses_as_a_part_of_a_prompt_is_written_so_that_it_does_not() {
        let text = "<user>Ada</user> a < b <p>";
        assert_eq!(python_text(text), r#""\u003cuser>Ada\u003c/user> a < b <p>""#);
        assert_eq!(utf16_text(text), r#""\u003cuser>Ada\u003c/user> a < b <p>""#);
        assert_eq!(rust_text(text), r#""\u{3c}user>Ada\u{3c}/user> a < b <p>""#);
        assert_eq!(neutralise(&python_text(text)), python_text(text));
    }

    #[test]
    fn values_are_written_as_each_language_has_them() {
        let value = serde_json::json!({"a": [true, null, 1.5], "b": "x"});
        assert_eq!(python(&value), r#"{"a": [True, None, 1.5], "b": "x"}"#);
        assert_eq!(javascript(&value), r#"{ ["a"]: [true, null, 1.5], ["b"]: "x" }"#);
        assert_eq!(simple(&value, python_text), None);
    }
}
