package snapshot

import (
	"io"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/byhand"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// byHandView is the JSON form of holdfast snapshot show --by-hand, as holdfast repo show has it.
type byHandView struct {
	Snapshot string   `json:"snapshot"`
	Commands []string `json:"commands"`
}

// byHandOn is that of a snapshot which lies on a machine.
type byHandOn struct {
	Machine string     `json:"machine"`
	Hand    byHandView `json:"byHand"`
}

// byHand prints how a snapshot's best copy is restored with stock tools.
func byHand(s *v1alpha1.EtcdSnapshot, cluster *v1alpha1.Cluster, machines []v1alpha1.Machine) (console.Result, error) {
	page, found := byhand.OfSnapshot(s, cluster, machines)
	if !found {
		return console.Result{}, &problem.Error{
			Kind: problem.NotFound, Op: "find", Subject: "a copy of " + s.Name, Why: "none is left that could be restored",
			Next: "holdfast snapshot ls " + cluster.Name + " shows the others",
		}
	}
	view := byHandView{page.Snapshot, page.Commands()}
	r := console.Result{Value: view, Names: view.Commands, Table: func(w io.Writer) { _, _ = io.WriteString(w, page.Text()) }}
	if page.Machine != "" {
		r.Value = byHandOn{page.Machine, view}
	}
	return r, nil
}
