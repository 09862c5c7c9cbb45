//! The check digits of Asia, Africa and Oceania.

use super::{at, digits, has_day, is_day, letter, luhn, number, part, verhoeff, weighted, weighted_crosswise};

pub(crate) fn au_tfn(text: &str) -> bool {
    digits(text).is_some_and(|d| match d.len() {
        9 => weighted(&d, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11),
        8 => weighted(&d, &[10, 7, 8, 4, 6, 3, 5, 1]).is_multiple_of(11),
        _ => false,
    })
}

pub(crate) fn au_abn(text: &str) -> bool {
    digits(text).is_some_and(|mut d| {
        if let Some(first) = d.first_mut() {
            *first = first.wrapping_sub(1);
        }
        d.len() == 11 && at(&d, 0) < 10 && weighted(&d, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]).is_multiple_of(89)
    })
}

pub(crate) fn au_acn(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 9 && (10 - weighted(&d, &[8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10 == at(&d, 8))
}

pub(crate) fn au_medicare(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        (9..=11).contains(&d.len())
            && (2..=6).contains(&at(&d, 0))
            && weighted(&d, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == at(&d, 8)
    })
}

pub(crate) fn aadhaar(text: &str) -> bool {
    text.len() == 12 && !text.starts_with(['0', '1']) && verhoeff(text)
}

pub(crate) fn nric(text: &str) -> bool {
    digits(part(text, 1..8)).is_some_and(|d| {
        let first = letter(text, 0);
        let extra = match first {
            'T' | 'G' => 4,
            'M' => 3,
            _ => 0,
        };
        let rest = (weighted(&d, &[2, 7, 6, 5, 4, 3, 2]) + extra) % 11;
        let letters = match first {
            'S' | 'T' => "JZIHGFEDCBA",
            'F' | 'G' => "XWUTRQPNMLK",
            'M' => "XWUTRQPNJLK",
            _ => "",
        };
        let place = if first == 'M' { 10 - rest } else { rest };
        letters.chars().nth(place as usize) == Some(letter(text, 8))
    })
}

pub(crate) fn za_id(text: &str) -> bool {
    text.len() == 13 && has_day(text, 2..4, 4..6) && luhn(text)
}

pub(crate) fn rrn(text: &str) -> bool {
    // Numbers given since October 2020 have no check digit: the day and, before that, the region (00 to 96) must do.
    text.len() == 13 && has_day(text, 2..4, 4..6) && number(part(text, 7..9)).is_some_and(|region| region <= 96)
}

pub(crate) fn kr_brn(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let sum = weighted(&d, &[1, 3, 7, 1, 3, 7, 1, 3, 5]) + at(&d, 8) * 5 / 10;
        d.len() == 10 && (10 - sum % 10) % 10 == at(&d, 9)
    })
}

pub(crate) fn my_number(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let rest = weighted(&d, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        d.len() == 12 && (if rest < 2 { 0 } else { 11 - rest }) == at(&d, 11)
    })
}

pub(crate) fn cn_id(text: &str) -> bool {
    digits(part(text, 0..17)).is_some_and(|d| {
        let sum = weighted(&d, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
        text.len() == 18
            && has_day(text, 10..12, 12..14)
            && "10X98765432".chars().nth((sum % 11) as usize) == text.chars().last()
    })
}

pub(crate) fn tw_id(text: &str) -> bool {
    let Some(area) = "ABCDEFGHJKLMNPQRSTUVXYWZIO".chars().position(|char| char == letter(text, 0)) else {
        return false;
    };
    digits(&format!("{}{}", area + 10, part(text, 1..10)))
        .is_some_and(|d| d.len() == 11 && weighted(&d, &[1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1]).is_multiple_of(10))
}

pub(crate) fn hkid(text: &str) -> bool {
    let value = |char: char| char.to_digit(36).unwrap_or(36);
    let body: Vec<u32> = text.chars().map(value).collect();
    let padded: Vec<u32> = if body.len() == 8 { std::iter::once(36).chain(body).collect() } else { body };
    padded.len() == 9
        && (weighted(&padded, &[9, 8, 7, 6, 5, 4, 3, 2])
            + match at(&padded, 8) {
                10 => 10,
                check => check,
            })
        .is_multiple_of(11)
}

pub(crate) fn thai(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 13
            && at(&d, 0) != 0
            && (11 - weighted(&d, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 10 == at(&d, 12)
    })
}

pub(crate) fn my_nric(text: &str) -> bool {
    text.len() == 12 && has_day(text, 2..4, 4..6)
}

pub(crate) fn nik(text: &str) -> bool {
    let day = number(part(text, 6..8)).unwrap_or_default();
    text.len() == 16
        && number(part(text, 8..10)).is_some_and(|month| is_day(month, if day > 40 { day - 40 } else { day }))
}

pub(crate) fn nz_ird(text: &str) -> bool {
    digits(&format!("{text:0>9}")).is_some_and(|d| {
        let check = |weights: &[u32]| (11 - weighted(&d, weights) % 11) % 11;
        let (first, second) = (check(&[3, 2, 7, 6, 5, 4, 3, 2]), check(&[7, 4, 3, 2, 5, 2, 7, 6]));
        (if first == 10 { second } else { first }) == at(&d, 8)
    })
}

pub(crate) fn il_id(text: &str) -> bool {
    luhn(&format!("{text:0>9}"))
}

pub(crate) fn ph_tin(text: &str) -> bool {
    digits(part(text, 0..9)).is_some_and(|d| weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == at(&d, 8))
}

/// Ten letters and digits, four digits of them in a row.
pub(crate) fn pan(text: &str) -> bool {
    text.chars().any(|char| char.is_ascii_alphabetic())
        && text.as_bytes().windows(4).any(|four| four.iter().all(u8::is_ascii_digit))
}

/// The birth of a national; a foreigner's number has 5 to 8 for the sex. Numbers given since October 2020, also in place of older ones, have
/// no check digit.
pub(crate) fn kr_unchecked(text: &str) -> bool {
    rrn(text) && matches!(letter(text, 6), '1'..='4' | '9' | '0')
}

pub(crate) fn kr_national(text: &str) -> bool {
    kr_unchecked(text) && kr_check(text) == (11 - kr_sum(text) % 11) % 10
}

pub(crate) fn kr_foreigner_unchecked(text: &str) -> bool {
    rrn(text) && matches!(letter(text, 6), '5'..='8')
}

pub(crate) fn kr_foreigner(text: &str) -> bool {
    kr_foreigner_unchecked(text) && kr_check(text) == (13 - kr_sum(text) % 11) % 10
}

fn kr_sum(text: &str) -> u32 {
    digits(text).map_or(0, |d| weighted(&d, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]))
}

fn kr_check(text: &str) -> u32 {
    letter(text, 12).to_digit(10).unwrap_or(u32::MAX)
}

/// 784, a year of birth, a serial number and Luhn's check digit.
pub(crate) fn emirates_id(text: &str) -> bool {
    text.len() == 15 && text.starts_with("784") && luhn(text)
}

pub(crate) fn sa_id(text: &str) -> bool {
    text.len() == 10 && luhn(text)
}

pub(crate) fn kw_civil(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 12
            && has_day(text, 3..5, 5..7)
            && 11 - weighted(&d, &[2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11 == at(&d, 11)
    })
}

pub(crate) fn ir_code(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let rest = weighted(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        d.len() == 10
            && (if rest < 2 { rest } else { 11 - rest }) == at(&d, 9)
            && d.iter().any(|digit| *digit != at(&d, 0))
    })
}

/// Of a firm in Japan: the check digit stands first.
pub(crate) fn jp_corporate(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let sum: u32 = d.iter().skip(1).rev().zip([1, 2].iter().cycle()).map(|(digit, weight)| digit * weight).sum();
        d.len() == 13 && 9 - sum % 9 == at(&d, 0)
    })
}

/// ISO 7064-like, modulo 31, over digits and letters without I, O, S, V and Z (GB 32100).
pub(crate) fn uscc(text: &str) -> bool {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let values: Option<Vec<u32>> = text
        .chars()
        .map(|char| ALPHABET.chars().position(|one| one == char).and_then(|place| u32::try_from(place).ok()))
        .collect();
    values.is_some_and(|values| values.len() == 18 && (31 - weighted(&values, &WEIGHTS) % 31) % 31 == at(&values, 17))
}

pub(crate) fn tw_ubn(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let sum = weighted_crosswise(&d, &[1, 2, 1, 2, 1, 2, 4, 1]);
        d.len() == 8 && (sum.is_multiple_of(5) || at(&d, 6) == 7 && (sum + 1).is_multiple_of(5))
    })
}

/// Three letters, of which I and O are three digits and a check digit.
pub(crate) fn nz_nhi(text: &str) -> bool {
    let value = |char: char| "ABCDEFGHJKLMNPQRSTUVWXYZ".chars().position(|one| one == char).map(|place| place + 1);
    let letters: Option<Vec<u32>> =
        text.chars().take(3).map(|char| value(char).and_then(|value| u32::try_from(value).ok())).collect();
    letters.zip(digits(part(text, 3..7))).is_some_and(|(letters, d)| {
        let rest = (weighted(&letters, &[7, 6, 5]) + weighted(&d, &[4, 3, 2])) % 11;
        d.len() == 4 && rest != 0 && (11 - rest) % 10 == at(&d, 3)
    })
}

pub(crate) fn za_tax(text: &str) -> bool {
    text.len() == 10 && text.starts_with(['0', '1', '2', '3', '9']) && luhn(text)
}

/// A century, a day of birth and a province.
pub(crate) fn eg_id(text: &str) -> bool {
    text.len() == 14
        && has_day(text, 3..5, 5..7)
        && number(part(text, 7..9)).is_some_and(|province| (1..=88).contains(&province))
}

pub(crate) fn npwp(text: &str) -> bool {
    luhn(part(text, 0..9))
}

pub(crate) fn aadhaar_vid(text: &str) -> bool {
    text.len() == 16 && verhoeff(text)
}

pub(crate) fn mst(text: &str) -> bool {
    digits(part(text, 0..10)).is_some_and(|d| {
        10 - weighted(&d, &[31, 29, 23, 19, 17, 13, 7, 5, 3]) % 11 == at(&d, 9) && d.iter().any(|digit| *digit != 0)
    })
}
