//! The check digits of national numbers. Each takes the number's letters (capitals) and digits without what groups them.

mod americas;
mod asia;
mod east;
mod west;

pub(super) use americas::*;
pub(super) use asia::*;
pub(super) use east::*;
pub(super) use west::*;

fn digits(text: &str) -> Option<Vec<u32>> {
    text.chars().map(|char| char.to_digit(10)).collect()
}

fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

fn at(digits: &[u32], index: usize) -> u32 {
    digits.get(index).copied().unwrap_or_default()
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn part(text: &str, range: std::ops::Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

fn letter(text: &str, index: usize) -> char {
    text.chars().nth(index).unwrap_or_default()
}

fn is_day(month: u64, day: u64) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Whether `yymmdd`-like parts of a number are a day.
fn has_day(text: &str, month: std::ops::Range<usize>, day: std::ops::Range<usize>) -> bool {
    matches!((number(part(text, month)), number(part(text, day))), (Some(month), Some(day)) if is_day(month, day))
}

pub(crate) fn none(_: &str) -> bool {
    true
}

pub(crate) fn luhn(text: &str) -> bool {
    super::super::card::luhn(text)
}

/// Verhoeff's scheme, over the dihedral group of ten elements.
pub(crate) fn verhoeff(text: &str) -> bool {
    const TIMES: [[u32; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const TURN: [[u32; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let look = |table: &[[u32; 10]], row: u32, column: u32| {
        table.get(row as usize).and_then(|row| row.get(column as usize)).copied().unwrap_or_default()
    };
    digits(text).is_some_and(|d| {
        let places = (0..8_u32).cycle();
        d.iter().rev().zip(places).fold(0, |sum, (digit, place)| look(&TIMES, sum, look(&TURN, place, *digit))) == 0
    })
}

/// ISO/IEC 7064, mod 11,10.
pub(crate) fn mod_11_10(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let Some((check, head)) = d.split_last() else { return false };
        let product = head.iter().fold(10, |product, digit| {
            let sum = (product + digit) % 10;
            (if sum == 0 { 10 } else { sum }) * 2 % 11
        });
        (11 - product) % 10 == *check
    })
}

/// ICAO 9303: weights 7, 3, 1 over digits and letters.
pub(crate) fn icao(text: &str) -> bool {
    let values: Vec<u32> = text.chars().filter_map(|char| char.to_digit(36)).collect();
    let Some((check, head)) = values.split_last() else { return false };
    let sum: u32 = head.iter().zip([7, 3, 1].iter().cycle()).map(|(value, weight)| value * weight).sum();
    sum % 10 == *check
}

/// The sum of the digits of the products.
fn weighted_crosswise(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).map(|product| product / 10 + product % 10).sum()
}

/// Whether the digits, each times its weight, add up to a multiple of `modulus`. As many digits as weights.
fn balances(text: &str, weights: &[u32], modulus: u32) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == weights.len() && weighted(&d, weights).is_multiple_of(modulus) && d.iter().any(|digit| *digit != 0)
    })
}

/// A day of birth of a month that also tells the century: 20, 40, 60 or 80 more.
fn has_day_of_century(text: &str, month: std::ops::Range<usize>, day: std::ops::Range<usize>) -> bool {
    matches!((number(part(text, month)), number(part(text, day))), (Some(month), Some(day)) if is_day(month % 20, day))
}
