//! The protobuf wire format: a reader that never allocates, and the few writes that JSON and repair need.
//!
//! Source: protobuf.dev, "Encoding". What is refused is what prost refuses, so that what is walked here can be decoded
//! there: field number 0, keys beyond 32 bits, varints beyond 64 bits, lengths beyond the enclosing message, groups
//! that do not close.

use super::WireError;

/// Deepest nesting that prost decodes: a walk never goes deeper, whatever its limits say.
pub(super) const MAX_DEPTH: usize = 100;

/// The value of a field, as its wire type gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// A length-delimited value: from, to.
    Len(usize, usize),
    /// A group, which has been passed over.
    Group,
}

/// Reads the fields of one message, which is a range of the request. Offsets in errors are offsets in the request.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    pos: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    /// A reader of the whole of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pos: 0, end: bytes.len() }
    }

    /// A reader of the message at `start..end` of the same request.
    pub(super) fn within(&self, start: usize, end: usize) -> Self {
        Self { bytes: self.bytes, pos: start, end: end.min(self.end) }
    }

    /// The bytes at `start..end` of the request.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// What is left of the message.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.slice(self.pos, self.end)
    }

    /// Where the next field starts.
    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pos >= self.end
    }

    /// An error at the current position.
    #[cold]
    pub(super) fn malformed(&self, what: &'static str) -> WireError {
        WireError::Malformed { offset: self.pos, what }
    }

    /// The next field, or `None` at the end of the message.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Payload)>, WireError> {
        if self.pos >= self.end {
            return Ok(None);
        }
        let (number, wire_type) = self.key()?;
        if wire_type == 4 {
            return Err(self.malformed("group end without a start"));
        }
        let payload = self.payload(number, wire_type, 0)?;
        Ok(Some((number, payload)))
    }

    /// The content of the next field, if its key is this byte, which says that a length follows, and the length is of one byte, as nearly all
    /// are. Only then is it passed over.
    #[inline(always)]
    pub(super) fn short(&mut self, key: u8) -> Option<&'a [u8]> {
        let [first, length @ 0..=0x7f, rest @ ..] = self.rest() else { return None };
        let content = rest.get(..usize::from(*length)).filter(|_| *first == key)?;
        self.pos += 2 + content.len();
        Some(content)
    }

    /// The same of a varint of one byte.
    #[inline(always)]
    pub(super) fn short_varint(&mut self, key: u8) -> Option<u8> {
        let [first, value @ 0..=0x7f, ..] = self.rest() else { return None };
        (*first == key).then(|| {
            self.pos += 2;
            *value
        })
    }

    /// The same of 64 bits.
    #[inline(always)]
    pub(super) fn short_fixed64(&mut self, key: u8) -> Option<u64> {
        let (first, rest) = self.rest().split_first()?;
        let value = rest.first_chunk().filter(|_| *first == key)?;
        self.pos += 1 + value.len();
        Some(u64::from_le_bytes(*value))
    }

    /// A varint of at most 64 bits.
    #[inline(always)]
    pub(super) fn varint(&mut self) -> Result<u64, WireError> {
        match self.bytes.get(self.pos) {
            Some(first @ 0..=0x7f) if self.pos < self.end => {
                self.pos += 1;
                Ok(u64::from(*first))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let rest = self.bytes.get(self.pos..self.end).unwrap_or_default();
        let mut value = 0_u64;
        for (at, byte) in rest.iter().take(10).enumerate() {
            if at == 9 && *byte > 1 {
                return Err(self.malformed("varint of more than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.pos += at + 1;
                return Ok(value);
            }
        }
        Err(self.malformed(if rest.len() < 10 { "truncated varint" } else { "varint of more than 64 bits" }))
    }

    #[inline]
    pub(super) fn fixed64(&mut self) -> Result<u64, WireError> {
        let taken = self.take(8, "truncated 64-bit value")?;
        Ok(u64::from_le_bytes(taken.try_into().unwrap_or_default()))
    }

    pub(super) fn fixed32(&mut self) -> Result<u32, WireError> {
        let taken = self.take(4, "truncated 32-bit value")?;
        Ok(u32::from_le_bytes(taken.try_into().unwrap_or_default()))
    }

    #[inline(always)]
    fn key(&mut self) -> Result<(u32, u32), WireError> {
        let key = u32::try_from(self.varint()?).map_err(|_| self.malformed("field key beyond 32 bits"))?;
        let (number, wire_type) = (key >> 3, key & 7);
        if number == 0 {
            return Err(self.malformed("field number 0"));
        }
        if wire_type > 5 {
            return Err(self.malformed("unknown wire type"));
        }
        Ok((number, wire_type))
    }

    #[inline(always)]
    fn payload(&mut self, number: u32, wire_type: u32, depth: usize) -> Result<Payload, WireError> {
        match wire_type {
            0 => Ok(Payload::Varint(self.varint()?)),
            1 => Ok(Payload::Fixed64(self.fixed64()?)),
            2 => {
                let length = self.varint()?;
                let start = self.pos;
                let length = usize::try_from(length)
                    .ok()
                    .filter(|length| *length <= self.end - start)
                    .ok_or_else(|| self.malformed("length beyond the end of the message"))?;
                self.pos = start + length;
                Ok(Payload::Len(start, self.pos))
            }
            3 => self.group(number, depth),
            _ => Ok(Payload::Fixed32(self.fixed32()?)),
        }
    }

    #[cold]
    fn group(&mut self, number: u32, depth: usize) -> Result<Payload, WireError> {
        if depth >= MAX_DEPTH {
            return Err(self.malformed("groups nested too deep"));
        }
        loop {
            if self.is_empty() {
                return Err(self.malformed("group without an end"));
            }
            let (inner, wire_type) = self.key()?;
            if wire_type == 4 {
                return match inner == number {
                    true => Ok(Payload::Group),
                    false => Err(self.malformed("group end of another group")),
                };
            }
            self.nested_payload(inner, wire_type, depth + 1)?;
        }
    }

    /// [`Reader::payload`] once more, for the recursion that inlining would not end.
    fn nested_payload(&mut self, number: u32, wire_type: u32, depth: usize) -> Result<Payload, WireError> {
        self.payload(number, wire_type, depth)
    }

    #[inline]
    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], WireError> {
        let end = self.pos + length;
        if end > self.end {
            return Err(self.malformed(what));
        }
        let taken = self.slice(self.pos, end);
        self.pos = end;
        Ok(taken)
    }
}

/// Appends a varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes of a varint.
pub(super) fn varint_len(value: u64) -> usize {
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// Appends a field key.
pub(super) fn put_key(out: &mut Vec<u8>, number: u32, wire_type: u32) {
    put_varint(out, u64::from(number << 3 | wire_type));
}

/// Appends a length-delimited field.
pub(super) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_key(out, number, 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a length-delimited field whose content `write` appends.
pub(super) fn put_nested<T, E>(
    out: &mut Vec<u8>,
    number: u32,
    write: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
) -> Result<T, E> {
    put_key(out, number, 2);
    put_delimited(out, write)
}

/// Appends what `write` appends, with its length as a varint put before it afterwards.
pub(super) fn put_delimited<T, E>(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<T, E>) -> Result<T, E> {
    let at = out.len();
    let value = write(out)?;
    let mut length = Vec::with_capacity(5);
    put_varint(&mut length, (out.len() - at) as u64);
    out.splice(at..at, length);
    Ok(value)
}
