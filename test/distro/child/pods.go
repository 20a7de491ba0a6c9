package child

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"sigs.k8s.io/yaml"
)

// ShimName is how the program is called when it is a pod's shim.
const ShimName = "containerd-shim-runc-v2"

// lookEvery is how often the stand-in of a kubelet looks at its pods.
const lookEvery = 500 * time.Millisecond

// Pods are processes that outlive the server: each has a manifest, a systemd scope and a shim, and is started again when it
// has died while the server runs and its manifest is there. A pod of a former server with the same manifest is taken over.
type Pods struct {
	// DataDir is the distribution's.
	DataDir string
	// Version is part of the shims' path.
	Version string
}

type pod struct {
	pods     Pods
	program  Program
	manifest string
	hash     string
	stopped  chan struct{}
	done     chan struct{}
	once     sync.Once
}

// Manifest is the path of a pod's manifest.
func (p Pods) Manifest(name string) string {
	return filepath.Join(p.DataDir, "agent", "pod-manifests", name+".yaml")
}

// Start writes the manifest and starts the pod.
func (p Pods) Start(ctx context.Context, program Program) (Process, error) {
	manifest, err := yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": program.Name, "namespace": "kube-system",
			"annotations": map[string]string{"stand-in/hash": program.Hash}},
		"spec": map[string]any{"hostNetwork": true, "priorityClassName": "system-cluster-critical", "containers": []any{
			map[string]any{"name": program.Name, "command": []string{program.Path}, "args": program.Args}}},
	})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(manifest)
	one := &pod{pods: p, program: program, manifest: p.Manifest(program.Name), hash: hex.EncodeToString(sum[:])[:16],
		stopped: make(chan struct{}), done: make(chan struct{})}
	if err := os.MkdirAll(filepath.Dir(one.manifest), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(one.manifest, manifest, 0o600); err != nil {
		return nil, err
	}
	if err := one.ensure(ctx); err != nil {
		return nil, fmt.Errorf("start pod %s: %w", program.Name, err)
	}
	go one.keep(ctx)
	return one, nil
}

// ensure starts the pod unless it runs as the manifest says.
func (p *pod) ensure(ctx context.Context) error {
	running := p.pods.shims(p.program.Name)
	for _, s := range running {
		if s.hash == p.hash {
			return nil
		}
	}
	if err := p.pods.Kill(p.program.Name); err != nil {
		return err
	}
	return p.launch(ctx)
}

// keep plays the kubelet.
func (p *pod) keep(ctx context.Context) {
	defer close(p.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.stopped:
			return
		case <-tick.C:
		}
		if _, err := os.Stat(p.manifest); err == nil && len(p.pods.shims(p.program.Name)) == 0 {
			p.launch(ctx) // tried again at the next look
		}
	}
}

func (p *pod) launch(_ context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	shim := filepath.Join(p.pods.DataDir, "data", p.pods.Version, "bin", ShimName)
	if err := os.MkdirAll(filepath.Dir(shim), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(self, shim); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	logs, err := os.OpenFile("/var/log/pods-"+p.program.Name+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer logs.Close()
	args := append([]string{"--scope", "--quiet", "--collect", "--slice=kubepods.slice",
		fmt.Sprintf("--unit=cri-containerd-%s-%d.scope", p.program.Name, time.Now().UnixNano()),
		shim, "-namespace", "k8s.io", "-id", p.program.Name, "-hash", p.hash, "--", p.program.Path}, p.program.Args...)
	cmd := exec.Command("systemd-run", args...)
	cmd.Stdout, cmd.Stderr = logs, logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait() // or else it stays as a zombie while the server runs
	return p.pods.await(p.program.Name)
}

// await returns when the shim is seen: before that, a second one would be started.
func (p Pods) await(name string) error {
	for range 100 {
		if len(p.shims(name)) > 0 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("no shim of %s appears", name)
}

func (p *pod) Done() <-chan struct{} { return p.done }

func (p *pod) Leave() error { return nil }

func (p *pod) Stop() error {
	p.once.Do(func() { close(p.stopped) })
	<-p.done
	return p.pods.Kill(p.program.Name)
}

// Kill ends a pod's process and shim.
func (p Pods) Kill(name string) error {
	for _, s := range p.shims(name) {
		if err := syscall.Kill(s.pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	deadline := time.Now().Add(stopGrace)
	for len(p.shims(name)) > 0 {
		if time.Now().After(deadline) {
			for _, s := range p.shims(name) {
				syscall.Kill(-s.pid, syscall.SIGKILL)
			}
		}
		time.Sleep(lookEvery / 5)
	}
	return nil
}

type shim struct {
	pid  int
	hash string
}

// shims finds the running shims of a pod of this data directory.
func (p Pods) shims(name string) []shim {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []shim
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil || len(data) == 0 {
			continue
		}
		argv := strings.Split(string(bytes.TrimRight(data, "\x00")), "\x00")
		if !strings.HasPrefix(argv[0], filepath.Join(p.DataDir, "data")+"/") || filepath.Base(argv[0]) != ShimName {
			continue
		}
		id, hash := slices.Index(argv, "-id"), slices.Index(argv, "-hash")
		if id > 0 && hash > id && argv[id+1] == name {
			found = append(found, shim{pid: pid, hash: argv[hash+1]})
		}
	}
	return found
}
