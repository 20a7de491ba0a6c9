package operation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/coreos/go-semver/semver"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// fits checks whether the snapshot goes with what runs on the init machine, and plans what comes back beside etcd's data.
func (d *draft) fits() {
	scope := v1alpha1.RestoreConfigScope(word(string(d.spec.RestoreRKEConfig), string(v1alpha1.RestoreNone)))
	if d.plan.Survivor != "" {
		if scope != v1alpha1.RestoreNone {
			d.check("Configuration", "-", checkFailed, "a survivor has the version and the configuration that it runs with: set restoreRKEConfig to none")
		}
		return
	}
	init := d.machine(d.plan.InitMachine)
	if d.plan.Snapshot == nil || init == nil {
		return // there is a failed check that says so
	}
	facts := &v1alpha1.SnapshotFacts{}
	if s := d.snapshot(d.plan.Snapshot.Name); s != nil {
		facts = &s.Spec.SnapshotFacts
	}
	d.token(facts, init)
	d.encryption(facts, init)
	if scope == v1alpha1.RestoreNone {
		d.staysAt(facts.KubernetesVersion, init)
		return
	}
	d.version(facts.KubernetesVersion)
	if scope == v1alpha1.RestoreAll {
		d.configuration(facts)
	}
}

// token compares the tokens that keys are sealed with. What the snapshot itself says of that, the init machine reads from it.
func (d *draft) token(facts *v1alpha1.SnapshotFacts, init *Machine) {
	if facts.TokenDigest == "" {
		return
	}
	for _, p := range d.plan.Machines {
		s := d.machine(p.Machine).Status.Distribution
		if p.Action != v1alpha1.ActionRestore && p.Action != v1alpha1.ActionRejoin || s == nil || s.TokenDigest == "" {
			continue
		}
		text := fmt.Sprintf("the snapshot was taken under token %s, and the machine's is %s", facts.TokenDigest, s.TokenDigest)
		switch {
		case s.TokenDigest == facts.TokenDigest:
			d.check("SnapshotToken", p.Machine, checkPassed, "it has the token that the snapshot was taken under")
		case d.spec.SecretName != "":
			d.check("SnapshotToken", p.Machine, checkPassed, text+": it gets the one from Secret "+d.spec.SecretName+", which has to be the snapshot's")
		case p.Machine == init.Name:
			d.check("SnapshotToken", p.Machine, checkFailed, text+": give the token by secretName")
		default:
			d.check("SnapshotToken", p.Machine, checkWarning, text+": it can join only once its configuration has the snapshot's")
		}
	}
}

// encryption compares whether Secrets are encrypted, as far as the snapshot's configuration tells.
func (d *draft) encryption(facts *v1alpha1.SnapshotFacts, init *Machine) {
	config := d.configOf(facts)
	if config == nil || init.Status.Distribution == nil {
		return
	}
	was := fmt.Sprint(config["secrets-encryption"]) == "true" || d.Cluster.Spec.Distro == v1alpha1.DistroRKE2
	is := init.Status.Distribution.SecretsEncryption
	switch {
	case was == is:
		d.check("SnapshotEncryption", init.Name, checkPassed, "Secrets are encrypted in the snapshot just when they are on the machine")
	case was && d.spec.RestoreRKEConfig != v1alpha1.RestoreAll:
		d.check("SnapshotEncryption", init.Name, checkFailed,
			"Secrets are encrypted in the snapshot, and the machine does not encrypt them: set secrets-encryption in its configuration, or restoreRKEConfig to all")
	case is && d.spec.RestoreRKEConfig != v1alpha1.RestoreAll:
		d.check("SnapshotEncryption", init.Name, checkWarning, "Secrets are not encrypted in the snapshot: the machine encrypts them as they are written again, "+
			"with a key that snapshots do not hold before "+string(d.Cluster.Spec.Distro)+" secrets-encrypt rotate-keys")
	}
}

// staysAt checks whether the version that is installed may open the snapshot: its minor must not be older.
func (d *draft) staysAt(taken string, init *Machine) {
	installed := init.Status.DistroVersion
	from, err := minor(taken)
	to, bad := minor(installed)
	switch order := cmp.Compare(from, to); {
	case err != nil || bad != nil:
		d.check("SnapshotVersion", init.Name, checkWarning, fmt.Sprintf(
			"nobody knows whether %s may open it: it is of version %s", word(installed, "an unknown version"), word(taken, "unknown")))
	case order > 0:
		d.check("SnapshotVersion", init.Name, checkFailed, fmt.Sprintf(
			"the snapshot is of %s, and %s is installed, which is older: set restoreRKEConfig to kubernetesVersion", taken, installed))
	case order < 0:
		d.check("SnapshotVersion", init.Name, checkWarning, fmt.Sprintf(
			"the snapshot is of %s, and %s opens it: what the newer version no longer serves can't be read any more", taken, installed))
	default:
		d.check("SnapshotVersion", init.Name, checkPassed, installed+" opens a snapshot of "+taken)
	}
}

// minor of a version as a number that can be compared.
func minor(version string) (int64, error) {
	v, err := semver.NewVersion(strings.TrimPrefix(version, "v"))
	if err != nil {
		return 0, err
	}
	return v.Major*1000 + v.Minor, nil
}

// version plans to bring the snapshot's version to all machines.
func (d *draft) version(taken string) {
	if taken == "" {
		d.check("Configuration", "-", checkFailed, "the snapshot does not tell its Kubernetes version, so it can't come back: set restoreRKEConfig to none")
		return
	}
	from := map[string][]string{}
	for _, p := range d.plan.Machines {
		if m := d.machine(p.Machine); touched(&p) && p.Action != v1alpha1.ActionLeave && m.Status.DistroVersion != taken {
			from[m.Status.DistroVersion] = append(from[m.Status.DistroVersion], m.Name)
		}
	}
	// Also where all have it: what they last told may be out of date, and it costs nothing.
	d.plan.KubernetesVersion = taken
	defer d.versionLater(taken)
	if len(from) == 0 {
		d.check("SnapshotVersion", "-", checkPassed, "all machines have "+taken+", as the snapshot has")
		return
	}
	d.check("SnapshotVersion", "-", checkPassed, taken+" is installed before the snapshot is restored")
	for _, v := range sortedKeys(from) {
		d.plan.Changes = append(d.plan.Changes, fmt.Sprintf("Version: %s becomes %s on %s.", word(v, "what is installed"), taken, strings.Join(from[v], ", ")))
	}
}

// versionLater tells of machines that are off: see likeOthers.
func (d *draft) versionLater(taken string) {
	for _, p := range d.plan.Machines {
		if m := d.machine(p.Machine); p.Action == v1alpha1.ActionPoweredOff && m.has(v1alpha1.RoleEtcd) && m.Status.DistroVersion != taken {
			d.plan.Changes = append(d.plan.Changes, fmt.Sprintf("Version: %s gets %s when its agent answers again, before it joins.", m.Name, taken))
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
