//! `casefile bundle diff`.

use serde_json::Value;

use super::super::store::{Format, StoreArgs, print_data};
use super::super::term;
use crate::agent::Differences;

/// Most characters of a value in a table.
const MAX_CELL: usize = 120;

/// Prints at most `limit` differences of two bundles behind the first `after`.
pub(super) fn run(
    [a, b]: [&str; 2],
    store: &StoreArgs,
    (limit, after): (usize, usize),
    format: Format,
) -> anyhow::Result<()> {
    let catalog = store.open()?;
    let [a, b] = [super::of(&catalog, a)?, super::of(&catalog, b)?];
    let answer = Differences::of(&a, &b, limit, after)?;
    if let Some(printed) = print_data(format, &answer) {
        return printed;
    }
    let cell = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.chars().take(MAX_CELL).collect(),
        other => other.to_string().chars().take(MAX_CELL).collect::<String>(),
    };
    let rows: Vec<Vec<String>> =
        answer.items.iter().map(|found| vec![found.path.clone(), cell(&found.a), cell(&found.b)]).collect();
    let mut out = term::stdout();
    out.rows(format, &["path", "a", "b"], &rows)?;
    let more = answer.next.map_or_else(String::new, |next| format!("; go on with --after {next}"));
    Ok(out.line(&format!("\n{} of {} differences{more}", answer.returned, answer.total))?)
}
