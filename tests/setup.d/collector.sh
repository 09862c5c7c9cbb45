# Sourced by tests/setup: the Collector of tests/kafka, with the parts that tests/support/collector/builder.yaml names, made by
# its own builder from the Go module proxy.

# collector PROGRAM
collector() {
  local folder said
  folder=$(mktemp -d)
  cp builder.yaml "$folder"
  # What it says is of interest only where it fails.
  said=$(cd "$folder" && CGO_ENABLED=0 go run go.opentelemetry.io/collector/cmd/builder@v0.165.0 --config builder.yaml 2>&1) ||
    fail "$said"
  install -m 755 "$folder/casefile-test-collector" "$1"
  rm -rf "$folder"
}
toolchain=$(go env GOVERSION)
built collector tests/support/collector collector "$tools/bin/casefile-test-collector"
