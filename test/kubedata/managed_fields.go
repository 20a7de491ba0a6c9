package kubedata

import (
	"fmt"
	"strings"
)

// podFields is what the controller manager owns of a pod, and of a template of one.
func (s *scene) podFields(labels pairs, containers []string) string {
	key := strings.Join(containers, ",")
	if known, ok := s.from.fields.Load(key); ok {
		return known.(string)
	}
	text := podFields(labels, containers)
	s.from.fields.Store(key, text)
	return text
}

func podFields(labels pairs, containers []string) string {
	var own []string
	for _, c := range containers {
		own = append(own, containerFields(c))
	}
	return fieldSet(
		field("metadata",
			field("annotations", leaves("checksum/config", "prometheus.io/port", "prometheus.io/scrape")),
			field("generateName"),
			field("labels", leaves(labels.keys()...)),
			field("ownerReferences", leaf(`k:{"uid":"owner"}`))),
		field("spec",
			field("containers", own...),
			leaves("dnsPolicy", "enableServiceLinks", "restartPolicy", "schedulerName"),
			field("securityContext", leaves("fsGroup", "runAsNonRoot", "runAsUser")),
			leaves("serviceAccount", "serviceAccountName", "terminationGracePeriodSeconds")))
}

func containerFields(name string) string {
	env := func(name string) string { return entry(fmt.Sprintf(`k:{"name":%q}`, name), leaves("name", "value")) }
	handler := []string{
		leaves("failureThreshold"), field("httpGet", leaves("path", "port", "scheme")),
		leaves("periodSeconds", "successThreshold", "timeoutSeconds"),
	}
	return entry(fmt.Sprintf(`k:{"name":%q}`, name),
		leaves("args"),
		field("env", env("DATABASE_URL"), env("FEATURE_FLAGS"), env("LOG_LEVEL"), env("REDIS_ADDRESS")),
		leaves("image", "imagePullPolicy"),
		field("livenessProbe", handler...),
		leaves("name"),
		field("ports", entry(`k:{"containerPort":8080,"protocol":"TCP"}`, leaves("containerPort", "name", "protocol"))),
		field("readinessProbe", handler...),
		field("resources", field("limits", leaves("cpu", "memory")), field("requests", leaves("cpu", "memory"))),
		leaves("terminationMessagePath", "terminationMessagePolicy"),
		field("volumeMounts", entry(fmt.Sprintf(`k:{"mountPath":"/etc/%s"}`, name), leaves("mountPath", "name", "readOnly"))))
}

// podStatusFields is what the kubelet owns of a pod.
func podStatusFields() string {
	var conditions []string
	for _, c := range []string{"ContainersReady", "Initialized", "PodReadyToStartContainers", "Ready"} {
		conditions = append(conditions, entry(fmt.Sprintf(`k:{"type":%q}`, c), leaves("lastProbeTime", "lastTransitionTime", "status", "type")))
	}
	return fieldSet(field("status", field("conditions", conditions...),
		leaves("containerStatuses", "hostIP", "phase", "podIP", "podIPs", "startTime")))
}

// The functions below write the JSON of managedFields: a tree whose keys are field names and whose leaves are {}.

func fieldSet(members ...string) string { return "{" + strings.Join(members, ",") + "}" }

func field(name string, members ...string) string { return entry("f:"+name, members...) }

func entry(key string, members ...string) string {
	return quote(key) + ":" + fieldSet(append([]string{`".":{}`}, members...)...)
}

func leaf(key string) string { return quote(key) + ":{}" }

// quote is enough for the names of fields: the only character in them that JSON escapes is the quote.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `\"`) + `"` }

func leaves(names ...string) string {
	each := make([]string, len(names))
	for i, n := range names {
		each[i] = leaf("f:" + n)
	}
	return strings.Join(each, ",")
}
