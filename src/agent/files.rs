//! Files, and the seeds that reports name, where a late piece is merged in.

use super::amend::ATTACHMENTS;
use super::remarks::{Marked, Remarks};
use crate::evidence::same_file;
use crate::model::{Attachment, Bundle, Seed};

/// Adds the attachments that are new: by name, kind and content.
pub(super) fn attachments(base: &mut Vec<Marked<Attachment>>, late: Vec<Marked<Attachment>>) {
    for new in late {
        let same = |known: &Marked<Attachment>| {
            let (a, b) = (&known.value, &new.value);
            (&a.name, &a.kind, &a.digest, &a.service, a.span_id) == (&b.name, &b.kind, &b.digest, &b.service, b.span_id)
        };
        if !base.iter().any(same) {
            base.push(new);
        }
    }
    base.sort_by(|a, b| (&a.value.name, &a.value.digest).cmp(&(&b.value.name, &b.value.digest)));
}

/// Adds the seeds that are new.
pub(super) fn seeds(base: &mut Vec<Marked<Seed>>, late: Vec<Marked<Seed>>) {
    for new in late {
        if base.iter().all(|known| known.value != new.value) {
            base.push(new);
        }
    }
    base.sort_by(|a, b| a.value.cmp(&b.value));
}

/// Puts the files of coverage reports first in which frames of the exception lie: a report that came late did not know them.
pub(super) fn rank(bundle: &mut Bundle, remarks: &mut Remarks) {
    let frames = bundle
        .exception
        .iter()
        .flat_map(|exception| exception.frames.iter().chain(exception.causes.iter().flat_map(|cause| &cause.frames)));
    let places: Vec<String> = frames.filter(|frame| frame.in_app).filter_map(|frame| frame.file.clone()).collect();
    for (at, attachment) in bundle.attachments.iter_mut().enumerate() {
        let Some(coverage) = &mut attachment.coverage else { continue };
        let path = format!("{ATTACHMENTS}/{at}/coverage/files");
        let mut files = remarks.lift(&path, &mut coverage.files);
        for file in &mut files {
            file.value.in_stack = places.iter().any(|place| same_file(place, &file.value.file));
        }
        files.sort_by_key(|file| !file.value.in_stack);
        coverage.files = remarks.lay(&path, files);
    }
}
