{{/* The pod of both. Call with a list: the root, the restartPolicy, and seconds between questions (0: ask once). */}}
{{- define "assistant.pod" -}}
{{- $root := index . 0 -}}
{{- $gateway := index $root.Subcharts "interactions-gateway" -}}
metadata:
  labels:
    app.kubernetes.io/name: assistant
    app.kubernetes.io/instance: {{ $root.Release.Name }}
    {{- include "interactions-gateway.sidecar.labels" $gateway | nindent 4 }}
  annotations:
    kubectl.kubernetes.io/default-container: assistant
    {{- include "interactions-gateway.sidecar.annotations" $gateway | nindent 4 }}
spec:
  restartPolicy: {{ index . 1 }}
  terminationGracePeriodSeconds: {{ include "interactions-gateway.sidecar.grace" (list $gateway $root.Values.endsWithinSeconds) }}
  automountServiceAccountToken: false
  # The variables of Services would begin like the gateway's own settings.
  enableServiceLinks: false
  initContainers:
    -
      {{- include "interactions-gateway.sidecar" $gateway | nindent 6 }}
  containers:
    - name: assistant
      image: {{ $root.Values.image }}
      command: [python, /app/ask.py]
      env:
        {{- include "interactions-gateway.sidecar.env" $gateway | nindent 8 }}
        - {name: GEMINI_API_KEY, valueFrom: {secretKeyRef: {name: gemini, key: api-key}}}
        - {name: QUESTION, value: {{ $root.Values.question | quote }}}
        - {name: EVERY_S, value: {{ index . 2 | quote }}}
      resources:
        requests: {cpu: 50m, memory: 96Mi}
        limits: {memory: 192Mi}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
        seccompProfile: {type: RuntimeDefault}
      volumeMounts:
        - {name: application, mountPath: /app, readOnly: true}
  volumes:
    - name: application
      configMap: {name: {{ $root.Release.Name }}}
    {{- include "interactions-gateway.sidecar.volumes" $gateway | nindent 4 }}
{{- end }}
