package kubedata

import (
	"fmt"
	"strings"
)

func replicaSet(s *scene) Object {
	hash := suffix(s.fixed, 10)
	name := s.app + "-" + hash
	containers := s.containers()
	labels := s.labels()
	labels["pod-template-hash"] = hash
	o := meta{
		name: name, labels: labels,
		annotations: pairs{
			"deployment.kubernetes.io/desired-replicas": "3",
			"deployment.kubernetes.io/max-replicas":     "4",
			"deployment.kubernetes.io/revision":         fmt.Sprint(1 + s.i%12),
		},
		owner: &owner{"apps/v1", "Deployment", s.app, uid(s.fixed)},
		managed: []managed{
			{"kube-controller-manager", "apps/v1", "", s.podFields(labels, containers), s.created},
			{"kube-controller-manager", "apps/v1", "status", fieldSet(field("status", leaves("availableReplicas",
				"fullyLabeledReplicas", "observedGeneration", "readyReplicas", "replicas"))), s.changed},
		},
	}
	template := roomy().message(1, meta{labels: labels}.template()).message(2, s.podSpec(containers))
	selector := message{}.pairs(1, pairs{"app.kubernetes.io/name": s.app, "pod-template-hash": hash})
	replicas := int64(s.moving.IntN(4))
	object := roomy().message(1, o.message(s)).
		message(2, message{}.int(1, replicas).message(2, selector).message(3, template).int(4, 0)).
		message(3, message{}.int(1, replicas).int(2, replicas).int(3, int64(s.generation)).int(4, replicas).int(5, replicas))
	return Object{Key: fmt.Sprintf("/registry/replicasets/%s/%s", s.namespace, name), Value: typed("apps/v1", "ReplicaSet", object)}
}

func endpointSlice(s *scene) Object {
	service := s.app
	name := service + "-" + suffix(s.fixed, 5)
	o := meta{
		name: name, generateName: service + "-",
		labels: pairs{
			"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
			"kubernetes.io/service-name":             service,
		},
		annotations: pairs{"endpoints.kubernetes.io/last-change-trigger-time": s.changed.Format("2006-01-02T15:04:05Z")},
		owner:       &owner{"v1", "Service", service, uid(s.fixed)},
		managed: []managed{{"kube-controller-manager", "discovery.k8s.io/v1", "", fieldSet(leaves("addressType", "endpoints"),
			field("metadata", field("annotations", leaves("endpoints.kubernetes.io/last-change-trigger-time")), leaves("generateName"),
				field("labels", leaves("endpointslice.kubernetes.io/managed-by", "kubernetes.io/service-name"))),
			leaves("ports")), s.changed}},
	}
	object := roomy().message(1, o.message(s))
	for range 2 + s.fixed.IntN(8) {
		object = object.message(2, s.endpoint())
	}
	object = object.message(3, message{}.string(1, "http").string(2, "TCP").int(3, 8080)).string(4, "IPv4")
	return Object{Key: fmt.Sprintf("/registry/endpointslices/%s/%s", s.namespace, name), Value: typed("discovery.k8s.io/v1", "EndpointSlice", object)}
}

func (s *scene) endpoint() message {
	address := fmt.Sprintf("10.42.%d.%d", s.fixed.IntN(256), 1+s.fixed.IntN(254))
	ready := s.moving.IntN(20) > 0
	target := message{}.string(1, "Pod").string(2, s.namespace).string(3, s.app+"-"+suffix(s.fixed, 10)+"-"+suffix(s.fixed, 5)).
		string(4, uid(s.fixed)).string(5, "").string(6, "").string(7, "")
	return message{}.string(1, address).message(2, message{}.bool(1, ready).bool(2, ready).bool(3, false)).
		message(4, target).string(6, s.node()).string(7, "zone-"+string(rune('a'+s.i%3)))
}

// lease is a node's heartbeat. It is an object called Lease and has nothing to do with etcd's leases.
func lease(s *scene) Object {
	s.namespace = "kube-node-lease"
	name := fmt.Sprintf("worker-%05d.cluster.internal", s.i)
	o := meta{
		name: name, owner: &owner{"v1", "Node", name, uid(s.fixed)},
		managed: []managed{{"kubelet", "coordination.k8s.io/v1", "", fieldSet(field("metadata", field("ownerReferences", leaf(`k:{"uid":"owner"}`))),
			field("spec", leaves("holderIdentity", "leaseDurationSeconds", "renewTime"))), s.created}},
	}
	spec := message{}.string(1, name).int(2, 40).microTime(4, s.changed)
	object := roomy().message(1, o.message(s)).message(2, spec)
	return Object{Key: "/registry/leases/kube-node-lease/" + name, Value: typed("coordination.k8s.io/v1", "Lease", object)}
}

func event(s *scene) Object {
	podName := fmt.Sprintf("%s-%s-%s", s.app, suffix(s.fixed, 10), suffix(s.fixed, 5))
	name := fmt.Sprintf("%s.%016x", podName, 0x1700000000000000+s.fixed.Uint64N(1<<48))
	reason := pick(s.fixed, []string{"Scheduled", "Pulled", "Created", "Started", "BackOff", "Unhealthy"})
	text := map[string]string{
		"Scheduled": fmt.Sprintf("Successfully assigned %s/%s to %s", s.namespace, podName, s.node()),
		"Pulled":    fmt.Sprintf("Container image %q already present on machine", s.image(s.app)),
		"Created":   "Created container: " + s.app,
		"Started":   "Started container " + s.app,
		"BackOff":   fmt.Sprintf("Back-off restarting failed container %s in pod %s_%s(%s)", s.app, podName, s.namespace, s.uid),
		"Unhealthy": `Readiness probe failed: Get "http://10.42.7.19:8080/ready": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
	}[reason]
	o := meta{name: name, managed: []managed{{"kubelet", "v1", "", fieldSet(leaves("count", "firstTimestamp", "involvedObject",
		"lastTimestamp", "message", "reason", "reportingComponent", "reportingInstance"), field("source", leaves("component", "host")),
		leaves("type")), s.changed}}}
	involved := message{}.string(1, "Pod").string(2, s.namespace).string(3, podName).string(4, s.uid).string(5, "v1").
		string(6, fmt.Sprint(100000+s.i)).string(7, fmt.Sprintf("spec.containers{%s}", s.app))
	object := roomy().message(1, o.message(s)).message(2, involved).string(3, reason).string(4, text).
		message(5, message{}.string(1, "kubelet").string(2, s.node())).time(6, s.created).time(7, s.changed).
		int(8, int64(s.generation+1)).string(9, eventType(reason)).message(10, nil).string(12, "").
		string(14, "kubelet").string(15, s.node())
	return Object{Key: strings.Join([]string{"/registry/events", s.namespace, name}, "/"), Value: typed("v1", "Event", object), Leased: true}
}

func eventType(reason string) string {
	if reason == "BackOff" || reason == "Unhealthy" {
		return "Warning"
	}
	return "Normal"
}

// template is the ObjectMeta of a pod template, which has labels and nothing else.
func (o meta) template() message {
	m := message{}.string(1, "").string(2, "").string(3, "").string(4, "").string(5, "").string(6, "").int(7, 0).message(8, nil)
	return m.pairs(11, o.labels)
}
