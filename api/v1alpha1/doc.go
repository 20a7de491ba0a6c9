// Package v1alpha1 holds the Kubernetes resources of Holdfast: what a cluster's owner asks for, and what the manager
// and the agents report.
//
// Start reading at Cluster. Each cluster has a namespace of its own. Who writes what:
//
//   - users and GitOps write the spec of Cluster, EtcdSnapshotSave, EtcdSnapshotTask and EtcdSnapshotRestore;
//   - the controller writes every other spec, and the status of what users write;
//   - an agent writes the status of its own Machine, MachineInventory and MachinePlan, and nothing else.
//
// The package holds data only: no logic, and no import but apimachinery. The comments on the fields are what
// kubectl explain prints. "make generate" makes the deep copies here and the CRDs in deploy/crds.
//
// +kubebuilder:object:generate=true
// +groupName=holdfast.dev
package v1alpha1
