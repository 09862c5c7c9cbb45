# Sourced by tests/setup: what tests/deploy holds the chart's objects against. kubeconform, and schemas made of what Kubernetes, the
# operators of Prometheus and OpenTelemetry, and KEDA publish, which the Go module proxy has in their modules.

go_tool kubeconform github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0

kubernetes_module=k8s.io/kubernetes@v1.37.2
prometheus_module=github.com/prometheus-operator/prometheus-operator@v0.85.0
keda_module=github.com/kedacore/keda/v2@v2.21.0
opentelemetry_module=github.com/open-telemetry/opentelemetry-operator@v0.140.0

# module MODULE: its folder.
module() {
  (cd "$(mktemp -d)" && go mod download -json "$1") | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])'
}
# schemas FOLDER
schemas() {
  local kubernetes prometheus keda opentelemetry crds
  kubernetes=$(module "$kubernetes_module")
  prometheus=$(module "$prometheus_module")
  keda=$(module "$keda_module")
  opentelemetry=$(module "$opentelemetry_module")
  crds=$prometheus/example/prometheus-operator-crd/monitoring.coreos.com_
  rm -rf "$1"
  go run . "$1" "$kubernetes/api/openapi-spec/swagger.json" "$crds"{servicemonitors,podmonitors,prometheusrules}.yaml \
    "$keda/config/crd/bases/keda.sh_scaledobjects.yaml" \
    "$opentelemetry/config/crd/bases/opentelemetry.io_opentelemetrycollectors.yaml"
}
toolchain="$(go env GOVERSION) $kubernetes_module $prometheus_module $keda_module $opentelemetry_module"
built kubernetes tests/support/kubernetes schemas "$cache/kubernetes"
