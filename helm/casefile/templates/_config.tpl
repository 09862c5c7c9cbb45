{{/*
The configuration that pods run: `alternateConfig`, or `config` with what follows from other values. Takes
(dict "root" $ "resources" {}), since a sidecar has a memory of its own. A sidecar takes in what its own pod sends, and nothing else.
*/}}
{{- define "casefile.config" -}}
{{- $values := .root.Values }}
{{- if $values.alternateConfig }}
{{- toYaml $values.alternateConfig }}
{{- else }}
{{- $config := deepCopy $values.config }}
{{- $processors := $config.processors | default dict }}
{{- if hasKey $processors "memory_limiter" }}
{{- if not (dig "memory_limiter" "limit_mib" 0 $processors) }}
{{- $memory := include "casefile.mebibytes" (dig "limits" "memory" "2Gi" (.resources | default dict)) | int64 }}
{{- $_ := set $processors "memory_limiter" (merge ($processors.memory_limiter | default dict) (dict "limit_mib" (div (mul $memory 3) 4) "spike_limit_mib" (div $memory 8))) }}
{{- end }}
{{- end }}
{{- if and $processors.redaction (ne $values.secretKeys.redaction "redaction.key") (eq (toString $processors.redaction.key) "${file:/etc/casefile/keys/redaction.key}") }}
{{- $_ := set $processors.redaction "key" (printf "${file:/etc/casefile/keys/%s}" $values.secretKeys.redaction) }}
{{- end }}
{{- if $values.secretKeys.signing }}
{{- $_ := set $config "extensions" (merge ($config.extensions | default dict) (dict "signing" (dict "key" (printf "${file:/etc/casefile/keys/%s}" $values.secretKeys.signing)))) }}
{{- $_ := set $config.service "extensions" (append ($config.service.extensions | default list) "signing" | uniq) }}
{{- end }}
{{- range $name, $receiver := $config.receivers }}
{{- if eq $values.mode "sidecar" }}
{{- range $protocol := dig "protocols" dict ($receiver | default dict) }}
{{- if hasPrefix "0.0.0.0:" (dig "endpoint" "" ($protocol | default dict)) }}
{{- $_ := set $protocol "endpoint" ($protocol.endpoint | replace "0.0.0.0:" "127.0.0.1:") }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (eq $values.mode "statefulset") (or (eq $name "kafka") (hasPrefix "kafka/" $name)) (not (hasKey $receiver "group_instance_id")) }}
{{- $_ := set $receiver "group_instance_id" "${env:POD_NAME}" }}
{{- end }}
{{- end }}
{{- toYaml $config }}
{{- end }}
{{- end }}

{{/* Whether the pods need the Secret: their configuration refers to it, or cannot be seen from here. */}}
{{- define "casefile.needsSecret" -}}
{{- if or .Values.existingSecret (not .Values.configMap.create) (include "casefile.config" (dict "root" .) | contains "/etc/casefile/keys/") }}yes{{ end }}
{{- end }}

{{/* What a schema cannot say. */}}
{{- define "casefile.check" -}}
{{- $keys := include "casefile.config" (dict "root" .) | contains "/etc/casefile/keys/" }}
{{- if and .Values.configMap.create $keys (not .Values.existingSecret) }}
{{- fail "\n\nset existingSecret, the name of a Secret that holds the redaction key:\n  kubectl create secret generic casefile-keys --from-literal=redaction.key=$(openssl rand -hex 32)\n" }}
{{- end }}
{{- if and .Values.configMap.create (not .Values.alternateConfig) }}
{{- range $name, $exporter := .Values.config.exporters }}
{{- if and (or (eq $name "bundle") (hasPrefix "bundle/" $name)) (not $exporter.url) }}
{{- fail (printf "\n\nset config.exporters.%s.url, where bundles go: s3://bucket/prefix, gs://bucket/prefix or file:/path\n" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.autoscaling.enabled .Values.keda.enabled }}
{{- fail "\n\nautoscaling and keda both set the number of replicas: enable one of them\n" }}
{{- end }}
{{- if and .Values.keda.enabled (not .Values.keda.triggers) (not (dig "receivers" "kafka" dict .Values.config)) }}
{{- fail "\n\nkeda.enabled scales by the lag of config.receivers.kafka, which is not there: set it, or keda.triggers\n" }}
{{- end }}
{{- end }}
