//! What the tools answer that run code of the repository: they make the failing test, and judge patches.

use std::sync::Arc;

use serde_json::{Value, json};

use super::answers::{NOTE, extend, part, view};
use super::tools::{PatchArguments, TestArguments, ToolError};
use super::{McpServer, Workshop};
use crate::model::Bundle;

/// Bytes of a diff, and of a test, that are taken.
const MAX_TEXT: usize = 1024 * 1024;

pub(super) async fn make_test(server: &McpServer, asked: TestArguments) -> Result<Value, ToolError> {
    let bundle = view(server, &asked.id).await?.bundle;
    let id = bundle.bundle_id.clone();
    let made = run(server, bundle, move |workshop, bundle| workshop.make(bundle, asked.values)).await?;
    Ok(json!({
        "note": NOTE, "id": id, "framework": made.about.framework, "path": made.about.path, "name": made.about.name, "commit": made.commit,
        "text": made.text, "missing": made.missing, "notes": made.notes, "placeholders": made.placeholders,
        "total": 1, "returned": 1, "truncated": false, "next": null,
    }))
}

pub(super) async fn check_patch(server: &McpServer, asked: PatchArguments) -> Result<Value, ToolError> {
    let texts = [Some(&asked.diff), asked.test.as_ref()];
    if texts.into_iter().flatten().any(|text| text.len() > MAX_TEXT) {
        return Err(ToolError::Work(format!("a diff or a test has more than {MAX_TEXT} bytes")));
    }
    let bundle = view(server, &asked.id).await?.bundle;
    let (diff, test) = (asked.diff, asked.test);
    let judged = run(server, bundle, move |workshop, bundle| workshop.check(bundle, &diff, test.as_deref())).await?;
    let verdict = |runs: Option<&crate::agent::testgen::Verified>| runs.map(|runs| json!(runs.verdict));
    let suite = judged.suite.as_ref().map(|suite| {
        json!({"passed_before": suite.before.passed, "passed_after": suite.after.passed, "failed_after": suite.after.failed.len()})
    });
    let mut answer = json!({
        "note": NOTE, "id": judged.bundle_id, "decision": judged.decision, "size": judged.size, "localisation": judged.localisation,
        "simplicity": judged.simplicity, "test_without_the_patch": verdict(judged.before.as_ref()),
        "test_passed": judged.passed, "test_runs": judged.runs, "test_with_the_patch_taken_back": verdict(judged.reverted.as_ref()),
        "suite": suite, "checks": judged.checks, "sandbox": judged.sandbox, "patch": judged.patch,
    });
    extend(&mut answer, &part(&judged.findings.iter().collect::<Vec<_>>(), asked.limit, asked.after))?;
    Ok(answer)
}

/// Runs what may take minutes where it keeps no other task waiting, one at a time.
async fn run<T: Send + 'static>(
    server: &McpServer,
    bundle: Bundle,
    work: impl FnOnce(&dyn Workshop, &Bundle) -> Result<T, String> + Send + 'static,
) -> Result<T, ToolError> {
    let none = || ToolError::NotFound("the server was started without --repo, so it has no repository".to_owned());
    let workshop = server.workshop.clone().ok_or_else(none)?;
    let ended = |_| ToolError::Work("the work was broken off".to_owned());
    let turn = Arc::clone(&server.bench).acquire_owned().await.map_err(|_| ended(()))?;
    let done = tokio::task::spawn_blocking(move || {
        let done = work(&*workshop, &bundle);
        drop(turn);
        done
    });
    done.await.map_err(|_| ended(()))?.map_err(ToolError::Work)
}
