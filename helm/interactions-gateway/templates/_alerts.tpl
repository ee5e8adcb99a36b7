{{/* Thresholds, windows and targets of the rules. */}}

{{/* The defaults of rules/settings.yaml, over them what the release itself says, and over both the values; by name, as texts. */}}
{{- define "interactions-gateway.alertSettings" -}}
{{- $own := dict -}}
{{- $name := include "interactions-gateway.name" . -}}
{{- if not (contains "interactions-gateway" $name) -}}
{{- $_ := set $own "job_pattern" $name -}}
{{- end -}}
{{- with ((.Values.resources | default dict).limits | default dict).memory -}}
{{- $bytes := include "interactions-gateway.bytes" . -}}
{{- if $bytes -}}{{- $_ := set $own "memory_bytes" (mulf (float64 $bytes) 0.85 | ceil) -}}{{- end -}}
{{- end -}}
{{- $texts := dict -}}
{{- range $name, $value := merge (deepCopy .Values.prometheusRule.settings) $own (.Files.Get "rules/settings.yaml" | fromYaml) -}}
{{- $text := toString $value -}}
{{- if and (kindIs "float64" $value) (eq (floor $value) $value) -}}
{{- $text = $value | int64 | toString -}}
{{- end -}}
{{- $_ := set $texts $name $text -}}
{{- end -}}
{{- toJson $texts -}}
{{- end }}

{{/* A quantity of memory in bytes; nothing for one that isn't understood. */}}
{{- define "interactions-gateway.bytes" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?" $text -}}
{{- $factors := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- $unit := trimPrefix $number $text -}}
{{- if and $number (hasKey $factors $unit) -}}
{{- mulf (float64 $number) (get $factors $unit) | int64 -}}
{{- end -}}
{{- end }}

{{/* A duration of Prometheus in seconds. */}}
{{- define "interactions-gateway.seconds" -}}
{{- $units := dict "ms" 0.001 "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800 "y" 31536000 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 -}}
{{- $number := regexFind "^[0-9]+" . -}}
{{- $sum = addf $sum (mulf (float64 $number) (get $units (trimPrefix $number .))) -}}
{{- end -}}
{{- $sum -}}
{{- end }}

{{/* Settings that are right each for itself, and not together. */}}
{{- define "interactions-gateway.checks.alerts" -}}
{{- $found := list -}}
{{- $settings := include "interactions-gateway.alertSettings" . | fromJson -}}
{{- range $name, $value := $settings -}}
{{- $long := replace "_short_" "_long_" $name -}}
{{- if and (ne $long $name) (gt (include "interactions-gateway.seconds" $value | float64) (include "interactions-gateway.seconds" (get $settings $long) | float64)) -}}
{{- $found = append $found (printf "prometheusRule.settings.%s (%s) is longer than %s (%s): shorten it" $name $value $long (get $settings $long)) -}}
{{- end -}}
{{- if regexMatch "^slo_.*_factor$" $name -}}
{{- range $target := list "success_target" "first_delta_target" -}}
{{- if ge (mulf (float64 $value) (subf 1 (float64 (get $settings $target)))) 1.0 -}}
{{- $found = append $found (printf "prometheusRule.settings.%s (%s) can't be reached with %s %s: lower it" $name $value $target (get $settings $target)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}
