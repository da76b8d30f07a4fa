{{- define "cryptoflow.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "cryptoflow.labels" -}}
app.kubernetes.io/name: cryptoflow
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{/* What all pods share: settings as a file, and 35 s to end, since a process takes 30 s at most. */}}
{{- define "cryptoflow.pod" -}}
serviceAccountName: {{ .Release.Name }}-cryptoflow
terminationGracePeriodSeconds: 35
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  fsGroup: 10001
volumes:
  - name: settings
    configMap:
      name: {{ .Release.Name }}-cryptoflow
{{- end -}}

{{- define "cryptoflow.container" -}}
image: {{ include "cryptoflow.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: ["ALL"]}
{{- with .Values.envFrom }}
envFrom: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "cryptoflow.probes" -}}
ports:
  - {name: health, containerPort: {{ .Values.settings.health_port }}}
livenessProbe:
  httpGet: {path: /live, port: health}
  initialDelaySeconds: 30
  periodSeconds: 10
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /ready, port: health}
  periodSeconds: 5
{{- end -}}
