//! The check digits of the Americas.

use super::{at, digits, letter, luhn, number, part, weighted};

pub(crate) fn aba(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 9
            && weighted(&d, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
            && matches!(at(&d, 0) * 10 + at(&d, 1), 1..=12 | 21..=32 | 61..=72 | 80)
    })
}

pub(crate) fn npi(text: &str) -> bool {
    luhn(&format!("80840{text}"))
}

pub(crate) fn dea(text: &str) -> bool {
    digits(part(text, 2..9)).is_some_and(|d| {
        d.len() == 7 && (at(&d, 0) + at(&d, 2) + at(&d, 4) + 2 * (at(&d, 1) + at(&d, 3) + at(&d, 5))) % 10 == at(&d, 6)
    })
}

/// Two check digits over what stands before them, modulo 11 (Brazil).
fn brazilian(d: &[u32], first: &[u32], second: &[u32]) -> bool {
    let check = |weights: &[u32]| match weighted(d, weights) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    d.iter().any(|digit| *digit != at(d, 0))
        && check(first) == at(d, first.len())
        && check(second) == at(d, second.len())
}

pub(crate) fn cpf(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 11 && brazilian(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2], &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
    })
}

pub(crate) fn cnpj(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 14 && brazilian(&d, &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2], &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
    })
}

pub(crate) fn cuit(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let check = 11 - weighted(&d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        d.len() == 11
            && match check {
                11 => 0,
                10 => 9,
                check => check,
            } == at(&d, 10)
    })
}

pub(crate) fn rut(text: &str) -> bool {
    let (head, check) = text.split_at_checked(text.len().saturating_sub(1)).unwrap_or_default();
    digits(head).is_some_and(|d| {
        let sum: u32 =
            d.iter().rev().zip([2, 3, 4, 5, 6, 7].iter().cycle()).map(|(digit, weight)| digit * weight).sum();
        let expected = match 11 - sum % 11 {
            11 => '0',
            10 => 'K',
            rest => char::from_digit(rest, 10).unwrap_or_default(),
        };
        check.starts_with(expected)
    })
}

pub(crate) fn curp(text: &str) -> bool {
    const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ";
    let sum: usize = text
        .chars()
        .take(17)
        .enumerate()
        .map(|(index, char)| (18 - index) * ALPHABET.chars().position(|one| one == char).unwrap_or_default())
        .sum();
    text.chars().nth(17).and_then(|char| char.to_digit(10)).is_some_and(|check| check as usize == (10 - sum % 10) % 10)
}

pub(crate) fn co_nit(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let Some((check, head)) = d.split_last() else { return false };
        let weights = [3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71];
        let rest = head.iter().rev().zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>() % 11;
        (if rest < 2 { rest } else { 11 - rest }) == *check
    })
}

pub(crate) fn sin(text: &str) -> bool {
    text.len() == 9 && !text.starts_with(['0', '8']) && luhn(text)
}

/// Campuses of the revenue service that numbers of employers begin with.
pub(crate) fn ein(text: &str) -> bool {
    const NOT_GIVEN: [u64; 14] = [0, 7, 8, 9, 17, 18, 19, 28, 29, 49, 69, 70, 78, 79];
    text.len() == 9 && number(part(text, 0..2)).is_some_and(|campus| !NOT_GIVEN.contains(&campus) && campus != 89)
}

/// A check digit as `11 - sum mod 11`, where ten and eleven count as zero.
fn elevens(text: &str, weights: &[u32]) -> bool {
    digits(text).is_some_and(|d| {
        let check = 11 - weighted(&d, weights) % 11;
        d.len() == weights.len() + 1
            && (if check > 9 { 0 } else { check }) == at(&d, weights.len())
            && d.iter().any(|digit| *digit != at(&d, 0))
    })
}

pub(crate) fn pis(text: &str) -> bool {
    elevens(text, &[3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
}

pub(crate) fn cnh(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let first = weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
        let less = if first > 9 { 2 } else { 0 };
        let second = (weighted(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 + 11 - less) % 11;
        d.len() == 11
            && (if first > 9 { 0 } else { first }) == at(&d, 9)
            && (if second > 9 { 0 } else { second }) == at(&d, 10)
            && d.iter().any(|digit| *digit != at(&d, 0))
    })
}

/// A social security number of Mexico.
pub(crate) fn nss(text: &str) -> bool {
    text.len() == 11 && luhn(text)
}

pub(crate) fn cedula(text: &str) -> bool {
    text.len() == 11 && luhn(text)
}

pub(crate) fn rnc(text: &str) -> bool {
    digits(text)
        .is_some_and(|d| d.len() == 9 && (10 - weighted(&d, &[7, 9, 8, 6, 5, 4, 3, 2]) % 11) % 9 + 1 == at(&d, 8))
}

/// A province, a kind of person and Luhn's check digit.
pub(crate) fn ec_id(text: &str) -> bool {
    text.len() == 10
        && number(part(text, 0..2)).is_some_and(|province| matches!(province, 1..=24 | 30))
        && letter(text, 2) <= '6'
        && luhn(text)
}

pub(crate) fn pe_ruc(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 11
            && matches!(at(&d, 0) * 10 + at(&d, 1), 10 | 15 | 16 | 17 | 20)
            && (11 - weighted(&d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 10 == at(&d, 10)
    })
}

pub(crate) fn uy_ci(text: &str) -> bool {
    digits(&format!("{text:0>8}"))
        .is_some_and(|d| d.len() == 8 && (10 - weighted(&d, &[2, 9, 8, 7, 6, 3, 4]) % 10) % 10 == at(&d, 7))
}

pub(crate) fn uy_rut(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 12
            && (11 - weighted(&d, &[4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 == at(&d, 11)
            && matches!(at(&d, 0) * 10 + at(&d, 1), 1..=22)
    })
}

/// Digits from the right times two, three and so on.
fn climbing(text: &str) -> Option<u32> {
    Some(digits(text)?.iter().rev().zip(2..).map(|(digit, weight)| digit * weight).sum())
}

pub(crate) fn py_ruc(text: &str) -> bool {
    let (head, check) = text.split_at_checked(text.len().saturating_sub(1)).unwrap_or_default();
    climbing(head).is_some_and(|sum| number(check) == Some(u64::from((11 - sum % 11) % 11 % 10)))
}

pub(crate) fn gt_nit(text: &str) -> bool {
    let (head, check) = text.split_at_checked(text.len().saturating_sub(1)).unwrap_or_default();
    climbing(head).is_some_and(|sum| match (11 - sum % 11) % 11 {
        10 => check == "K",
        rest => number(check) == Some(u64::from(rest)),
    })
}

pub(crate) fn ve_rif(text: &str) -> bool {
    let kind = match letter(text, 0) {
        'V' => 4,
        'E' => 8,
        'J' => 12,
        'P' => 16,
        'G' => 20,
        _ => return false,
    };
    digits(part(text, 1..10)).is_some_and(|d| {
        let rest = (kind + weighted(&d, &[3, 2, 7, 6, 5, 4, 3, 2])) % 11;
        d.len() == 9 && "00987654321".chars().nth(rest as usize).and_then(|char| char.to_digit(10)) == Some(at(&d, 8))
    })
}

/// The nine digits of a firm; the account of a programme may follow.
pub(crate) fn ca_bn(text: &str) -> bool {
    luhn(part(text, 0..9))
}

pub(crate) fn ohip(text: &str) -> bool {
    luhn(part(text, 0..10))
}

pub(crate) fn bc_phn(text: &str) -> bool {
    text.starts_with('9')
        && digits(text).is_some_and(|d| {
            d.len() == 10
                && (11 - weighted(d.get(1..).unwrap_or_default(), &[2, 4, 8, 5, 10, 9, 7, 3]) % 11) % 11 == at(&d, 9)
        })
}
