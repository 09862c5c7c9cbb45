//! Mappings of ProGuard and R8.

use proguard::{ProguardCache, ProguardMapping, StackFrame};

use super::{MAX_INLINED, Original};

/// Bytes that reading a mapping may take, for each of its own.
const EXPANSION: u64 = 4;

pub(super) fn cost(bytes: &[u8]) -> u64 {
    EXPANSION * bytes.len() as u64
}

/// A mapping in the form that is looked up in as it is.
#[derive(Debug)]
pub(super) struct Mapping(Vec<u8>);

impl Mapping {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mapping = ProguardMapping::new(bytes);
        if !mapping.is_valid() {
            return None;
        }
        let mut cache = Vec::new();
        ProguardCache::write(&mapping, &mut cache).ok()?;
        ProguardCache::parse(&cache).ok()?;
        Some(Self(cache))
    }

    /// The name of a class.
    pub(super) fn class(&self, class: &str) -> Option<String> {
        ProguardCache::parse(&self.0).ok()?.remap_class(class).map(str::to_owned)
    }

    /// The frames that one stands for, innermost first.
    pub(super) fn frames(&self, class: &str, method: &str, line: Option<u32>, file: Option<&str>) -> Vec<Original> {
        let Ok(cache) = ProguardCache::parse(&self.0) else { return Vec::new() };
        let line = line.map_or(0, |line| line as usize);
        let frame = match file {
            Some(file) => StackFrame::with_file(class, method, line, file),
            None => StackFrame::new(class, method, line),
        };
        let found = cache.remap_frame(&frame).take(MAX_INLINED).map(|frame| Original {
            file: frame.file().map(str::to_owned),
            line: frame.line().and_then(|line| u32::try_from(line).ok()).filter(|line| *line > 0),
            func: Some(frame.method().to_owned()),
            module: Some(frame.class().to_owned()),
            ..Original::default()
        });
        found.collect()
    }
}
