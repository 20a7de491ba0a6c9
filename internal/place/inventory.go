package place

import (
	"bytes"
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// maxReason is how much of a reason the API takes.
const maxReason = 1024

// maxConfig is the longest configuration that is passed on, in bytes. It is read for a restore that brings it back.
const maxConfig = 16 << 10

// File words an entry of a repository as the inventory does.
func (r *Repository) File(e repository.Entry, machine string) v1alpha1.SnapshotFile {
	f := v1alpha1.SnapshotFile{
		Location: r.Location(e.File), File: e.File,
		SnapshotFacts: v1alpha1.SnapshotFacts{Trigger: trigger(e.Trigger), Created: metav1.NewTime(e.Created), Backup: e.Backup, Node: e.Node},
		CopyFacts:     v1alpha1.CopyFacts{Size: e.Info.Size, State: v1alpha1.SnapshotState(e.State), Message: clip(e.Reason), Escrow: e.Escrow},
	}
	if e.Manifest != nil {
		describe(&f, e.Manifest, machine)
	}
	return f
}

// Saved words a manifest whose payload was stored just now.
func (r *Repository) Saved(m *snapshot.Manifest, machine string) v1alpha1.SnapshotFile {
	f := v1alpha1.SnapshotFile{
		Location: r.Location(m.File), File: m.File,
		SnapshotFacts: v1alpha1.SnapshotFacts{Trigger: trigger(m.Trigger), Created: metav1.NewTime(m.Created), Backup: m.Backup, Node: m.Node},
		CopyFacts:     v1alpha1.CopyFacts{Size: m.Stored.Size, State: state(m)},
	}
	if reason, damaged := m.Damaged(); damaged {
		f.Message = clip(reason)
	} else {
		f.Message = clip(m.Suspect)
	}
	describe(&f, m, machine)
	return f
}

func describe(f *v1alpha1.SnapshotFile, m *snapshot.Manifest, machine string) {
	f.Revision, f.CompactRevision = m.Database.Revision, m.Database.CompactRevision
	f.EtcdVersion, f.KubernetesVersion = m.Source.EtcdVersion, m.KubernetesVersion
	f.ConfigDigest, f.TokenDigest = m.ConfigDigest(), m.TokenDigest
	var config bytes.Buffer // as the API stores it: manifests are indented
	if n := len(m.Config); n > 0 && n <= maxConfig && json.Compact(&config, m.Config) == nil {
		f.Config = &runtime.RawExtension{Raw: config.Bytes()}
	}
	f.SHA256 = m.Stored.SHA256
	if m.Database.HashKV != nil {
		hash := int64(*m.Database.HashKV)
		f.ContentHash = &hash
	}
	for _, e := range m.Evidence {
		f.Evidence = append(f.Evidence, v1alpha1.Evidence{
			Level: string(e.Level), Outcome: string(e.Outcome), At: metav1.NewTime(e.At), Took: &metav1.Duration{Duration: e.Took},
			Reason: clip(e.Reason), Machine: machine,
		})
		if e.Level == snapshot.LevelLive && e.Outcome == snapshot.OutcomePassed && f.State == v1alpha1.StateRestored {
			f.State = v1alpha1.StateProven
		}
	}
}

func state(m *snapshot.Manifest) v1alpha1.SnapshotState {
	if _, damaged := m.Damaged(); damaged {
		return v1alpha1.StateDamaged
	}
	if m.Suspect != "" {
		return v1alpha1.StateSuspect
	}
	switch m.Proved() {
	case snapshot.LevelRestore:
		return v1alpha1.StateRestored
	case snapshot.LevelContent:
		return v1alpha1.StateChecked
	case snapshot.LevelChecksum:
		return v1alpha1.StateComplete
	}
	return v1alpha1.StateUnverified
}

func trigger(t snapshot.Trigger) string {
	for _, known := range snapshot.Triggers {
		if t == known {
			return string(t)
		}
	}
	return ""
}

// OncePerConfig leaves each configuration in the first file that has it: an inventory of many would not fit into one object.
func OncePerConfig(files []v1alpha1.SnapshotFile) {
	seen := map[string]bool{}
	for i := range files {
		if seen[files[i].ConfigDigest] {
			files[i].Config = nil
		}
		seen[files[i].ConfigDigest] = true
	}
}

func clip(text string) string {
	runes := []rune(text)
	if len(runes) > maxReason {
		return string(runes[:maxReason-1]) + "…"
	}
	return text
}
