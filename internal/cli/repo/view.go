package repo

import (
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// entryView is the JSON form of one snapshot.
type entryView struct {
	Name              string             `json:"name"`
	Location          string             `json:"location"`
	State             string             `json:"state"`
	Reason            string             `json:"reason,omitempty"`
	Maker             string             `json:"maker"`
	BaseName          string             `json:"baseName"`
	Node              string             `json:"node,omitempty"`
	CreatedAt         time.Time          `json:"createdAt"`
	Trigger           string             `json:"trigger"`
	Backup            string             `json:"backup"`
	Encoding          string             `json:"encoding"`
	Size              int64              `json:"size"`
	KubernetesVersion string             `json:"kubernetesVersion,omitempty"`
	RestoredAt        *time.Time         `json:"restoredAt,omitempty"`
	Manifest          *snapshot.Manifest `json:"manifest,omitempty"`
	// Foreign is there when there is no manifest of ours.
	Foreign *snapshot.Foreign `json:"foreign,omitempty"`
}

func view(location func(string) string, e repository.Entry) entryView {
	v := entryView{
		Name: e.File, Location: location(e.File), State: string(e.State), Reason: e.Reason, Maker: string(e.Maker),
		BaseName: e.Base, Node: e.Node, CreatedAt: e.Created, Trigger: string(e.Trigger), Backup: e.Backup,
		Encoding: string(e.Encoding), Size: e.Info.Size, Manifest: e.Manifest, Foreign: e.Foreign,
	}
	if e.Manifest != nil {
		v.KubernetesVersion = e.Manifest.KubernetesVersion
	}
	for _, t := range evidence(&e) {
		if t.Level == snapshot.LevelRestore && t.Outcome == snapshot.OutcomePassed {
			v.RestoredAt = &t.At
		}
	}
	return v
}

// evidence is what tests have shown, wherever that stands.
func evidence(e *repository.Entry) []snapshot.Evidence {
	switch {
	case e.Manifest != nil:
		return e.Manifest.Evidence
	case e.Foreign != nil:
		return e.Foreign.Evidence
	}
	return nil
}

func names(list []repository.Entry) []string {
	n := make([]string, len(list))
	for i, e := range list {
		n[i] = e.File
	}
	return n
}
