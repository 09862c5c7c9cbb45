//! Bodies that are what they tell, and bodies that are not.

use std::io::Write as _;

use proptest::prelude::*;

use crate::model::Encoding;
use crate::otlp::inflate::surplus;
use crate::otlp::{InflateError, inflate};

const LIMIT: usize = 1 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).unwrap()
}

/// Something that repeats itself, as requests do.
fn body(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ (at / 1000) as u8).collect()
}

/// The body, and how many bytes were paid for.
fn inflated(encoding: Encoding, wire: &[u8], limit: usize) -> (Result<Vec<u8>, InflateError>, usize) {
    let mut paid = 0;
    let inflated = inflate(encoding, wire, limit, |bytes| {
        paid += bytes;
        true
    });
    (inflated.map(Vec::from), paid)
}

fn with_size(mut wire: Vec<u8>, size: u32) -> Vec<u8> {
    let at = wire.len() - 4;
    wire[at..].copy_from_slice(&size.to_le_bytes());
    wire
}

#[test]
fn a_body_is_inflated_as_it_was_and_paid_for_once() {
    let body = body(300_000);
    for (encoding, wire) in [(Encoding::Gzip, gzip(&body)), (Encoding::Zstd, zstd(&body))] {
        let (inflated, paid) = inflated(encoding, &wire, LIMIT);
        assert_eq!((inflated.unwrap(), paid), (body.clone(), body.len()), "{encoding:?}");
    }
}

#[test]
fn members_and_frames_are_one_body_however_their_ends_look() {
    let (one, other) = (body(5000), body(7000));
    // The second pair ends as its first member alone would: with the same checksum and the same size.
    for parts in [[&one, &other], [&one, &one], [&Vec::new(), &one], [&one, &Vec::new()]] {
        let whole = parts.map(|part| part.as_slice()).concat();
        let gzip = parts.map(|part| gzip(part)).concat();
        assert_eq!(inflated(Encoding::Gzip, &gzip, LIMIT).0.unwrap(), whole);
        let zstd = parts.map(|part| zstd(part)).concat();
        assert_eq!(inflated(Encoding::Zstd, &zstd, LIMIT).0.unwrap(), whole);
        let too_large = |wire: &[u8], encoding| {
            matches!(inflated(encoding, wire, whole.len() - 1).0, Err(InflateError::TooLarge { .. }))
        };
        assert!(too_large(&gzip, Encoding::Gzip) && too_large(&zstd, Encoding::Zstd));
    }
}

#[test]
fn a_body_that_lies_about_its_size_is_corrupt_and_costs_no_more_than_the_limit_twice() {
    let body = body(200_000);
    for size in [0, 1, 199_999, 200_001, 1 << 20, u32::MAX] {
        let (inflated, paid) = inflated(Encoding::Gzip, &with_size(gzip(&body), size), LIMIT);
        assert!(matches!(inflated, Err(InflateError::Corrupt(_))), "{size}: {inflated:?}");
        assert!(paid <= 2 * LIMIT, "{size}: {paid}");
    }
}

#[test]
fn a_bomb_stops_at_the_limit_whatever_it_tells() {
    let zeros = vec![0; 64 * LIMIT];
    let told = gzip(&zeros);
    for wire in [told.clone(), with_size(told.clone(), 10), with_size(told, LIMIT as u32)] {
        let (inflated, paid) = inflated(Encoding::Gzip, &wire, LIMIT);
        assert!(matches!(inflated, Err(InflateError::TooLarge { limit: LIMIT })), "{inflated:?}");
        assert!(paid <= 2 * LIMIT, "{paid}");
    }
    let (inflated, paid) = inflated(Encoding::Zstd, &zstd(&zeros), LIMIT);
    assert!(matches!(inflated, Err(InflateError::TooLarge { limit: LIMIT })) && paid <= LIMIT);
}

#[test]
fn nothing_is_inflated_that_cannot_be_paid_for() {
    for (encoding, wire) in [(Encoding::Gzip, gzip(&body(100_000))), (Encoding::Zstd, zstd(&body(100_000)))] {
        assert!(matches!(inflate(encoding, &wire, LIMIT, |bytes| bytes < 100_000), Err(InflateError::Full)));
    }
}

#[test]
fn the_limit_is_a_size_that_a_body_may_have() {
    let body = body(LIMIT);
    for (encoding, wire) in [(Encoding::Gzip, gzip(&body)), (Encoding::Zstd, zstd(&body))] {
        assert_eq!(inflated(encoding, &wire, LIMIT).0.unwrap(), body);
        assert!(matches!(inflated(encoding, &wire, LIMIT - 1).0, Err(InflateError::TooLarge { .. })));
    }
}

#[test]
fn room_that_was_used_before_shows_nothing_of_that() {
    let first = inflate(Encoding::Gzip, &gzip(&vec![7; 50_000]), LIMIT, |_| true).unwrap();
    assert_eq!(first, vec![7; 50_000]);
    drop(first);
    let held: Vec<_> =
        (1..40).map(|n| inflate(Encoding::Gzip, &gzip(&vec![n; 1000]), LIMIT, |_| true).unwrap()).collect();
    assert!(
        held.iter().zip(1..40).all(|(bytes, n)| *bytes == vec![n; 1000]),
        "none is written to while it is looked at"
    );
}

#[test]
fn of_room_that_waits_what_was_used_last_stays_within_bytes() {
    let mut idle: Vec<_> = [1, 5, 2, 3].map(|len| vec![0; len]).into();
    let lens = |rooms: &[Vec<u8>]| rooms.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!((lens(&surplus(&mut idle, 9)), lens(&idle)), (vec![1, 5], vec![2, 3]));
    assert_eq!((lens(&surplus(&mut idle, 5)), lens(&idle)), (vec![], vec![2, 3]));
    assert_eq!((lens(&surplus(&mut idle, 2)), lens(&idle)), (vec![2, 3], vec![]), "the last alone is too much");
}

proptest! {
    #[test]
    fn what_is_damaged_is_refused_as_it_would_be_step_by_step(
        len in 0_usize..5000, at in any::<prop::sample::Index>(), xor in any::<u8>(), cut in any::<prop::sample::Index>(), tail in 0_usize..3
    ) {
        let mut wire = gzip(&body(len));
        let place = at.index(wire.len());
        wire[place] ^= xor;
        if tail == 1 {
            wire.truncate(cut.index(wire.len()));
        } else if tail == 2 {
            wire.extend_from_slice(b"tail");
        }
        let mut slow = Vec::new();
        let read = std::io::Read::read_to_end(&mut flate2::bufread::MultiGzDecoder::new(wire.as_slice()), &mut slow);
        match (inflated(Encoding::Gzip, &wire, LIMIT).0, read) {
            (Ok(fast), Ok(_)) => prop_assert_eq!(fast, slow),
            (Err(InflateError::Corrupt(fast)), Err(slow)) => prop_assert_eq!(fast.to_string(), slow.to_string()),
            (fast, slow) => prop_assert!(false, "{fast:?}, {slow:?}"),
        }
    }
}
