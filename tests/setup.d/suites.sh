# Sourced by tests/setup, after sdks.sh: what tests/repair runs the suites of its examples with, and in.

# Patches are run in it.
need bwrap bubblewrap
need gpg gnupg

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

# Maven runs without network in the tests: what it wants for a build is brought by one.
brought() {
  local folder said
  folder=$(mktemp -d)
  cp -r . "$folder"
  said=$(cd "$folder" && mvn --quiet --batch-mode --strict-checksums "-Dmaven.repo.local=$1" test 2>&1) || fail "$said"
  rm -rf "$folder"
}
toolchain=$(javac -version)
built repair-java tests/repair/java brought "$cache/repair-java"
