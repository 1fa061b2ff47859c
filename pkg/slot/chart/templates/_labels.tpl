{{- define "labels" -}}
app.kubernetes.io/name: {{ .Values.service | default .Release.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "probe" -}}
{{- if .path }}
httpGet: {path: {{ .path | quote }}, port: http}
{{- else }}
tcpSocket: {port: http}
{{- end }}
{{- end }}
