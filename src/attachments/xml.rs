//! What both XML formats need. External entities are never read, and unknown ones stay as they are written.

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, escape};

/// The reader of a document. Reports in the wild miss end tags and repeat attributes: that hides none of their tests.
pub(super) fn reader(text: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    config.allow_unmatched_ends = true;
    config.check_end_names = false;
    reader
}

/// The local name of an element.
pub(super) fn name(element: &BytesStart<'_>) -> String {
    String::from_utf8_lossy(element.local_name().as_ref()).into_owned()
}

/// The value of an attribute; `None` where it is absent.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    let found =
        attributes.with_checks(false).flatten().find(|found| found.key.local_name().as_ref() == name.as_bytes())?;
    let raw = String::from_utf8_lossy(&found.value).into_owned();
    Some(escape::unescape(&raw).map_or_else(|_| raw.clone(), std::borrow::Cow::into_owned))
}

/// Adds the text that an event brings.
pub(super) fn put_text(event: &Event<'_>, out: &mut String) {
    match event {
        Event::Text(text) => out.push_str(&String::from_utf8_lossy(text)),
        Event::CData(text) => out.push_str(&String::from_utf8_lossy(text)),
        Event::GeneralRef(reference) => put_reference(reference, out),
        _ => {}
    }
}

fn put_reference(reference: &BytesRef<'_>, out: &mut String) {
    let name = String::from_utf8_lossy(reference);
    match (reference.resolve_char_ref(), escape::resolve_xml_entity(&name)) {
        (Ok(Some(char)), _) => out.push(char),
        (_, Some(text)) => out.push_str(text),
        _ => {
            out.push('&');
            out.push_str(&name);
            out.push(';');
        }
    }
}
