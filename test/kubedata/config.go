package kubedata

import (
	"encoding/json"
	"fmt"
	"strings"
)

func configMap(s *scene) Object {
	name := fmt.Sprintf("%s-config-%s", s.app, suffix(s.fixed, 8))
	o := meta{
		name: name, labels: s.labels(),
		annotations: pairs{"meta.helm.sh/release-name": s.app, "meta.helm.sh/release-namespace": s.namespace},
		managed: []managed{{"helm", "v1", "", fieldSet(field("data", leaves("config.yaml", "dashboard.json")),
			field("metadata", field("annotations", leaves("meta.helm.sh/release-name", "meta.helm.sh/release-namespace")),
				field("labels", leaves(s.labels().keys()...)))), s.changed}},
	}
	data := pairs{"config.yaml": s.configFile(), "version": fmt.Sprint(s.generation)}
	object := roomy().message(1, o.message(s)).pairs(2, data)
	return Object{Key: fmt.Sprintf("/registry/configmaps/%s/%s", s.namespace, name), Value: typed("v1", "ConfigMap", object)}
}

// configFile is a YAML file of one to six KiB in which an update changes a few lines.
func (s *scene) configFile() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# configuration of %s in %s\nserver:\n  listen: 0.0.0.0:8080\n  shutdownGrace: 25s\nroutes:\n", s.app, s.namespace)
	changing := -1
	routes := 8 + s.fixed.IntN(38)
	if s.generation > 0 {
		changing = s.moving.IntN(routes)
	}
	for n := range routes {
		weight := s.fixed.IntN(100)
		if n == changing {
			weight = 100 + s.moving.IntN(100)
		}
		fmt.Fprintf(&b, "- name: route-%02d\n  match: /api/v%d/%s\n  upstream: http://%s.%s.svc.cluster.local:8080\n  weight: %d\n  pin: sha256/%s\n",
			n, 1+n%3, suffix(s.fixed, 6), pick(s.fixed, apps()), s.namespace, weight, suffix(s.fixed, 24))
	}
	return b.String()
}

// helmRelease is a secret in which Helm keeps a gzipped release: as good as random to whoever compresses it again.
func helmRelease(s *scene) Object {
	name := fmt.Sprintf("sh.helm.release.v1.%s-%s.v%d", s.app, suffix(s.fixed, 8), 1+s.i%40)
	o := meta{
		name: name,
		labels: pairs{
			"modifiedAt": fmt.Sprint(s.changed.Unix()), "name": s.app, "owner": "helm", "status": "deployed",
			"version": fmt.Sprint(1 + s.i%40),
		},
		managed: []managed{{"helm", "v1", "", fieldSet(field("data", leaves("release")),
			field("metadata", field("labels", leaves("modifiedAt", "name", "owner", "status", "version"))), leaves("type")), s.changed}},
	}
	payload := noise(s.moving, 3500+s.fixed.IntN(5000))
	object := roomy().message(1, o.message(s)).
		message(2, message{}.string(1, "release").bytes(2, payload)).
		string(3, "helm.sh/release.v1")
	return Object{Key: fmt.Sprintf("/registry/secrets/%s/%s", s.namespace, name), Value: typed("v1", "Secret", object)}
}

// encryptedSecret is what an API server with encryption at rest stores: the name of the key and ciphertext, nothing else.
func encryptedSecret(s *scene) Object {
	name := fmt.Sprintf("%s-credentials-%s", s.app, suffix(s.fixed, 6))
	const block = 16
	ciphertext := noise(s.moving, block+block*(30+s.fixed.IntN(40)))
	return Object{
		Key:   fmt.Sprintf("/registry/secrets/%s/%s", s.namespace, name),
		Value: append([]byte("k8s:enc:aescbc:v1:key1:"), ciphertext...),
	}
}

// customResource is JSON, as all kinds are that a CustomResourceDefinition declares.
func customResource(s *scene) Object {
	name := fmt.Sprintf("%s-%s", s.app, suffix(s.fixed, 6))
	var endpoints []any
	for n := range 4 + s.fixed.IntN(12) {
		endpoints = append(endpoints, map[string]any{
			"port": fmt.Sprintf("metrics-%d", n), "interval": "30s", "path": "/metrics", "scheme": "https",
			"tlsConfig":         map[string]any{"ca": map[string]any{"secret": map[string]any{"key": "ca.crt", "name": s.app + "-tls"}}},
			"metricRelabelings": []any{map[string]any{"action": "drop", "regex": suffix(s.fixed, 12) + "_.*", "sourceLabels": []string{"__name__"}}},
		})
	}
	value, err := json.Marshal(map[string]any{
		"apiVersion": "monitoring.coreos.com/v1",
		"kind":       "ServiceMonitor",
		"metadata": map[string]any{
			"name": name, "namespace": s.namespace, "uid": s.uid, "generation": s.generation + 1, "labels": s.labels(),
			"creationTimestamp": s.created.Format("2006-01-02T15:04:05Z"),
			"annotations":       map[string]any{"reconciled-at": s.changed.Format("2006-01-02T15:04:05Z")},
		},
		"spec": map[string]any{
			"endpoints":         endpoints,
			"namespaceSelector": map[string]any{"matchNames": []string{s.namespace}},
			"selector":          map[string]any{"matchLabels": s.labels()},
		},
	})
	if err != nil {
		panic(err) // maps of strings always marshal
	}
	return Object{Key: fmt.Sprintf("/registry/monitoring.coreos.com/servicemonitors/%s/%s", s.namespace, name), Value: value}
}
