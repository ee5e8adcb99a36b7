{{/* Names, labels and the image. */}}

{{- define "interactions-gateway.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{/* At most 52 characters: what is hung on it must fit in 63. */}}
{{- define "interactions-gateway.fullname" -}}
{{- $name := include "interactions-gateway.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "interactions-gateway.selector" -}}
app.kubernetes.io/name: {{ include "interactions-gateway.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Call with a list: the context, and more labels. What selects pods wins over both. */}}
{{- define "interactions-gateway.labels" -}}
{{- $context := index . 0 -}}
{{- $chart := printf "%s-%s" $context.Chart.Name $context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $own := dict "helm.sh/chart" $chart "app.kubernetes.io/managed-by" $context.Release.Service -}}
{{- include "interactions-gateway.podLabels" (list $context (merge $own (index . 1 | default dict))) -}}
{{- end }}

{{/* Of pods: without the chart's version, which by itself is no reason for new ones. Call as above. */}}
{{- define "interactions-gateway.podLabels" -}}
{{- $context := index . 0 -}}
{{- $own := include "interactions-gateway.selector" $context | fromYaml -}}
{{- $own = set $own "app.kubernetes.io/version" $context.Chart.AppVersion -}}
{{- merge $own (index . 1 | default dict) $context.Values.commonLabels | toYaml -}}
{{- end }}

{{/* The metadata of an object. Call with a list: the context, the suffix of its name, and a dict of more labels and annotations, or another name. */}}
{{- define "interactions-gateway.metadata" -}}
{{- $context := index . 0 -}}
{{- $more := index . 2 -}}
name: {{ $more.name | default (printf "%s%s" (include "interactions-gateway.fullname" $context) (index . 1)) | quote }}
namespace: {{ $context.Release.Namespace | quote }}
labels:
  {{- include "interactions-gateway.labels" (list $context $more.labels) | nindent 2 }}
{{- with $more.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "interactions-gateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "interactions-gateway.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{- define "interactions-gateway.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}
