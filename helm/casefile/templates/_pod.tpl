{{/* The environment of the container: names and addresses by which it can tell itself apart. */}}
{{- define "casefile.env" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}
- name: MY_POD_IP
  valueFrom: {fieldRef: {apiVersion: v1, fieldPath: status.podIP}}
{{- with .Values.extraEnvs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "casefile.volumeMounts" -}}
- {name: {{ .config }}, mountPath: /etc/casefile/config, readOnly: true}
{{- if include "casefile.needsSecret" .root }}
- {name: {{ .keys }}, mountPath: /etc/casefile/keys, readOnly: true}
{{- end }}
- {name: {{ .data }}, mountPath: /var/lib/casefile}
{{- with .root.Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "casefile.volumes" -}}
- name: {{ .config }}
  configMap:
    name: {{ include "casefile.configMap" .root }}
    items: [{key: {{ if .root.Values.configMap.create }}casefile.yaml{{ else }}{{ .root.Values.configMap.existingPath }}{{ end }}, path: casefile.yaml}]
{{- if include "casefile.needsSecret" .root }}
- name: {{ .keys }}
  secret: {secretName: {{ .root.Values.existingSecret | quote }}, defaultMode: 288}
{{- end }}
{{- end }}

{{- define "casefile.emptyDir" -}}
- name: {{ .name }}
  emptyDir: {sizeLimit: {{ .root.Values.persistence.emptyDirSizeLimit | quote }}}
{{- end }}

{{/* The template of a pod, of both workloads. */}}
{{- define "casefile.pod" -}}
metadata:
  labels:
    {{- include "casefile.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A changed configuration restarts the pods.
    checksum/config: {{ include "casefile.config" (dict "root" . "resources" .Values.resources) | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "casefile.serviceAccountName" . }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automountServiceAccountToken }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.schedulerName }}
  schedulerName: {{ . }}
  {{- end }}
  {{- with .Values.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with .Values.dnsConfig }}
  dnsConfig: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.hostAliases }}
  hostAliases: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.podSecurityContext }}
  securityContext: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers: {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  containers:
    - name: casefile
      image: {{ include "casefile.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: {{- concat (list "--config" "/etc/casefile/config/casefile.yaml") .Values.command.extraArgs | toYaml | nindent 8 }}
      ports: {{- include "casefile.containerPorts" . | trim | nindent 8 }}
      env: {{- include "casefile.env" . | nindent 8 }}
      {{- with .Values.extraEnvsFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.startupProbe }}
      startupProbe: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.livenessProbe }}
      livenessProbe: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.readinessProbe }}
      readinessProbe: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.lifecycleHooks }}
      lifecycle: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.resources }}
      resources: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.securityContext }}
      securityContext: {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts: {{- include "casefile.volumeMounts" (dict "root" . "config" "config" "keys" "keys" "data" "data") | nindent 8 }}
    {{- with .Values.extraContainers }}
    {{- tpl (toYaml .) $ | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "casefile.volumes" (dict "root" . "config" "config" "keys" "keys") | nindent 4 }}
    {{- if not (and (eq .Values.mode "statefulset") .Values.persistence.enabled) }}
    {{- include "casefile.emptyDir" (dict "root" . "name" "data") | nindent 4 }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints: {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
{{- end }}

{{/*
An entry of `initContainers` in a pod of another chart, which has this one as a dependency with `mode: sidecar`:

  initContainers: {{- include "casefile.sidecar" .Subcharts.casefile | nindent 8 }}
  volumes: {{- include "casefile.sidecarVolumes" .Subcharts.casefile | nindent 8 }}

With `restartPolicy: Always` it starts before the application and ends after it, so nothing that the application says is missed.
*/}}
{{- define "casefile.sidecar" -}}
- name: casefile
  image: {{ include "casefile.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  restartPolicy: Always
  args: {{- concat (list "--config" "/etc/casefile/config/casefile.yaml") .Values.command.extraArgs | toYaml | nindent 4 }}
  ports:
    {{- range $name, $port := .Values.ports }}
    {{- if and $port.enabled (has $name (list "metrics" "health")) }}
    - {name: casefile-{{ $name }}, containerPort: {{ $port.containerPort }}, protocol: TCP}
    {{- end }}
    {{- end }}
  env: {{- include "casefile.env" . | nindent 4 }}
  {{- with .Values.extraEnvsFrom }}
  envFrom: {{- toYaml . | nindent 4 }}
  {{- end }}
  # The application starts once this one is up.
  startupProbe:
    httpGet: {path: /livez, port: casefile-health}
    periodSeconds: 1
    failureThreshold: 120
  livenessProbe:
    httpGet: {path: /livez, port: casefile-health}
    periodSeconds: 10
    timeoutSeconds: 3
  {{- with .Values.sidecar.resources }}
  resources: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext: {{- merge (deepCopy .Values.securityContext) (dict "runAsUser" 10001 "runAsGroup" 10001) | toYaml | nindent 4 }}
  volumeMounts: {{- include "casefile.volumeMounts" (dict "root" . "config" "casefile-config" "keys" "casefile-keys" "data" "casefile-data") | nindent 4 }}
{{- end }}

{{/* The volumes of `casefile.sidecar`. */}}
{{- define "casefile.sidecarVolumes" -}}
{{ include "casefile.volumes" (dict "root" . "config" "casefile-config" "keys" "casefile-keys") }}
{{ include "casefile.emptyDir" (dict "root" . "name" "casefile-data") }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
