//! What requests may be compressed with.

use crate::model::Encoding;

/// What the servers take, as `grpc-accept-encoding` and `Accept-Encoding` write it.
pub(super) const ACCEPTED: &str = "gzip, zstd, identity";

/// The encoding of this name (`grpc-encoding`, `Content-Encoding`); `None` if the servers do not know it.
pub(super) fn named(name: &str) -> Option<Encoding> {
    let name = name.trim();
    [
        ("", Encoding::Identity),
        ("identity", Encoding::Identity),
        ("gzip", Encoding::Gzip),
        ("x-gzip", Encoding::Gzip),
        ("zstd", Encoding::Zstd),
    ]
    .into_iter()
    .find_map(|(known, encoding)| name.eq_ignore_ascii_case(known).then_some(encoding))
}
