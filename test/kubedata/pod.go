package kubedata

import "fmt"

func pod(s *scene) Object {
	rs := fmt.Sprintf("%s-%s", s.app, suffix(s.fixed, 10))
	name := rs + "-" + suffix(s.fixed, 5)
	containers := s.containers()
	labels := s.labels()
	labels["pod-template-hash"] = rs[len(s.app)+1:]
	o := meta{
		name: name, generateName: rs + "-", labels: labels,
		annotations: pairs{
			"prometheus.io/scrape": "true",
			"prometheus.io/port":   "9102",
			"checksum/config":      fmt.Sprintf("%016x%016x%016x%016x", s.fixed.Uint64(), s.fixed.Uint64(), s.fixed.Uint64(), s.fixed.Uint64()),
		},
		owner: &owner{"apps/v1", "ReplicaSet", rs, uid(s.fixed)},
		managed: []managed{
			{"kube-controller-manager", "v1", "", s.podFields(labels, containers), s.created},
			{"kubelet", "v1", "status", podStatusFields(), s.changed},
		},
	}
	object := roomy().message(1, o.message(s)).message(2, s.podSpec(containers)).message(3, s.podStatus(containers))
	return Object{Key: fmt.Sprintf("/registry/pods/%s/%s", s.namespace, name), Value: typed("v1", "Pod", object)}
}

// containers names the pod's containers: the application, and often a sidecar.
func (s *scene) containers() []string {
	if s.fixed.IntN(3) == 0 {
		return []string{s.app, "log-shipper"}
	}
	return []string{s.app}
}

func (s *scene) image(container string) string {
	return fmt.Sprintf("registry.internal.example/shop/%s:v%d.%d.%d", container, 1+len(container)%5, len(s.app)%20, s.i%30)
}

func (s *scene) podSpec(containers []string) message {
	m := roomy().message(1, s.volume("kube-api-access-"+suffix(s.fixed, 5)))
	for _, c := range containers {
		m = m.message(2, s.container(c))
	}
	m = m.string(3, "Always").int(4, 30).string(6, "ClusterFirst").
		string(8, s.app).string(9, s.app).string(10, s.node())
	m = m.message(14, message{}.int(2, 10001).bool(3, true).int(5, 10001)) // securityContext
	m = m.string(19, "default-scheduler")
	for _, taint := range []string{"not-ready", "unreachable"} {
		m = m.message(22, message{}.string(1, "node.kubernetes.io/"+taint).string(2, "Exists").string(4, "NoExecute").int(5, 300))
	}
	return m.int(25, 0).bool(30, true).string(31, "PreemptLowerPriority")
}

// volume is the projected token that every pod has.
func (s *scene) volume(name string) message {
	token := message{}.message(4, message{}.int(2, 3607).string(3, "token"))
	ca := message{}.message(3, message{}.message(1, message{}.string(1, "kube-root-ca.crt")).
		message(2, message{}.string(1, "ca.crt").string(2, "ca.crt")))
	projected := message{}.message(1, token).message(1, ca).int(2, 0o644)
	return message{}.string(1, name).message(2, message{}.message(26, projected))
}

func (s *scene) container(name string) message {
	m := roomy().string(1, name).string(2, s.image(name)).
		string(4, "--config=/etc/"+name+"/config.yaml").string(4, "--listen=:8080")
	m = m.message(6, message{}.string(1, "http").int(3, 8080).string(4, "TCP"))
	m = m.message(6, message{}.string(1, "metrics").int(3, 9102).string(4, "TCP"))
	for _, env := range s.environment() {
		m = m.message(7, message{}.string(1, env[0]).string(2, env[1]))
	}
	m = m.message(8, resources("500m", "512Mi", "100m", "256Mi"))
	m = m.message(9, message{}.string(1, "config").bool(2, true).string(3, "/etc/"+name))
	m = m.message(9, message{}.string(1, "kube-api-access").bool(2, true).string(3, "/var/run/secrets/kubernetes.io/serviceaccount"))
	m = m.message(10, probe("/healthz", 10)).message(11, probe("/ready", 5))
	return m.string(13, "/dev/termination-log").string(14, "IfNotPresent").string(20, "File")
}

func (s *scene) environment() [][2]string {
	return [][2]string{
		{"LOG_LEVEL", "info"},
		{"DATABASE_URL", fmt.Sprintf("postgres://%s@db.%s.svc.cluster.local:5432/%s?sslmode=verify-full", s.app, s.namespace, s.app)},
		{"REDIS_ADDRESS", "redis-master." + s.namespace + ".svc.cluster.local:6379"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel-collector.monitoring.svc.cluster.local:4317"},
		{"FEATURE_FLAGS", "new-basket=on,fast-checkout=off,beta-search=on"},
	}
}

func resources(cpuLimit, memoryLimit, cpu, memory string) message {
	quantity := func(name, v string) message { return message{}.string(1, name).message(2, message{}.string(1, v)) }
	return message{}.
		message(1, quantity("cpu", cpuLimit)).message(1, quantity("memory", memoryLimit)).
		message(2, quantity("cpu", cpu)).message(2, quantity("memory", memory))
}

func probe(path string, period int64) message {
	port := message{}.int(1, 1).int(2, 0).string(3, "http")
	get := message{}.string(1, path).message(2, port).string(3, "").string(4, "HTTP")
	return message{}.message(1, message{}.message(2, get)).int(3, 1).int(4, period).int(5, 1).int(6, 3)
}
