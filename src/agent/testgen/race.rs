//! The data race that a bundle tells of: as its exception's other access, or as a report in a log line or an attachment.

use crate::evidence::{AppRules, exception_of};
use crate::model::{Bundle, Frame};

/// How a detector begins its report.
pub(super) const MARK: &str = "WARNING: DATA RACE";

/// The innermost own frame of each access, as the report orders them.
pub(super) fn accesses(bundle: &Bundle) -> Vec<Frame> {
    let exception = bundle.exception.as_ref();
    let of_exception =
        exception.filter(|exception| exception.causes.iter().any(|cause| cause.relation == "concurrent"));
    if let Some(exception) = of_exception {
        let concurrent = exception.causes.iter().filter(|cause| cause.relation == "concurrent");
        return std::iter::once(&exception.frames)
            .chain(concurrent.map(|cause| &cause.frames))
            .filter_map(|frames| own(frames))
            .collect();
    }
    let mut said = bundle.logs.window.iter().map(|line| line.msg.as_str());
    said.rfind(|text| text.contains(MARK)).map_or_else(Vec::new, of_text)
}

/// The same of a report's text.
pub(super) fn of_text(text: &str) -> Vec<Frame> {
    let from = text.find(MARK).and_then(|at| text.get(at..)).unwrap_or_default();
    let Some(report) = exception_of(from, Some("go"), None, None, &AppRules::default()) else { return Vec::new() };
    let concurrent = report.causes.iter().filter(|cause| cause.relation == "concurrent");
    std::iter::once(&report.frames)
        .chain(concurrent.map(|cause| &cause.frames))
        .filter_map(|frames| own(frames))
        .collect()
}

fn own(frames: &[Frame]) -> Option<Frame> {
    frames.iter().find(|frame| frame.in_app).cloned()
}
