package controlplane

import (
	"context"
	"io"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/kubernetes/pkg/controlplane/apiserver/options"
)

// untrackedPlugin is the name of the admission plugin.
const untrackedPlugin = "holdfast.dev/Untracked"

// addUntracked has the API server not keep, for each object, who wrote which field, until somebody applies it on the
// server's side. Of a fleet's objects that would be more than half, in memory and in the database, and nobody reads it:
// the status of a machine has two writers, and they know each other.
//
// The API server begins to keep it when an object is made, and never for one that was made without.
func addUntracked(opts *options.Options) {
	generic := opts.Admission.GenericAdmission
	generic.Plugins.Register(untrackedPlugin, func(io.Reader) (admission.Interface, error) {
		return untracked{admission.NewHandler(admission.Create)}, nil
	})
	generic.RecommendedPluginOrder = append(slices.Clone(generic.RecommendedPluginOrder), untrackedPlugin)
}

type untracked struct{ *admission.Handler }

// Admit is part of admission.MutationInterface.
func (untracked) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetSubresource() != "" || a.GetObject() == nil {
		return nil
	}
	object, err := meta.Accessor(a.GetObject())
	if err != nil {
		return nil //nolint:nilerr // what has no metadata has nothing to forget
	}
	applied := func(e metav1.ManagedFieldsEntry) bool { return e.Operation == metav1.ManagedFieldsOperationApply }
	if !slices.ContainsFunc(object.GetManagedFields(), applied) {
		object.SetManagedFields(nil)
	}
	return nil
}
