package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// Status prints what is on this machine's disk, and how its etcd is. It works beside a running agent and without one.
func Status(ctx context.Context, cfg Config, w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	a := &Agent{cfg: cfg, name: cfg.Hostname}
	if err := a.statusIdentity(row); err != nil {
		return err
	}
	var err error
	if a.standing, err = newStanding(cfg.StateDir); err != nil {
		return err
	}
	if a.schedule, err = newScheduleState(cfg.StateDir); err != nil {
		return err
	}
	o, _ := a.standing.get()
	if cfg.Local != nil {
		if o, err = localOrders(cfg.Local); err != nil {
			return err
		}
	}
	a.supervisor = cfg.supervisor()
	a.statusEtcd(ctx, o, row)
	a.statusSchedule(o, row)
	if err := a.statusAside(ctx, row); err != nil {
		return err
	}
	if err := a.statusOperation(row); err != nil {
		return err
	}
	return t.Flush()
}

type rower func(name, format string, args ...any)

func (a *Agent) statusIdentity(row rower) error {
	identity, err := enroll.Open(IdentityDir(a.cfg.StateDir), a.cfg.Now)
	if errors.Is(err, enroll.ErrNotJoined) {
		row("Manager", "none")
		return nil
	}
	if err != nil {
		return err
	}
	m := identity.Membership()
	a.name = m.Machine
	row("Manager", "%s", m.Server)
	row("Machine", "%s of cluster %s", m.Machine, m.Cluster)
	row("Certificate until", "%s", identity.Certificate().Leaf.NotAfter.Format(time.RFC3339))
	return nil
}

func (a *Agent) statusEtcd(ctx context.Context, o orders, row rower) {
	d := a.driver(o)
	if d == nil {
		row("Etcd", "unknown: nobody has said what runs here")
		return
	}
	if fenced, err := d.Fenced(); err == nil && fenced {
		row("Fence", "up: etcd must not start")
	}
	inst, err := d.Discover(ctx)
	if err != nil {
		row("Etcd", "%v", err)
		return
	}
	if _, message := memberless(inst); message != "" {
		row("Etcd", "%s", message)
		return
	}
	row("Data directory", "%s", inst.DataDir)
	member, err := distro.Look(ctx, inst.Client)
	if err != nil {
		row("Etcd", "%v", err)
		return
	}
	row("Etcd", "%s, %s, version %s, revision %d", member.Name, member.Role, member.Version, member.Revision)
}

func (a *Agent) statusSchedule(o orders, row rower) {
	last, _ := a.schedule.times()
	if last != nil {
		row("Last due", "%s: %s", last.Format(time.RFC3339), a.schedule.condition().Message)
	}
	if schedule, err := slots(o.Spec.Snapshots); err == nil && schedule != nil {
		row("Next due", "%s", schedule.Next(a.cfg.Now()).Format(time.RFC3339))
	}
	if e, err := restoring.ReadEpoch(a.cfg.StateDir); err == nil && e.Epoch > 0 {
		row("Restore epoch", "%d", e.Epoch)
	}
}

func (a *Agent) statusOperation(row rower) error {
	j, err := step.Open(a.cfg.journalDir())
	if err != nil {
		return err
	}
	plan, err := j.Plan()
	if err != nil || plan.Operation == nil {
		return err
	}
	row("Operation", "%s %s", plan.Operation.Kind, plan.Operation.Name)
	records, err := j.Records(plan.Operation.UID)
	for _, r := range records {
		row("  "+string(r.Kind), "%s %s", r.State, r.Message)
	}
	return err
}
