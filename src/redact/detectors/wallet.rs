//! Addresses of cryptocurrency wallets, by their checksums: Base58Check (Bitcoin, Litecoin, Dogecoin, Dash, Zcash, Tron; XRP
//! with its own alphabet), Bech32 and Bech32m (BIP 173, BIP 350), and the hex of Ethereum (EIP-55). Addresses without a checksum
//! that can be told (Solana, Monero) count beside a word that names them.

use regex::Regex;
use sha2::{Digest, Sha256};

use super::text::{run_start, slice};
use crate::redact::detect::{Detector, Finding};
use crate::redact::gate::{Anchor, Seen};
use crate::redact::survey::Span;
use crate::redact::token::Class;

const BITCOIN: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// <https://xrpl.org/docs/references/protocol/data-types/base58-encodings>
const XRP: &[u8] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";
const BECH32: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// Human-readable parts of segregated witness addresses (SLIP-0173).
const BECH32_PARTS: &[&str] = &["bc", "tb", "bcrt", "ltc", "tltc", "addr", "cosmos", "osmo"];
/// How far before an address without a checksum its name may stand.
const NAME_BEFORE: usize = 40;
/// Lengths of addresses.
const LENGTH: std::ops::RangeInclusive<usize> = 25..=120;

#[derive(Debug)]
pub(super) struct Wallet {
    name: Regex,
}

impl Wallet {
    pub(super) fn new() -> Result<Self, String> {
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self { name: compile(r"(?i)solana|phantom|\bsol\b|monero|\bxmr\b|wallet|crypto|deposit address")? })
    }
}

impl Detector for Wallet {
    fn find(&self, Seen { text, survey, .. }: Seen<'_>, found: &mut Vec<Finding>) {
        let runs = survey.encoded.iter().filter(|run| run.len() >= *LENGTH.start());
        for (start, address) in runs.flat_map(|run| words_of(text, *run)) {
            let is_named = || {
                let head = run_start(text, start, NAME_BEFORE, |char| char != '\n');
                self.name.is_match(slice(text, head, start))
            };
            let canonical = if is_ethereum(address) || is_bech32(address) {
                address.to_ascii_lowercase()
            } else if is_base58_check(address) || looks_like_one(address) && is_named() {
                address.to_owned()
            } else {
                continue;
            };
            found.push(Finding::token(start, start + address.len(), "wallet", Class::Wallet, canonical));
        }
    }

    fn anchor(&self) -> Anchor {
        Anchor::Run
    }
}

/// The words of a run (`\w+`) that are long enough, and where each begins. An address has no sign but letters and digits.
fn words_of(text: &str, run: Span) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes().get(run.start..run.end).unwrap_or_default();
    let words = bytes.split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'));
    let starts = words.scan(run.start, |at, word| {
        let start = *at;
        *at += word.len() + 1;
        Some((start, word.len()))
    });
    starts
        .filter(|(_, length)| LENGTH.contains(length))
        .map(|(start, length)| (start, slice(text, start, start + length)))
}

/// `0x` and forty hex digits. That nothing else is written so makes up for a checksum that exists in mixed case only.
fn is_ethereum(address: &str) -> bool {
    address.strip_prefix("0x").is_some_and(|hex| {
        hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) && hex.bytes().any(|byte| byte != b'0')
    })
}

fn is_base58_check(address: &str) -> bool {
    // Neither alphabet has these.
    let is_none = |byte: u8| matches!(byte, b'0' | b'O' | b'I' | b'l' | b'_');
    if !(25..=36).contains(&address.len()) || address.bytes().any(is_none) {
        return false;
    }
    let (alphabet, prefixes): (_, &[u8]) = if address.starts_with('r') {
        (XRP, &[0])
    } else {
        (BITCOIN, &[0, 5, 0x6f, 0xc4, 0x30, 0x32, 0x1e, 0x16, 0x4c, 0x10, 0x41, 0x1c])
    };
    let Some(bytes) = base58(address, alphabet) else { return false };
    let Some((payload, checksum)) = bytes.len().checked_sub(4).and_then(|at| bytes.split_at_checked(at)) else {
        return false;
    };
    let is_version = payload.first().is_some_and(|version| prefixes.contains(version));
    is_version && matches!(payload.len(), 21 | 22) && Sha256::digest(Sha256::digest(payload)).starts_with(checksum)
}

fn base58(text: &str, alphabet: &[u8]) -> Option<Vec<u8>> {
    let mut bytes: Vec<u8> = Vec::new();
    for digit in text.bytes() {
        let mut carry = u32::try_from(alphabet.iter().position(|one| *one == digit)?).ok()?;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            *byte = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push(u8::try_from(carry & 0xff).ok()?);
            carry >>= 8;
        }
    }
    let zero = *alphabet.first()?;
    bytes.extend(text.bytes().take_while(|digit| *digit == zero).map(|_| 0));
    bytes.reverse();
    Some(bytes)
}

fn is_bech32(address: &str) -> bool {
    let has_part = |(part, _): (&str, &str)| BECH32_PARTS.iter().any(|known| known.eq_ignore_ascii_case(part));
    if !address.rsplit_once('1').is_some_and(has_part) {
        return false;
    }
    let lower = address.to_ascii_lowercase();
    if address != lower && address != address.to_ascii_uppercase() {
        return false;
    }
    let Some((part, data)) = lower.rsplit_once('1') else { return false };
    if data.len() < 6 {
        return false;
    }
    let values: Option<Vec<u32>> = data
        .bytes()
        .map(|byte| BECH32.iter().position(|one| *one == byte).and_then(|at| u32::try_from(at).ok()))
        .collect();
    let Some(values) = values else { return false };
    let expanded =
        part.bytes().map(|byte| u32::from(byte >> 5)).chain([0]).chain(part.bytes().map(|byte| u32::from(byte & 31)));
    let sum = expanded.chain(values).fold(1_u32, |sum, value| {
        const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let top = sum >> 25;
        let shifted = ((sum & 0x01ff_ffff) << 5) ^ value;
        GENERATOR.iter().enumerate().filter(|(bit, _)| (top >> bit) & 1 == 1).fold(shifted, |sum, (_, one)| sum ^ one)
    });
    // BIP 173 ends in 1, BIP 350 in the other constant.
    matches!(sum, 1 | 0x2bc8_30a3)
}

/// Base58 of the length of a Solana (32 bytes) or Monero (69 bytes) address, with digits and both cases.
fn looks_like_one(address: &str) -> bool {
    let has = |accept: fn(&u8) -> bool| address.bytes().any(|byte| accept(&byte));
    (matches!(address.len(), 32..=44) || matches!(address.len(), 95 | 106) && address.starts_with(['4', '8']))
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && address.bytes().all(|byte| BITCOIN.contains(&byte))
}
