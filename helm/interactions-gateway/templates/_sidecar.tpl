{{/*
The gateway inside of the pods of another chart. That chart has this one as a dependency with `standalone: false`, and
calls these with this chart's scope, so that values below `interactions-gateway:` hold for them too:

  {{- $gateway := index .Subcharts "interactions-gateway" }}

  interactions-gateway.sidecar              an entry of initContainers; needs .volumes
  interactions-gateway.sidecar.volumes      its volumes; the ConfigMap is made by this chart
  interactions-gateway.sidecar.annotations  of the pod: replaces pods when settings change that they can't take up
  interactions-gateway.sidecar.labels       of the pod: what the PodMonitor selects by
  interactions-gateway.sidecar.env          of the application's containers: where the SDKs find it
  interactions-gateway.sidecar.grace        seconds for terminationGracePeriodSeconds; called with a list: the scope, and
                                            the seconds that the application itself needs
helm/examples/application uses them all.
*/}}

{{/*
restartPolicy makes it a native sidecar: it is ready before the application starts, ends after it, and keeps no Job from
ending. So there is nothing to sleep for before its end: who used it is gone. It serves this pod alone, hence loopback;
the names are long, since the pod is another's. What a pod's securityContext would say, it says itself.
*/}}
{{- define "interactions-gateway.sidecar" -}}
{{- $one := omit (include "interactions-gateway.container" . | fromYaml) "lifecycle" -}}
{{- $_ := set $one "name" "interactions-gateway" -}}
{{- $_ := set $one "restartPolicy" "Always" -}}
{{- range $one.env -}}
{{- if eq .name "INTERACTIONS_GATEWAY_LISTEN" -}}
{{- $_ := set . "value" (printf "127.0.0.1:%d" (int $.Values.ports.proxy)) -}}
{{- else if (.valueFrom | default dict).resourceFieldRef -}}
{{- $_ := unset .valueFrom.resourceFieldRef "containerName" -}}
{{- end -}}
{{- end -}}
{{- $port := dict "name" "gateway-metrics" "containerPort" (int .Values.ports.admin) "protocol" "TCP" -}}
{{- $_ := set $one "ports" (list $port) -}}
{{- $well := list "interactions-gateway" "healthcheck" -}}
{{- $ready := append $well "--ready" -}}
{{- range $name, $command := dict "startupProbe" $ready "livenessProbe" $well "readinessProbe" $ready -}}
{{- $probe := get $one $name | default dict -}}
{{- if $probe.httpGet -}}
{{- $exec := dict "exec" (dict "command" $command) "timeoutSeconds" (max 5 (int $probe.timeoutSeconds)) -}}
{{- $_ := set $one $name (merge $exec (omit $probe "httpGet")) -}}
{{- end -}}
{{- end -}}
{{- with $one.readinessProbe -}}
{{- $_ := set . "periodSeconds" (max 10 (int .periodSeconds)) -}}
{{- end -}}
{{- $ofPod := pick (.Values.podSecurityContext | default dict) "runAsNonRoot" "runAsUser" "runAsGroup" "seccompProfile" "seLinuxOptions" "appArmorProfile" -}}
{{- $_ := set $one "securityContext" (merge (deepCopy (.Values.securityContext | default dict)) $ofPod) -}}
{{- range $one.volumeMounts -}}
{{- $_ := set . "name" (include "interactions-gateway.sidecar.volume" .name) -}}
{{- end -}}
{{- toYaml $one -}}
{{- end }}

{{- define "interactions-gateway.sidecar.volumes" -}}
{{- $settings := dict "configMap" (dict "name" (include "interactions-gateway.fullname" .)) -}}
{{- $volumes := list (merge (dict "name" (include "interactions-gateway.sidecar.volume" "settings")) $settings) -}}
{{- with .Values.upstreamCA -}}
{{- $name := include "interactions-gateway.sidecar.volume" "upstream-ca" -}}
{{- if .configMap -}}
{{- $volumes = append $volumes (dict "name" $name "configMap" (dict "name" .configMap)) -}}
{{- else if .secret -}}
{{- $volumes = append $volumes (dict "name" $name "secret" (dict "secretName" .secret)) -}}
{{- end -}}
{{- end -}}
{{- concat $volumes .Values.extraVolumes | toYaml -}}
{{- end }}

{{/* Call with a volume's name: those of this chart get longer ones. */}}
{{- define "interactions-gateway.sidecar.volume" -}}
{{- if has . (list "settings" "upstream-ca") -}}interactions-gateway-{{- end -}}{{ . }}
{{- end }}

{{- define "interactions-gateway.sidecar.annotations" -}}
{{- $found := dict "checksum/interactions-gateway" (include "interactions-gateway.checksum" .) -}}
{{- if .Values.metrics.scrapeAnnotations -}}
{{- $port := printf "%d" (int .Values.ports.admin) -}}
{{- $found = merge $found (dict "prometheus.io/scrape" "true" "prometheus.io/port" $port "prometheus.io/path" "/metrics") -}}
{{- end -}}
{{- toYaml $found -}}
{{- end }}

{{- define "interactions-gateway.sidecar.labels" -}}
interactions-gateway/release: {{ .Release.Name }}
{{- end }}

{{- define "interactions-gateway.sidecar.env" -}}
- {name: GOOGLE_GEMINI_BASE_URL, value: "http://127.0.0.1:{{ .Values.ports.proxy }}"}
{{- end }}

{{/* Once the application has ended there is no open stream; what is left is to send the last spans. */}}
{{- define "interactions-gateway.sidecar.grace" -}}
{{- add (index . 1) 15 -}}
{{- end }}

{{- define "interactions-gateway.checks.sidecar" -}}
{{- $found := list -}}
{{- if not .Values.standalone -}}
{{- $monitor := dict "enabled" (eq (toString .Values.metrics.serviceMonitor.enabled) "true") -}}
{{- range $name, $value := dict "autoscaling" .Values.autoscaling "networkPolicy" .Values.networkPolicy "ingress" .Values.ingress "httpRoute" .Values.httpRoute "metrics.serviceMonitor" $monitor -}}
{{- if $value.enabled -}}
{{- $instead := ternary "use metrics.podMonitor.enabled" "switch it off" (eq $name "metrics.serviceMonitor") -}}
{{- $found = append $found (printf "%s.enabled has nothing to be for: with standalone: false the pods are another chart's; %s" $name $instead) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}
