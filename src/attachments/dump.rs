//! Dumps of threads and goroutines, backtraces of core dumps, reports of race detectors: where one stack ends and the next begins.
//!
//! What the stacks say is for the readers of stack traces to tell. A thread begins with a line that names it: Go's
//! `goroutine 1 [running]:`, HotSpot's `"main" #1 …`, gdb's `Thread 1 (…):`, lldb's `* thread #1`, faulthandler's
//! `Thread 0x… (most recent call first):`.

use std::sync::LazyLock;

use regex::Regex;

use super::Block;

#[expect(clippy::unwrap_used, reason = "a constant pattern, compiled in every test run")]
static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"^(?:goroutine (\d+) (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[[^\]]*\]:|"([^"]+)" (?:#\d|daemon|prio|tid|os_prio|virtual).*|(?:Current )?[Tt]hread ([^\s,(]+).*|[* ]? ?thread (#\d+).*|(={18,}))\s*$"#,
    )
    .unwrap()
});

/// The stacks of a dump. A text without headers is one, and what stands above the first header (`panic: …`) belongs to it.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = Block::default();
    let mut begun = false;
    for line in text.lines() {
        if let Some(header) = HEADER.captures(line.trim_end()) {
            if begun {
                blocks.push(std::mem::take(&mut open));
            }
            begun = true;
            let named = (1..=4).find_map(|at| header.get(at)).map_or("", |name| name.as_str());
            named.clone_into(&mut open.thread);
        }
        open.text.push_str(line);
        open.text.push('\n');
    }
    blocks.push(open);
    blocks.retain(|block| block.text.chars().any(|char| !char.is_whitespace() && char != '='));
    blocks
}
