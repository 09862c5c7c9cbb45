{{- define "casefile.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "casefile.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "casefile.labels" -}}
{{ include "casefile.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "casefile.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "casefile.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{/* What the chart itself sets, with the user's `config` merged over it. */}}
{{- define "casefile.config" -}}
{{- $extensions := dict "health_check" (dict "endpoint" "0.0.0.0:13133") }}
{{- $running := list "health_check" }}
{{- if .Values.keys.signingKey }}
{{- $_ := set $extensions "signing" (dict "key" "${file:/etc/casefile/keys/signing.pem}") }}
{{- $running = append $running "signing" }}
{{- end }}
{{- $input := dict "receivers" (list "otlp") "processors" (list "memory_limiter") "exporters" (list "incident") }}
{{- $own := dict
  "receivers" (dict "otlp" (dict "protocols" (dict "grpc" (dict "endpoint" "0.0.0.0:4317") "http" (dict "endpoint" "0.0.0.0:4318"))))
  "processors" (dict "redaction" (dict "key" "${file:/etc/casefile/keys/redaction.key}"))
  "extensions" $extensions
  "service" (dict
    "extensions" $running
    "telemetry" (dict "logs" (dict "encoding" "json") "metrics" (dict "address" "0.0.0.0:8888"))
    "pipelines" (dict
      "traces" $input
      "logs" $input
      "metrics" $input
      "bundles" (dict "receivers" (list "incident") "processors" (list "redaction") "exporters" (list "bundle")))) }}
{{- mergeOverwrite $own (deepCopy .Values.config) | toYaml }}
{{- end }}
