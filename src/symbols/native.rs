//! Native code: DWARF in ELF and Mach-O.

use std::io::Read;
use std::sync::Arc;

use addr2line::{Context, LookupContinuation, LookupResult};
use gimli::{EndianArcSlice, RunTimeEndian};
use object::{CompressionFormat, Object, ObjectSection};

use super::{MAX_INLINED, Original};

/// Bytes that looking up in a file may take, for each of its own: rows of line tables are unpacked as they are needed.
const EXPANSION: u64 = 3;

pub(super) fn cost(bytes: &[u8]) -> u64 {
    EXPANSION * bytes.len() as u64
}

type Section = EndianArcSlice<RunTimeEndian>;

/// The DWARF of a module.
pub(super) struct Debug(Context<Section>);

impl std::fmt::Debug for Debug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Debug").finish_non_exhaustive()
    }
}

impl Debug {
    /// Reads a file. Sections that are compressed may become `max_bytes` together.
    pub(super) fn parse(bytes: &[u8], max_bytes: u64) -> Option<Self> {
        let file = object::File::parse(bytes).ok()?;
        let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
        let mut left = max_bytes;
        let load = |id: gimli::SectionId| -> Result<Section, ()> {
            let bytes = match file.section_by_name(id.name()) {
                Some(section) => inflated(&section, &mut left).ok_or(())?,
                None => Vec::new(),
            };
            Ok(EndianArcSlice::new(Arc::from(bytes), endian))
        };
        let dwarf = gimli::Dwarf::load(load).ok()?;
        let context = Context::from_dwarf(dwarf).ok()?;
        Some(Self(context))
    }

    /// The frames at an address, innermost first.
    pub(super) fn frames(&self, address: u64) -> Vec<Original> {
        let mut found = Vec::new();
        let mut result = self.0.find_frames(address);
        let frames = loop {
            match result {
                LookupResult::Output(frames) => break frames,
                // Split DWARF lies in files of its own, which nobody put here.
                LookupResult::Load { continuation, .. } => result = continuation.resume(None),
            }
        };
        let Ok(mut frames) = frames else { return found };
        while let Ok(Some(frame)) = frames.next() {
            let func = frame.function.as_ref().and_then(|name| name.demangle().ok()).map(std::borrow::Cow::into_owned);
            let place = frame.location;
            found.push(Original {
                file: place.as_ref().and_then(|place| place.file).map(str::to_owned),
                line: place.as_ref().and_then(|place| place.line).filter(|line| *line > 0),
                column: place.as_ref().and_then(|place| place.column).filter(|column| *column > 0),
                func,
                ..Original::default()
            });
            if found.len() >= MAX_INLINED {
                break;
            }
        }
        found.retain(|frame| frame.file.is_some() || frame.func.is_some());
        found
    }
}

/// The bytes of a section; `None` if they cannot be read, or are more than what is `left`.
fn inflated<'d>(section: &impl ObjectSection<'d>, left: &mut u64) -> Option<Vec<u8>> {
    let packed = section.compressed_data().ok()?;
    *left = left.checked_sub(packed.uncompressed_size)?;
    let size = usize::try_from(packed.uncompressed_size).ok()?;
    let mut bytes = Vec::new();
    match packed.format {
        CompressionFormat::None => bytes.extend_from_slice(packed.data),
        CompressionFormat::Zlib => {
            flate2::read::ZlibDecoder::new(packed.data).take(packed.uncompressed_size).read_to_end(&mut bytes).ok()?;
        }
        CompressionFormat::Zstandard => {
            let decoder = zstd::stream::read::Decoder::new(packed.data).ok()?;
            decoder.take(packed.uncompressed_size).read_to_end(&mut bytes).ok()?;
        }
        _ => return None,
    }
    (bytes.len() == size).then_some(bytes)
}
