package server

import (
	"bytes"
	"errors"
	"os"

	"github.com/holdfast-dev/holdfast/test/distro/child"
)

// newRunner runs parts as the distribution does.
func (s *Server) newRunner() child.Runner {
	if s.cfg.Flavor.StaticPods() {
		return s.pods()
	}
	return child.Children{Log: &ear{s: s}}
}

func (s *Server) pods() child.Pods { return child.Pods{DataDir: s.cfg.DataDir, Version: s.cfg.Version} }

// staticPods are those of a server.
func staticPods() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "cloud-controller-manager", "kube-proxy"}
}

// endPods kills the pods of a former server before a reset, and drops their manifests.
func (s *Server) endPods() error {
	if !s.cfg.Flavor.StaticPods() {
		return nil
	}
	for _, name := range staticPods() {
		if err := s.pods().Kill(name); err != nil {
			return err
		}
		if err := os.Remove(s.pods().Manifest(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// ear passes on what parts print, and listens for what the server must know.
type ear struct{ s *Server }

func (e *ear) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("permanently removed from the cluster")) {
		e.s.removed.Store(true)
	}
	return os.Stderr.Write(p)
}
