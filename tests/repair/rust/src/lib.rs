//! When invoices are due.

/// Days of a month, from 1.
const DAYS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// The day of the month on which an invoice of this day (`2025-07-01`) is due: never behind its end.
pub fn due(issued: &str, days: u32) -> u32 {
    let mut parts = issued.split('-').skip(1).map(|part| part.parse::<u32>().unwrap());
    let (month, day) = (parts.next().unwrap(), parts.next().unwrap());
    let last = DAYS[month as usize - 1];
    (day + days).min(last)
}
