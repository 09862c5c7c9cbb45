//! The check digits of northern and eastern Europe and of central Asia.

use super::{at, balances, digits, has_day, has_day_of_century, is_day, luhn, mod_11_10, number, part, weighted};

pub(crate) fn pesel(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 11
            && has_day_of_century(text, 2..4, 4..6)
            && (10 - weighted(&d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10 == at(&d, 10)
    })
}

pub(crate) fn nip(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 10 && weighted(&d, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == at(&d, 9))
}

pub(crate) fn regon(text: &str) -> bool {
    digits(text).is_some_and(|d| match d.len() {
        9 => weighted(&d, &[8, 9, 2, 3, 4, 5, 6, 7]) % 11 % 10 == at(&d, 8),
        14 => weighted(&d, &[2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8]) % 11 % 10 == at(&d, 13),
        _ => false,
    })
}

/// `ddmmyy` and a serial number: the two without the sign of the century, modulo 31.
pub(crate) fn hetu(text: &str) -> bool {
    number(&format!("{}{}", part(text, 0..6), part(text, text.len().saturating_sub(4)..text.len().saturating_sub(1))))
        .and_then(|number| "0123456789ABCDEFHJKLMNPRSTUVWXY".chars().nth(usize::try_from(number % 31).ok()?))
        == text.chars().last()
        && has_day(text, 2..4, 0..2)
}

pub(crate) fn personnummer(text: &str) -> bool {
    let ten = part(text, text.len().saturating_sub(10)..text.len());
    let day = number(part(ten, 4..6)).unwrap_or_default();
    luhn(ten) && number(part(ten, 2..4)).is_some_and(|month| is_day(month, if day > 60 { day - 60 } else { day }))
}

pub(crate) fn organisationsnummer(text: &str) -> bool {
    luhn(text) && number(part(text, 2..4)).is_some_and(|part| part >= 20)
}

pub(crate) fn cpr(text: &str) -> bool {
    text.len() == 10 && has_day(text, 2..4, 0..2)
}

pub(crate) fn fodselsnummer(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let check = |weights: &[u32]| (11 - weighted(&d, weights) % 11) % 11;
        d.len() == 11
            && check(&[3, 7, 6, 1, 8, 9, 4, 5, 2]) == at(&d, 9)
            && check(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) == at(&d, 10)
    })
}

pub(crate) fn rodne_cislo(text: &str) -> bool {
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

pub(crate) fn cnp(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let rest = weighted(&d, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
        d.len() == 13
            && (if rest == 10 { 1 } else { rest }) == at(&d, 12)
            && at(&d, 0) != 0
            && has_day(text, 3..5, 5..7)
    })
}

pub(crate) fn egn(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 10
            && has_day_of_century(text, 2..4, 4..6)
            && weighted(&d, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == at(&d, 9)
    })
}

pub(crate) fn oib(text: &str) -> bool {
    text.len() == 11 && mod_11_10(text)
}

pub(crate) fn emso(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let check = 11 - weighted(&d, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        d.len() == 13 && has_day(text, 2..4, 0..2) && (if check > 9 { 0 } else { check }) == at(&d, 12)
    })
}

/// Estonia and Lithuania.
pub(crate) fn isikukood(text: &str) -> bool {
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

pub(crate) fn lv_pk(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let sum = weighted(&d, &[1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
        d.len() == 11 && (text.starts_with("32") || (1101 - sum) % 11 % 10 == at(&d, 10) && has_day(text, 2..4, 0..2))
    })
}

pub(crate) fn hu_tax(text: &str) -> bool {
    text.starts_with('8')
        && digits(text).is_some_and(|d| d.len() == 10 && weighted(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 == at(&d, 9))
}

pub(crate) fn tckn(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let odd: u32 = d.iter().take(9).step_by(2).sum();
        let even: u32 = d.iter().take(8).skip(1).step_by(2).sum();
        let all: u32 = d.iter().take(10).sum();
        d.len() == 11 && at(&d, 0) != 0 && (odd * 7 + 100 - even) % 10 == at(&d, 9) && all % 10 == at(&d, 10)
    })
}

/// Three letters and six digits, the first of which is the check digit.
pub(crate) fn pl_card(text: &str) -> bool {
    let values: Vec<u32> = text.chars().filter_map(|char| char.to_digit(36)).collect();
    values.len() == 9 && weighted(&values, &[7, 3, 1, 0, 7, 3, 1, 7, 3]) % 10 == at(&values, 3)
}

/// Two letters and seven digits, the first of which is the check digit.
pub(crate) fn pl_passport(text: &str) -> bool {
    let values: Vec<u32> = text.chars().filter_map(|char| char.to_digit(36)).collect();
    values.len() == 9 && weighted(&values, &[7, 3, 0, 1, 7, 3, 1, 7, 3]) % 10 == at(&values, 2)
}

pub(crate) fn cz_ico(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 8 && (11 - weighted(&d, &[8, 7, 6, 5, 4, 3, 2]) % 11) % 10 == at(&d, 7))
}

/// Of a firm, or a person's birth number.
pub(crate) fn cz_vat(text: &str) -> bool {
    let text = text.trim_start_matches("CZ");
    if text.len() == 8 { cz_ico(text) } else { rodne_cislo(text) }
}

pub(crate) fn sk_vat(text: &str) -> bool {
    let text = text.trim_start_matches("SK");
    text.len() == 10 && number(text).is_some_and(|whole| whole.is_multiple_of(11)) && !text.starts_with('0')
}

pub(crate) fn hu_taj(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 9 && weighted(&d, &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == at(&d, 8))
}

pub(crate) fn hu_personal(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 11
            && has_day(text, 3..5, 5..7)
            && (weighted(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) % 11 == at(&d, 10)
                || weighted(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 == at(&d, 10))
    })
}

/// The number of a taxpayer, alone or with the code of its VAT and its county.
pub(crate) fn hu_vat(text: &str) -> bool {
    let text = text.trim_start_matches("HU");
    matches!(text.len(), 8 | 11) && balances(part(text, 0..8), &[9, 7, 3, 1, 9, 7, 3, 1], 10)
}

pub(crate) fn cui(text: &str) -> bool {
    let text = text.trim_start_matches("RO");
    digits(&format!("{text:0>10}")).is_some_and(|d| {
        d.len() == 10
            && text.len() > 1
            && weighted(&d, &[7, 5, 3, 2, 1, 7, 5, 3, 2]) * 10 % 11 % 10 == at(&d, 9)
            && !text.starts_with('0')
    })
}

pub(crate) fn lnch(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 10 && weighted(&d, &[21, 19, 17, 13, 11, 9, 7, 3, 1]) % 10 == at(&d, 9))
}

/// Of a firm, or a person's unified number.
pub(crate) fn bulstat(text: &str) -> bool {
    let text = text.trim_start_matches("BG");
    digits(text).is_some_and(|d| match d.len() {
        9 => {
            let first = weighted(&d, &[1, 2, 3, 4, 5, 6, 7, 8]) % 11;
            let second = weighted(&d, &[3, 4, 5, 6, 7, 8, 9, 10]) % 11 % 10;
            (if first == 10 { second } else { first }) == at(&d, 8)
        }
        _ => egn(text),
    })
}

pub(crate) fn si_tax(text: &str) -> bool {
    let text = text.trim_start_matches("SI");
    digits(text).is_some_and(|d| {
        let check = 11 - weighted(&d, &[8, 7, 6, 5, 4, 3, 2]) % 11;
        d.len() == 8 && check != 11 && check % 10 == at(&d, 7) && at(&d, 0) != 0
    })
}

pub(crate) fn ee_vat(text: &str) -> bool {
    balances(text.trim_start_matches("EE"), &[3, 7, 1, 3, 7, 1, 3, 7, 1], 10)
}

pub(crate) fn lt_vat(text: &str) -> bool {
    let text = text.trim_start_matches("LT");
    digits(text).is_some_and(|d| {
        let Some((check, head)) = d.split_last() else { return false };
        let sum = |from: u32| {
            let weights: Vec<u32> = (0..11).map(|place| (from + place - 1) % 9 + 1).collect();
            weighted(head, &weights) % 11
        };
        matches!(d.len(), 9 | 12) && (if sum(1) == 10 { sum(3) % 10 } else { sum(1) }) == *check
    })
}

pub(crate) fn lv_vat(text: &str) -> bool {
    let text = text.trim_start_matches("LV");
    if text.starts_with(['0', '1', '2', '3']) {
        return lv_pk(text);
    }
    digits(text).is_some_and(|d| d.len() == 11 && weighted(&d, &[9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1]) % 11 == 3)
}

pub(crate) fn cvr(text: &str) -> bool {
    balances(text.trim_start_matches("DK"), &[2, 7, 6, 5, 4, 3, 2, 1], 11)
}

pub(crate) fn no_orgnr(text: &str) -> bool {
    balances(text.trim_start_matches("NO").trim_end_matches("MVA"), &[3, 2, 7, 6, 5, 4, 3, 2, 1], 11)
}

pub(crate) fn ytunnus(text: &str) -> bool {
    balances(text.trim_start_matches("FI"), &[7, 9, 10, 5, 8, 4, 2, 1], 11)
}

pub(crate) fn se_vat(text: &str) -> bool {
    let text = text.trim_start_matches("SE");
    text.len() == 12 && luhn(part(text, 0..10)) && text.ends_with("01")
}

/// A day of birth (of a firm: 40 more), a serial number, a check digit, the century.
pub(crate) fn kennitala(text: &str) -> bool {
    let day = number(part(text, 0..2)).unwrap_or_default();
    text.len() == 10
        && number(part(text, 2..4)).is_some_and(|month| is_day(month, if day > 40 { day - 40 } else { day }))
        && balances(part(text, 0..9), &[3, 2, 7, 6, 5, 4, 3, 2, 1], 11)
        && text.ends_with(['0', '8', '9'])
}

pub(crate) fn idnp(text: &str) -> bool {
    digits(text)
        .is_some_and(|d| d.len() == 13 && weighted(&d, &[7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1]) % 10 == at(&d, 12))
}

pub(crate) fn ua_tax(text: &str) -> bool {
    // The first weight is -1.
    digits(text).is_some_and(|d| d.len() == 10 && weighted(&d, &[10, 5, 7, 9, 4, 6, 10, 5, 7]) % 11 % 10 == at(&d, 9))
}

pub(crate) fn inn(text: &str) -> bool {
    digits(text).is_some_and(|d| match d.len() {
        10 => weighted(&d, &[2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == at(&d, 9),
        12 => {
            weighted(&d, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == at(&d, 10)
                && weighted(&d, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == at(&d, 11)
        }
        _ => false,
    })
}

pub(crate) fn snils(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        d.len() == 11
            && weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100 == at(&d, 9) * 10 + at(&d, 10)
            && d.iter().any(|digit| *digit != 0)
    })
}

pub(crate) fn unp(text: &str) -> bool {
    digits(text).is_some_and(|d| d.len() == 9 && weighted(&d, &[29, 23, 19, 17, 13, 7, 5, 3]) % 11 == at(&d, 8))
}

pub(crate) fn kz_iin(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let first = weighted(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) % 11;
        let second = weighted(&d, &[3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]) % 11;
        d.len() == 12 && (if first == 10 { second } else { first }) == at(&d, 11) && has_day(text, 2..4, 4..6)
    })
}

pub(crate) fn vkn(text: &str) -> bool {
    digits(text).is_some_and(|d| {
        let Some((check, head)) = d.split_last() else { return false };
        let places = [9_u32, 8, 7, 6, 5, 4, 3, 2, 1];
        let sum: u32 = head
            .iter()
            .zip(places)
            .map(|(digit, place)| match (digit + place) % 10 {
                9 => 9,
                shifted => shifted * 2_u32.pow(place) % 9,
            })
            .sum();
        d.len() == 10 && (10 - sum % 10) % 10 == *check
    })
}

/// A VAT number of a member of the union, with its country's code before it.
pub(crate) fn eu_vat(text: &str) -> bool {
    use super::west;
    let bare = text.get(2..).unwrap_or_default();
    match part(text, 0..2) {
        "AT" => west::at_vat(text),
        "BE" => west::be_enterprise(text),
        "BG" => bulstat(text),
        "CY" => west::cy_tic(text),
        "CZ" => cz_vat(text),
        "DE" => west::de_vat(text),
        "DK" => cvr(text),
        "EE" => ee_vat(text),
        "EL" | "GR" => west::afm(bare),
        "ES" => west::nif(bare) || west::nie(bare) || west::cif(bare),
        "FI" => ytunnus(text),
        "FR" => west::fr_vat(text),
        "GB" | "XI" => west::gb_vat(bare),
        "HR" => oib(bare),
        "HU" => hu_vat(text),
        "IE" => west::pps(bare),
        "IT" => west::it_vat(text),
        "LT" => lt_vat(text),
        "LU" => west::lu_vat(text),
        "LV" => lv_vat(text),
        "MT" => west::mt_vat(text),
        "NL" => west::nl_vat(text),
        "PL" => nip(bare),
        "PT" => west::pt_nif(bare),
        "RO" => cui(text),
        "SE" => se_vat(text),
        "SI" => si_tax(text),
        "SK" => sk_vat(text),
        _ => false,
    }
}
