#!/usr/bin/env bash
# Writes what the released binary is made of, as CycloneDX: deploy/sbom.sh [FILE]. What is built from sources in crates (librdkafka, OpenSSL, zstd, zlib,
# grammars) is there by the crate that brings it, and procedural macros are, too, since what they write is in the binary. The Dockerfile puts the
# same into the image.
set -euo pipefail
out=$(realpath -m "${1:-casefile.cdx.json}")
cd "$(dirname "$0")/.."

version=0.5.9
tools=${CASEFILE_TOOLS:-$PWD/target/tools}
[[ $("$tools/bin/cargo-cyclonedx" cyclonedx --version 2>/dev/null) == *" $version" ]] ||
  cargo install --quiet --locked --root "$tools" "cargo-cyclonedx@$version"

# Of a copy of the manifest without tests and benchmarks: what they need is left out by the program, but not what their features bring to others.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk '/^\[/ { skipped = /^\[dev-dependencies/ || /^\[\[bench/ } !skipped' Cargo.toml >"$work/Cargo.toml"
cp Cargo.lock build.rs "$work"
ln -s "$PWD/src" "$work/src"
# For the system it is built for alone. It names a few crates too many: those which Cargo would take in for a feature that nobody asks for.
host=$(rustc -vV | sed -n 's/^host: //p')
"$tools/bin/cargo-cyclonedx" cyclonedx --quiet --manifest-path "$work/Cargo.toml" --format json --spec-version 1.5 --target "$host" --no-build-deps \
  --override-filename sbom
# Where it was made is of interest to nobody.
mkdir -p "$(dirname "$out")"
sed "s|path+file://$work|path+file:///casefile|g" "$work/sbom.json" >"$out"
