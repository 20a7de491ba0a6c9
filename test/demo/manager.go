package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// definition of the demo's cluster, as a user would keep it in git.
const definition = `apiVersion: holdfast.dev/v1alpha1
kind: Cluster
metadata:
  name: demo
  namespace: demo
spec:
  distro: etcd
  etcd:
    snapshotScheduleCron: "*/10 * * * *"
    snapshotRetention: 3
    minFree: "0"
`

// startManager starts the manager with a database of its own, and waits until it answers.
func (s *stage) startManager(ctx context.Context) error {
	say("Starting the manager: a Kubernetes-style API on an embedded etcd, on one HTTPS port.")
	p, err := s.start("holdfast-server", "manager.log", nil,
		"--data-dir", filepath.Join(s.dir, "manager"), "--listen", "127.0.0.1:0", "--advertise-address", "127.0.0.1")
	if err != nil {
		return err
	}
	return await(ctx, "the manager answers", func() (bool, error) {
		if !p.Running() {
			return false, fmt.Errorf("it has ended: %s", p.LogTail())
		}
		_, err := s.quiet(ctx, "cluster", "ls")
		return err == nil, err
	})
}

// page is where a browser finds the manager: the API's address without its path.
func (s *stage) page() (string, error) {
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig())
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(config.Host, enroll.PathAPI) + "/", nil
}

func (s *stage) registerCluster(ctx context.Context) error {
	say("Registering a cluster:\n\n%s", definition)
	file := filepath.Join(s.dir, "cluster.yaml")
	if err := os.WriteFile(file, []byte(definition), 0o600); err != nil {
		return err
	}
	return s.show(ctx, "apply", "-f", file)
}
