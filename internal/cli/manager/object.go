package manager

import (
	"io"
	"reflect"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// One is the result that shows one object.
func (m *Manager) One(obj client.Object, table func(io.Writer)) console.Result {
	return console.Result{Value: m.whole(obj), Names: []string{obj.GetName()}, Table: table}
}

// Many is the result that shows several objects: a List, as kubectl prints it.
func Many[T any, P interface {
	*T
	client.Object
}](m *Manager, items []T, table func(io.Writer)) console.Result {
	list := &objects{TypeMeta: metav1.TypeMeta{APIVersion: core.SchemeGroupVersion.String(), Kind: "List"}, Items: []client.Object{}}
	var names []string
	for i := range items {
		list.Items = append(list.Items, m.whole(P(&items[i])))
		names = append(names, P(&items[i]).GetName())
	}
	return console.Result{Value: list, Names: names, Table: table}
}

// objects is a List of Kubernetes.
type objects struct {
	metav1.TypeMeta `json:",inline"`
	Items           []client.Object `json:"items"`
}

// whole is a copy that says its own kind, which the client leaves out, and no bookkeeping of the API server's.
func (m *Manager) whole(obj client.Object) client.Object {
	c, _ := obj.DeepCopyObject().(client.Object)
	if gvk, err := m.client.GroupVersionKindFor(obj); err == nil {
		c.GetObjectKind().SetGroupVersionKind(gvk)
	}
	c.SetManagedFields(nil)
	return c
}

// assign copies what a watch brought into obj.
func assign(obj client.Object, from runtime.Object) bool {
	to, source := reflect.ValueOf(obj), reflect.ValueOf(from)
	if to.Type() != source.Type() {
		return false
	}
	to.Elem().Set(source.Elem())
	return true
}
