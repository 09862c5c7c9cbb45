//! Stable tokens: the same value is the same token in every field, and says nothing about the value without the key.
//!
//! `<class>:<LETTER>-<key id><value><check>` — `email:E-a4k7tq2mz9a01q8z`. `value` is the first 60 bits of an HMAC-SHA256 of the
//! canonical value under the class's own key, `check` the first 15 bits of an HMAC of that under one more key, both in
//! lower-case Crockford base32. An address shows besides which others are of its network: `ip:N-<key id><network>H-<value><check>`.
//!
//! Every key derives from the root key by HKDF for one tenant, key id and class. The check lets a redactor know its own tokens again, so that redacting twice changes
//! nothing, while a text that only looks like a token (which whoever writes a log line could forge, to have two entities
//! taken for one) fails it and becomes an opaque token itself.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::model::RootKey;

/// Longest name of a class: `url_credential`.
const LONGEST_NAME: usize = 14;
const KEY_ID_CHARS: usize = 1;
/// 50 bits: networks, too, must not be taken for one another.
const NETWORK_CHARS: usize = 10;
const VALUE_CHARS: usize = 12;
const CHECK_CHARS: usize = 3;
/// Bytes of the longest token, or a few more.
const LONGEST_TOKEN: usize = LONGEST_NAME + NETWORK_CHARS + VALUE_CHARS + CHECK_CHARS + 6;
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
    /// Whether it tells who somebody is.
    pub(crate) fn is_identity(self) -> bool {
        !matches!(self, Self::Secret | Self::UrlCredential | Self::Opaque)
    }

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

    /// The canonical form of a value that its name alone tells to be of this class: numbers without what is written between their
    /// digits, addresses of mail in lower case.
    pub(crate) fn canonical(self, value: &str) -> String {
        let value = value.trim();
        match self {
            Self::Email => value.to_lowercase(),
            Self::Phone | Self::Card | Self::Iban | Self::Ssn | Self::NationalId | Self::Mac | Self::Imei => {
                let bare: String =
                    value.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_uppercase).collect();
                if bare.is_empty() { value.to_owned() } else { bare }
            }
            Self::Health => super::detectors::health_canonical(value),
            _ => value.to_owned(),
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

/// The keys of one tenant: those that make tokens, and those that made them before. `Debug` shows none of them.
pub(crate) struct Tokens {
    current: Ring,
    /// Keys whose tokens are still known as ours.
    previous: Vec<Ring>,
}

/// The keys of one root key: one for each class, one for the network of an address, one for the check.
struct Ring {
    id: char,
    values: Vec<Hmac<Sha256>>,
    network: Hmac<Sha256>,
    check: Hmac<Sha256>,
}

/// A place in a text that is written like a token.
pub(crate) struct Lookalike {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether one of our keys made it.
    pub(crate) genuine: bool,
}

/// Whether a character can be a key's id: a digit of the tokens' alphabet.
pub(crate) fn is_key_id(id: char) -> bool {
    ALPHABET.iter().any(|digit| char::from(*digit) == id)
}

impl Ring {
    /// The keys that `root` gives `tenant` under the id `id`.
    fn new(root: &RootKey, tenant: &str, id: char) -> Self {
        let keyed = |purpose: &str| {
            // HMAC pads a key shorter than the hash's block with zeros (RFC 2104), so this is the 32-byte key itself.
            let mut block = zeroize::Zeroizing::new([0_u8; 64]);
            // The length keeps a tenant's name from being read as part of what follows it.
            let purpose = format!("casefile/redaction/v2/{}:{tenant}/{id}/{purpose}", tenant.len());
            for (to, from) in block.iter_mut().zip(root.derive(&purpose).iter()) {
                *to = *from;
            }
            Hmac::<Sha256>::new((&*block).into())
        };
        Self {
            id,
            values: Class::ALL.iter().map(|class| keyed(class.name())).collect(),
            network: keyed("ip/network"),
            check: keyed("check"),
        }
    }

    fn token(&self, class: Class, canonical: &str) -> String {
        let mut token = String::with_capacity(LONGEST_TOKEN);
        token.push_str(class.name());
        token.extend([':', class.letter(), '-', self.id]);
        if class == Class::Ip {
            push_mac(&mut token, &self.network, &network(canonical), NETWORK_CHARS);
            token.push_str("H-");
        }
        if let Some(key) = self.values.get(class as usize) {
            push_mac(&mut token, key, canonical, VALUE_CHARS);
        }
        let check = digest(&self.check, &token);
        push_base32(&mut token, &check, CHECK_CHARS);
        token
    }

    /// The length of the token that `text` begins with, if this ring made it.
    fn made(&self, text: &str) -> Option<usize> {
        let length = single(text)?;
        let (body, check) = text.get(..length)?.split_at_checked(length - CHECK_CHARS)?;
        let (_, value) = body.split_once('-')?;
        let mut made = String::with_capacity(CHECK_CHARS);
        push_mac(&mut made, &self.check, body, CHECK_CHARS);
        (value.starts_with(self.id) && made == check).then_some(length)
    }
}

impl Tokens {
    /// The keys of `tenant`: `current` makes tokens, what `previous` made stays as it is.
    pub(crate) fn new(tenant: &str, current: (char, &RootKey), previous: &[(char, RootKey)]) -> Self {
        Self {
            current: Ring::new(current.1, tenant, current.0),
            previous: previous.iter().map(|(id, root)| Ring::new(root, tenant, *id)).collect(),
        }
    }

    /// The id of the key that makes tokens.
    pub(crate) fn key_id(&self) -> char {
        self.current.id
    }

    /// The token of a canonical value.
    pub(crate) fn token(&self, class: Class, canonical: &str) -> String {
        self.current.token(class, canonical)
    }

    /// Every place in `text` that looks like a token.
    pub(crate) fn lookalikes<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Lookalike> + 't {
        // One token often stands in a text again and again.
        let mut known: HashMap<&str, Option<usize>, foldhash::fast::RandomState> = HashMap::default();
        memchr::memchr_iter(b':', text.as_bytes()).filter_map(move |colon| {
            let (start, end) = lookalike(text, colon)?;
            let genuine =
                text.get(start..end).and_then(|text| *known.entry(text).or_insert_with(|| self.genuine(text)));
            Some(match genuine {
                Some(length) => Lookalike { start, end: start + length, genuine: true },
                None => Lookalike { start, end, genuine: false },
            })
        })
    }

    /// The length of the token that `text` begins with, if one of our keys made it.
    fn genuine(&self, text: &str) -> Option<usize> {
        std::iter::once(&self.current).chain(&self.previous).find_map(|ring| ring.made(text))
    }
}

/// The network of an address, which its neighbours share: 24 bits of IPv4, 64 bits of IPv6 (RFC 4291 §2.5.4).
fn network(canonical: &str) -> String {
    let address = canonical.split_once('/').map_or(canonical, |(address, _)| address);
    match address.parse() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Err(_) => canonical.to_owned(),
    }
}

/// What looks like a token around a colon: a class, a capital, a hyphen, letters and digits (for an address twice, `H-` between).
fn lookalike(text: &str, colon: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    if !(bytes.get(colon + 1)?.is_ascii_uppercase() && *bytes.get(colon + 2)? == b'-') {
        return None;
    }
    let head = text.get(..colon)?;
    let class = Class::ALL.iter().find(|class| head.ends_with(class.name()))?;
    let body = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()).count()
    };
    let end = colon + 3 + body(colon + 3);
    let has_host = bytes.get(end..end + 2) == Some(b"H-") && body(end + 2) > 0;
    let end = if has_host { end + 2 + body(end + 2) } else { end };
    (end > colon + 3).then(|| (colon - class.name().len(), end))
}

/// What joins the token of a credential to those of whom it is: `secret:S-…~email:E-…`.
pub(crate) const OF: char = '~';

/// The length of what is written like a token of ours at the beginning of `text`, genuine or not, with those that are joined to it.
pub(crate) fn shape(text: &str) -> Option<usize> {
    let mut length = single(text)?;
    while let Some(next) = text.get(length..).and_then(|rest| single(rest.strip_prefix(OF)?)) {
        length += OF.len_utf8() + next;
    }
    Some(length)
}

/// The length of one token.
fn single(text: &str) -> Option<usize> {
    let colon = text.bytes().take(LONGEST_NAME + 1).position(|byte| byte == b':')?;
    let mut body =
        text.get(colon + 1..)?.strip_prefix(|letter: char| letter.is_ascii_uppercase())?.strip_prefix('-')?;
    let name = text.get(..colon)?;
    let class = *Class::ALL.iter().find(|class| class.name() == name)?;
    let is_body = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    let mut length = class.name().len() + 3 + KEY_ID_CHARS + VALUE_CHARS + CHECK_CHARS;
    let mut value_chars = KEY_ID_CHARS + VALUE_CHARS + CHECK_CHARS;
    if class == Class::Ip {
        let (network, host) = body.split_at_checked(KEY_ID_CHARS + NETWORK_CHARS)?;
        body = host.strip_prefix("H-").filter(|_| network.chars().all(is_body))?;
        length += NETWORK_CHARS + 2;
        value_chars -= KEY_ID_CHARS;
    }
    body.get(..value_chars).filter(|body| body.chars().all(is_body)).map(|_| length)
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens([secret])")
    }
}

fn digest(key: &Hmac<Sha256>, text: &str) -> [u8; 32] {
    let mut mac = key.clone();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

fn push_mac(to: &mut String, key: &Hmac<Sha256>, text: &str, chars: usize) {
    push_base32(to, &digest(key, text), chars);
}

/// The first `chars * 5` bits in lower-case Crockford base32.
fn push_base32(to: &mut String, bytes: &[u8; 32], chars: usize) {
    to.extend((0..chars).map(|at| {
        let bit = at * 5;
        let pair = |index: usize| u16::from(bytes.get(index).copied().unwrap_or_default());
        let window = (pair(bit / 8) << 8) | pair(bit / 8 + 1);
        let digit = (window >> (11 - bit % 8)) & 31;
        char::from(ALPHABET[usize::from(digit)])
    }));
}
