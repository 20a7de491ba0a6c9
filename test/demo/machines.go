package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/test/server"
)

// startMachines starts three agents. Each runs a member of etcd, which a systemd unit does on a machine of its own.
func (s *stage) startMachines(ctx context.Context) error {
	say("Joining three machines: an agent on each, with a real etcd of three members on loopback, TLS and client certificates.")
	var err error
	s.cluster, err = server.NewEtcd(server.EtcdConfig{Dir: filepath.Join(s.dir, "etcd"), Version: "3.7", Members: 3, TLS: true})
	if err != nil {
		return err
	}
	for _, m := range s.cluster.Members {
		if err := s.join(ctx, m); err != nil {
			return fmt.Errorf("machine %s: %w", m.Name, err)
		}
	}
	if err := s.cluster.Ready(ctx); err != nil {
		return err
	}
	err = await(ctx, "the manager sees a healthy cluster", func() (bool, error) {
		out, err := s.quiet(ctx, "cluster", "get", clusterName, "-o", "json")
		return err == nil && ready(out), err
	})
	if err != nil {
		return err
	}
	return s.show(ctx, "machine", "ls", clusterName)
}

// ready reads a Cluster's condition.
func ready(cluster []byte) bool {
	var c struct {
		Status struct {
			Conditions []struct{ Type, Status string }
		}
	}
	if json.Unmarshal(cluster, &c) != nil {
		return false
	}
	for _, condition := range c.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True"
		}
	}
	return false
}

func (s *stage) join(ctx context.Context, m *server.Member) error {
	out, err := s.quiet(ctx, "machine", "join", clusterName, "--role", "etcd", "-o", "json")
	if err != nil {
		return err
	}
	var line struct{ Token, Server string }
	if err := json.Unmarshal(out, &line); err != nil {
		return err
	}
	config, err := s.configure(m)
	if err != nil {
		return err
	}
	state := filepath.Join(s.dir, m.Name)
	p, err := server.StartProgram(s.program("holdfast-agent"), filepath.Join(s.dir, m.Name+"-join.log"),
		[]string{"HOLDFAST_JOIN_TOKEN=" + line.Token}, "join", "--server", line.Server, "--name", m.Name, "--state-dir", state)
	if err != nil {
		return err
	}
	if err := p.Wait(ctx); err != nil {
		return err
	}
	_, err = s.start("holdfast-agent", m.Name+"-agent.log", nil, "run", "--config", config, "--state-dir", state)
	return err
}

// configure writes the agent's config file: what runs etcd, and ports beside those of the other agents.
func (s *stage) configure(m *server.Member) (path string, err error) {
	command, err := m.Command()
	if err != nil {
		return "", err
	}
	data, err := yaml.Marshal(map[string]any{
		"supervise": map[string]any{"command": command},
		"peer":      map[string]any{"address": "127.0.0.1:0", "advertise": []string{"127.0.0.1"}},
		"metrics":   "none",
		"node":      m.Name,
	})
	if err != nil {
		return "", err
	}
	path = filepath.Join(s.dir, m.Name+".yaml")
	return path, os.WriteFile(path, data, 0o600)
}

// endMembers kills the members, wherever they run: their agents start them again.
func (s *stage) endMembers() error {
	pids, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	for _, path := range pids {
		data, err := os.ReadFile(path)
		if err != nil || !s.isMember(string(data)) {
			continue // processes end all the time
		}
		var pid int
		if _, err := fmt.Sscanf(path, "/proc/%d/", &pid); err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
			return err
		}
	}
	return nil
}

func (s *stage) isMember(command string) bool {
	for _, m := range s.cluster.Members {
		if strings.Contains(command, "--data-dir="+m.DataDir+"\x00") {
			return true
		}
	}
	return false
}
