package httpd

import (
	"encoding/json"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/byhand"
	"github.com/holdfast-dev/holdfast/internal/download"
)

// pathByHand says how a snapshot is restored without Holdfast, to those who may read snapshot, cluster and machines.
const pathByHand = "/v1/namespaces/{namespace}/etcdsnapshots/{name}/by-hand"

// snapshotsResource names the resource in refusals.
var snapshotsResource = v1alpha1.GroupVersion().WithResource(download.Resource).GroupResource()

// byHandAnswer is what the page gets: the same text that the command line prints.
type byHandAnswer struct {
	// Machine that the commands are run on; empty for a copy in S3.
	Machine string `json:"machine,omitempty"`
	Text    string `json:"text"`
}

func serveByHand(w http.ResponseWriter, r *http.Request, c client.Client) error {
	snapshot := new(v1alpha1.EtcdSnapshot)
	namespace := r.PathValue("namespace")
	if err := c.Get(r.Context(), client.ObjectKey{Namespace: namespace, Name: r.PathValue("name")}, snapshot); err != nil {
		return err
	}
	var clusters v1alpha1.ClusterList
	if err := c.List(r.Context(), &clusters, client.InNamespace(namespace)); err != nil {
		return err
	}
	if len(clusters.Items) == 0 {
		return apierrors.NewConflict(snapshotsResource, snapshot.Name, fmt.Errorf("namespace %s has no Cluster", namespace))
	}
	var machines v1alpha1.MachineList
	if err := c.List(r.Context(), &machines, client.InNamespace(namespace)); err != nil {
		return err
	}
	page, found := byhand.OfSnapshot(snapshot, &clusters.Items[0], machines.Items)
	if !found {
		return apierrors.NewConflict(snapshotsResource, snapshot.Name, fmt.Errorf("no copy is left that could be restored"))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(byHandAnswer{Machine: page.Machine, Text: page.Text()})
	return nil
}
