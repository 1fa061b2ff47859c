{{- define "name" -}}{{ ternary "food" .Release.Name .Values.fixedNames }}{{- end }}
{{- define "labels" -}}
app: food
{{- if not .Values.fixedNames }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- end }}
