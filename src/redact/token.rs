//! Stable tokens: the same value is the same token in every field, and says nothing about the value without the key.
//!
//! `<class>:<LETTER>-<key id><value><check>` — `email:E-a4k7tq2mz9a01q8z`. `value` is the first 60 bits of an HMAC-SHA256 of the
//! canonical value under the class's own key, `check` the first 15 bits of an HMAC of that under one more key, both in
//! lower-case Crockford base32. The check lets a redactor know its own tokens again, so that redacting twice changes
//! nothing, while a text that only looks like a token (which whoever writes a log line could forge, to have two entities
//! taken for one) fails it and becomes an opaque token itself.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use regex_automata::meta::Regex;
use sha2::Sha256;

use crate::model::RootKey;

/// The key id that stands in every token.
pub(crate) const KEY_ID: &str = "a";
const VALUE_CHARS: usize = 12;
const CHECK_CHARS: usize = 3;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What kind of thing a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Email,
    Phone,
    Card,
    Iban,
    Ssn,
    NationalId,
    Ip,
    Mac,
    Imei,
    Wallet,
    User,
    Name,
    Address,
    BirthDate,
    Health,
    Secret,
    UrlCredential,
    Opaque,
}

impl Class {
    /// Every class, in the order of its discriminant.
    pub(crate) const ALL: [Self; 18] = [
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::Ssn,
        Self::NationalId,
        Self::Ip,
        Self::Mac,
        Self::Imei,
        Self::Wallet,
        Self::User,
        Self::Name,
        Self::Address,
        Self::BirthDate,
        Self::Health,
        Self::Secret,
        Self::UrlCredential,
        Self::Opaque,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Ssn => "ssn",
            Self::NationalId => "national_id",
            Self::Ip => "ip",
            Self::Mac => "mac",
            Self::Imei => "imei",
            Self::Wallet => "wallet",
            Self::User => "user",
            Self::Name => "name",
            Self::Address => "address",
            Self::BirthDate => "birth_date",
            Self::Health => "health",
            Self::Secret => "secret",
            Self::UrlCredential => "url_credential",
            Self::Opaque => "opaque",
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Email => 'E',
            Self::Phone => 'P',
            Self::Card => 'C',
            Self::Iban => 'B',
            Self::Ssn => 'G',
            Self::NationalId => 'I',
            Self::Ip => 'N',
            Self::Mac => 'L',
            Self::Imei => 'D',
            Self::Wallet => 'W',
            Self::User => 'U',
            Self::Name => 'M',
            Self::Address => 'A',
            Self::BirthDate => 'Y',
            Self::Health => 'H',
            Self::Secret => 'S',
            Self::UrlCredential => 'R',
            Self::Opaque => 'O',
        }
    }
}

/// The keys of every class. `Debug` shows none of them.
pub(crate) struct Tokens {
    values: Vec<Hmac<Sha256>>,
    check: Hmac<Sha256>,
    lookalike: Regex,
}

/// A place in a text that is written like a token.
pub(crate) struct Lookalike {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether this key made it.
    pub(crate) genuine: bool,
}

impl Tokens {
    pub(crate) fn new(root: &RootKey) -> Result<Self, String> {
        let keyed = |purpose: &str| {
            // HMAC pads a key shorter than the hash's block with zeros (RFC 2104), so this is the 32-byte key itself.
            let mut block = zeroize::Zeroizing::new([0_u8; 64]);
            for (to, from) in block.iter_mut().zip(root.derive(purpose).iter()) {
                *to = *from;
            }
            Hmac::<Sha256>::new((&*block).into())
        };
        let names: Vec<&str> = Class::ALL.iter().map(|class| class.name()).collect();
        let lookalike =
            Regex::new(&format!("(?-u)(?:{}):[A-Z]-[0-9a-z]+", names.join("|"))).map_err(|error| error.to_string())?;
        Ok(Self {
            values: Class::ALL
                .iter()
                .map(|class| keyed(&format!("casefile/redaction/v1/{KEY_ID}/{}", class.name())))
                .collect(),
            check: keyed(&format!("casefile/redaction/v1/{KEY_ID}/check")),
            lookalike,
        })
    }

    /// The token of a canonical value.
    pub(crate) fn token(&self, class: Class, canonical: &str) -> String {
        let value = self.values.get(class as usize).map(|key| mac(key, canonical, VALUE_CHARS)).unwrap_or_default();
        let head = format!("{}:{}-{KEY_ID}{value}", class.name(), class.letter());
        let check = mac(&self.check, &head, CHECK_CHARS);
        head + &check
    }

    /// Every place in `text` that looks like a token.
    pub(crate) fn lookalikes<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Lookalike> + 't {
        self.lookalike.find_iter(text).map(move |found| {
            let (start, end) = (found.start(), found.end());
            match text.get(start..end).and_then(|text| self.genuine(text)) {
                Some(length) => Lookalike { start, end: start + length, genuine: true },
                None => Lookalike { start, end, genuine: false },
            }
        })
    }

    /// The length of the token that `text` begins with, if this key made it.
    fn genuine(&self, text: &str) -> Option<usize> {
        let class = Class::ALL.into_iter().find(|class| text.starts_with(class.name()))?;
        let head = class.name().len() + 1 + 1 + 1 + KEY_ID.len() + VALUE_CHARS;
        let (body, check) = text.get(..head + CHECK_CHARS)?.split_at_checked(head)?;
        let prefix = format!("{}:{}-{KEY_ID}", class.name(), class.letter());
        (body.starts_with(&prefix) && mac(&self.check, body, CHECK_CHARS) == check).then_some(head + CHECK_CHARS)
    }
}

/// The length of what is written like a token of ours at the beginning of `text`, genuine or not.
pub(crate) fn shape(text: &str) -> Option<usize> {
    let (name, rest) = Class::ALL.iter().find_map(|class| {
        let rest = text.strip_prefix(class.name())?.strip_prefix(':')?;
        Some((class.name(), rest))
    })?;
    let body = rest.strip_prefix(|letter: char| letter.is_ascii_uppercase())?.strip_prefix('-')?;
    let length = KEY_ID.len() + VALUE_CHARS + CHECK_CHARS;
    let is_body = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    body.get(..length).filter(|body| body.chars().all(is_body)).map(|_| name.len() + 3 + length)
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens([secret])")
    }
}

fn mac(key: &Hmac<Sha256>, text: &str, chars: usize) -> String {
    let mut mac = key.clone();
    mac.update(text.as_bytes());
    base32(&mac.finalize().into_bytes(), chars)
}

/// The first `chars * 5` bits in lower-case Crockford base32.
fn base32(bytes: &[u8], chars: usize) -> String {
    (0..chars)
        .map(|at| {
            let bit = at * 5;
            let pair = |index: usize| u16::from(bytes.get(index).copied().unwrap_or_default());
            let window = (pair(bit / 8) << 8) | pair(bit / 8 + 1);
            let digit = (window >> (11 - bit % 8)) & 31;
            char::from(ALPHABET[usize::from(digit)])
        })
        .collect()
}
