{{/* What the cluster knows, and ports of URLs. */}}

{{/* Call with a list: the context, group and version, kind. "true" or nothing. */}}
{{- define "interactions-gateway.knows" -}}
{{- $known := (index . 0).Capabilities.APIVersions -}}
{{- if or ($known.Has (index . 1)) ($known.Has (printf "%s/%s" (index . 1) (index . 2))) -}}true{{- end -}}
{{- end }}

{{/* Whether an object of such a kind is wanted. Call with a list: the context, true, false or "auto", group and version, kind. */}}
{{- define "interactions-gateway.wanted" -}}
{{- $wanted := index . 1 -}}
{{- if kindIs "bool" $wanted -}}
{{- if $wanted -}}true{{- end -}}
{{- else -}}
{{- include "interactions-gateway.knows" (list (index . 0) (index . 2) (index . 3)) -}}
{{- end -}}
{{- end }}

{{/* Whether there is a ServiceMonitor: auto means no where something else scrapes, or there is no Service. */}}
{{- define "interactions-gateway.serviceMonitor" -}}
{{- $wanted := .Values.metrics.serviceMonitor.enabled -}}
{{- if and (not (kindIs "bool" $wanted)) (or (not .Values.standalone) .Values.metrics.podMonitor.enabled .Values.metrics.scrapeAnnotations) -}}
{{- $wanted = false -}}
{{- end -}}
{{- include "interactions-gateway.wanted" (list . $wanted "monitoring.coreos.com/v1" "ServiceMonitor") -}}
{{- end }}

{{/* The port that a URL leads to. */}}
{{- define "interactions-gateway.urlPort" -}}
{{- $url := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $port | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end }}
