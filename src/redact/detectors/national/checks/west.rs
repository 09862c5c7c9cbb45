//! The check digits of western and southern Europe.

use super::{
    at, balances, digits, has_day, icao, letter, luhn, mod_11_10, number, part, verhoeff, weighted, weighted_crosswise,
};

pub(crate) fn nhs(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let check = (11 - weighted(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        d.len() == 10 && check == at(&d, 9) && d.iter().any(|digit| *digit != at(&d, 0))
    })
}

fn spanish_letter(number: u64) -> Option<char> {
    "TRWAGMYFPDXBNJZSQVHLCKE".chars().nth(usize::try_from(number % 23).ok()?)
}

pub(crate) fn nif(text: &str) -> bool {
    number(part(text, 0..text.len().saturating_sub(1))).and_then(spanish_letter) == text.chars().last()
}

pub(crate) fn nie(text: &str) -> bool {
    let first = match letter(text, 0) {
        'X' => "0",
        'Y' => "1",
        _ => "2",
    };
    number(&format!("{first}{}", part(text, 1..8))).and_then(spanish_letter) == text.chars().last()
}

pub(crate) fn nuss(text: &str) -> bool {
    match (number(part(text, 0..2)), number(part(text, 2..10)), number(part(text, 10..12))) {
        (Some(province), Some(serial), Some(check)) => {
            let whole =
                if serial < 10_000_000 { serial + province * 10_000_000 } else { serial + province * 100_000_000 };
            whole % 97 == check
        }
        _ => false,
    }
}

pub(crate) fn codice_fiscale(text: &str) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let sum: u32 = text
        .bytes()
        .take(15)
        .enumerate()
        .map(|(index, byte)| {
            let value = u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte.saturating_sub(b'A') });
            if index % 2 == 0 { ODD.get(value as usize).copied().unwrap_or_default() } else { value }
        })
        .sum();
    text.len() == 16 && char::from_digit(sum % 26 + 10, 36).map(|char| char.to_ascii_uppercase()) == text.chars().last()
}

pub(crate) fn steuer_id(text: &str) -> bool {
    // No digit occurs more than three times among the first ten.
    let mut counts = [0_u8; 10];
    for digit in text.bytes().take(10) {
        if let Some(count) = counts.get_mut(usize::from(digit.wrapping_sub(b'0'))) {
            *count += 1;
        }
    }
    text.len() == 11 && !text.starts_with('0') && counts.iter().all(|count| *count <= 3) && mod_11_10(text)
}

pub(crate) fn de_vat(text: &str) -> bool {
    mod_11_10(text.trim_start_matches("DE"))
}

/// `A` and nine digits: the letter counts as its two digits.
pub(crate) fn kvnr(text: &str) -> bool {
    let first = u32::from(letter(text, 0)).saturating_sub(64);
    digits(&format!("{first:02}{}", part(text, 1..10))).is_some_and(|d| {
        let sum: u32 = weighted_crosswise(&d, &[1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
        d.len() == 11 && sum % 10 == at(&d, 10)
    })
}

/// Two digits of the office, a day of birth, the first letter of a name, a serial number.
pub(crate) fn rvnr(text: &str) -> bool {
    let value = u32::from(letter(text, 8)).saturating_sub(64);
    digits(&format!("{}{value:02}{}", part(text, 0..8), part(text, 9..12))).is_some_and(|d| {
        let sum: u32 = weighted_crosswise(&d, &[2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]);
        d.len() == 13 && sum % 10 == at(&d, 12)
    })
}

pub(crate) fn nir(text: &str) -> bool {
    // Corsica's departments 2A and 2B count as 19 and 18.
    let head = part(text, 0..13).replace("2A", "19").replace("2B", "18");
    matches!((number(&head), number(part(text, 13..15))), (Some(head), Some(check)) if 97 - head % 97 == check)
        && text.starts_with(['1', '2', '3', '4', '7', '8'])
}

pub(crate) fn spi(text: &str) -> bool {
    matches!((number(part(text, 0..10)), number(part(text, 10..13))), (Some(head), Some(check)) if head % 511 == check)
        && text.starts_with(['0', '1', '2', '3'])
}

pub(crate) fn bsn(text: &str) -> bool {
    digits(&format!("{text:0>9}")).is_some_and(|d| {
        (weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) + 10 * at(&d, 8)).is_multiple_of(11)
            && d.iter().any(|digit| *digit != 0)
    })
}

pub(crate) fn be_nn(text: &str) -> bool {
    matches!((number(part(text, 0..9)), number(part(text, 9..11))), (Some(head), Some(check))
        if 97 - head % 97 == check || 97 - (2_000_000_000 + head) % 97 == check)
}

pub(crate) fn at_svnr(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 10 && weighted(&d, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == at(&d, 3) && at(&d, 0) != 0
    })
}

pub(crate) fn ahv(text: &str) -> bool {
    text.starts_with("756")
        && digits(text).is_some_and(|d| {
            d.len() == 13 && (10 - weighted(&d, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10) % 10 == at(&d, 12)
        })
}

pub(crate) fn pt_nif(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let rest = weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        d.len() == 9 && (if rest < 2 { 0 } else { 11 - rest }) == at(&d, 8) && at(&d, 0) != 0
    })
}

pub(crate) fn pps(text: &str) -> bool {
    digits(part(text, 0..7)).is_some_and(|d| {
        // Letters of the years before 2013 tell whose wife somebody is, and count for nothing.
        let second = match letter(text, 8) {
            '\0' | 'W' | 'T' | 'X' => 0,
            char => u32::from(char).saturating_sub(64),
        };
        let rest = (weighted(&d, &[8, 7, 6, 5, 4, 3, 2]) + second * 9) % 23;
        let check = if rest == 0 { 'W' } else { char::from_u32(64 + rest).unwrap_or_default() };
        check == letter(text, 7)
    })
}

pub(crate) fn afm(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 9
            && weighted(&d, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == at(&d, 8)
            && d.iter().any(|digit| *digit != 0)
    })
}

pub(crate) fn amka(text: &str) -> bool {
    text.len() == 11 && has_day(text, 2..4, 0..2) && luhn(text)
}

pub(crate) fn nino(text: &str) -> bool {
    !["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].iter().any(|prefix| text.starts_with(prefix))
}

pub(crate) fn utr(text: &str) -> bool {
    digits(part(text, 0..10)).is_some_and(|d| {
        let rest = weighted(d.get(1..).unwrap_or_default(), &[6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11;
        "21987654321".chars().nth(rest as usize).and_then(|char| char.to_digit(10)) == Some(at(&d, 0))
    })
}

pub(crate) fn it_vat(text: &str) -> bool {
    luhn(text.trim_start_matches("IT"))
}

/// With the tenth character, which is the check digit; the nine that are printed as the number have none.
pub(crate) fn de_document(text: &str) -> bool {
    // A `D` for the nationality may stand behind the check digit.
    let number = if text.len() >= 10 { text.trim_end_matches('D') } else { text };
    number.chars().any(|char| char.is_ascii_digit()) && (number.len() < 10 || icao(number))
}

/// The check digit of a driving licence is its tenth character.
pub(crate) fn de_licence(text: &str) -> bool {
    let values: Vec<u32> = text.chars().take(10).filter_map(|char| char.to_digit(36)).collect();
    let weights = [9, 8, 7, 6, 5, 4, 3, 2, 1];
    let rest = weighted(&values, &weights) % 11;
    values.len() == 10 && (if rest == 10 { 33 } else { rest }) == at(&values, 9)
}

pub(crate) fn lanr(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 9 && (10 - weighted(&d, &[4, 9, 4, 9, 4, 9]) % 10) % 10 == at(&d, 6))
}

pub(crate) fn bsnr(text: &str) -> bool {
    text.len() == 9
        && text.bytes().any(|byte| byte != b'0')
        && number(part(text, 0..2)).is_some_and(|region| (1..=99).contains(&region))
}

pub(crate) fn plz(text: &str) -> bool {
    number(text).is_some_and(|code| (1_067..=99_998).contains(&code))
}

/// Scotland's number is one of England's form that begins with a day of birth.
pub(crate) fn chi(text: &str) -> bool {
    nhs(text) && has_day(text, 2..4, 0..2)
}

pub(crate) fn gb_vat(text: &str) -> bool {
    let text = text.trim_start_matches("GB");
    digits(part(text, 0..9)).is_some_and(|d| {
        let sum = weighted(&d, &[8, 7, 6, 5, 4, 3, 2, 10, 1]);
        matches!(text.len(), 9 | 12) && matches!(sum % 97, 0 | 42 | 55)
    })
}

pub(crate) fn siren(text: &str) -> bool {
    text.len() == 9 && luhn(text)
}

/// The firm and its establishment. Those of the post office add up to a multiple of five instead.
pub(crate) fn siret(text: &str) -> bool {
    let is_post = || digits(text).is_some_and(|d| d.iter().sum::<u32>().is_multiple_of(5));
    text.len() == 14 && (luhn(text) || text.starts_with("356000000") && is_post())
}

pub(crate) fn fr_vat(text: &str) -> bool {
    let text = text.trim_start_matches("FR");
    siren(part(text, 2..11))
        && match (number(part(text, 0..2)), number(part(text, 2..11))) {
            (Some(check), Some(siren)) => (12 + 3 * (siren % 97)) % 97 == check,
            (None, Some(_)) => true,
            _ => false,
        }
}

/// The number of a firm, and of its VAT.
pub(crate) fn be_enterprise(text: &str) -> bool {
    let text = text.trim_start_matches("BE");
    matches!((number(part(text, 0..8)), number(part(text, 8..10))), (Some(head), Some(check)) if 97 - head % 97 == check)
        && text.len() == 10
        && text.starts_with(['0', '1'])
}

/// By the elevens of a person's number or, since 2020, modulo 97 as a whole.
pub(crate) fn nl_vat(text: &str) -> bool {
    let text = text.trim_start_matches("NL");
    let whole = format!("NL{text}");
    text.len() == 12
        && letter(text, 9) == 'B'
        && (bsn(part(text, 0..9))
            || whole
                .chars()
                .filter_map(|char| char.to_digit(36))
                .fold(0, |rest, value| if value < 10 { (rest * 10 + value) % 97 } else { (rest * 100 + value) % 97 })
                == 1)
}

/// A day of birth and a serial number, with the check digits of Luhn and of Verhoeff over the eleven before them.
pub(crate) fn lu_nin(text: &str) -> bool {
    text.len() == 13
        && has_day(text, 4..6, 6..8)
        && luhn(part(text, 0..12))
        && verhoeff(&format!("{}{}", part(text, 0..11), part(text, 12..13)))
}

pub(crate) fn lu_vat(text: &str) -> bool {
    let text = text.trim_start_matches("LU");
    text.len() == 8
        && matches!((number(part(text, 0..6)), number(part(text, 6..8))), (Some(head), Some(check)) if head % 89 == check)
}

pub(crate) fn at_vat(text: &str) -> bool {
    digits(text.trim_start_matches("AT").trim_start_matches('U')).is_some_and(|d| {
        let sum = weighted_crosswise(&d, &[1, 2, 1, 2, 1, 2, 1]);
        d.len() == 8 && (10 - (sum + 4) % 10) % 10 == at(&d, 7)
    })
}

pub(crate) fn ch_uid(text: &str) -> bool {
    balances(part(text, 3..12), &[5, 4, 3, 2, 7, 6, 5, 4, 1], 11)
}

/// A letter of the kind of firm, seven digits and a check character.
pub(crate) fn cif(text: &str) -> bool {
    digits(part(text, 1..8)).is_some_and(|d| {
        let check = (10 - weighted_crosswise(&d, &[2, 1, 2, 1, 2, 1, 2]) % 10) % 10;
        let last = letter(text, 8);
        last.to_digit(10) == Some(check) || "JABCDEFGHI".chars().nth(check as usize) == Some(last)
    })
}

/// Twelve letters and digits, doubled as Luhn's from the right.
pub(crate) fn pt_card(text: &str) -> bool {
    let doubled = |value: u32| if value > 4 { (value * 2).saturating_sub(9) } else { value * 2 };
    let values = text.chars().rev().filter_map(|char| char.to_digit(36)).enumerate();
    text.len() == 12
        && values
            .map(|(place, value)| if place % 2 == 0 { value } else { doubled(value) })
            .sum::<u32>()
            .is_multiple_of(10)
}

pub(crate) fn niss(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 11
            && matches!(at(&d, 0), 1 | 2)
            && 9 - weighted(&d, &[29, 23, 19, 17, 13, 11, 7, 5, 3, 2]) % 10 == at(&d, 10)
    })
}

pub(crate) fn mt_vat(text: &str) -> bool {
    balances(text.trim_start_matches("MT"), &[3, 4, 6, 7, 8, 9, 10, 1], 37)
}

pub(crate) fn cy_tic(text: &str) -> bool {
    const ODD: [u32; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let text = text.trim_start_matches("CY");
    digits(part(text, 0..8)).is_some_and(|d| {
        let value = |(place, digit): (usize, &u32)| match place % 2 {
            0 => ODD.get(*digit as usize).copied().unwrap_or_default(),
            _ => *digit,
        };
        let sum: u32 = d.iter().enumerate().map(value).sum();
        char::from_u32(65 + sum % 26) == text.chars().nth(8) && !text.starts_with("12")
    })
}

/// The check letter, twelve digits.
pub(crate) fn upn(text: &str) -> bool {
    digits(part(text, 1..13)).is_some_and(|d| {
        let sum: u32 = d.iter().zip(2..).map(|(digit, weight)| digit * weight).sum();
        "ABCDEFGHJKLMNPQRTUVWXYZ".chars().nth((sum % 23) as usize) == Some(letter(text, 0))
    })
}

/// The elevens of a person's number leave five.
pub(crate) fn onderwijsnummer(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 9 && (weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) + 10 * at(&d, 8)) % 11 == 5)
}
