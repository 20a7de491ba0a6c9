package manager

import (
	"context"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// ApplyOptions say how manifests are applied.
type ApplyOptions struct {
	// DryRun lets the API server check, and changes nothing.
	DryRun bool
	// Force takes over fields that somebody else has set.
	Force bool
}

// Place gives an object without a namespace the one that -n names; a Cluster its own. It refuses kinds that are not for
// commands.
func (m *Manager) Place(obj *unstructured.Unstructured) error {
	k := kindOf(obj.GroupVersionKind())
	switch {
	case k == nil:
		return console.Usagef("%s is of kind %s of %s, which holdfast does not apply: use kubectl", obj.GetName(), obj.GetKind(), obj.GetAPIVersion())
	case obj.GetName() == "" && obj.GetGenerateName() == "":
		return console.Usagef("a %s has no metadata.name", k.word)
	case k.wide:
		return nil
	}
	if obj.GetNamespace() == "" {
		obj.SetNamespace(m.Namespace)
	}
	if obj.GetNamespace() == "" && k.kind == "Cluster" {
		obj.SetNamespace(obj.GetName())
	}
	if obj.GetNamespace() == "" {
		return console.Usagef("%s %s has no metadata.namespace: write it, or choose one with -n", k.word, obj.GetName())
	}
	return nil
}

// EnsureNamespace makes a namespace that is missing, and tells whether it did. Whoever may not is told by the request
// that needs it, if it is not there.
func (m *Manager) EnsureNamespace(ctx context.Context, space *core.Namespace) (made bool, err error) {
	err = m.Create(ctx, space)
	if kind := problem.KindOf(err); err != nil && (kind == problem.Refused || kind == problem.Denied) {
		return false, nil
	}
	return err == nil, err
}

// Apply applies an object on the server's side, and leaves it as it is then. A Cluster's namespace is made if it is
// missing. What has only a generateName is created.
func (m *Manager) Apply(ctx context.Context, obj *unstructured.Unstructured, options ApplyOptions) error {
	if kindOf(obj.GroupVersionKind()).kind == "Cluster" && !options.DryRun {
		space := &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: obj.GetNamespace()}}
		if _, err := m.EnsureNamespace(ctx, space); err != nil {
			return err
		}
	}
	if obj.GetName() == "" {
		return m.do(ctx, "create", obj, func(ctx context.Context) error {
			opts := []client.CreateOption{client.FieldValidation(metav1.FieldValidationStrict)}
			if options.DryRun {
				opts = append(opts, client.DryRunAll)
			}
			return m.client.Create(ctx, obj, opts...)
		})
	}
	return m.do(ctx, "apply", obj, func(ctx context.Context) error {
		opts := []client.ApplyOption{client.FieldOwner(fieldOwner)}
		if options.DryRun {
			opts = append(opts, client.DryRunAll)
		}
		if options.Force {
			opts = append(opts, client.ForceOwnership)
		}
		return m.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(obj), opts...)
	})
}

// Describe names an object as an operator knows it.
func Describe(obj *unstructured.Unstructured) string {
	return word(obj.GroupVersionKind()) + " " + nameOf(obj)
}
