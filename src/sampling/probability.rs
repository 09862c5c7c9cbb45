//! The Collector's hash of trace ids, bit for bit, so that both sample the same traces.
//!
//! Source: opentelemetry-collector-contrib, `processor/tailsamplingprocessor/internal/sampling/probabilistic.go`.

use crate::model::TraceId;

const DEFAULT_SALT: &str = "default-hash-seed";
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// A share of all trace ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// State of the hash after the salt.
    salted: u64,
    /// The greatest hash that is in.
    threshold: u64,
}

impl Share {
    /// A share of `percentage`, from 0 to 100. An empty salt stands for the Collector's default.
    pub(super) fn new(salt: &str, percentage: f64) -> Self {
        let salt = if salt.is_empty() { DEFAULT_SALT } else { salt };
        Self { salted: fnv1a(FNV_OFFSET, salt.as_bytes()), threshold: threshold(percentage / 100.0) }
    }

    /// Whether this trace is in it.
    pub(super) fn contains(&self, trace_id: TraceId) -> bool {
        fnv1a(self.salted, &trace_id.0) <= self.threshold
    }
}

/// 64-bit FNV-1a, continued from `state`.
fn fnv1a(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// `ratio` of the greatest 64-bit number: exact product, rounded to 64 significant bits (ties to even), then cut to an
/// integer, which is what Go's `big.Float` makes of it.
pub(super) fn threshold(ratio: f64) -> u64 {
    if ratio.is_nan() || ratio <= 0.0 {
        return 0;
    }
    if ratio >= 1.0 {
        return u64::MAX;
    }
    let bits = ratio.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    // A subnormal ratio times 2^64 is far below 1.
    let Some(exponent) = i32::try_from(bits >> 52).ok().filter(|exponent| *exponent > 0) else { return 0 };
    let product = u128::from(u64::MAX) * u128::from(fraction | 1 << 52);
    // The value is product × 2^(exponent - 1075), and the exponent of a ratio below 1 is at most 1022.
    let excess = (128 - product.leading_zeros()).saturating_sub(64);
    let rounded = round_off(product, excess);
    let shift = 1075 - exponent;
    u32::try_from(shift)
        .ok()
        .and_then(|shift| rounded.checked_shr(shift))
        .and_then(|cut| u64::try_from(cut).ok())
        .unwrap_or(0)
}

/// Rounds the lowest `bits` of a number to zeros, ties to even.
fn round_off(number: u128, bits: u32) -> u128 {
    if bits == 0 {
        return number;
    }
    let (low, unit) = (number & ((1 << bits) - 1), 1_u128 << bits);
    let floor = number - low;
    let half = unit / 2;
    let up = low > half || (low == half && floor & unit != 0);
    if up { floor + unit } else { floor }
}
