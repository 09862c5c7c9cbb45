//! The test that failed, and the pipeline that ran it. Source: OpenTelemetry semantic conventions, registries "Test" and "CICD".

use serde_json::Value;

use super::values;
use crate::model::{Attributes, TestRun};

/// What a failing test case's `test.case.result.status` is.
const FAILED: &str = "fail";

/// Read from attributes, those nearest to the failure first; `None` where none tells of a test or a pipeline.
pub(super) fn read(nearest_first: &[&Attributes]) -> Option<TestRun> {
    let find = |key: &str| {
        let value = nearest_first.iter().find_map(|attrs| attrs.get(key).filter(|value| !value.is_null()))?;
        Some(match value {
            Value::String(text) => text.clone(),
            other => values::text(other),
        })
    };
    let run = TestRun {
        suite: find("test.suite.name"),
        suite_status: find("test.suite.run.status"),
        case: find("test.case.name"),
        status: find("test.case.result.status"),
        pipeline: find("cicd.pipeline.name"),
        pipeline_run_id: find("cicd.pipeline.run.id"),
        pipeline_run_url: find("cicd.pipeline.run.url.full"),
        task: find("cicd.pipeline.task.name"),
        task_run_url: find("cicd.pipeline.task.run.url.full"),
    };
    (run != TestRun::default()).then_some(run)
}

/// The name of the test case, if it failed: an error that a test wants to see is no failure of it.
pub(super) fn failed_case(run: Option<&TestRun>) -> Option<&str> {
    let run = run.filter(|run| run.status.as_deref() == Some(FAILED))?;
    run.case.as_deref().filter(|name| !name.is_empty())
}
