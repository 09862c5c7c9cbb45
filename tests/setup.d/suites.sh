# Sourced by tests/setup, after sdks.sh: what tests/repair runs the suites of its examples with, and in.

# Patches are run in it.
need bwrap bubblewrap

venv "$cache/repair-python" tests/repair/python/requirements.txt

toolchain=$("$node" --version)
built repair-typescript tests/repair/typescript with_packages "$cache/repair-typescript"

# Go keeps what it compiles: the tests link it again and compile but one package.
warm() {
  local folder
  folder=$(mktemp -d)
  cp -r ../../e2e/go-http/. profiles_test.go "$folder"
  (cd "$folder" && CGO_ENABLED=1 go test -race -trimpath -vet=off -count=1 -run '^$' . >/dev/null) || fail 'the Go example does not build'
  rm -rf "$folder"
}
toolchain=$(go env GOVERSION; sha256sum tests/e2e/go-http/*)
built repair-go tests/repair/go warm
