package manager

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/deploy"
)

func TestAMissingRightIsToldInWordsWithTheRoleThatHasIt(t *testing.T) {
	for _, test := range []struct{ message, why, next string }{
		{
			`clusters.holdfast.dev is forbidden: User "u" cannot list resource "clusters" in API group "holdfast.dev" at the cluster scope`,
			"you may not list clusters in all namespaces", "holdfast-viewer",
		},
		{
			`etcdsnapshotsaves.holdfast.dev is forbidden: User "u" cannot create resource "etcdsnapshotsaves" in API group "holdfast.dev" in the namespace "prod"`,
			"you may not create etcdsnapshotsaves in namespace prod", "holdfast-operator",
		},
		{
			`secrets is forbidden: User "u" cannot create resource "secrets" in API group "" in the namespace "prod"`,
			"you may not create secrets in namespace prod", "holdfast-admin",
		},
		{"a policy says no", "a policy says no", "holdfast-admin"},
	} {
		why, next := forbidden(test.message)
		if why != test.why || !strings.Contains(next, test.next) {
			t.Errorf("got %q, next %q; want %q, %s", why, next, test.why, test.next)
		}
	}
}

// What a role is said to grant must be what deploy/rbac gives it.
func TestTheRoleThatIsNamedGrantsTheRight(t *testing.T) {
	rights := map[string]map[string][]string{} // of role and resource
	err := fs.WalkDir(deploy.Manifests, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.Contains(path, "rbac/") || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(deploy.Manifests, path)
		if err != nil {
			return err
		}
		var role struct {
			Kind     string
			Metadata struct{ Name string }
			Rules    []struct{ Resources, Verbs []string }
		}
		if err := yaml.Unmarshal(data, &role); err != nil || role.Kind != "ClusterRole" {
			return err
		}
		rights[role.Metadata.Name] = map[string][]string{}
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				rights[role.Metadata.Name][resource] = rule.Verbs
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string][]string{
		"clusters": {"list", "create", "update", "patch", "delete"}, "machines": {"get", "list"}, "leases": {"list"},
		"etcdsnapshots": {"list"}, "etcdsnapshotsaves": {"list", "create"}, "etcdsnapshottasks": {"create", "watch"},
		"etcdsnapshotrestores": {"create", "patch", "watch"}, "secrets": {"create"}, "namespaces": {"create"},
	}
	for resource, verbs := range asked {
		for _, verb := range verbs {
			role := roleFor(verb, resource)
			if !slices.Contains(rights[role][resource], verb) {
				t.Errorf("%s may not %s %s: %v", role, verb, resource, rights[role][resource])
			}
		}
	}
}

func TestWhatIsSaidKeepsItsCause(t *testing.T) {
	cause := fs.ErrNotExist
	if s := (said{"in other words", cause}); s.Error() != "in other words" || s.Unwrap() != cause {
		t.Errorf("%v", s)
	}
	if diff := cmp.Diff("none", oneOf(nil)); diff != "" {
		t.Error(diff)
	}
}
