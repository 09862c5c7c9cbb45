# Sourced by tests/setup: the servers that tests/stores/ writes to. Builds them once, from the Go module proxy, into
# $CASEFILE_TOOLS (default .cache/tools/bin). It runs on its own, too: bash tests/setup.d/stores.sh
#
# versitygw answers as S3, with If-None-Match on PutObject. casefile-test-gcs (tests/support/gcs) answers as Google Cloud
# Storage.

stores_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
stores_bin="${CASEFILE_TOOLS:-$stores_root/.cache/tools/bin}"

# stores_build NAME STAMP COMMAND...: runs the command unless NAME was built under this stamp.
stores_build() {
    local name="$1" stamp="$2"
    shift 2
    if [ -x "$stores_bin/$name" ] && [ "$(cat "$stores_bin/.$name.version" 2>/dev/null)" = "$stamp" ]; then
        return 0
    fi
    if ! command -v go >/dev/null; then
        echo "tests/setup: $name is built with Go, and there is no go command; see https://go.dev/doc/install" >&2
        return 1
    fi
    mkdir -p "$stores_bin"
    echo "   building $name" >&2
    CGO_ENABLED=0 "$@" || return 1
    printf '%s\n' "$stamp" >"$stores_bin/.$name.version"
}

versitygw=github.com/versity/versitygw/cmd/versitygw@v1.8.0
gcs="$stores_root/tests/support/gcs"
stores_build versitygw "$versitygw" env GOBIN="$stores_bin" go install "$versitygw"
stores_build casefile-test-gcs "$(cat "$gcs"/main.go "$gcs"/go.mod "$gcs"/go.sum | sha256sum)" \
    go build -C "$gcs" -trimpath -o "$stores_bin/casefile-test-gcs" .
