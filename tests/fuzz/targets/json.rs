//! OTLP/JSON in both directions.

use casefile::otlp::{self, Limits};

/// The first byte is the signal, the rest the text.
pub(crate) fn check(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let (signal, limits) = (super::signal(*first), Limits::default());
    // Any bytes may be asked for as JSON, too: `casefile raw` does.
    drop(otlp::to_json(signal, text));
    let Ok(request) = otlp::from_json(signal, text, &limits) else { return };
    // A `resource` that is there twice is JSON, and no request.
    if otlp::scan(signal, &request, &limits).is_err() {
        return;
    }
    let written = otlp::to_json(signal, &request).unwrap();
    let again = otlp::from_json(signal, &written, &limits).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&otlp::to_json(signal, &again).unwrap()),
        String::from_utf8_lossy(&written),
        "what was written is read as the same"
    );
}
