{{- define "casefile.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* Room is left for `-headless` and the ordinal of a pod. */}}
{{- define "casefile.fullname" -}}
{{- $name := include "casefile.name" . }}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "casefile.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{- define "casefile.selector" -}}
app.kubernetes.io/name: {{ include "casefile.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "casefile.labels" -}}
{{ include "casefile.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.additionalLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* `metadata` of every object; takes (dict "root" $ "suffix" "" "annotations" {} "labels" {}). */}}
{{- define "casefile.metadata" -}}
name: {{ include "casefile.fullname" .root }}{{ .suffix }}
namespace: {{ include "casefile.namespace" .root }}
labels:
  {{- include "casefile.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "casefile.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "casefile.fullname" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- define "casefile.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "casefile.configMap" -}}
{{- if .Values.configMap.create }}{{ include "casefile.fullname" . }}{{ else }}{{ required "configMap.create is false: set configMap.existingName" .Values.configMap.existingName }}{{ end }}
{{- end }}

{{/* The port of the container, as the list of a pod has it. */}}
{{- define "casefile.containerPorts" -}}
{{- range $name, $port := .Values.ports }}
{{- if $port.enabled }}
- name: {{ $name }}
  containerPort: {{ $port.containerPort }}
  protocol: {{ $port.protocol | default "TCP" }}
  {{- with $port.hostPort }}
  hostPort: {{ . }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Ports of a service; takes (dict "root" $ "headless" bool). A headless service is for who sends, not for scraping. */}}
{{- define "casefile.servicePorts" -}}
{{- $type := .root.Values.service.type }}
{{- $headless := .headless }}
{{- range $name, $port := .root.Values.ports }}
{{- if and $port.enabled $port.servicePort (not (and $headless (eq $name "metrics"))) }}
- name: {{ $name }}
  port: {{ $port.servicePort }}
  targetPort: {{ $name }}
  protocol: {{ $port.protocol | default "TCP" }}
  {{- with $port.appProtocol }}
  appProtocol: {{ . }}
  {{- end }}
  {{- if and $port.nodePort (not $headless) (eq $type "NodePort") }}
  nodePort: {{ $port.nodePort }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Ports whose traffic is data, by name: everything but the metrics and the probes. */}}
{{- define "casefile.dataPorts" -}}
{{- range $name, $port := .Values.ports }}
{{- if and $port.enabled (not (has $name (list "metrics" "health"))) }}
- {port: {{ $name }}, protocol: {{ $port.protocol | default "TCP" }}}
{{- end }}
{{- end }}
{{- end }}

{{/* A quantity of memory in MiB. */}}
{{- define "casefile.mebibytes" -}}
{{- $text := . | toString }}
{{- if hasSuffix "Ti" $text }}{{ mulf (trimSuffix "Ti" $text | float64) 1048576 | int64 }}
{{- else if hasSuffix "Gi" $text }}{{ mulf (trimSuffix "Gi" $text | float64) 1024 | int64 }}
{{- else if hasSuffix "Mi" $text }}{{ trimSuffix "Mi" $text | float64 | int64 }}
{{- else if hasSuffix "Ki" $text }}{{ divf (trimSuffix "Ki" $text | float64) 1024 | int64 }}
{{- else if hasSuffix "G" $text }}{{ divf (mulf (trimSuffix "G" $text | float64) 1000000000) 1048576 | int64 }}
{{- else if hasSuffix "M" $text }}{{ divf (mulf (trimSuffix "M" $text | float64) 1000000) 1048576 | int64 }}
{{- else }}{{ divf ($text | float64) 1048576 | int64 }}
{{- end }}
{{- end }}
