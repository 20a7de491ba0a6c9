package operation

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// configuration plans to bring each server's configuration back. A snapshot holds that of the node that it was taken on;
// the others' are in the other snapshots of the same backup. One without any gets the init machine's: what belongs to a
// machine alone never goes to another.
func (d *draft) configuration(facts *v1alpha1.SnapshotFacts) {
	own := d.rawConfig(facts.ConfigDigest, facts.Config)
	if own == nil {
		d.check("Configuration", "-", checkFailed, "the snapshot carries no configuration: set restoreRKEConfig to kubernetesVersion or none")
		return
	}
	d.check("Configuration", "-", checkPassed, "the snapshot carries the configuration, without its secrets: they stay as they are on each machine")
	for i := range d.plan.Machines {
		p := &d.plan.Machines[i]
		m := d.machine(p.Machine)
		if worker(p) || p.Action == v1alpha1.ActionKeep || p.Action == v1alpha1.ActionLeave {
			continue // one that is off gets it when it is back: see likeOthers
		}
		if config := d.rawConfig(d.sibling(facts, m)); config != nil {
			p.Config = config
		} else if m.has(v1alpha1.RoleEtcd) {
			p.Config = own
		} else {
			d.plan.Changes = append(d.plan.Changes, fmt.Sprintf("Configuration of %s stays: no snapshot carries one of a machine without etcd.", m.Name))
			continue
		}
		d.plan.Changes = append(d.plan.Changes, fmt.Sprintf("Configuration of %s becomes the snapshot's%s.", m.Name, d.comes(p)))
	}
}

// comes says when a configuration comes, and who tells what changes by it: the machine itself, which knows its own.
func (d *draft) comes(p *v1alpha1.PlannedMachine) string {
	if p.Action == v1alpha1.ActionPoweredOff {
		return " when its agent answers again, before it joins"
	}
	return ": see its check ConfigChanges"
}

// sibling is the configuration that a machine had when the snapshot's backup was taken.
func (d *draft) sibling(facts *v1alpha1.SnapshotFacts, m *Machine) (digest string, config *runtime.RawExtension) {
	node := m.Status.Hostname
	if s := m.Status.Distribution; s != nil && s.NodeName != "" {
		node = s.NodeName
	}
	for i := range d.Snapshots {
		s := &d.Snapshots[i].Spec.SnapshotFacts
		if s.Node == node && node != "" && (s == facts || s.Backup != "" && s.Backup == facts.Backup) {
			return s.ConfigDigest, s.Config
		}
	}
	return "", nil
}

// rawConfig finds a configuration: not every snapshot repeats one that another has.
func (d *draft) rawConfig(digest string, config *runtime.RawExtension) *runtime.RawExtension {
	if config != nil || digest == "" {
		return config
	}
	for i := range d.Snapshots {
		if s := &d.Snapshots[i].Spec.SnapshotFacts; s.ConfigDigest == digest && s.Config != nil {
			return s.Config
		}
	}
	return nil
}

func (d *draft) configOf(facts *v1alpha1.SnapshotFacts) map[string]any {
	return keysOf(d.rawConfig(facts.ConfigDigest, facts.Config))
}

func keysOf(raw *runtime.RawExtension) map[string]any {
	var config map[string]any
	if raw == nil || json.Unmarshal(raw.Raw, &config) != nil {
		return nil
	}
	return config
}

// becomes is what the cluster is after the commit point.
func (r *restoring) becomes() Becomes {
	if !r.shape.alone {
		return Becomes{}
	}
	plan := r.status.Plan
	return Becomes{InitMachine: plan.InitMachine, KubernetesVersion: plan.KubernetesVersion, Config: shared(plan.Machines)}
}

// redacted stands in a configuration in the place of a secret.
const redacted = "***"

// shared are the keys that all configurations have with the same value; nil where none was restored. A spec holds no secrets,
// and nothing in their place either.
func shared(machines []v1alpha1.PlannedMachine) *runtime.RawExtension {
	var common map[string]any
	for _, p := range machines {
		config := keysOf(p.Config)
		if config == nil {
			continue
		}
		if common == nil {
			common = config
			continue
		}
		maps.DeleteFunc(common, func(key string, value any) bool { return !reflect.DeepEqual(value, config[key]) })
	}
	if common == nil {
		return nil
	}
	maps.DeleteFunc(common, func(_ string, value any) bool { return strings.Contains(brief(value), redacted) })
	return encode(common)
}

// brief is a value as an operator reads it.
func brief(value any) string {
	if many, ok := value.([]any); ok {
		var list []string
		for _, one := range many {
			list = append(list, fmt.Sprint(one))
		}
		return clip(strings.Join(slices.Clip(list), ","), 128)
	}
	return clip(fmt.Sprint(value), 128)
}
