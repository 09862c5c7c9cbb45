//! A call of the frame's function with the arguments that it had, in languages whose literals have types.

use super::code::Code;
use super::literal::simple;
use super::plan::{Plan, comment};
use crate::model::{Attributes, Frame};

/// The innermost own frame whose variables are known, and its file in the repository.
pub(super) fn frame(plan: &Plan, code: &Code<'_>) -> Option<(Frame, String)> {
    let frame = plan.own.iter().find(|frame| !frame.locals.is_empty())?;
    let file = frame.file.as_deref().and_then(|file| code.file(file))?;
    Some((frame.clone(), file.to_owned()))
}

/// `total(3, "Ada")`, with strings as `text` writes them. `None`, and why in what is missing, where a parameter is not known as a plain
/// value or the function cannot be called from outside.
pub(super) fn plain(
    plan: &mut Plan,
    code: &Code<'_>,
    (frame, file): &(Frame, String),
    locals: &Attributes,
    text: fn(&str) -> String,
) -> Option<String> {
    let func = frame.func.rsplit(['.', ':']).next().unwrap_or_default();
    let Some(parameters) = code.parameters(file, &frame.func) else {
        plan.missing.push(format!("entry: `{}` is no function that a test could call", comment(&frame.func)));
        return None;
    };
    let literals = parameters.iter().map(|name| locals.get(name).and_then(|value| simple(value, text)).ok_or(name));
    match literals.collect::<Result<Vec<_>, _>>() {
        Ok(given) => Some(format!("{func}({})", given.join(", "))),
        Err(name) => {
            plan.missing.push(format!("argument: `{name}` of {func} is not known as a plain value"));
            None
        }
    }
}
