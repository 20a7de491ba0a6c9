package manager

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Get reads one object, which holds its name and namespace, again.
func (m *Manager) Get(ctx context.Context, obj client.Object) error {
	return m.do(ctx, "read", obj, func(ctx context.Context) error {
		return m.client.Get(ctx, client.ObjectKeyFromObject(obj), obj)
	})
}

// List reads the objects of a kind in one namespace, or in all for "".
func (m *Manager) List(ctx context.Context, list client.ObjectList, namespace string, opts ...client.ListOption) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	opts = append(opts, client.InNamespace(namespace))
	return m.explain("list", m.wordOf(list)+"s", m.client.List(ctx, list, opts...))
}

// Create makes an object.
func (m *Manager) Create(ctx context.Context, obj client.Object) error {
	return m.do(ctx, "create", obj, func(ctx context.Context) error {
		return m.client.Create(ctx, obj, &client.CreateOptions{Raw: &metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}})
	})
}

// Update replaces an object, unless somebody else changed it since it was read.
func (m *Manager) Update(ctx context.Context, obj client.Object) error {
	return m.do(ctx, "change", obj, func(ctx context.Context) error {
		return m.client.Update(ctx, obj, &client.UpdateOptions{Raw: &metav1.UpdateOptions{FieldValidation: metav1.FieldValidationStrict}})
	})
}

// Change patches an object with what alter does to it, whatever else has changed since it was read.
func (m *Manager) Change(ctx context.Context, obj client.Object, alter func()) error {
	before, _ := obj.DeepCopyObject().(client.Object)
	alter()
	return m.do(ctx, "change", obj, func(ctx context.Context) error {
		return m.client.Patch(ctx, obj, client.MergeFrom(before))
	})
}

// Delete deletes exactly this object, not another one that has got its name since.
func (m *Manager) Delete(ctx context.Context, obj client.Object) error {
	return m.do(ctx, "delete", obj, func(ctx context.Context) error {
		uid := obj.GetUID()
		return m.client.Delete(ctx, obj, client.Preconditions{UID: &uid})
	})
}

// With runs what speaks to the API itself, within one request's deadline, and explains its error.
func (m *Manager) With(ctx context.Context, op, subject string, request func(context.Context, client.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	return m.explain(op, subject, request(ctx, m.client))
}

func (m *Manager) do(ctx context.Context, op string, obj client.Object, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	return m.explain(op, m.wordOf(obj)+" "+nameOf(obj), request(ctx))
}

// watchOne begins a watch on one object. It ends at the server's hand after a while, so that a connection that died in
// silence is noticed.
func (m *Manager) watchOne(ctx context.Context, obj client.Object, list client.ObjectList) (watch.Interface, error) {
	seconds := int64(watchFor / time.Second)
	return m.client.Watch(ctx, list, client.InNamespace(obj.GetNamespace()), client.MatchingFields{"metadata.name": obj.GetName()},
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: obj.GetResourceVersion(), TimeoutSeconds: &seconds}})
}

// watchFor is how long one watch goes on.
const watchFor = time.Minute

// wordOf is what an operator calls an object, or what is in a list.
func (m *Manager) wordOf(obj any) string {
	switch obj := obj.(type) {
	case client.Object:
		if gvk, err := m.client.GroupVersionKindFor(obj); err == nil {
			return word(gvk)
		}
	case client.ObjectList:
		if gvk, err := m.client.GroupVersionKindFor(obj); err == nil {
			gvk.Kind = gvk.Kind[:len(gvk.Kind)-len("List")]
			return word(gvk)
		}
	}
	return "object"
}

// nameOf is a name as an operator has to give it: with the namespace only where it says more.
func nameOf(obj client.Object) string {
	name := obj.GetName()
	if name == "" {
		name = obj.GetGenerateName() + "…"
	}
	if ns := obj.GetNamespace(); ns != "" && ns != name {
		return ns + "/" + name
	}
	return name
}
