package snapshot

import (
	"fmt"
	"strings"

	"github.com/coreos/go-semver/semver"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
	"github.com/holdfast-dev/holdfast/engine/problem"
)

// The etcd minors that a result can be made for. Between them the schema changed once: 3.6 added the storage version.
var (
	oldestTarget = semver.Version{Major: 3, Minor: 5}
	newestTarget = semver.Version{Major: 3, Minor: 7}
	// The first minor that writes and minds the storage version.
	firstVersioned = semver.Version{Major: 3, Minor: 6}
)

// versionRule decides which etcd can open what a restore makes.
type versionRule struct {
	// target is set when the storage version is to be rewritten.
	target *semver.Version
	// run is the version that will open it, when known.
	run *semver.Version
}

func newVersionRule(target, run string) (versionRule, error) {
	var rule versionRule
	if target != "" {
		v, err := parseMinor(target)
		if err != nil {
			return rule, fmt.Errorf("--etcd-version %s: %w", target, err)
		}
		if v.LessThan(oldestTarget) || newestTarget.LessThan(*v) {
			return rule, fmt.Errorf("--etcd-version %s: only %s to %s can be targeted", target, minor(oldestTarget), minor(newestTarget))
		}
		rule.target = v
	}
	if run != "" {
		v, err := parseMinor(run)
		if err != nil {
			return rule, fmt.Errorf("etcd version %s: %w", run, err)
		}
		rule.run = v
	}
	return rule, nil
}

// parseMinor reads "3.6", "v3.6" or "3.6.14" and keeps major and minor.
func parseMinor(s string) (*semver.Version, error) {
	s = strings.TrimPrefix(s, "v")
	if strings.Count(s, ".") == 1 {
		s += ".0"
	}
	v, err := semver.NewVersion(s)
	if err != nil {
		return nil, err
	}
	return &semver.Version{Major: v.Major, Minor: v.Minor}, nil
}

func minor(v semver.Version) string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

func (r versionRule) accept(h mvcc.Head) error { return r.acceptVersion(h.StorageVersion) }

// acceptVersion refuses a result that the etcd which is to run cannot open: from 3.6 on, an etcd refuses a storage
// version above its own. (3.5 looks at no version and would open a newer database, with no promise of reading it
// right; it is refused too.) Empty: the snapshot has none, and every etcd from 3.5 on opens it.
func (r versionRule) acceptVersion(storage string) error {
	if storage == "" {
		return nil
	}
	own, err := parseMinor(storage)
	if err != nil {
		return &problem.Error{
			Kind: problem.Damaged, Op: "restore", Err: fmt.Errorf("%w: its storage version %q cannot be read", ErrDamaged, storage),
			Next: "nothing was written; restore another snapshot: holdfast repo ls, holdfast repo verify",
		}
	}
	if newestTarget.LessThan(*own) {
		return &problem.Error{
			Kind: problem.Refused, Op: "restore", Why: fmt.Sprintf("the snapshot is of etcd %s, and this holdfast knows etcd up to %s",
				minor(*own), minor(newestTarget)),
			Next: "use a newer holdfast",
		}
	}
	result := *own
	if r.target != nil && r.target.LessThan(result) {
		result = *r.target
	}
	if r.run == nil || !r.run.LessThan(result) {
		return nil
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "restore",
		Why: fmt.Sprintf("the snapshot is of etcd %s, which etcd %s cannot open", minor(result), minor(*r.run)),
		Next: fmt.Sprintf("run etcd %s or newer on the result, or make it fit with --etcd-version %s",
			minor(result), minor(*r.run)),
	}
}

// lower returns the version to write when the result is for an older etcd than the snapshot's.
func (r versionRule) lower(storage, cluster string) *semver.Version {
	if r.target == nil {
		return nil
	}
	for _, s := range []string{storage, cluster} {
		if own, err := parseMinor(s); err == nil && r.target.LessThan(*own) {
			return r.target
		}
	}
	return nil
}
