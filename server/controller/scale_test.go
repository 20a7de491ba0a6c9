package controller_test

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/controller"
	"github.com/holdfast-dev/holdfast/internal/simulated"
)

// TestAFleetIsSavedAtOnce measures a fleet of HOLDFAST_FLEET clusters of three machines each, by default a tiny one. API
// server, etcd, controllers and simulated agents share this process, so the numbers are an upper limit. It judges none of
// them: see its log.
func TestAFleetIsSavedAtOnce(t *testing.T) {
	clusters, err := strconv.Atoi(os.Getenv("HOLDFAST_FLEET"))
	rest := 2 * time.Minute
	if err != nil {
		clusters, rest = 5, time.Second
	}
	b := newBench(t, controller.Config{})
	start, begun := processor(t), time.Now()
	all := b.register(clusters)
	b.long("all are ready", 10*time.Minute, func() bool {
		var list v1alpha1.ClusterList
		ready := 0
		if err := b.client.List(t.Context(), &list); err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			if b.is(&list.Items[i], v1alpha1.ClusterReady) {
				ready++
			}
		}
		return ready == clusters
	})
	t.Logf("%d clusters of 3 machines ready after %v, %.1f CPU-seconds", clusters, time.Since(begun).Round(time.Second), processor(t)-start)

	start, first := processor(t), b.revision()
	<-time.After(rest)
	writes, cpu := b.revision()-first, processor(t)-start
	hours := float64(3*clusters) * rest.Hours()
	t.Logf("at rest: %.2f CPU-seconds and %.0f writes for each machine and hour (90 are leases); %.3f cores; %s resident", cpu/hours, float64(writes)/hours, cpu/rest.Seconds(), resident(t))

	start, first, begun = processor(t), b.revision(), time.Now()
	b.saveAll(all)
	t.Logf("a save of each: %.1f CPU-seconds, %d writes, %v; %s resident", processor(t)-start, b.revision()-first, time.Since(begun).Round(time.Second), resident(t))
}

// register makes the clusters and starts their agents.
func (b *bench) register(clusters int) []*v1alpha1.Cluster {
	all := make([]*v1alpha1.Cluster, clusters)
	var group errgroup.Group
	group.SetLimit(8)
	for i := range all {
		group.Go(func() error {
			name := fmt.Sprintf("c%04d", i)
			c := &v1alpha1.Cluster{ObjectMeta: in("ns-"+name, name), Spec: plain}
			all[i] = c
			if err := simulated.Register(b.t.Context(), b.client, c); err != nil {
				return err
			}
			b.long("the cluster has an id", 5*time.Minute, func() bool { return b.get(c) && c.Status.ID != "" })
			return b.enrol(c)
		})
	}
	if err := group.Wait(); err != nil {
		b.t.Fatal(err)
	}
	return all
}

func (b *bench) enrol(c *v1alpha1.Cluster) error {
	machines := []string{"a", "b", "c"}
	for _, m := range machines {
		if err := simulated.Enrol(b.t.Context(), b.client, c, m); err != nil {
			return err
		}
		a := simulated.New(simulated.Config{Client: b.client, Namespace: c.Namespace, Name: m, Members: machines})
		go a.Run(b.t.Context())
	}
	return nil
}

func (b *bench) saveAll(all []*v1alpha1.Cluster) {
	var wait sync.WaitGroup
	for _, c := range all {
		wait.Go(func() {
			save := &v1alpha1.EtcdSnapshotSave{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: "now"}}
			if err := b.client.Create(b.t.Context(), save); err != nil {
				b.t.Error(err)
			}
		})
	}
	wait.Wait()
	b.long("all saves have finished", 15*time.Minute, func() bool {
		var list v1alpha1.EtcdSnapshotSaveList
		if err := b.client.List(b.t.Context(), &list); err != nil {
			b.t.Fatal(err)
		}
		done := 0
		for _, s := range list.Items {
			if s.Status.Phase.Ended() {
				done++
			}
			if s.Status.Phase.Ended() && s.Status.Phase != v1alpha1.PhaseFinished {
				b.t.Fatal(s.Status.Message)
			}
		}
		return done == len(all)
	})
}

// long waits until something is so, for longer, and asks less often.
func (b *bench) long(what string, limit time.Duration, is func() bool) {
	deadline := time.After(limit)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Errorf("not in %v: %s", limit, what)
			return
		}
	}
}

// revision of the store: it grows by one with each write.
func (b *bench) revision() int64 {
	var list corev1.NamespaceList
	if err := b.client.List(b.t.Context(), &list, client.Limit(1)); err != nil {
		b.t.Fatal(err)
	}
	n, err := strconv.ParseInt(list.ResourceVersion, 10, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// processor is the time that this process has computed, in seconds.
func processor(t *testing.T) float64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func resident(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(data), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d MiB", pages*int64(os.Getpagesize())>>20)
}
