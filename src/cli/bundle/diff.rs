//! `casefile bundle diff`.

use serde_json::{Value, json};

use super::super::store::{Format, StoreArgs, print_data};
use super::super::term;
use crate::agent::differences;

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
    let [left, right] = [super::of(&catalog, a)?.merged()?, super::of(&catalog, b)?.merged()?];
    let all = differences(&left, &right);
    let total = all.len();
    let items: Vec<_> = all.into_iter().skip(after).take(limit.max(1)).collect();
    let end = after.saturating_add(items.len());
    let next = (end < total).then_some(end);
    let answer = json!({
        "a": left.get("bundle_id"), "b": right.get("bundle_id"), "items": items,
        "total": total, "returned": items.len(), "truncated": next.is_some(), "next": next,
    });
    if let Some(printed) = print_data(format, &answer) {
        return printed;
    }
    let cell = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.chars().take(MAX_CELL).collect(),
        other => other.to_string().chars().take(MAX_CELL).collect::<String>(),
    };
    let rows: Vec<Vec<String>> =
        items.iter().map(|found| vec![found.path.clone(), cell(&found.a), cell(&found.b)]).collect();
    let mut out = term::stdout();
    out.rows(format, &["path", "a", "b"], &rows)?;
    let more = next.map_or_else(String::new, |next| format!("; go on with --after {next}"));
    Ok(out.line(&format!("\n{} of {total} differences{more}", items.len()))?)
}
