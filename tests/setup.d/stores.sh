# Sourced by tests/setup: the servers that tests/stores/ writes to. Builds them once, with pinned versions, from the Go
# module proxy, into $CASEFILE_TOOLS (default .cache/tools/bin). It runs on its own, too: bash tests/setup.d/stores.sh
#
# versitygw answers as S3, with If-None-Match on PutObject; fake-gcs-server answers as Google Cloud Storage.

stores_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
stores_bin="${CASEFILE_TOOLS:-$stores_root/.cache/tools/bin}"

stores_install() { # name, module with the command's path, version
    local name="$1" command="$2" version="$3"
    local stamp="$stores_bin/.$name-$version"
    if [ -x "$stores_bin/$name" ] && [ -e "$stamp" ]; then
        return 0
    fi
    if ! command -v go >/dev/null; then
        echo "tests/setup: $name is built with Go, and there is no go command; see https://go.dev/doc/install" >&2
        return 1
    fi
    mkdir -p "$stores_bin"
    echo "tests/setup: building $name $version" >&2
    GOBIN="$stores_bin" CGO_ENABLED=0 go install "$command@$version" || return 1
    touch "$stamp"
}

stores_install versitygw github.com/versity/versitygw/cmd/versitygw v1.8.0 &&
    stores_install fake-gcs-server github.com/fsouza/fake-gcs-server v1.56.1
