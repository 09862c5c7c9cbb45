//! The check digits of national numbers. Each takes the number's letters (capitals) and digits without what groups them.

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

pub(super) fn none(_: &str) -> bool {
    true
}

pub(super) fn luhn(text: &str) -> bool {
    super::super::card::luhn(text)
}

pub(super) fn aba(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 9
            && weighted(&d, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
            && matches!(at(&d, 0) * 10 + at(&d, 1), 1..=12 | 21..=32 | 61..=72 | 80)
    })
}

pub(super) fn npi(text: &str) -> bool {
    luhn(&format!("80840{text}"))
}

pub(super) fn dea(text: &str) -> bool {
    digits(part(text, 2..9)).is_some_and(|d| {
        d.len() == 7 && (at(&d, 0) + at(&d, 2) + at(&d, 4) + 2 * (at(&d, 1) + at(&d, 3) + at(&d, 5))) % 10 == at(&d, 6)
    })
}

pub(super) fn nhs(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let check = (11 - weighted(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        d.len() == 10 && check == at(&d, 9) && d.iter().any(|digit| *digit != at(&d, 0))
    })
}

pub(super) fn au_tfn(text: &str) -> bool {
    digits(text).is_some_and(|d| match d.len() {
        9 => weighted(&d, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11),
        8 => weighted(&d, &[10, 7, 8, 4, 6, 3, 5, 1]).is_multiple_of(11),
        _ => false,
    })
}

pub(super) fn au_abn(text: &str) -> bool {
    digits(text).is_some_and(|mut d| {
        if let Some(first) = d.first_mut() {
            *first = first.wrapping_sub(1);
        }
        d.len() == 11 && at(&d, 0) < 10 && weighted(&d, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]).is_multiple_of(89)
    })
}

pub(super) fn au_acn(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 9 && (10 - weighted(&d, &[8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10 == at(&d, 8))
}

pub(super) fn au_medicare(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        matches!(d.len(), 10 | 11)
            && (2..=6).contains(&at(&d, 0))
            && weighted(&d, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == at(&d, 8)
    })
}

/// Verhoeff's scheme, over the dihedral group of ten elements.
pub(super) fn verhoeff(text: &str) -> bool {
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

pub(super) fn aadhaar(text: &str) -> bool {
    text.len() == 12 && !text.starts_with(['0', '1']) && verhoeff(text)
}

pub(super) fn nric(text: &str) -> bool {
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

fn spanish_letter(number: u64) -> Option<char> {
    "TRWAGMYFPDXBNJZSQVHLCKE".chars().nth(usize::try_from(number % 23).ok()?)
}

pub(super) fn nif(text: &str) -> bool {
    number(part(text, 0..text.len().saturating_sub(1))).and_then(spanish_letter) == text.chars().last()
}

pub(super) fn nie(text: &str) -> bool {
    let first = match letter(text, 0) {
        'X' => "0",
        'Y' => "1",
        _ => "2",
    };
    number(&format!("{first}{}", part(text, 1..8))).and_then(spanish_letter) == text.chars().last()
}

pub(super) fn nuss(text: &str) -> bool {
    match (number(part(text, 0..2)), number(part(text, 2..10)), number(part(text, 10..12))) {
        (Some(province), Some(serial), Some(check)) => {
            let whole =
                if serial < 10_000_000 { serial + province * 10_000_000 } else { serial + province * 100_000_000 };
            whole % 97 == check
        }
        _ => false,
    }
}

pub(super) fn codice_fiscale(text: &str) -> bool {
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

pub(super) fn pesel(text: &str) -> bool {
    digits(text)
        .is_some_and(|d| d.len() == 11 && (10 - weighted(&d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10 == at(&d, 10))
}

pub(super) fn nip(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 10 && weighted(&d, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == at(&d, 9))
}

pub(super) fn regon(text: &str) -> bool {
    digits(text).is_some_and(|d| match d.len() {
        9 => weighted(&d, &[8, 9, 2, 3, 4, 5, 6, 7]) % 11 % 10 == at(&d, 8),
        14 => weighted(&d, &[2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8]) % 11 % 10 == at(&d, 13),
        _ => false,
    })
}

/// `ddmmyy` and a serial number: the two without the sign of the century, modulo 31.
pub(super) fn hetu(text: &str) -> bool {
    number(&format!("{}{}", part(text, 0..6), part(text, text.len().saturating_sub(4)..text.len().saturating_sub(1))))
        .and_then(|number| "0123456789ABCDEFHJKLMNPRSTUVWXY".chars().nth(usize::try_from(number % 31).ok()?))
        == text.chars().last()
        && has_day(text, 2..4, 0..2)
}

pub(super) fn personnummer(text: &str) -> bool {
    let ten = part(text, text.len().saturating_sub(10)..text.len());
    let day = number(part(ten, 4..6)).unwrap_or_default();
    luhn(ten) && number(part(ten, 2..4)).is_some_and(|month| is_day(month, if day > 60 { day - 60 } else { day }))
}

pub(super) fn organisationsnummer(text: &str) -> bool {
    luhn(text) && number(part(text, 2..4)).is_some_and(|part| part >= 20)
}

pub(super) fn cpr(text: &str) -> bool {
    text.len() == 10 && has_day(text, 2..4, 0..2)
}

pub(super) fn fodselsnummer(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let check = |weights: &[u32]| (11 - weighted(&d, weights) % 11) % 11;
        d.len() == 11
            && check(&[3, 7, 6, 1, 8, 9, 4, 5, 2]) == at(&d, 9)
            && check(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) == at(&d, 10)
    })
}

/// ISO/IEC 7064, mod 11,10.
pub(super) fn mod_11_10(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let Some((check, head)) = d.split_last() else { return false };
        let product = head.iter().fold(10, |product, digit| {
            let sum = (product + digit) % 10;
            (if sum == 0 { 10 } else { sum }) * 2 % 11
        });
        (11 - product) % 10 == *check
    })
}

pub(super) fn steuer_id(text: &str) -> bool {
    // No digit occurs more than three times among the first ten.
    let mut counts = [0_u8; 10];
    for digit in text.bytes().take(10) {
        if let Some(count) = counts.get_mut(usize::from(digit.wrapping_sub(b'0'))) {
            *count += 1;
        }
    }
    text.len() == 11 && !text.starts_with('0') && counts.iter().all(|count| *count <= 3) && mod_11_10(text)
}

pub(super) fn de_vat(text: &str) -> bool {
    mod_11_10(text.trim_start_matches("DE"))
}

/// ICAO 9303: weights 7, 3, 1 over digits and letters.
pub(super) fn icao(text: &str) -> bool {
    let values: Vec<u32> = text.chars().filter_map(|char| char.to_digit(36)).collect();
    let Some((check, head)) = values.split_last() else { return false };
    let sum: u32 = head.iter().zip([7, 3, 1].iter().cycle()).map(|(value, weight)| value * weight).sum();
    sum % 10 == *check
}

/// `A` and nine digits: the letter counts as its two digits.
pub(super) fn kvnr(text: &str) -> bool {
    let first = u32::from(letter(text, 0)).saturating_sub(64);
    digits(&format!("{first:02}{}", part(text, 1..10))).is_some_and(|d| {
        let sum: u32 = weighted_crosswise(&d, &[1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
        d.len() == 11 && sum % 10 == at(&d, 10)
    })
}

/// Two digits of the office, a day of birth, the first letter of a name, a serial number.
pub(super) fn rvnr(text: &str) -> bool {
    let value = u32::from(letter(text, 8)).saturating_sub(64);
    digits(&format!("{}{value:02}{}", part(text, 0..8), part(text, 9..12))).is_some_and(|d| {
        let sum: u32 = weighted_crosswise(&d, &[2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]);
        d.len() == 13 && sum % 10 == at(&d, 12)
    })
}

/// The sum of the digits of the products.
fn weighted_crosswise(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).map(|product| product / 10 + product % 10).sum()
}

pub(super) fn nir(text: &str) -> bool {
    // Corsica's departments 2A and 2B count as 19 and 18.
    let head = part(text, 0..13).replace("2A", "19").replace("2B", "18");
    matches!((number(&head), number(part(text, 13..15))), (Some(head), Some(check)) if 97 - head % 97 == check)
        && text.starts_with(['1', '2', '3', '4', '7', '8'])
}

pub(super) fn spi(text: &str) -> bool {
    matches!((number(part(text, 0..10)), number(part(text, 10..13))), (Some(head), Some(check)) if head % 511 == check)
        && text.starts_with(['0', '1', '2', '3'])
}

pub(super) fn bsn(text: &str) -> bool {
    digits(&format!("{text:0>9}")).is_some_and(|d| {
        (weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) + 10 * at(&d, 8)).is_multiple_of(11)
            && d.iter().any(|digit| *digit != 0)
    })
}

pub(super) fn be_nn(text: &str) -> bool {
    matches!((number(part(text, 0..9)), number(part(text, 9..11))), (Some(head), Some(check))
        if 97 - head % 97 == check || 97 - (2_000_000_000 + head) % 97 == check)
}

pub(super) fn at_svnr(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 10 && weighted(&d, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == at(&d, 3) && at(&d, 0) != 0
    })
}

pub(super) fn ahv(text: &str) -> bool {
    text.starts_with("756")
        && digits(text).is_some_and(|d| {
            d.len() == 13 && (10 - weighted(&d, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10) % 10 == at(&d, 12)
        })
}

pub(super) fn pt_nif(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let rest = weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        d.len() == 9 && (if rest < 2 { 0 } else { 11 - rest }) == at(&d, 8) && !matches!(at(&d, 0), 0 | 4)
    })
}

pub(super) fn pps(text: &str) -> bool {
    digits(part(text, 0..7)).is_some_and(|d| {
        let second = match letter(text, 8) {
            '\0' | 'W' => 0,
            char => u32::from(char).saturating_sub(64),
        };
        let rest = (weighted(&d, &[8, 7, 6, 5, 4, 3, 2]) + second * 9) % 23;
        let check = if rest == 0 { 'W' } else { char::from_u32(64 + rest).unwrap_or_default() };
        check == letter(text, 7)
    })
}

pub(super) fn rodne_cislo(text: &str) -> bool {
    let month = number(part(text, 2..4)).map(|month| {
        [70, 50, 20].into_iter().fold(month, |month, more| if month > more { month - more } else { month })
    });
    let is_date = matches!((month, number(part(text, 4..6))), (Some(month), Some(day)) if is_day(month, day));
    is_date
        && (text.len() == 9
            || number(text).is_some_and(|whole| {
                whole % 11 == 0 || number(part(text, 0..9)).is_some_and(|head| head % 11 == 10) && text.ends_with('0')
            }))
}

pub(super) fn cnp(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let rest = weighted(&d, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
        d.len() == 13
            && (if rest == 10 { 1 } else { rest }) == at(&d, 12)
            && at(&d, 0) != 0
            && has_day(text, 3..5, 5..7)
    })
}

pub(super) fn egn(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 10 && weighted(&d, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == at(&d, 9))
}

pub(super) fn oib(text: &str) -> bool {
    text.len() == 11 && mod_11_10(text)
}

pub(super) fn emso(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let check = 11 - weighted(&d, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        d.len() == 13 && has_day(text, 2..4, 0..2) && (if check > 9 { 0 } else { check }) == at(&d, 12)
    })
}

/// Estonia and Lithuania.
pub(super) fn isikukood(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let first = weighted(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
        let second = weighted(&d, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
        let check = match (first, second) {
            (0..=9, _) => first,
            (_, 0..=9) => second,
            _ => 0,
        };
        d.len() == 11 && check == at(&d, 10) && has_day(text, 3..5, 5..7)
    })
}

pub(super) fn lv_pk(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let sum = weighted(&d, &[1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
        d.len() == 11 && (text.starts_with("32") || (1101 - sum) % 11 % 10 == at(&d, 10) && has_day(text, 2..4, 0..2))
    })
}

pub(super) fn afm(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 9
            && weighted(&d, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == at(&d, 8)
            && d.iter().any(|digit| *digit != 0)
    })
}

pub(super) fn amka(text: &str) -> bool {
    text.len() == 11 && has_day(text, 2..4, 0..2) && luhn(text)
}

pub(super) fn hu_tax(text: &str) -> bool {
    text.starts_with('8')
        && digits(text).is_some_and(|d| d.len() == 10 && weighted(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 == at(&d, 9))
}

pub(super) fn tckn(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let odd: u32 = d.iter().take(9).step_by(2).sum();
        let even: u32 = d.iter().take(8).skip(1).step_by(2).sum();
        let all: u32 = d.iter().take(10).sum();
        d.len() == 11 && at(&d, 0) != 0 && (odd * 7 + 100 - even) % 10 == at(&d, 9) && all % 10 == at(&d, 10)
    })
}

pub(super) fn za_id(text: &str) -> bool {
    text.len() == 13 && has_day(text, 2..4, 4..6) && luhn(text)
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

pub(super) fn cpf(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 11 && brazilian(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2], &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
    })
}

pub(super) fn cnpj(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 14 && brazilian(&d, &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2], &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
    })
}

pub(super) fn cuit(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let check = 11 - weighted(&d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        d.len() == 11 && (if check == 11 { 0 } else { check }) == at(&d, 10)
    })
}

pub(super) fn rut(text: &str) -> bool {
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

pub(super) fn curp(text: &str) -> bool {
    const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ";
    let sum: usize = text
        .chars()
        .take(17)
        .enumerate()
        .map(|(index, char)| (18 - index) * ALPHABET.chars().position(|one| one == char).unwrap_or_default())
        .sum();
    text.chars().nth(17).and_then(|char| char.to_digit(10)).is_some_and(|check| check as usize == (10 - sum % 10) % 10)
}

pub(super) fn co_nit(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let Some((check, head)) = d.split_last() else { return false };
        let weights = [3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71];
        let rest = head.iter().rev().zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>() % 11;
        (if rest < 2 { rest } else { 11 - rest }) == *check
    })
}

pub(super) fn sin(text: &str) -> bool {
    text.len() == 9 && !text.starts_with(['0', '8']) && luhn(text)
}

pub(super) fn rrn(text: &str) -> bool {
    // Numbers given since October 2020 have no check digit: the day and, before that, the region (00 to 95) must do.
    text.len() == 13 && has_day(text, 2..4, 4..6) && number(part(text, 7..9)).is_some_and(|region| region <= 95)
}

pub(super) fn kr_brn(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let sum = weighted(&d, &[1, 3, 7, 1, 3, 7, 1, 3, 5]) + at(&d, 8) * 5 / 10;
        d.len() == 10 && (10 - sum % 10) % 10 == at(&d, 9)
    })
}

pub(super) fn my_number(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let rest = weighted(&d, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        d.len() == 12 && (if rest < 2 { 0 } else { 11 - rest }) == at(&d, 11)
    })
}

pub(super) fn cn_id(text: &str) -> bool {
    digits(part(text, 0..17)).is_some_and(|d| {
        let sum = weighted(&d, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
        text.len() == 18
            && has_day(text, 10..12, 12..14)
            && "10X98765432".chars().nth((sum % 11) as usize) == text.chars().last()
    })
}

pub(super) fn tw_id(text: &str) -> bool {
    let Some(area) = "ABCDEFGHJKLMNPQRSTUVXYWZIO".chars().position(|char| char == letter(text, 0)) else {
        return false;
    };
    digits(&format!("{}{}", area + 10, part(text, 1..10)))
        .is_some_and(|d| d.len() == 11 && weighted(&d, &[1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1]).is_multiple_of(10))
}

pub(super) fn hkid(text: &str) -> bool {
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

pub(super) fn thai(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 13
            && at(&d, 0) != 0
            && (11 - weighted(&d, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 10 == at(&d, 12)
    })
}

pub(super) fn my_nric(text: &str) -> bool {
    text.len() == 12 && has_day(text, 2..4, 4..6)
}

pub(super) fn nik(text: &str) -> bool {
    let day = number(part(text, 6..8)).unwrap_or_default();
    text.len() == 16
        && number(part(text, 8..10)).is_some_and(|month| is_day(month, if day > 40 { day - 40 } else { day }))
}

pub(super) fn nz_ird(text: &str) -> bool {
    digits(&format!("{text:0>9}")).is_some_and(|d| {
        let check = |weights: &[u32]| (11 - weighted(&d, weights) % 11) % 11;
        let (first, second) = (check(&[3, 2, 7, 6, 5, 4, 3, 2]), check(&[7, 4, 3, 2, 5, 2, 7, 6]));
        (if first == 10 { second } else { first }) == at(&d, 8)
    })
}

pub(super) fn nino(text: &str) -> bool {
    !["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].iter().any(|prefix| text.starts_with(prefix))
}

pub(super) fn utr(text: &str) -> bool {
    digits(part(text, 0..10)).is_some_and(|d| {
        let rest = weighted(d.get(1..).unwrap_or_default(), &[6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11;
        "21987654321".chars().nth(rest as usize).and_then(|char| char.to_digit(10)) == Some(at(&d, 0))
    })
}

pub(super) fn it_vat(text: &str) -> bool {
    luhn(text.trim_start_matches("IT"))
}

/// With the tenth character, which is the check digit; the nine that are printed as the number have none.
pub(super) fn de_document(text: &str) -> bool {
    // A `D` for the nationality may stand behind the check digit.
    let number = if text.len() >= 10 { text.trim_end_matches('D') } else { text };
    number.chars().any(|char| char.is_ascii_digit()) && (number.len() < 10 || icao(number))
}

/// The check digit of a driving licence is its tenth character.
pub(super) fn de_licence(text: &str) -> bool {
    let values: Vec<u32> = text.chars().take(10).filter_map(|char| char.to_digit(36)).collect();
    let weights = [9, 8, 7, 6, 5, 4, 3, 2, 1];
    let rest = weighted(&values, &weights) % 11;
    values.len() == 10 && (if rest == 10 { 33 } else { rest }) == at(&values, 9)
}

pub(super) fn lanr(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 9 && (10 - weighted(&d, &[4, 9, 4, 9, 4, 9]) % 10) % 10 == at(&d, 6))
}

pub(super) fn bsnr(text: &str) -> bool {
    text.len() == 9
        && text.bytes().any(|byte| byte != b'0')
        && number(part(text, 0..2)).is_some_and(|region| (1..=99).contains(&region))
}

pub(super) fn plz(text: &str) -> bool {
    number(text).is_some_and(|code| (1_067..=99_998).contains(&code))
}

pub(super) fn il_id(text: &str) -> bool {
    luhn(&format!("{text:0>9}"))
}

/// Older numbers were given without the check digit that the law of 2007 wanted.
pub(super) fn verhoeff_or_any(text: &str) -> bool {
    text.len() == 11 && !text.bytes().all(|byte| Some(byte) == text.bytes().next())
}

pub(super) fn ph_tin(text: &str) -> bool {
    digits(part(text, 0..9)).is_some_and(|d| weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == at(&d, 8))
}

/// Ten letters and digits, four digits of them in a row.
pub(super) fn pan(text: &str) -> bool {
    text.chars().any(|char| char.is_ascii_alphabetic())
        && text.as_bytes().windows(4).any(|four| four.iter().all(u8::is_ascii_digit))
}
