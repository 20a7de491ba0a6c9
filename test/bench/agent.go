package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/internal/simulated"
	"github.com/holdfast-dev/holdfast/test/bench/fleet"
	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/server"
)

// The aims for an agent at rest.
const (
	maxAgentMemory = 64 << 20
	maxAgentCPU    = 0.5 // percent of a core
)

const (
	agentMachine = "m1"
	// agentDatabase is the size of its etcd's database.
	agentDatabase = 256 << 20
	// agentWait bounds each wait for the machine.
	agentWait = 5 * time.Minute
)

// machine is an etcd with its agent, joined to a manager.
type machine struct {
	*fleet.Manager
	bin, dir string
	cluster  *v1alpha1.Cluster
	etcd     *server.Etcd
	agent    *server.Process
}

// measureAgent watches a real agent, with a real etcd and a real manager, while nothing happens.
func measureAgent(ctx context.Context, o options) (section, error) {
	dir, err := os.MkdirTemp("/var/tmp", "holdfast-agent-")
	if err != nil {
		return section{}, err
	}
	m := &machine{bin: o.bin, dir: dir}
	defer m.close()
	if err := m.start(ctx); err != nil {
		return section{}, err
	}
	fmt.Fprintf(os.Stderr, "an agent at rest for %s …\n", o.rest)
	cpu, anonymous, err := m.rest(ctx, o.rest)
	if err != nil {
		return section{}, fmt.Errorf("%w\n%s", err, m.agent.LogTail())
	}
	text := fmt.Sprintf(agentText, agentDatabase>>20, measured(), o.rest,
		judged(fmt.Sprintf("%.2f %% of a core, ≤ %.1f %%", cpu, maxAgentCPU), cpu <= maxAgentCPU),
		judged(fmt.Sprintf("%d MiB, ≤ %d MiB", anonymous>>20, maxAgentMemory>>20), anonymous <= maxAgentMemory))
	return section{title: "An agent at rest", body: text}, nil
}

const agentText = `A real ` + "`holdfast-agent`" + ` that has joined a real ` + "`holdfast-server`" + `, with a real etcd 3.7 over TLS whose database holds %d MiB.
It has just saved and tried out a snapshot. Its etcd runs as its child here; that process's cost does not count.
` + "`scripts/bench.sh -only i`" + ` repeats it.

%s, for %s.

- processor: %s
- anonymous memory at most (RssAnon): %s
`

func (m *machine) close() {
	if m.agent != nil {
		_ = m.agent.Stop()
	}
	if m.etcd != nil {
		_ = m.endMember()
		_ = m.etcd.Stop()
	}
	if m.Manager != nil {
		_ = m.Stop()
	}
	os.RemoveAll(m.dir)
}

// endMember ends the etcd, which outlives its agent.
func (m *machine) endMember() error {
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	for _, path := range paths {
		command, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(command), "--data-dir="+m.etcd.Members[0].DataDir+"\x00") {
			continue // processes end all the time
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) start(ctx context.Context) error {
	var err error
	if m.Manager, err = fleet.StartManager(ctx, filepath.Join(m.bin, "holdfast-server"), m.dir); err != nil {
		return err
	}
	m.cluster = &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "one", Name: "one"}}
	m.cluster.Spec.Distro = v1alpha1.DistroEtcd
	m.cluster.Spec.Etcd.MinFree = new(resource.Quantity) // whoever measures may have little
	if err := simulated.Register(ctx, m.Client, m.cluster); err != nil {
		return err
	}
	if err := m.await(ctx, m.cluster, "the cluster has an id", func() bool { return m.cluster.Status.ID != "" }); err != nil {
		return err
	}
	m.etcd, err = server.NewEtcd(server.EtcdConfig{Dir: filepath.Join(m.dir, "etcd"), Version: "3.7", TLS: true})
	if err != nil {
		return err
	}
	if err := m.join(ctx); err != nil {
		return err
	}
	if err := m.etcd.Ready(ctx); err != nil {
		return err
	}
	client, err := m.etcd.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := kubedata.FillAged(ctx, client, kubedata.Options{Seed: 1, Size: agentDatabase, Leases: true}); err != nil {
		return err
	}
	return m.save(ctx)
}

// join has the agent join and run.
func (m *machine) join(ctx context.Context) error {
	info, err := enroll.ReadInfo(ctx, m.Client)
	if err != nil {
		return err
	}
	token, err := enroll.Invite(ctx, m.Client, info, enroll.Invitation{
		Namespace: m.cluster.Namespace, Cluster: m.cluster.Name, Roles: []v1alpha1.Role{v1alpha1.RoleEtcd}, Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		return err
	}
	command, err := m.etcd.Members[0].Command()
	if err != nil {
		return err
	}
	config, err := yaml.Marshal(map[string]any{
		"supervise": map[string]any{"command": command}, "metrics": "none", "node": agentMachine,
		"peer": map[string]any{"address": "127.0.0.1:0", "advertise": []string{"127.0.0.1"}},
	})
	if err != nil {
		return err
	}
	file, state, program := filepath.Join(m.dir, "agent.yaml"), filepath.Join(m.dir, "agent"), filepath.Join(m.bin, "holdfast-agent")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return err
	}
	p, err := server.StartProgram(program, filepath.Join(m.dir, "join.log"), []string{"HOLDFAST_JOIN_TOKEN=" + token.Text()},
		"join", "--server", m.Address(), "--name", agentMachine, "--state-dir", state)
	if err != nil {
		return err
	}
	if err := p.Wait(ctx); err != nil {
		return err
	}
	m.agent, err = server.StartProgram(program, filepath.Join(m.dir, "agent.log"), nil, "run", "--config", file, "--state-dir", state)
	return err
}

// save has a snapshot taken, and waits until it has ended.
func (m *machine) save(ctx context.Context) error {
	err := m.await(ctx, m.cluster, "the cluster is ready", func() bool { return m.cluster.Status.Machines.Answering == 1 && fleet.IsReady(m.cluster) })
	if err != nil {
		return err
	}
	save := &v1alpha1.EtcdSnapshotSave{ObjectMeta: metav1.ObjectMeta{Namespace: m.cluster.Namespace, Name: "once"}}
	if err := m.Create(ctx, save); err != nil {
		return err
	}
	if err := m.await(ctx, save, "the save has ended", func() bool { return save.Status.Phase.Ended() }); err != nil {
		return err
	}
	if save.Status.Phase != v1alpha1.PhaseFinished {
		return fmt.Errorf("the save: %s", save.Status.Message)
	}
	return nil
}

// await waits until something is so of an object.
func (m *machine) await(ctx context.Context, object client.Object, what string, is func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, agentWait)
	defer cancel()
	for {
		err := m.Get(ctx, client.ObjectKeyFromObject(object), object)
		if err == nil && is() {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, context.Cause(ctx))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// rest returns the processor that the agent takes, in percent of a core, and the most anonymous memory.
func (m *machine) rest(ctx context.Context, length time.Duration) (cpu float64, anonymous int64, err error) {
	before, err := fleet.UsageOf(m.agent.PID())
	if err != nil {
		return 0, 0, err
	}
	began, tick := time.Now(), time.NewTicker(time.Second)
	defer tick.Stop()
	for last := before; ; {
		took := time.Since(began)
		if took >= length {
			return 100 * (last.CPU - before.CPU) / took.Seconds(), anonymous, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, 0, context.Cause(ctx)
		}
		if last, err = fleet.UsageOf(m.agent.PID()); err != nil {
			return 0, 0, err
		}
		anonymous = max(anonymous, last.Anonymous)
	}
}
