{{/* Values that don't go together: each is told in a sentence that says what to do, all of them at once. */}}

{{- define "interactions-gateway.checks" -}}
{{- $found := list -}}
{{- range list "cluster" "settings" "pods" "scaling" "reach" "telemetry" -}}
{{- $found = concat $found (include (printf "interactions-gateway.checks.%s" .) $ | fromJsonArray) -}}
{{- end -}}
{{- if $found -}}
{{- fail (printf "\n\nThese values don't work:\n  - %s\n" (join "\n  - " $found)) -}}
{{- end -}}
{{- end }}

{{- define "interactions-gateway.checks.cluster" -}}[]{{- end }}
{{- define "interactions-gateway.checks.settings" -}}[]{{- end }}
{{- define "interactions-gateway.checks.pods" -}}[]{{- end }}
{{- define "interactions-gateway.checks.scaling" -}}[]{{- end }}
{{- define "interactions-gateway.checks.reach" -}}[]{{- end }}
{{- define "interactions-gateway.checks.telemetry" -}}[]{{- end }}
