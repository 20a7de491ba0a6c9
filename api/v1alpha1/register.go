package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group of all resources.
const Group = "holdfast.dev"

// GroupVersion of this package.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: Group, Version: "v1alpha1"}
}

// AddToScheme registers the resources.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion(),
		&Cluster{}, &ClusterList{},
		&Machine{}, &MachineList{},
		&MachineInventory{}, &MachineInventoryList{},
		&MachinePlan{}, &MachinePlanList{},
		&EtcdSnapshot{}, &EtcdSnapshotList{},
		&EtcdSnapshotSave{}, &EtcdSnapshotSaveList{},
		&EtcdSnapshotTask{}, &EtcdSnapshotTaskList{},
		&EtcdSnapshotRestore{}, &EtcdSnapshotRestoreList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion())
	return nil
}
