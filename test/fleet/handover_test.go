package fleet_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/lab"
)

// handsOver lets Holdfast take the recurring snapshots, and then the distribution again. Each time every server restarts
// once, one after the other, and the API answers throughout.
func (a *adoption) handsOver(t *testing.T) {
	before := a.restartCounts(t)
	watch := a.watchAPI(t)
	a.schedules(t, `{"spec":{"etcd":{"snapshotScheduler":"holdfast","snapshotScheduleCron":"* * * * *"}}}`, "scheduler-holdfast-", true)
	for _, n := range a.Lab.Nodes {
		config, err := n.Run(t.Context(), "sh", "-c", "cat "+a.flavour.ConfigFile()+".d/zz-holdfast-schedule.yaml")
		do(t, err)
		if !strings.Contains(config, "etcd-disable-snapshots: true") {
			t.Errorf("%s: %s", n.Name, config)
		}
	}
	a.awaitSnapshots(t, "recurring", len(a.Lab.Nodes))
	a.schedules(t, `{"spec":{"etcd":{"snapshotScheduler":"distribution"}}}`, "scheduler-distribution-", false)
	watch()
	for _, n := range a.Lab.Nodes {
		if left, err := n.Run(t.Context(), "sh", "-c", "ls "+a.flavour.ConfigFile()+".d"); err == nil && strings.Contains(left, "schedule") {
			t.Errorf("%s: %s is left", n.Name, left)
		}
	}
	for name, after := range a.restartCounts(t) {
		if after == before[name] {
			t.Errorf("%s was not restarted", name)
		}
	}
}

// schedules changes the cluster, and waits for the task that follows of it, and for what the machines say then.
func (a *adoption) schedules(t *testing.T, change, task string, off bool) {
	t.Helper()
	do(t, a.Patch(t.Context(), "cluster", name, name, change))
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, "the schedule to be handed over", func(ctx context.Context) error {
		out, err := a.Kubectl(ctx, "", "get", "etcdsnapshottasks", "-n", name, "-o", `jsonpath={range .items[*]}{.metadata.name} {.status.phase} {.status.message}{"\n"}{end}`)
		if err != nil {
			return err
		}
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, task) && strings.Contains(line, " Finished ") {
				return a.told(ctx, off)
			}
		}
		return fmt.Errorf("%s", out)
	}))
}

// told says what the machines say of their distribution's schedule, if that is not as wanted.
func (a *adoption) told(ctx context.Context, off bool) error {
	for _, n := range a.Lab.Nodes {
		m, err := a.Machine(ctx, n.Name)
		if err != nil {
			return err
		}
		d := m.Status.Distribution
		if d == nil || d.Snapshots == nil || d.Snapshots.Disabled != off || d.Snapshots.TakenOver != off {
			return fmt.Errorf("%s tells %+v", n.Name, d)
		}
		if m.Status.NextSchedule == nil {
			return fmt.Errorf("%s has no schedule", n.Name)
		}
	}
	return nil
}

// restartCounts tell one run of each server from the next.
func (a *adoption) restartCounts(t *testing.T) map[string]string {
	t.Helper()
	runs := map[string]string{}
	for _, n := range a.Lab.Nodes {
		out, err := n.Run(t.Context(), "systemctl", "show", "-p", "InvocationID", a.distro.Unit(n))
		do(t, err)
		runs[n.Name] = out
	}
	return runs
}

// watchAPI asks for objects all the time, any server that answers. The function that it returns ends that.
func (a *adoption) watchAPI(t *testing.T) (end func()) { return a.watchAPIOf(t, a.Lab.Nodes) }

func (a *adoption) watchAPIOf(t *testing.T, nodes []*lab.Node) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		var last error
		silent := 0
		for ctx.Err() == nil {
			last = nil
			for _, n := range nodes {
				if _, last = a.distro.Kubectl(ctx, n, "get", "namespaces"); last == nil {
					break
				}
			}
			if last == nil {
				silent = 0
			} else if silent++; silent > 3 {
				break
			}
		}
		if ctx.Err() != nil {
			last = nil
		}
		done <- last
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("no server answers: %v", err)
		}
	}
}
