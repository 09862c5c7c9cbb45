//! Coverage: lcov's trace files, and Cobertura's XML.
//!
//! Source: `geninfo(1)`, "Files" (`SF:`, `DA:line,count`, `end_of_record`); Cobertura's `coverage-04.dtd` (`class/@filename`,
//! `line/@number`, `line/@hits`).

use std::collections::BTreeMap;

use quick_xml::events::Event;

use super::xml::{attribute, name, reader};
use super::{FileLines, MAX_FILES};

/// Hits of each line of each file, in order of their paths.
#[derive(Default)]
struct Files(BTreeMap<String, BTreeMap<u32, bool>>);

/// Reads a trace file; `None` if it tells of no file.
pub(super) fn lcov(text: &str) -> Option<Vec<FileLines>> {
    let mut files = Files::default();
    let mut file: Option<String> = None;
    for line in text.lines().map(str::trim_end) {
        if let Some(path) = line.strip_prefix("SF:") {
            file = files.open(path);
        } else if line == "end_of_record" {
            file = None;
        } else if let (Some(file), Some(data)) = (&file, line.strip_prefix("DA:")) {
            let mut parts = data.split(',');
            let (number, count) = (parts.next().and_then(|part| part.parse().ok()), parts.next());
            if let (Some(number), Some(count)) = (number, count) {
                files.line(file, number, hit(count));
            }
        }
    }
    files.end()
}

/// Reads a Cobertura report; `None` if it tells of no file.
pub(super) fn cobertura(text: &str) -> Option<Vec<FileLines>> {
    let mut reader = reader(text);
    let mut files = Files::default();
    let mut file: Option<String> = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => match name(&element).as_str() {
                "class" => file = attribute(&element, "filename").and_then(|path| files.open(&path)),
                "line" => {
                    let number = attribute(&element, "number").and_then(|text| text.parse().ok());
                    if let (Some(file), Some(number), Some(count)) = (&file, number, attribute(&element, "hits")) {
                        files.line(file, number, hit(&count));
                    }
                }
                _ => {}
            },
            Ok(Event::End(element)) if element.local_name().as_ref() == b"class" => file = None,
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    files.end()
}

/// Whether a count says that a line was hit. Tools write negative counts for what overflowed.
fn hit(count: &str) -> bool {
    count.trim().parse::<f64>().is_ok_and(|count| count != 0.0)
}

impl Files {
    fn open(&mut self, path: &str) -> Option<String> {
        if path.is_empty() || (self.0.len() >= MAX_FILES && !self.0.contains_key(path)) {
            return None;
        }
        self.0.entry(path.to_owned()).or_default();
        Some(path.to_owned())
    }

    /// A line that one test did not hit and another did was hit.
    fn line(&mut self, file: &str, number: u32, hit: bool) {
        if let Some(lines) = self.0.get_mut(file) {
            *lines.entry(number).or_default() |= hit;
        }
    }

    fn end(self) -> Option<Vec<FileLines>> {
        let files: Vec<FileLines> = self
            .0
            .into_iter()
            .map(|(file, lines)| FileLines { file, hit: ranges(&lines, true), missed: ranges(&lines, false) })
            .collect();
        (!files.is_empty()).then_some(files)
    }
}

/// Lines that stand behind one another among the lines of code, as one range: blank lines between them are no others.
fn ranges(lines: &BTreeMap<u32, bool>, wanted: bool) -> Vec<[u32; 2]> {
    let mut ranges: Vec<[u32; 2]> = Vec::new();
    let mut goes_on = false;
    for (number, hit) in lines {
        match ranges.last_mut().filter(|_| goes_on) {
            Some(range) if *hit == wanted => range[1] = *number,
            _ if *hit == wanted => ranges.push([*number; 2]),
            _ => {}
        }
        goes_on = *hit == wanted;
    }
    ranges
}
