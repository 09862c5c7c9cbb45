# Sourced by tests/setup: the Collector's tail_sampling processor, which tests/sampling asks for its decisions.
toolchain=$(go env GOVERSION)
built tail-sampling tests/support/tail_sampling go test -c -o "$tools/bin/casefile-test-tail-sampling" .
