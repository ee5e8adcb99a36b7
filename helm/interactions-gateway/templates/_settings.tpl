{{/* The gateway's settings: its file, and what of a change running pods take up. */}}

{{- define "interactions-gateway.mount" -}}/etc/interactions-gateway{{- end }}
{{- define "interactions-gateway.caMount" -}}/etc/interactions-gateway-ca{{- end }}

{{/* config with what the chart adds to it, as JSON. */}}
{{- define "interactions-gateway.settings" -}}
{{- $settings := deepCopy (.Values.config | default dict) -}}
{{- if .Values.pricing -}}
{{- $_ := set $settings "pricing" (dict "file" (printf "%s/pricing.toml" (include "interactions-gateway.mount" .))) -}}
{{- end -}}
{{- if or .Values.upstreamCA.configMap .Values.upstreamCA.secret -}}
{{- $file := printf "%s/%s" (include "interactions-gateway.caMount" .) .Values.upstreamCA.key -}}
{{- $_ := set $settings "proxy" (merge (dict "ca_file" $file) ($settings.proxy | default dict)) -}}
{{- end -}}
{{- toJson $settings -}}
{{- end }}

{{/* Numbers are floats in Helm; whole ones are written as such. */}}
{{- define "interactions-gateway.toml" -}}
{{- $toml := include "interactions-gateway.settings" . | fromJson | toToml -}}
{{- regexReplaceAll "(?m)^(\\s*[\\w-]+ = -?[0-9]+)\\.0$" $toml "${1}" -}}
{{- end }}

{{/* What running pods take up by themselves: Telemetry.reloadable, by sections or keys. A test compares the two. */}}
{{- define "interactions-gateway.reloadable" -}}
["budgets", "pricing", "labels", "attribution.team_names", "log.level", "spans.detail",
 "traces.keep_ratio", "traces.keep_errors", "traces.keep_stalls", "traces.keep_slower_than_s",
 "traces.keep_costlier_than_usd", "traces.keep_first_delta_slower_than_s", "traces.keep_models",
 "traces.keep_teams", "traces.early_export_after_s"]
{{- end }}

{{/* Changes when pods must be replaced for what changed. */}}
{{- define "interactions-gateway.checksum" -}}
{{- $settings := include "interactions-gateway.settings" . | fromJson -}}
{{- if .Values.hotReload -}}
{{- range include "interactions-gateway.reloadable" . | fromJsonArray -}}
{{- $parts := splitList "." . -}}
{{- if eq (len $parts) 1 -}}
{{- $_ := unset $settings . -}}
{{- else if hasKey $settings (first $parts) -}}
{{- $_ := unset (get $settings (first $parts)) (last $parts) -}}
{{- if not (get $settings (first $parts)) -}}{{- $_ := unset $settings (first $parts) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $settings | sha256sum -}}
{{- else -}}
{{- cat (toJson $settings) .Values.pricing | sha256sum -}}
{{- end -}}
{{- end }}

{{/* Seconds from the word to end until the kill: the sleep, open exchanges, the last records and spans, and some more. */}}
{{- define "interactions-gateway.leastGrace" -}}
{{- $open := 30 -}}
{{- with .Values.config -}}
{{- if not (kindIs "invalid" .grace_period_s) -}}{{- $open = ceil .grace_period_s -}}{{- end -}}
{{- end -}}
{{- add .Values.preStopSleepSeconds $open 10 -}}
{{- end }}
{{- define "interactions-gateway.grace" -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
{{- add (include "interactions-gateway.leastGrace" . | int) 5 -}}
{{- else -}}
{{- .Values.terminationGracePeriodSeconds | int -}}
{{- end -}}
{{- end }}
