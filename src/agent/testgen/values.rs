//! Place-holders: a token of the redactor as a value of the same kind that code accepts.
//!
//! The value that stood there is not known and is not guessed. A place-holder is a function of its token, so that what was the same
//! value is the same place-holder, and lies in a range that nobody owns: `example.test`, 192.0.2.0/24, card numbers of test banks.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

#[expect(clippy::unwrap_used, reason = "a constant pattern")]
static TOKEN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b([a-z_]+):([A-Z])-([a-z0-9]{11,})(?:H-([a-z0-9]+))?\b").unwrap());

/// Tokens and what stands for them.
#[derive(Debug, Clone, Default)]
pub(super) struct Placeholders {
    /// What the user gave.
    given: BTreeMap<String, String>,
    /// What was used, by token.
    pub(super) used: BTreeMap<String, String>,
}

impl Placeholders {
    pub(super) fn new(given: BTreeMap<String, String>) -> Self {
        Self { given, used: BTreeMap::new() }
    }

    /// A text with values in place of its tokens.
    pub(super) fn text(&mut self, text: &str) -> String {
        self.replace(text, |value| value.to_owned())
    }

    /// A part of a URL with values, percent-encoded, in place of its tokens.
    pub(super) fn url(&mut self, text: &str) -> String {
        self.replace(text, |value| url::form_urlencoded::byte_serialize(value.as_bytes()).collect())
    }

    fn replace(&mut self, text: &str, write: impl Fn(&str) -> String) -> String {
        let replaced = TOKEN.replace_all(text, |found: &regex::Captures<'_>| {
            let token = &found[0];
            let value = match self.given.get(token) {
                Some(value) => value.clone(),
                None => value(&found[1], &found[2], &found[3], found.get(4).map(|host| host.as_str())),
            };
            self.used.insert(token.to_owned(), value.clone());
            write(&value)
        });
        replaced.into_owned()
    }

    /// A value with values in place of the tokens in its texts.
    pub(super) fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => fields.iter().map(|(name, field)| (self.text(name), self.value(field))).collect(),
            other => other.clone(),
        }
    }
}

fn value(class: &str, letter: &str, id: &str, host: Option<&str>) -> String {
    let number = id.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let short: String = id.chars().rev().take(8).collect();
    let part =
        host.map_or(number, |host| host.bytes().fold(number, |sum, byte| sum.wrapping_mul(31) ^ u64::from(byte)));
    match class {
        "email" => format!("e-{short}@example.test"),
        "phone" => format!("+1202555{:04}", 100 + number % 100),
        "card" => checked(&format!("411111{:09}", number % 1_000_000_000)),
        "imei" => checked(&format!("35{:012}", number % 1_000_000_000_000)),
        "iban" => iban(&format!("{:018}", number % 1_000_000_000_000_000_000)),
        "ip" => format!("192.0.2.{}", 1 + part % 254),
        "mac" => format!("02:00:5e:{:02x}:{:02x}:{:02x}", number & 255, (number >> 8) & 255, (number >> 16) & 255),
        // Never issued: the range for advertisements.
        "ssn" => format!("987-65-43{}", 20 + number % 10),
        "birth_date" => "1970-01-01".to_owned(),
        "name" => format!("Name {short}"),
        "address" => format!("{} Example Street", 1 + number % 99),
        _ => format!("{}-{short}", letter.to_ascii_lowercase()),
    }
}

/// Digits and their check digit by Luhn.
fn checked(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// A German IBAN with this account, its check digits by ISO 7064.
fn iban(account: &str) -> String {
    let rest = format!("{account}131400").bytes().fold(0_u32, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    format!("DE{:02}{account}", 98 - rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::string_slice, reason = "digits and letters")]
    fn a_token_becomes_a_value_of_its_class_that_passes_its_checks() {
        let mut placeholders = Placeholders::default();
        assert_eq!(placeholders.text("to email:E-a4k7tq2mz9a01q8z!"), "to e-z8q10a9z@example.test!");
        assert_eq!(placeholders.url("/a?to=email:E-a4k7tq2mz9a01q8z"), "/a?to=e-z8q10a9z%40example.test");
        assert_eq!(placeholders.used.len(), 1, "the same token is the same value");
        let card = placeholders.text("card:C-a4k7tq2mz9a01q8z");
        assert_eq!(checked(&card[..15]), card);
        let iban = placeholders.text("iban:I-a4k7tq2mz9a01q8z");
        let moved = format!("{}1314{}", &iban[4..], &iban[2..4]);
        assert_eq!(moved.bytes().fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97), 1, "{iban}");
        assert!(placeholders.text("ip:N-a4k7tq2mz9aH-01q8z").starts_with("192.0.2."));
    }

    #[test]
    fn a_value_that_is_given_is_used() {
        let given = BTreeMap::from([("user:U-a4k7tq2mz9a01q8z".to_owned(), "cust-17".to_owned())]);
        assert_eq!(Placeholders::new(given).url("/p/user:U-a4k7tq2mz9a01q8z"), "/p/cust-17");
    }
}
