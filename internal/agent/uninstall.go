package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// Uninstall takes back what Holdfast has changed about the distribution on this machine, and says what is left. It removes no
// snapshot and no program: the commands for the latter are in what it says.
type Uninstall struct{}

// Plan says what it would do. It changes nothing.
func (u *Uninstall) Plan(ctx context.Context, cfg Config) ([]string, error) {
	a, _, err := u.open(cfg)
	if err != nil {
		return nil, err
	}
	found := a.remains(ctx)
	return append(found.takenBack(false), found.left()...), nil
}

// Run does it, and says what is left.
func (u *Uninstall) Run(ctx context.Context, cfg Config, w io.Writer) error {
	a, o, err := u.open(cfg)
	if err != nil {
		return err
	}
	found := a.remains(ctx)
	if d, ok := a.driver(o).(distro.SelfScheduler); ok && found.schedule {
		if err := d.SetSchedule(ctx, true); err != nil {
			return err
		}
	}
	for _, line := range append(found.takenBack(true), found.left()...) {
		fmt.Fprintln(w, line)
	}
	return nil
}

// open refuses while an operation has changed this machine: the way back would be lost with the journal.
func (u *Uninstall) open(cfg Config) (*Agent, orders, error) {
	a, err := open(cfg)
	if err != nil {
		return nil, orders{}, err
	}
	o, _ := a.standing.get()
	busy, err := a.busy()
	if err == nil && busy {
		err = &problem.Error{
			Kind: problem.Refused, Op: "uninstall", Why: "a restore on this machine is neither committed nor taken back",
			Next: "let it end, or take it back: holdfast-agent undo",
		}
	}
	if d := a.driver(o); err == nil && d != nil {
		if fenced, fenceErr := d.Fenced(); fenceErr == nil && fenced {
			err = &problem.Error{
				Kind: problem.Refused, Op: "uninstall", Why: "this machine holds data of before a restore, and the fence keeps it from starting",
				Next: "have it rejoin first: holdfast-agent rejoin",
			}
		}
	}
	return a, o, err
}

// remains is what Holdfast has to do with on this machine.
type remains struct {
	distro   v1alpha1.Distro
	state    string
	snapshot string
	bucket   string
	// schedule: the distribution's own is off because of Holdfast.
	schedule bool
	// supervised: what runs etcd is a child of the agent's.
	supervised bool
	// aside is where data of before restores lies.
	aside []string
	// pointed are files that say how this machine joins its cluster since a restore.
	pointed []string
	unknown error
}

func (a *Agent) remains(ctx context.Context) remains {
	o, _ := a.standing.get()
	r := remains{distro: o.Spec.Distro, state: a.cfg.StateDir, supervised: a.supervisor != nil, snapshot: a.cfg.snapshotDir()}
	if o.Spec.Snapshots != nil && o.Spec.Snapshots.S3 != nil {
		r.bucket = "s3://" + filepath.Join(o.Spec.Snapshots.S3.Bucket, o.Spec.Snapshots.S3.Folder)
	}
	r.aside, r.unknown = a.keptAside()
	d := a.driver(o)
	if d == nil {
		return r
	}
	inst, err := d.Discover(ctx)
	if err != nil {
		r.unknown = errors.Join(r.unknown, err)
		return r
	}
	if inst.Distribution != nil {
		r.snapshot = inst.SnapshotDir
		r.schedule = inst.Distribution.Snapshots != nil && inst.Distribution.Snapshots.TakenOver
	}
	if k := a.kubernetes.of(o.Spec.Distro, a.cfg, a.supervisor); k != nil {
		r.pointed, err = k.Pointed(ctx)
		r.unknown = errors.Join(r.unknown, err)
	}
	return r
}

// keptAside are the places of data of before restores.
func (a *Agent) keptAside() ([]string, error) {
	kept, err := restoring.ListKept(a.cfg.StateDir)
	var places []string
	for _, k := range kept {
		places = append(places, k.Places...)
	}
	return places, err
}

// takenBack says what is taken back.
func (r remains) takenBack(done bool) []string {
	if !r.schedule {
		return []string{"Nothing about " + string(r.distro) + " has to be taken back."}
	}
	if done {
		return []string{"The schedule of " + string(r.distro) + " is on again, from its next restart on. Restart it now, one server after the other: until then nobody takes snapshots."}
	}
	return []string{"The schedule of " + string(r.distro) + ", which Holdfast has taken over, is turned on again in its configuration."}
}

// left says what stays, and how to remove what is the agent's own.
func (r remains) left() []string {
	var text []string
	if r.snapshot != "" {
		text = append(text, "Snapshots stay in "+r.snapshot+".")
	}
	if r.bucket != "" {
		text = append(text, "Copies stay in "+r.bucket+".")
	}
	for _, path := range r.pointed {
		text = append(text, path+" stays: this machine joins its cluster by it since a restore.")
	}
	for _, path := range r.aside {
		text = append(text, "Data of before a restore stays in "+path+": remove it when it is not needed any more.")
	}
	if r.supervised {
		text = append(text, "The agent runs "+string(r.distro)+" on this machine. It goes on without the agent, and nobody starts it again when it ends.")
	}
	if r.unknown != nil {
		text = append(text, "What else there is could not be seen: "+r.unknown.Error())
	}
	return append(text,
		"To remove the agent: systemctl disable --now holdfast-agent && rm /etc/systemd/system/holdfast-agent.service /usr/local/bin/holdfast-agent",
		"Its identity, journal and notes are in "+r.state+" and /etc/holdfast. With plain etcd that directory holds the snapshots, too.")
}
