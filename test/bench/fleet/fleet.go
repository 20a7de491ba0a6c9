package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/internal/simulated"
)

const (
	// perCluster machines.
	perCluster = 3
	// held is how many snapshots each machine holds to begin with: what the default retention leaves.
	held = 5
	// atOnce is how many clusters are registered, or machines joined, side by side.
	atOnce = 16
	// limit of each phase: the machine that measures may be busy with other things.
	limit = 2 * time.Hour
)

// Fleet of simulated machines at a real server.
type Fleet struct {
	*Manager
	dir      string
	clusters []*v1alpha1.Cluster
	info     enroll.Info
	// log of what failed at agents, and was tried again.
	log *os.File

	mu     sync.Mutex
	agents []*simulated.Agent
	// running ends when all agents have ended, which end does.
	running sync.WaitGroup
	end     context.CancelFunc
}

// Start starts a server, registers clusters and has their machines join as real ones do. They live until Close.
func Start(ctx context.Context, cfg Config) (*Fleet, error) {
	dir, err := os.MkdirTemp(cfg.Dir, "holdfast-fleet-")
	if err != nil {
		return nil, err
	}
	f := &Fleet{dir: dir, clusters: make([]*v1alpha1.Cluster, cfg.Clusters), end: func() {}}
	if f.log, err = os.Create(filepath.Join(dir, "agents.log")); err != nil {
		return nil, err
	}
	if f.Manager, err = StartManager(ctx, cfg.Program, dir); err != nil {
		f.Close()
		return nil, err
	}
	if err := f.fill(ctx); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Clusters of the fleet.
func (f *Fleet) Clusters() []*v1alpha1.Cluster { return f.clusters }

// Agent of a machine; nil for one that the fleet does not have.
func (f *Fleet) Agent(namespace, machine string) *simulated.Agent {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.agents {
		if a.Namespace == namespace && a.Name == machine {
			return a
		}
	}
	return nil
}

// Close ends the machines and the server, and removes what they kept.
func (f *Fleet) Close() {
	f.end()
	f.running.Wait()
	if f.Manager != nil {
		if err := f.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "end the manager:", err)
		}
	}
	f.log.Close()
	if err := os.RemoveAll(f.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (f *Fleet) fill(ctx context.Context) error {
	running, end := context.WithCancel(ctx)
	f.end = end
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var err error
	if f.info, err = enroll.ReadInfo(ctx, f.Client); err != nil {
		return err
	}
	err = f.each(len(f.clusters), func(i int) error {
		name := fmt.Sprintf("c%04d", i)
		f.clusters[i] = &v1alpha1.Cluster{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: name}, Spec: v1alpha1.ClusterSpec{Distro: v1alpha1.DistroEtcd},
		}
		return simulated.Register(ctx, f.Client, f.clusters[i])
	})
	if err != nil {
		return err
	}
	if err := f.awaitClusters(ctx, "have ids", func(c *v1alpha1.Cluster) bool { return c.Status.ID != "" }); err != nil {
		return err
	}
	err = f.each(perCluster*len(f.clusters), func(i int) error { return f.join(ctx, running, f.clusters[i/perCluster], i%perCluster) })
	if err != nil {
		return err
	}
	return f.awaitClusters(ctx, "are ready, and their snapshots known", func(c *v1alpha1.Cluster) bool {
		return IsReady(c) && c.Status.LastComplete != nil
	})
}

// each does something for all numbers below n.
func (f *Fleet) each(n int, do func(i int) error) error {
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error { return do(i) })
	}
	return group.Wait()
}

// join has one machine join with a token of its own, and runs its agent.
func (f *Fleet) join(ctx, running context.Context, c *v1alpha1.Cluster, i int) error {
	names := []string{"a", "b", "c"}
	token, err := enroll.Invite(ctx, f.Client, f.info, enroll.Invitation{
		Namespace: c.Namespace, Cluster: c.Name, Roles: []v1alpha1.Role{v1alpha1.RoleEtcd}, Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		return err
	}
	identity, err := enroll.Join(ctx, enroll.JoinConfig{
		Dir: filepath.Join(f.dir, "agents", c.Name, names[i]), Server: f.Address(), Token: token.Text(), Machine: names[i], Now: time.Now,
	})
	if err != nil {
		return err
	}
	api, err := simulated.Connect(identity)
	if err != nil {
		return err
	}
	a := simulated.New(simulated.Config{Client: api, Namespace: c.Namespace, Name: names[i], Members: names, Held: held, Log: slog.New(slog.NewTextHandler(f.log, nil))})
	f.mu.Lock()
	f.agents = append(f.agents, a)
	f.mu.Unlock()
	f.running.Go(func() { a.Run(running) })
	return nil
}

// IsReady tells whether all machines of a cluster are well.
func IsReady(c *v1alpha1.Cluster) bool {
	for _, condition := range c.Status.Conditions {
		if condition.Type == v1alpha1.ClusterReady {
			return condition.Status == metav1.ConditionTrue
		}
	}
	return false
}

// awaitClusters waits until something is so of all of them.
func (f *Fleet) awaitClusters(ctx context.Context, what string, is func(*v1alpha1.Cluster) bool) error {
	return await(ctx, "all clusters "+what, 3*time.Second, func() (bool, error) {
		var all v1alpha1.ClusterList
		if err := f.List(ctx, &all, fromMemory()); err != nil {
			return false, err
		}
		n := 0
		for i := range all.Items {
			if is(&all.Items[i]) {
				n++
			}
		}
		if n < len(f.clusters) {
			return false, fmt.Errorf("%d of %d do", n, len(f.clusters))
		}
		return true, nil
	})
}
