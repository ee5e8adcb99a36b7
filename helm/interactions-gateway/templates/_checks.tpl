{{/* Values that don't go together: each is told in a sentence that says what to do, all of them at once. */}}

{{- define "interactions-gateway.checks" -}}
{{- $found := list -}}
{{- range list "cluster" "settings" "pods" "scaling" "reach" "telemetry" "sidecar" -}}
{{- $found = concat $found (include (printf "interactions-gateway.checks.%s" .) $ | fromJsonArray) -}}
{{- end -}}
{{- if $found -}}
{{- fail (printf "\n\nThese values don't work:\n  - %s\n" (join "\n  - " $found)) -}}
{{- end -}}
{{- end }}

{{/* kubeVersion of Chart.yaml is not looked at by every way to render. */}}
{{- define "interactions-gateway.checks.cluster" -}}
{{- $found := list -}}
{{- if not (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) -}}
{{- $found = append $found (printf "Kubernetes %s is too old: use 1.30 or newer, where a pod can sleep before it ends" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{- define "interactions-gateway.checks.settings" -}}
{{- $found := list -}}
{{- $config := .Values.config | default dict -}}
{{- $attribution := $config.attribution | default dict -}}
{{- range $key, $instead := dict "listen" "ports.proxy" "admin" "ports.admin" "memory_limit_bytes" "resources.limits.memory" -}}
{{- if hasKey $config $key -}}
{{- $found = append $found (printf "config.%s follows %s: set that instead" $key $instead) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.pricing ($config.pricing | default dict).file -}}
{{- $found = append $found "pricing and config.pricing.file both name prices: keep one of them" -}}
{{- end -}}
{{- if and .Values.upstreamCA.configMap .Values.upstreamCA.secret -}}
{{- $found = append $found "upstreamCA.configMap and upstreamCA.secret are both set: keep one of them" -}}
{{- end -}}
{{- if and (or .Values.upstreamCA.configMap .Values.upstreamCA.secret) ($config.proxy | default dict).ca_file -}}
{{- $found = append $found "upstreamCA and config.proxy.ca_file both name certificates: keep one of them" -}}
{{- end -}}
{{- if $attribution.fingerprint_secret -}}
{{- $found = append $found "config.attribution.fingerprint_secret would be readable in a ConfigMap: put it into a Secret, and the Secret's name into fingerprintSecret.name" -}}
{{- else if eq ($attribution.team | default "") "key-fingerprint" -}}
{{- if not (or .Values.fingerprintSecret.name .Values.extraEnv .Values.extraEnvFrom) -}}
{{- $found = append $found "config.attribution.team: key-fingerprint wants a secret that keys the fingerprints: set fingerprintSecret.name" -}}
{{- end -}}
{{- end -}}
{{- if not $attribution.team -}}
{{- range $config.budgets -}}
{{- if .team -}}
{{- $found = append $found (printf "config.budgets: %s is team %s's, and no team is known: set config.attribution.team" .name .team) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (eq (toString $config.workers) "auto") (not ((.Values.resources | default dict).limits | default dict).cpu) -}}
{{- $found = append $found "config.workers: auto would start a forwarder for each CPU of the node: set a number, or resources.limits.cpu" -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{- define "interactions-gateway.checks.pods" -}}
{{- $found := list -}}
{{- if eq (int .Values.ports.proxy) (int .Values.ports.admin) -}}
{{- $found = append $found (printf "ports.proxy and ports.admin are both %d: give them two ports" (int .Values.ports.proxy)) -}}
{{- end -}}
{{- $least := include "interactions-gateway.leastGrace" . | int -}}
{{- if lt (include "interactions-gateway.grace" . | int) $least -}}
{{- $found = append $found (printf "terminationGracePeriodSeconds: %d would cut streams that drain: set %d or more (preStopSleepSeconds, config.grace_period_s and 10), null, or a shorter config.grace_period_s" (int .Values.terminationGracePeriodSeconds) $least) -}}
{{- end -}}
{{- $names := list -}}
{{- range include "interactions-gateway.ownEnv" . | fromYamlArray -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if has .name $names -}}
{{- $found = append $found (printf "extraEnv: %s is set by the chart, or twice: use the value that is for it" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- range .Values.extraVolumes -}}
{{- if has .name (list "settings" "upstream-ca") -}}
{{- $found = append $found (printf "extraVolumes: the chart has a volume %s of its own: choose another name" .name) -}}
{{- end -}}
{{- end -}}
{{- with .Values.strategy -}}
{{- $rolling := .rollingUpdate | default dict -}}
{{- if and (eq (.type | default "") "Recreate") .rollingUpdate -}}
{{- $found = append $found "strategy.rollingUpdate doesn't go with type Recreate: set it to null" -}}
{{- else if and (has (toString $rolling.maxSurge) (list "0" "0%")) (has (toString $rolling.maxUnavailable) (list "0" "0%")) -}}
{{- $found = append $found "strategy.rollingUpdate: with maxSurge 0 and maxUnavailable 0 no pod can ever be replaced: raise one of them" -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{- define "interactions-gateway.checks.scaling" -}}
{{- $found := list -}}
{{- $pods := int .Values.replicaCount -}}
{{- with .Values.autoscaling -}}
{{- if .enabled -}}
{{- $pods = int .minReplicas -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- $found = append $found (printf "autoscaling.minReplicas (%d) is above autoscaling.maxReplicas (%d): swap or change them" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- if not (or .cpuPercent .activeStreams) -}}
{{- $found = append $found "autoscaling has nothing to go by: set autoscaling.cpuPercent or autoscaling.activeStreams" -}}
{{- end -}}
{{- if and .cpuPercent (not (($.Values.resources | default dict).requests | default dict).cpu) -}}
{{- $found = append $found "autoscaling.cpuPercent is a share of the request: set resources.requests.cpu" -}}
{{- end -}}
{{- $adapter := or ($.Capabilities.APIVersions.Has "custom.metrics.k8s.io/v1beta1") ($.Capabilities.APIVersions.Has "custom.metrics.k8s.io/v1beta2") -}}
{{- if and .activeStreams (not $adapter) -}}
{{- $found = append $found "autoscaling.activeStreams wants a metrics adapter (custom.metrics.k8s.io), which this cluster doesn't have: install one, set it to 0, or give --api-versions custom.metrics.k8s.io/v1beta1 to helm template" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.podDisruptionBudget -}}
{{- if .enabled -}}
{{- if not (kindIs "invalid" .minAvailable) -}}
{{- if kindIs "string" .minAvailable -}}
{{- if eq .minAvailable "100%" -}}
{{- $found = append $found "podDisruptionBudget.minAvailable: 100% would keep every node from being drained: lower it" -}}
{{- end -}}
{{- else if ge (int .minAvailable) $pods -}}
{{- $found = append $found (printf "podDisruptionBudget.minAvailable (%d) of %d pods would keep every node from being drained: lower it, or have more pods" (int .minAvailable) $pods) -}}
{{- end -}}
{{- else if kindIs "invalid" .maxUnavailable -}}
{{- $found = append $found "podDisruptionBudget has no number: set maxUnavailable or minAvailable" -}}
{{- else if has (toString .maxUnavailable) (list "0" "0%") -}}
{{- $found = append $found "podDisruptionBudget.maxUnavailable: 0 would keep every node from being drained: set 1 or more" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{- define "interactions-gateway.checks.reach" -}}
{{- $found := list -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- $found = append $found "ingress.enabled without a host would take every host's requests: set ingress.hosts" -}}
{{- end -}}
{{- if .Values.httpRoute.enabled -}}
{{- if not .Values.httpRoute.parentRefs -}}
{{- $found = append $found "httpRoute.enabled without a Gateway to belong to: set httpRoute.parentRefs, such as [{name: public, namespace: gateways}]" -}}
{{- end -}}
{{- if not (include "interactions-gateway.knows" (list . "gateway.networking.k8s.io/v1" "HTTPRoute")) -}}
{{- $found = append $found "httpRoute.enabled wants the Gateway API (gateway.networking.k8s.io/v1), which this cluster doesn't have: install it, switch it off, or give --api-versions gateway.networking.k8s.io/v1 to helm template" -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}

{{- define "interactions-gateway.checks.telemetry" -}}
{{- $found := list -}}
{{- with .Values.otlp -}}
{{- if eq .protocol "grpc" -}}
{{- $found = append $found "otlp.protocol: grpc is not spoken: use http/protobuf, which collectors take on port 4318" -}}
{{- end -}}
{{- if not .endpoint -}}
{{- if .metrics -}}
{{- $found = append $found "otlp.metrics without a place to send them to: set otlp.endpoint" -}}
{{- end -}}
{{- if .headersSecret.name -}}
{{- $found = append $found "otlp.headersSecret without a place to send them to: set otlp.endpoint" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $operator := "wants the Prometheus operator (monitoring.coreos.com/v1), which this cluster doesn't have: install it, or give --api-versions monitoring.coreos.com/v1 to helm template; without it" -}}
{{- $scrapes := list -}}
{{- with .Values.metrics -}}
{{- if eq (toString .serviceMonitor.enabled) "true" -}}
{{- $scrapes = append $scrapes "metrics.serviceMonitor.enabled" -}}
{{- if not (include "interactions-gateway.knows" (list $ "monitoring.coreos.com/v1" "ServiceMonitor")) -}}
{{- $found = append $found (printf "metrics.serviceMonitor.enabled %s use metrics.scrapeAnnotations" $operator) -}}
{{- end -}}
{{- end -}}
{{- if .podMonitor.enabled -}}
{{- $scrapes = append $scrapes "metrics.podMonitor.enabled" -}}
{{- if not (include "interactions-gateway.knows" (list $ "monitoring.coreos.com/v1" "PodMonitor")) -}}
{{- $found = append $found (printf "metrics.podMonitor.enabled %s use metrics.scrapeAnnotations" $operator) -}}
{{- end -}}
{{- end -}}
{{- if .scrapeAnnotations -}}
{{- $scrapes = append $scrapes "metrics.scrapeAnnotations" -}}
{{- end -}}
{{- end -}}
{{- if gt (len $scrapes) 1 -}}
{{- $found = append $found (printf "%s would have every series scraped twice: keep one of them" (join " and " $scrapes)) -}}
{{- end -}}
{{- if eq (toString .Values.prometheusRule.enabled) "true" -}}
{{- if not (include "interactions-gateway.knows" (list . "monitoring.coreos.com/v1" "PrometheusRule")) -}}
{{- $found = append $found (printf "prometheusRule.enabled %s load config/rules into your Prometheus" $operator) -}}
{{- end -}}
{{- end -}}
{{- $found = concat $found (include "interactions-gateway.checks.alerts" . | fromJsonArray) -}}
{{- toJson $found -}}
{{- end }}
