package manager

import (
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// resources are all that commands read and write. The list is fixed, so that no command has to ask the server first
// what there is.
func resources() (*runtime.Scheme, meta.RESTMapper, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, core.AddToScheme, coordination.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, nil, err
		}
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, k := range kinds {
		scope := meta.RESTScopeNamespace
		if k.wide {
			scope = meta.RESTScopeRoot
		}
		kind := k.version.WithKind(k.kind)
		mapper.AddSpecific(kind, k.version.WithResource(k.plural), k.version.WithResource(k.plural), scope)
	}
	return scheme, mapper, nil
}

// kind of resource that commands handle.
type kind struct {
	version schema.GroupVersion
	kind    string
	plural  string
	// word is what an operator calls it.
	word string
	// wide: it is in no namespace.
	wide bool
}

var kinds = []kind{
	{version: v1alpha1.GroupVersion(), kind: "Cluster", plural: "clusters", word: "cluster"},
	{version: v1alpha1.GroupVersion(), kind: "Machine", plural: "machines", word: "machine"},
	{version: v1alpha1.GroupVersion(), kind: "MachineInventory", plural: "machineinventories", word: "inventory"},
	{version: v1alpha1.GroupVersion(), kind: "MachinePlan", plural: "machineplans", word: "machine plan"},
	{version: v1alpha1.GroupVersion(), kind: "EtcdSnapshot", plural: "etcdsnapshots", word: "snapshot"},
	{version: v1alpha1.GroupVersion(), kind: "EtcdSnapshotSave", plural: "etcdsnapshotsaves", word: "save"},
	{version: v1alpha1.GroupVersion(), kind: "EtcdSnapshotTask", plural: "etcdsnapshottasks", word: "task"},
	{version: v1alpha1.GroupVersion(), kind: "EtcdSnapshotRestore", plural: "etcdsnapshotrestores", word: "restore"},
	{version: core.SchemeGroupVersion, kind: "Namespace", plural: "namespaces", word: "namespace", wide: true},
	{version: core.SchemeGroupVersion, kind: "Secret", plural: "secrets", word: "secret"},
	{version: core.SchemeGroupVersion, kind: "ConfigMap", plural: "configmaps", word: "config map"},
	{version: coordination.SchemeGroupVersion, kind: "Lease", plural: "leases", word: "lease"},
}

// kindOf finds a kind, or nil.
func kindOf(gvk schema.GroupVersionKind) *kind {
	for i, k := range kinds {
		if k.version == gvk.GroupVersion() && k.kind == gvk.Kind {
			return &kinds[i]
		}
	}
	return nil
}
