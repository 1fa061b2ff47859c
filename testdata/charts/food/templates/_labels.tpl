{{- define "food.name" -}}
{{ .Values.name | default .Release.Name }}
{{- end }}
{{- define "food.selector" -}}
app.kubernetes.io/name: {{ include "food.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "food.labels" -}}
{{ include "food.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
