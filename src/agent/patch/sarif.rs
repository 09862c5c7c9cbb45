//! A verdict as SARIF 2.1.0, as code hosts show it beside the lines.

use serde_json::{Value, json};

use super::{Judgement, Level, Rule};

/// The log.
#[must_use]
pub fn sarif(judgement: &Judgement) -> Value {
    let rules: Vec<Value> = Rule::ALL
        .iter()
        .map(|rule| json!({"id": rule.as_str(), "shortDescription": {"text": rule.demands()}}))
        .collect();
    let results: Vec<Value> = judgement
        .findings
        .iter()
        .map(|finding| {
            let level = match finding.level {
                Level::Refusal => "error",
                Level::Review => "warning",
                Level::Note => "note",
            };
            let index = Rule::ALL.iter().position(|rule| *rule == finding.rule);
            let mut result = json!({
                "ruleId": finding.rule.as_str(),
                "ruleIndex": index,
                "level": level,
                "message": {"text": finding.message},
            });
            if let Some(file) = &finding.file {
                // A path as a URI: what a URL's path would encode is encoded.
                let uri: String = file
                    .split('/')
                    .map(|part| {
                        url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>().replace('+', "%20")
                    })
                    .collect::<Vec<_>>()
                    .join("/");
                let mut place = json!({"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"}});
                if let (Some(line), Some(place)) = (finding.line, place.as_object_mut()) {
                    place.insert("region".to_owned(), json!({"startLine": line}));
                }
                result["locations"] = json!([{"physicalLocation": place}]);
            }
            result
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "casefile patch check",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "properties": {
                "decision": judgement.decision,
                "incident": judgement.incident,
                "localisation": judgement.localisation,
                "simplicity": judgement.simplicity,
            },
            "results": results,
        }],
    })
}
