//! What holds for a gateway: pipelines that end in `exporters.kafka`.

use super::{ComponentId, KafkaExporter, Pipelines, Problem, ValidatedPipelines};

/// What stands beside the exporter `id` that has no place there: a gateway takes OTLP in, sends it on, and does nothing else. `connectors`
/// are those that pipelines end in.
pub(super) fn check(
    pipelines: &Pipelines,
    found: &ValidatedPipelines,
    id: &str,
    connectors: &[ComponentId],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |path: &str, message: String, instead: String| {
        problems.push(Problem::new(path, message).instead(instead));
    };
    let inputs = [("traces", &pipelines.traces), ("logs", &pipelines.logs), ("metrics", &pipelines.metrics)];
    for (name, pipeline) in inputs {
        let Some(pipeline) = pipeline else { continue };
        for (at, connector) in pipeline.exporters.iter().enumerate().filter(|(_, it)| connectors.contains(it)) {
            problem(
                &format!("service.pipelines.{name}.exporters[{at}]"),
                format!("`{id}` is used too, and a process either sends records on or makes bundles of them"),
                format!(
                    "write `exporters: [{id}]` here as well, and run a second process whose pipelines begin with a \
                     `kafka` receiver and end in `{connector}`"
                ),
            );
        }
    }
    const ELSEWHERE: &str = "take it away: the process that reads the topics has it";
    if pipelines.bundles.is_some() {
        problem(
            "service.pipelines.bundles",
            format!("there are no bundles where the other pipelines end in `{id}`"),
            ELSEWHERE.to_owned(),
        );
    }
    for (receiver, _, _) in &found.kafka {
        problem(
            "service.pipelines",
            format!("`{receiver}` reads from Kafka, and `{id}` would write there again"),
            "begin the pipelines of a gateway with `otlp`".to_owned(),
        );
    }
    let idle = [
        ("signing", found.signing.is_some()),
        ("file_storage", found.file_storage.is_some()),
        ("api", found.api.is_some()),
    ];
    for (kind, _) in idle.into_iter().filter(|(_, is_named)| *is_named) {
        problem(
            "service.extensions",
            format!("`{kind}` has nothing to do where the pipelines end in `{id}`"),
            ELSEWHERE.to_owned(),
        );
    }
    problems
}

/// What is perhaps not meant: that records of a trace come apart.
pub(super) fn warnings(id: &str, kafka: &KafkaExporter) -> Vec<Problem> {
    let settings = [
        ("partition_traces_by_id", kafka.partition_traces_by_id, "spans"),
        ("partition_logs_by_trace_id", kafka.partition_logs_by_trace_id, "log records"),
    ];
    let apart = settings.into_iter().filter(|(_, is_kept_together, _)| !is_kept_together);
    apart
        .map(|(key, _, what)| {
            let message =
                format!("{what} of a trace go to any partition, and who reads one of them has a part of the trace");
            Problem::new(format!("exporters.{id}.{key}"), message).instead("leave it out")
        })
        .collect()
}
