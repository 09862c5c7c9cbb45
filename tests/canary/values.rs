//! Values that are each written in one place only, and the ways to spell them.

use std::fmt::Write as _;

use data_encoding::{BASE32_NOPAD, BASE64, BASE64URL, BASE64URL_NOPAD, HEXLOWER};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Email,
    Phone,
    Card,
    Iban,
    AwsKey,
    Jwt,
    Password,
    Bearer,
    Url,
    Ip,
    Ssn,
    NationalId,
    Health,
    Mac,
    Imei,
    Wallet,
    Name,
    Address,
    User,
    HomeFolder,
}

impl Kind {
    pub(crate) const ALL: [Self; 20] = [
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::AwsKey,
        Self::Jwt,
        Self::Password,
        Self::Bearer,
        Self::Url,
        Self::Ip,
        Self::Ssn,
        Self::NationalId,
        Self::Health,
        Self::Mac,
        Self::Imei,
        Self::Wallet,
        Self::Name,
        Self::Address,
        Self::User,
        Self::HomeFolder,
    ];
}

/// How a value is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    Plain,
    UpperCase,
    Percent,
    DoublePercent,
    JsonEscapes,
    EscapedJson,
    Base64,
    Base64Url,
    Hex,
    HtmlEntities,
    QuotedPrintable,
    ByteEscapes,
    OctalEscapes,
    UrlQuery,
}

impl Spelling {
    pub(crate) const ALL: [Self; 14] = [
        Self::Plain,
        Self::UpperCase,
        Self::Percent,
        Self::DoublePercent,
        Self::JsonEscapes,
        Self::EscapedJson,
        Self::Base64,
        Self::Base64Url,
        Self::Hex,
        Self::HtmlEntities,
        Self::QuotedPrintable,
        Self::ByteEscapes,
        Self::OctalEscapes,
        Self::UrlQuery,
    ];

    /// The value in this spelling.
    pub(crate) fn of(self, value: &str) -> String {
        let each = |escape: fn(u8) -> String| value.bytes().map(escape).collect::<String>();
        match self {
            Self::Plain => value.to_owned(),
            Self::UpperCase => value.to_uppercase(),
            Self::Percent => each(|byte| format!("%{byte:02X}")),
            Self::DoublePercent => percent(&percent(value)),
            Self::JsonEscapes => each(|byte| format!("\\u{byte:04x}")),
            Self::EscapedJson => {
                let inner = serde_json::json!({"note": value, "more": [1, "\"quoted\""]}).to_string();
                serde_json::Value::String(inner).to_string()
            }
            Self::Base64 => BASE64.encode(value.as_bytes()),
            Self::Base64Url => BASE64URL.encode(serde_json::json!({"note": value}).to_string().as_bytes()),
            Self::Hex => HEXLOWER.encode(value.as_bytes()),
            Self::HtmlEntities => each(|byte| format!("&#{byte};")),
            Self::QuotedPrintable => each(|byte| format!("={byte:02X}")),
            Self::ByteEscapes => each(|byte| format!("\\x{byte:02x}")),
            Self::OctalEscapes => each(|byte| format!("\\{byte:03o}")),
            Self::UrlQuery => format!("/find?q={}&page=2", percent(value).replace("%20", "+")),
        }
    }
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap();
        }
        out
    })
}

/// A value, and what of it would tell that it got through.
#[derive(Debug)]
pub(crate) struct Canary {
    pub(crate) value: String,
    /// Lower-case letters and digits only: see [`super::reading`].
    pub(crate) traces: Vec<String>,
}

/// The value of this number. No two numbers have the same, or the same beginning, or the same end.
pub(crate) fn canary(kind: Kind, number: u64) -> Canary {
    let bits = scramble(number);
    let digits = format!("{:020}", u128::from(bits) * 5 % 100_000_000_000_000_000_000);
    let word = BASE32_NOPAD.encode(&[bits.to_be_bytes(), scramble(bits).to_be_bytes()].concat());
    let small = word.to_lowercase();
    let (value, cores) = match kind {
        Kind::Email => (format!("{}@corp-example.com", &small[..12]), vec![small[..12].to_owned()]),
        Kind::Phone => {
            let line = &digits[2..10];
            (format!("+49 151 {} {}", &line[..4], &line[4..]), vec![format!("151{line}")])
        }
        Kind::Card => {
            let body = format!("4{}", &digits[..14]);
            let card = format!("{body}{}", luhn(&body));
            let written = format!("{} {} {} {}", &card[..4], &card[4..8], &card[8..12], &card[12..]);
            (written, vec![card[..12].to_owned(), card[4..].to_owned()])
        }
        Kind::Iban => {
            let account = &digits[..18];
            let check = 98 - format!("{account}131400").parse::<u128>().unwrap() % 97;
            (format!("DE{check:02}{account}"), vec![account.to_owned(), account[..12].to_owned()])
        }
        Kind::AwsKey => (format!("AKIA{}", &word[..16]), vec![small[..12].to_owned(), small[4..16].to_owned()]),
        Kind::Jwt => {
            let part = |text: String| BASE64URL_NOPAD.encode(text.as_bytes());
            let (head, subject) = (part(r#"{"alg":"HS256","typ":"JWT"}"#.to_owned()), &small[..12]);
            let claims = part(serde_json::json!({"sub": subject, "iat": 1_516_239_022}).to_string());
            let mac = part(format!("{}{}", &small[..16], &word[..16]));
            let mac_trace = mac.to_lowercase().chars().filter(char::is_ascii_alphanumeric).take(16).collect();
            (format!("{head}.{claims}.{mac}"), vec![subject.to_owned(), mac_trace])
        }
        Kind::Password => (format!("password=Xq7{}", &small[..11]), vec![small[..11].to_owned()]),
        Kind::Bearer => (format!("Bearer {}", &small[..24]), vec![small[..12].to_owned(), small[12..24].to_owned()]),
        Kind::Url => {
            let (password, token) = (&small[..10], &small[12..24]);
            let url = format!("https://bob:{password}@db.example/x?access_token={token}");
            (url, vec![password.to_owned(), token.to_owned()])
        }
        Kind::Ip => {
            let part = |shift: u64| 110 + (bits >> shift) % 100;
            let [a, b, c, d] = [part(3), part(19), part(31), part(47)];
            (format!("{a}.{b}.{c}.{d}"), vec![format!("{a}{b}{c}{d}")])
        }
        Kind::Ssn => {
            let number = format!("1{}2{}3{}", &digits[2..4], &digits[4..5], &digits[5..8]);
            (format!("SSN {}-{}-{}", &number[..3], &number[3..5], &number[5..]), vec![number])
        }
        Kind::NationalId => {
            let body = &digits[1..10];
            let first = mod_11(body);
            let second = mod_11(&format!("{body}{first}"));
            let written = format!("CPF {}.{}.{}-{first}{second}", &body[..3], &body[3..6], &body[6..]);
            (written, vec![format!("{body}{first}{second}")])
        }
        Kind::Health => (format!("MRN: 7{}", &digits[2..11]), vec![digits[2..11].to_owned()]),
        Kind::Mac => {
            let hex = &HEXLOWER.encode(&bits.to_be_bytes())[..10];
            let parts: Vec<&str> = (0..5).map(|at| &hex[2 * at..2 * at + 2]).collect();
            (format!("02:{}", parts.join(":")), vec![hex.to_owned()])
        }
        Kind::Imei => {
            let body = format!("35{}", &digits[2..14]);
            (format!("IMEI {body}{}", luhn(&body)), vec![body])
        }
        Kind::Wallet => {
            let hex = HEXLOWER.encode(&[bits.to_be_bytes(), scramble(bits).to_be_bytes()].concat());
            (format!("0x{hex}0badc0de"), vec![hex[..16].to_owned(), hex[16..].to_owned()])
        }
        Kind::Name => {
            let name = letters(&small);
            (format!("first_name={name}"), vec![name.to_lowercase()])
        }
        Kind::Address => {
            let street = letters(&small);
            (format!("{{\"street_address\": \"7 {street} Road\"}}"), vec![street.to_lowercase()])
        }
        Kind::User => (format!("{{\"login\": \"{}\"}}", &small[..12]), vec![small[..12].to_owned()]),
        Kind::HomeFolder => (format!("file:///home/{}/a.py", &small[..12]), vec![small[..12].to_owned()]),
    };
    Canary { value, traces: cores }
}

/// Twelve letters, the first a capital, of base32's `word`.
fn letters(word: &str) -> String {
    let letters = word.bytes().take(12).map(|byte| if byte.is_ascii_digit() { byte - b'2' + b'a' } else { byte });
    let mut letters: String = letters.map(char::from).collect();
    letters[..1].make_ascii_uppercase();
    letters
}

/// The check digit of Brazil's CPF.
fn mod_11(body: &str) -> u32 {
    let sum: usize = body.bytes().rev().enumerate().map(|(index, digit)| usize::from(digit - b'0') * (index + 2)).sum();
    match u32::try_from(sum % 11).unwrap() {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

fn luhn(body: &str) -> u32 {
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(digit - b'0') * if index % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    (10 - sum % 10) % 10
}

/// The output step of `SplitMix64`: a bijection, so that different numbers stay different.
fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
