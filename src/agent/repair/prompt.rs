//! What an agent is told: the contract and the evidence as every prompt has them, the failing test, and what the guard found. Findings quote
//! what tests printed, which may be recorded text: their messages are data, like the evidence.

use std::fmt::Write as _;

use super::Task;
use crate::agent::patch::Finding;
use crate::agent::prompt::{DEFAULT_TOKENS, PromptError, PromptRequest, Target};
use crate::agent::{fence, one_line};

/// Findings that are told; the file of findings has them all.
const MAX_TOLD: usize = 20;

/// The page for this iteration.
pub(super) fn text(task: &Task<'_>, iteration: u32, findings: &[Finding]) -> Result<String, PromptError> {
    let request = PromptRequest { view: task.view, code: None, target: Target::Workspace, max_tokens: DEFAULT_TOKENS };
    let mut page = request.render()?.text;
    let about = &task.made.about;
    let mut line = |said: String| writeln!(page, "{said}").unwrap_or_default();
    line(format!("\n## Failing test\n\n`{}` (`{}`)", about.path.display(), about.name));
    if iteration > 1 {
        let mut rules: Vec<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
        rules.dedup();
        line(format!("\n## What the guard found in your last patch (try {iteration})\n"));
        line(format!("It broke these rules: {}.\n", rules.join(", ")));
        let mut told: Vec<String> = findings.iter().take(MAX_TOLD).map(said).collect();
        if findings.len() > MAX_TOLD {
            told.push(format!("and {} more, in the file of findings", findings.len() - MAX_TOLD));
        }
        page.push_str(&fence("findings", &told.join("\n")));
    }
    Ok(page)
}

fn said(finding: &Finding) -> String {
    let file = finding.file.as_deref().map_or_else(String::new, |file| format!(" {}", one_line(file)));
    format!("{}{file}: {}", finding.rule.as_str(), one_line(&finding.message))
}
