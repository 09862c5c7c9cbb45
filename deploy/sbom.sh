#!/usr/bin/env bash
# Writes what the released binary is made of, as CycloneDX: deploy/sbom.sh [FILE]. What is built from sources in crates (librdkafka, OpenSSL, zstd, zlib,
# grammars) is there by the crate that brings it. The Dockerfile puts the same into the image.
set -euo pipefail
out=$(realpath -m "${1:-casefile.cdx.json}")
cd "$(dirname "$0")/.."

version=0.5.9
tools=${CASEFILE_TOOLS:-$PWD/target/tools}
[[ $("$tools/bin/cargo-cyclonedx" cyclonedx --version 2>/dev/null) == *" $version" ]] ||
  cargo install --quiet --locked --root "$tools" "cargo-cyclonedx@$version"
# For the system it is built for alone, without what only builds or tests it. The program writes beside Cargo.toml.
host=$(rustc -vV | sed -n 's/^host: //p')
trap 'rm -f casefile-sbom.json' EXIT
"$tools/bin/cargo-cyclonedx" cyclonedx --quiet --format json --spec-version 1.5 --target "$host" --no-build-deps --override-filename casefile-sbom
install -D -m 644 casefile-sbom.json "$out"
