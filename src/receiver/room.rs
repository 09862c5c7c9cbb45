//! Room for bodies that is used again.
//!
//! Windows hold bodies for seconds and let go of many at once. An allocator gives such memory back to the system, and the next bodies wait
//! for pages of zeros: that took a fifth of all the time. So what has gone waits here for the next body of about its size, as long as it is
//! little beside what is in use.

use bytes::Bytes;
use parking_lot::Mutex;

/// Smaller bodies are quick to get room for, larger ones are rare.
const KEPT: std::ops::RangeInclusive<usize> = 16 << 10..=512 << 10;
/// Sizes that an octave is divided into: what room is wider than its body is at most a sixteenth.
const STEPS: usize = 16;
const CLASSES: usize = 5 * STEPS + 1;
/// What waits is at most this part of what is in use, or [`LITTLE`] bytes.
const SHARE: usize = 16;
const LITTLE: usize = 4 << 20;

/// All room of this process.
static ROOMS: Mutex<Rooms> = Mutex::new(Rooms::new());

/// Room that waits for use, and how much is in use.
struct Rooms {
    /// By [`class`].
    idle: [Vec<Vec<u8>>; CLASSES],
    /// Bytes of those.
    waits: usize,
    /// Bytes of the room that bodies have.
    used: usize,
}

impl Rooms {
    const fn new() -> Self {
        Self { idle: [const { Vec::new() }; CLASSES], waits: 0, used: 0 }
    }

    /// Room of a class and width, if some waits, which counts as used from here on in any case.
    fn take(&mut self, class: usize, width: usize) -> Option<Vec<u8>> {
        let idle = self.idle.get_mut(class).and_then(Vec::pop);
        self.waits -= idle.as_ref().map_or(0, |_| width);
        self.used += width;
        idle
    }

    /// Takes back what counted as `width` bytes.
    fn give(&mut self, mut bytes: Vec<u8>, width: usize) {
        self.used -= width;
        // One that grew beyond what it was made for, or was given away, is of no class.
        let place = class(width).filter(|_| bytes.capacity() == width).and_then(|(class, _)| self.idle.get_mut(class));
        let most = (self.used / SHARE).max(LITTLE);
        if let Some(idle) = place.filter(|_| self.waits + width <= most) {
            // It is not overwritten: what is read of it is what the next body puts there.
            bytes.clear();
            idle.push(bytes);
            self.waits += width;
        }
        // Less is in use than when some of it began to wait.
        let mut classes = self.idle.iter_mut();
        while self.waits > most
            && let Some(idle) = classes.next_back()
        {
            self.waits -= idle.drain(..).map(|bytes| bytes.capacity()).sum::<usize>();
        }
    }
}

/// Room for one body, given back when nobody holds the body any more.
#[derive(Debug, Default)]
pub(super) struct Room {
    bytes: Vec<u8>,
    /// What is counted as used for it.
    counted: usize,
}

impl Room {
    /// Makes room for `size` bytes all in all; what is there already stays.
    pub(super) fn make(&mut self, size: usize) {
        if self.bytes.capacity() >= size {
            return;
        }
        let mut wider = Self::of(size);
        wider.bytes.extend_from_slice(&self.bytes);
        *self = wider;
    }

    fn of(size: usize) -> Self {
        let Some((class, width)) = class(size) else { return Self { bytes: Vec::with_capacity(size), counted: 0 } };
        let idle = ROOMS.lock().take(class, width);
        Self { bytes: idle.unwrap_or_else(|| Vec::with_capacity(width)), counted: width }
    }

    pub(super) fn put(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// What is in it. Windows account for a request by its length, so it has little more room than that.
    pub(super) fn into_bytes(self) -> Bytes {
        let spare = self.bytes.capacity() - self.bytes.len();
        if self.counted > 0 && spare <= self.bytes.len() / (STEPS - 1) {
            return Bytes::from_owner(self);
        }
        let mut bytes = self.into_vec();
        bytes.shrink_to_fit();
        Bytes::from(bytes)
    }

    /// What is in it, to be kept or changed by others: its room is not used again.
    pub(super) fn into_vec(mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

impl AsRef<[u8]> for Room {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::ops::Deref for Room {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.counted > 0 {
            ROOMS.lock().give(std::mem::take(&mut self.bytes), self.counted);
        }
    }
}

/// The class of room for `size` bytes, and how wide that is; `None` for what is not kept.
fn class(size: usize) -> Option<(usize, usize)> {
    if !KEPT.contains(&size) {
        return None;
    }
    let octave = size.ilog2() - KEPT.start().ilog2();
    let step = (KEPT.start() << octave) / STEPS;
    let steps = size.div_ceil(step);
    Some((octave as usize * STEPS + steps - STEPS, steps * step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_little_wider_than_its_body_and_each_width_has_a_class() {
        let mut widths = std::collections::BTreeMap::new();
        for size in (*KEPT.start()..=*KEPT.end()).step_by(13).chain([*KEPT.end()]) {
            let (at, width) = class(size).unwrap();
            assert!(at < CLASSES && width >= size && width - size <= size / STEPS, "{size}: {width}");
            assert_eq!(class(width), Some((at, width)), "it goes back where it came from");
            assert!(*widths.entry(at).or_insert(width) == width);
        }
        assert_eq!(widths.len(), CLASSES);
        assert!(class(KEPT.start() - 1).is_none() && class(KEPT.end() + 1).is_none());
    }

    #[test]
    fn room_that_is_let_go_is_used_again_and_shows_nothing_of_what_was_there() {
        let mut rooms = Rooms::new();
        let (class, width) = class(100_001).unwrap();
        assert!(rooms.take(class, width).is_none());
        let mut room = Vec::with_capacity(width);
        room.extend_from_slice(b"secret");
        let place = room.as_ptr();
        rooms.give(room, width);
        assert_eq!((rooms.waits, rooms.used), (width, 0));
        let again = rooms.take(class, width).unwrap();
        assert!(again.is_empty() && again.as_ptr() == place && rooms.take(class, width).is_none());
        rooms.give(Vec::new(), width);
        assert_eq!((rooms.waits, rooms.used), (0, width), "what was given away does not come back");
    }

    #[test]
    fn a_body_keeps_what_it_has_when_it_needs_more_room() {
        let mut room = Room::default();
        room.make(10);
        room.put(b"0123456789");
        room.make(40_000);
        assert!(room.bytes.capacity() >= 40_000 && &room[..] == b"0123456789");
    }

    #[test]
    fn what_waits_is_bounded_by_what_is_in_use() {
        let mut rooms = Rooms::new();
        let (class, width) = class(*KEPT.end()).unwrap();
        let held: Vec<_> = (0..1000).map(|_| rooms.take(class, width)).collect();
        for gone in 1..=held.len() {
            rooms.give(Vec::with_capacity(width), width);
            let used = (held.len() - gone) * width;
            assert!(rooms.used == used && rooms.waits <= (used / SHARE).max(LITTLE), "{gone}");
        }
        assert!(rooms.waits > 0, "some is kept for what comes next");
    }
}
