//! The texts of log templates, which are made of redacted messages.
//!
//! A template is a message with parts taken out, and half a secret gets past a detector that knows the whole. So no template
//! is made before its messages are redacted, and one that is there already is made anew.

use std::collections::BTreeMap;

use crate::model::LogEvidence;
use crate::templates::common;

/// Forgets the texts of templates.
pub(super) fn clear(logs: &mut LogEvidence) {
    logs.templates.iter_mut().for_each(|template| template.template.clear());
}

/// Makes the text of each template from the lines that are shown of it.
pub(super) fn fill(logs: &mut LogEvidence) {
    let mut messages: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for line in &logs.window {
        let Some(template) = line.template else { continue };
        let of_line = std::iter::once(&line.msg).chain(&line.others).map(String::as_str);
        messages.entry(template).or_default().extend(of_line);
    }
    for template in &mut logs.templates {
        template.template = messages.get(&template.id).map(|messages| common(messages)).unwrap_or_default();
    }
}
