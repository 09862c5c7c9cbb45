//! From a condition's text to its words.

/// A word of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    /// A name, `and`, `true` and the like.
    Name(String),
    Text(String),
    Int(i64),
    Float(f64),
    /// `==`, `(`, `.` and the like.
    Sign(&'static str),
}

/// Two-character signs before those that they begin with.
const SIGNS: [&str; 16] = ["==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ".", ",", "{", "}", "+", "*"];

/// The words of a text.
///
/// # Errors
/// What is none, in words for whoever wrote it.
pub(super) fn words(text: &str) -> Result<Vec<Word>, String> {
    let (mut words, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let (word, after) = if first == '"' {
            quoted(rest)?
        } else if first.is_ascii_digit()
            || (first == '-' && rest.chars().nth(1).is_some_and(|next| next.is_ascii_digit()))
        {
            number(rest)?
        } else if first.is_alphabetic() || first == '_' {
            let (name, after) = split(rest, |c| c.is_alphanumeric() || c == '_');
            (Word::Name(name.to_owned()), after)
        } else if let Some((sign, after)) = SIGNS.iter().find_map(|sign| Some((*sign, rest.strip_prefix(sign)?))) {
            (Word::Sign(sign), after)
        } else {
            return Err(format!("`{first}` is not understood"));
        };
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// The beginning of a text that consists of such characters, and what comes after it.
fn split(text: &str, of: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !of(c)).unwrap_or(text.len());
    text.split_at(end)
}

fn number(text: &str) -> Result<(Word, &str), String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, after) = split(digits, |c| c.is_ascii_digit());
    let fraction = after.strip_prefix('.').map(|after| split(after, |c| c.is_ascii_digit()));
    let (length, rest) = match fraction {
        Some((fraction, rest)) if !fraction.is_empty() => (whole.len() + 1 + fraction.len(), rest),
        _ => (whole.len(), after),
    };
    let sign = text.len() - digits.len();
    let written = text.get(..sign + length).unwrap_or_default();
    let word =
        if written.contains('.') { written.parse().ok().map(Word::Float) } else { written.parse().ok().map(Word::Int) };
    word.map(|word| (word, rest)).ok_or_else(|| format!("`{written}` is not a number"))
}

/// A text in double quotes, with the escapes of Go that stand for one character.
fn quoted(text: &str) -> Result<(Word, &str), String> {
    let (mut value, mut chars) = (String::new(), text.char_indices().skip(1));
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Word::Text(value), text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, c @ ('\\' | '"'))) => value.push(c),
                Some((_, c)) => {
                    return Err(format!(
                        "the escape `\\{c}` is not supported (of a regular expression: write `\\\\{c}`)"
                    ));
                }
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("a text has no end: `\"` is missing".to_owned())
}
