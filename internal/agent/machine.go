package agent

import (
	"context"
	"fmt"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/engine/snapshot/trial"
	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
	"github.com/holdfast-dev/holdfast/internal/step/saving"
	"github.com/holdfast-dev/holdfast/internal/step/scheduling"
)

// driver of the distribution that the orders name; nil for one that this agent does not know.
func (a *Agent) driver(o orders) distro.Driver {
	if d := a.kubernetes.of(o.Spec.Distro, a.cfg, a.supervisor); d != nil {
		return d
	}
	if o.Spec.Distro != v1alpha1.DistroEtcd {
		return nil
	}
	cfg := etcd.Config{StateDir: a.cfg.StateDir, Supervisor: a.supervisor}
	if o.Spec.Config != nil {
		cfg.Etcd = *o.Spec.Config
	}
	return etcd.New(cfg)
}

// saving is this machine as the steps that save see it.
func (a *Agent) saving(o orders) *saving.Machine {
	m := &saving.Machine{
		Driver: a.driver(o), Places: a.places(o), Name: a.name, ClusterID: o.Spec.ClusterID, Node: a.node(),
		Recipients: o.Spec.EscrowRecipients, MinFree: snapshot.DefaultMinFree, SpoolDir: a.cfg.spoolDir(), Tool: "holdfast-agent " + a.cfg.Version, Now: a.cfg.Now, Log: a.cfg.Log,
		Prover: trial.New(trial.Config{Command: a.cfg.Etcd, Dir: a.cfg.spoolDir(), Log: a.cfg.Log}),
	}
	if s := o.Spec.Snapshots; s != nil && s.MinFree != nil {
		m.MinFree = s.MinFree.Value()
	}
	if a.given != nil {
		m.Keys = a.given.Keys
	}
	return m
}

func (a *Agent) restoring(o orders) *restoring.Machine {
	m := &restoring.Machine{
		Driver: a.driver(o), Places: a.places(o), Name: a.name, StateDir: a.cfg.StateDir, SpoolDir: a.cfg.spoolDir(), SecretDir: a.cfg.secretDir(),
		Now: a.cfg.Now, Log: a.cfg.Log,
	}
	if a.peers != nil {
		m.Peers = a.peers
	}
	switch {
	case a.given != nil:
		m.Secrets = a.given
	case a.secrets != nil:
		m.Secrets = a.secrets
	}
	return m
}

// makeStep implements step.RunnerConfig.Make with the orders in force.
func (a *Agent) makeStep(r step.Request) (step.Step, error) {
	o, _ := a.standing.get()
	if a.driver(o) == nil {
		return nil, fmt.Errorf("%s: this agent does not drive the distribution %q", r.Kind, o.Spec.Distro)
	}
	switch r.Kind { //nolint:exhaustive // the others are of the second group
	case step.SetScheduler:
		return (&scheduling.Machine{Driver: a.driver(o), Name: a.name}).Make(r)
	case step.SaveSnapshot:
		s, err := a.saving(o).Make(r)
		return noticed{s, a}, err
	case step.VerifySnapshot, step.DeleteSnapshot, step.TestTarget:
		return a.saving(o).Make(r)
	}
	return a.restoring(o).Make(r)
}

// noticed tells the rest of the agent of what a step saved.
type noticed struct {
	step.Step
	agent *Agent
}

// Do implements step.Step.
func (n noticed) Do(ctx context.Context, report step.Report) (any, error) {
	started := n.agent.cfg.Now()
	evidence, err := n.Step.Do(ctx, report)
	if saved, ok := evidence.(step.SaveEvidence); ok {
		n.agent.saved(saved.Files, n.agent.cfg.Now().Sub(started))
	}
	return evidence, err
}
