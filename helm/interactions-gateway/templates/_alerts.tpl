{{/* Thresholds, windows and targets of the rules: the defaults of rules/settings.yaml, and over them those of the values, as texts. */}}
{{- define "interactions-gateway.alertSettings" -}}
{{- $texts := dict -}}
{{- $settings := merge (deepCopy .Values.prometheusRule.settings) (.Files.Get "rules/settings.yaml" | fromYaml) -}}
{{- range $name, $value := $settings -}}
{{- $text := toString $value -}}
{{- if and (kindIs "float64" $value) (eq (floor $value) $value) -}}
{{- $text = $value | int64 | toString -}}
{{- end -}}
{{- $_ := set $texts $name $text -}}
{{- end -}}
{{- toJson $texts -}}
{{- end }}
