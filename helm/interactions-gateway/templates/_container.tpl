{{/* The gateway's container. */}}

{{- define "interactions-gateway.container" -}}
name: gateway
image: {{ include "interactions-gateway.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve]
env:
  {{- include "interactions-gateway.env" . | nindent 2 }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - {name: proxy, containerPort: {{ .Values.ports.proxy }}, protocol: TCP}
  - {name: metrics, containerPort: {{ .Values.ports.admin }}, protocol: TCP}
{{- with .Values.startupProbe }}
startupProbe:
  {{- include "interactions-gateway.probe" (list "/readyz" .) | nindent 2 }}
{{- end }}
{{- with .Values.livenessProbe }}
livenessProbe:
  {{- include "interactions-gateway.probe" (list "/healthz" .) | nindent 2 }}
{{- end }}
{{- with .Values.readinessProbe }}
readinessProbe:
  {{- include "interactions-gateway.probe" (list "/readyz" .) | nindent 2 }}
{{- end }}
{{- if .Values.preStopSleepSeconds }}
lifecycle:
  preStop:
    sleep: {seconds: {{ .Values.preStopSleepSeconds }}}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  # The whole folder: a file of it mounted alone (subPath) would never change.
  - {name: settings, mountPath: {{ include "interactions-gateway.mount" . }}, readOnly: true}
  {{- if or .Values.upstreamCA.configMap .Values.upstreamCA.secret }}
  - {name: upstream-ca, mountPath: {{ include "interactions-gateway.caMount" . }}, readOnly: true}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Call with a list: a path of the admin port, and what the values say of the probe. */}}
{{- define "interactions-gateway.probe" -}}
{{- $probe := deepCopy (index . 1) -}}
{{- if not (or $probe.exec $probe.grpc $probe.tcpSocket) -}}
{{- $probe = merge $probe (dict "httpGet" (dict "path" (index . 0) "port" "metrics")) -}}
{{- end -}}
{{- toYaml $probe -}}
{{- end }}

{{- define "interactions-gateway.podAnnotations" -}}
{{- $own := dict "kubectl.kubernetes.io/default-container" "gateway" -}}
{{- if .Values.metrics.scrapeAnnotations -}}
{{- $port := printf "%d" (int .Values.ports.admin) -}}
{{- $own = merge $own (dict "prometheus.io/scrape" "true" "prometheus.io/port" $port "prometheus.io/path" "/metrics") -}}
{{- end -}}
{{- $checksum := dict "checksum/settings" (include "interactions-gateway.checksum" .) -}}
{{- merge $checksum .Values.podAnnotations $own | toYaml -}}
{{- end }}

{{- define "interactions-gateway.env" -}}
{{- include "interactions-gateway.ownEnv" . }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* That of the chart, without extraEnv. */}}
{{- define "interactions-gateway.ownEnv" -}}
- {name: INTERACTIONS_GATEWAY_CONFIG, value: {{ include "interactions-gateway.mount" . }}/gateway.toml}
- {name: INTERACTIONS_GATEWAY_LISTEN, value: ":{{ .Values.ports.proxy }}"}
- {name: INTERACTIONS_GATEWAY_ADMIN, value: ":{{ .Values.ports.admin }}"}
{{- if ((.Values.resources | default dict).limits | default dict).memory }}
- name: INTERACTIONS_GATEWAY_MEMORY_LIMIT_BYTES
  valueFrom: {resourceFieldRef: {containerName: gateway, resource: limits.memory}}
{{- end }}
{{- with .Values.fingerprintSecret }}
{{- if .name }}
- name: INTERACTIONS_GATEWAY_ATTRIBUTION__FINGERPRINT_SECRET
  valueFrom: {secretKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}}}
{{- end }}
{{- end }}
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
- {name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
- {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ include "interactions-gateway.resourceAttributes" . | quote }}
{{- with .Values.otlp }}
{{- if .endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .endpoint | quote }}}
- {name: OTEL_EXPORTER_OTLP_PROTOCOL, value: {{ .protocol }}}
{{- if .metrics }}
- {name: OTEL_METRICS_EXPORTER, value: otlp}
{{- end }}
{{- if .headersSecret.name }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom: {secretKeyRef: {name: {{ .headersSecret.name | quote }}, key: {{ .headersSecret.key | quote }}}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Values are percent-encoded, as OpenTelemetry says; the pod's own come from its fields. */}}
{{- define "interactions-gateway.resourceAttributes" -}}
{{- $pairs := list "k8s.pod.name=$(POD_NAME)" "k8s.pod.uid=$(POD_UID)" "k8s.namespace.name=$(POD_NAMESPACE)" "k8s.node.name=$(NODE_NAME)" -}}
{{- range $name, $value := .Values.otlp.resourceAttributes -}}
{{- $pairs = append $pairs (printf "%s=%s" $name ($value | urlquery | replace "+" "%20")) -}}
{{- end -}}
{{- join "," $pairs -}}
{{- end }}
