{{- define "litmus-sidecar.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "litmus-sidecar.fullname" -}}
{{- $name := include "litmus-sidecar.name" . -}}
{{- $whole := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $whole | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "litmus-sidecar.selector" -}}
app.kubernetes.io/name: {{ include "litmus-sidecar.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "litmus-sidecar.metadata" -}}
name: {{ include "litmus-sidecar.fullname" . }}
namespace: {{ .Release.Namespace }}
{{ include "litmus-sidecar.labels" . }}
{{- end -}}

{{- define "litmus-sidecar.labels" -}}
labels:
  {{- include "litmus-sidecar.selector" . | nindent 2 }}
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "litmus-sidecar.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- /* What a schema can not say in a sentence of ours. */ -}}
{{- define "litmus-sidecar.check" -}}
{{- if and (eq .Values.store.kind "sqlite") (gt (int .Values.replicas) 1) -}}
{{- fail (printf "replicas is %d, but store.kind is sqlite, whose file serves one: set store.kind to postgresql, or replicas to 1" (int .Values.replicas)) -}}
{{- end -}}
{{- $own := .Values.appConfig.litmusSidecar | default dict -}}
{{- if $own.listen -}}
{{- range $key := list "host" "port" -}}
{{- if hasKey $own.listen $key -}}
{{- fail (printf "appConfig.litmusSidecar.listen.%s would not count: where the service listens belongs to the chart; set listenHost and service.port" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $own.store -}}
{{- fail "appConfig.litmusSidecar.store would not count: the store belongs to the chart; set store.kind" -}}
{{- end -}}
{{- if not (or .Values.appConfig .Values.extraAppConfig) -}}
{{- fail "there is no configuration: give appConfig, or name Backstage's ConfigMap in extraAppConfig; docs/how-to/kubernetes.md has examples" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "ingress.enabled is true without ingress.host: name the host that the Ingress is for" -}}
{{- end -}}
{{- $ports := list "http" -}}
{{- range .Values.service.extraPorts -}}{{- $ports = append $ports .name -}}{{- end -}}
{{- range $key := list "ingress" "httpRoute" -}}
{{- $name := (index $.Values $key).portName -}}
{{- if not (has $name $ports) -}}
{{- fail (printf "%s.portName is %q, which is no port of the Service: name http or one of service.extraPorts" $key $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.enabled is true without httpRoute.parentRefs: name the Gateway that the route belongs to" -}}
{{- end -}}
{{- end -}}

{{- /* The number of a port of the Service, which a route needs. */ -}}
{{- define "litmus-sidecar.portNumber" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- if eq $name "http" -}}{{ $root.Values.service.port }}
{{- else -}}
{{- range $root.Values.service.extraPorts -}}{{- if eq .name $name -}}{{ .port }}{{- end -}}{{- end -}}
{{- end -}}
{{- end -}}
