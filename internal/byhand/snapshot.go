package byhand

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
	engine "github.com/holdfast-dev/holdfast/engine/snapshot"
)

// OfSnapshot says what restores a snapshot's best copy. It tells false when none is left that could be restored.
func OfSnapshot(s *v1alpha1.EtcdSnapshot, cluster *v1alpha1.Cluster, machines []v1alpha1.Machine) (Page, bool) {
	c := BestCopy(s)
	if c == nil {
		return Page{}, false
	}
	file := path.Base(c.Location) // a copy in S3 may be packed, and is called so
	page := Of(Copy{
		Entry:    &repository.Entry{File: file, Encoding: encodingOf(file, cluster.Spec.Distro), Maker: makerOf(cluster.Spec.Distro)},
		Location: locationOf(c), S3: s3Of(cluster), SHA256: c.SHA256, Members: membersOf(machines), Program: string(cluster.Spec.Distro),
	})
	page.Machine = c.Machine
	return page, true
}

// BestCopy is the one that promises most; of equals one on a machine, which needs no network.
func BestCopy(s *v1alpha1.EtcdSnapshot) *v1alpha1.SnapshotCopy {
	var found *v1alpha1.SnapshotCopy
	for i := range s.Status.Copies {
		c := &s.Status.Copies[i]
		if Usable(c.State) && (found == nil || rank(c) > rank(found)) {
			found = c
		}
	}
	return found
}

// Usable copies can be restored from, good or not.
func Usable(s v1alpha1.SnapshotState) bool {
	return s != v1alpha1.StateDamaged && s != v1alpha1.StateFailed && s != v1alpha1.StateMissing
}

// states of usable copies, those that promise least first.
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

func s3Of(cluster *v1alpha1.Cluster) S3 {
	s := cluster.Spec.Etcd.S3
	if s == nil {
		return S3{}
	}
	return S3{Endpoint: s.Endpoint, Region: s.Region, Insecure: s.Insecure, SkipTLSVerify: s.SkipSSLVerify}
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
