package snapshot

import (
	"io"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	engine "github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/repo"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// byHand prints how a snapshot's best copy is restored with stock tools.
func byHand(s *v1alpha1.EtcdSnapshot, cluster *v1alpha1.Cluster, machines []v1alpha1.Machine) (console.Result, error) {
	c := best(s)
	if c == nil {
		return console.Result{}, &problem.Error{
			Kind: problem.NotFound, Op: "find", Subject: "a copy of " + s.Name, Why: "none is left that could be restored",
			Next: "holdfast snapshot ls " + cluster.Name + " shows the others",
		}
	}
	file := path.Base(c.Location) // a copy in S3 may be packed, and is called so
	r := repo.ByHand(repo.Copy{
		Entry:    &repository.Entry{File: file, Encoding: encodingOf(file, cluster.Spec.Distro), Maker: makerOf(cluster.Spec.Distro)},
		Location: locationOf(c), S3: s3Of(cluster), SHA256: c.SHA256, Members: membersOf(machines),
	})
	if c.Machine == "" {
		return r, nil
	}
	r.Value = struct {
		Machine string `json:"machine"`
		Hand    any    `json:"byHand"`
	}{c.Machine, r.Value}
	inner := r.Table
	r.Table = func(w io.Writer) {
		_, _ = w.Write([]byte("# On machine " + c.Machine + ":\n"))
		inner(w)
	}
	return r, nil
}

// best is the copy that promises most; of equals one on a machine, which needs no network.
func best(s *v1alpha1.EtcdSnapshot) *v1alpha1.SnapshotCopy {
	var found *v1alpha1.SnapshotCopy
	for i := range s.Status.Copies {
		c := &s.Status.Copies[i]
		if usable(c.State) && (found == nil || rank(c) > rank(found)) {
			found = c
		}
	}
	return found
}

var states = []v1alpha1.SnapshotState{
	v1alpha1.StateUnverified, v1alpha1.StateSuspect, v1alpha1.StateComplete, v1alpha1.StateChecked, v1alpha1.StateRestored, v1alpha1.StateProven,
}

func rank(c *v1alpha1.SnapshotCopy) int {
	r := 2 * slices.Index(states, c.State)
	if c.Machine != "" {
		r++
	}
	return r
}

func locationOf(c *v1alpha1.SnapshotCopy) string {
	if c.Machine == "" || strings.Contains(c.Location, "://") {
		return c.Location
	}
	return (&url.URL{Scheme: "file", Path: c.Location}).String()
}

// encodingOf goes by the name, as all formats have it.
func encodingOf(file string, distro v1alpha1.Distro) engine.Encoding {
	switch {
	case strings.HasSuffix(file, ".zst"):
		return engine.EncodingZstd
	case strings.HasSuffix(file, ".zip") && distro == v1alpha1.DistroRKE:
		return engine.EncodingRKE
	case strings.HasSuffix(file, ".zip"):
		return engine.EncodingZip
	}
	return engine.EncodingRaw
}

func makerOf(distro v1alpha1.Distro) repository.Maker {
	switch distro {
	case v1alpha1.DistroK3s, v1alpha1.DistroRKE2:
		return repository.MakerK3s
	case v1alpha1.DistroRKE:
		return repository.MakerRKE
	}
	return repository.MakerHoldfast
}

func s3Of(cluster *v1alpha1.Cluster) settings.S3 {
	s := cluster.Spec.Etcd.S3
	if s == nil {
		return settings.S3{}
	}
	return settings.S3{Endpoint: s.Endpoint, Region: s.Region, Insecure: s.Insecure, SkipTLSVerify: s.SkipSSLVerify}
}

// membersOf are the members as the machines' units have them, or else as the members tell of each other.
func membersOf(machines []v1alpha1.Machine) []engine.Member {
	var members []engine.Member
	for _, m := range machines {
		if c := m.Status.EtcdConfig; c != nil && c.Name != "" && len(c.PeerURLs) > 0 {
			members = append(members, engine.Member{Name: c.Name, PeerURLs: c.PeerURLs})
		}
	}
	if len(members) > 0 {
		return members
	}
	for _, m := range machines {
		if m.Status.Etcd == nil || len(m.Status.Etcd.Members) <= len(members) {
			continue
		}
		members = nil
		for _, p := range m.Status.Etcd.Members {
			members = append(members, engine.Member{ID: p.ID, Name: p.Name, PeerURLs: p.PeerURLs, Learner: p.Learner})
		}
	}
	return members
}
