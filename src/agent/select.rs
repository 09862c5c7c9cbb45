//! A part of a document by its path: `exception.frames[0:5].func`, `trace.spans[*].attrs["http.route"]`.
//!
//! Whoever asks for a part is told how much there is: a list is never cut in silence.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Longest path that is read, in bytes.
const MAX_PATH: usize = 1000;

/// A part of a document.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Selected {
    /// The path that was asked for.
    pub select: String,
    /// What stands there.
    pub value: Value,
    /// Items of the first list that the path takes a range of, else of the list it leads to; 1 for any other value.
    pub total: usize,
    /// How many of them are here.
    pub returned: usize,
    /// Whether there are more behind those.
    pub truncated: bool,
    /// The path of as many that come next; null where there are none.
    pub next: Option<String>,
}

/// Why a path selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// It is not a path.
    #[error("`{0}` is not a path: write it as exception.frames[0:5], trace.spans[*].name or attrs[\"http.route\"]")]
    Syntax(String),
    /// It leads nowhere.
    #[error("there is no `{at}` in the bundle; it has {there}")]
    Nothing {
        /// As far as it was followed, and the step that was not there.
        at: String,
        /// What is there instead.
        there: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Range(usize, Option<usize>),
}

/// What stands at `path`. An empty path is the whole document.
///
/// # Errors
/// If it is not a path, or nothing stands there.
pub fn select(document: &Value, path: &str) -> Result<Selected, SelectError> {
    let steps = parse(path).ok_or_else(|| SelectError::Syntax(path.chars().take(MAX_PATH).collect()))?;
    let ranged = steps.iter().position(|step| matches!(step, Step::Range(..)));
    let (value, counts) = follow(document, &steps, String::new())?;
    let whole = || value.as_array().map_or((1, 1, 0), |items| (items.len(), items.len(), items.len()));
    let (total, returned, end) = counts.unwrap_or_else(whole);
    let truncated = end < total;
    let next = ranged.filter(|_| truncated && returned > 0).map(|at| {
        let mut steps = steps.clone();
        if let Some(step) = steps.get_mut(at) {
            *step = Step::Range(end, Some(total.min(end + returned)));
        }
        write(&steps)
    });
    Ok(Selected { select: path.to_owned(), value, total, returned, truncated, next })
}

/// Total and returned items of the first range, and where it ends.
type Counts = (usize, usize, usize);

fn follow(value: &Value, steps: &[Step], at: String) -> Result<(Value, Option<Counts>), SelectError> {
    let Some((step, rest)) = steps.split_first() else { return Ok((value.clone(), None)) };
    let here = if at.is_empty() { write(std::slice::from_ref(step)) } else { join(&at, step) };
    let nothing = || SelectError::Nothing { at: here.clone(), there: kind(value) };
    match step {
        Step::Key(key) => follow(value.get(key).ok_or_else(nothing)?, rest, here),
        Step::Index(index) => follow(value.get(index).ok_or_else(nothing)?, rest, here),
        Step::Range(from, to) => {
            let items = value.as_array().ok_or_else(nothing)?;
            let end = to.unwrap_or(items.len()).min(items.len());
            let taken = items.get((*from).min(end)..end).unwrap_or_default();
            // Not every item has what the rest of the path asks for: null where it has not.
            let found =
                taken.iter().map(|item| follow(item, rest, here.clone()).map_or(Value::Null, |(value, _)| value));
            Ok((Value::Array(found.collect()), Some((items.len(), taken.len(), end))))
        }
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Object(fields) => fields.keys().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "),
        Value::Array(items) => format!("a list of {} there", items.len()),
        Value::Null => "null there".to_owned(),
        _ => "a single value there".to_owned(),
    }
}

fn parse(path: &str) -> Option<Vec<Step>> {
    if path.len() > MAX_PATH {
        return None;
    }
    let (mut steps, mut rest) = (Vec::new(), path);
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (step, after) = bracket(inside)?;
            steps.push(step);
            rest = after;
            continue;
        }
        if !steps.is_empty() {
            rest = rest.strip_prefix('.')?;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, after) = rest.split_at_checked(end).filter(|(key, _)| !key.is_empty())?;
        steps.push(Step::Key(key.to_owned()));
        rest = after;
    }
    Some(steps)
}

/// What stands between brackets, and what follows them.
fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (key, rest) = quoted.split_once("\"]")?;
        return Some((Step::Key(key.to_owned()), rest));
    }
    let (inside, rest) = text.split_once(']')?;
    let step = match inside.split_once(':') {
        _ if inside == "*" => Step::Range(0, None),
        Some((from, to)) => {
            let bound = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
            Step::Range(bound(from)?.unwrap_or(0), bound(to)?)
        }
        None => Step::Index(inside.parse().ok()?),
    };
    Some((step, rest))
}

fn write(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |path, step| join(&path, step))
}

fn join(path: &str, step: &Step) -> String {
    match step {
        Step::Key(key) if key.is_empty() || key.contains(['.', '[']) => format!("{path}[\"{key}\"]"),
        Step::Key(key) if path.is_empty() => key.clone(),
        Step::Key(key) => format!("{path}.{key}"),
        Step::Index(index) => format!("{path}[{index}]"),
        Step::Range(from, to) => {
            format!("{path}[{from}:{}]", to.map_or_else(String::new, |to| to.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_range_says_how_much_there_is_and_where_it_goes_on() {
        let document = json!({"exception": {"frames": [{"func": "a"}, {"func": "b"}, {"line": 3}]}, "a.b": {"c": 1}});
        let found = select(&document, "exception.frames[0:2].func").unwrap();
        assert_eq!((found.value, found.total, found.returned, found.truncated), (json!(["a", "b"]), 3, 2, true));
        let next = found.next.unwrap();
        assert_eq!(next, "exception.frames[2:3].func");
        let rest = select(&document, &next).unwrap();
        assert_eq!((rest.value, rest.truncated, rest.next), (json!([null]), false, None));
        let all = select(&document, "exception.frames[*].func").unwrap();
        assert_eq!((all.total, all.returned, all.next), (3, 3, None));
        let list = select(&document, "exception.frames").unwrap();
        assert_eq!((list.total, list.returned, list.truncated), (3, 3, false));
        assert_eq!(select(&document, "[\"a.b\"].c").unwrap().value, json!(1));
        assert_eq!(select(&document, "").unwrap().value, document);
        assert_eq!(select(&document, "exception.frames[7:9]").unwrap().returned, 0);
    }

    #[test]
    fn what_is_no_path_and_what_leads_nowhere_is_said() {
        let document = json!({"exception": {"frames": []}});
        for path in ["exception..frames", "exception.frames[", "[x]", ".a", "a.", "frames[1:2:3]"] {
            assert!(matches!(select(&document, path), Err(SelectError::Syntax(_))), "{path}");
        }
        let told = select(&document, "exception.frame").unwrap_err().to_string();
        assert!(told.contains("exception.frame`") && told.contains("`frames`"), "{told}");
    }
}
