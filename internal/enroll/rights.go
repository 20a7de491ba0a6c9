package enroll

import (
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// AgentRules are all the rights that a machine's agent has: to its own objects, by name; on etcd machines to the Secret with
// the credentials of the cluster's S3 folder, if there is one; and to the Secret of the operation that its plan serves, if
// that has one. There is no list in it: Kubernetes can't narrow that to a name.
func AgentRules(machine *v1alpha1.Machine, credentials, operation string) []rbacv1.PolicyRule {
	own := []string{machine.Name}
	rules := []rbacv1.PolicyRule{
		{
			APIGroups: []string{v1alpha1.Group}, ResourceNames: own, Verbs: []string{"get", "watch"},
			Resources: []string{"machineplans"},
		},
		{
			APIGroups: []string{v1alpha1.Group}, ResourceNames: own, Verbs: []string{"get"},
			Resources: []string{"machines", "machineinventories"},
		},
		{
			APIGroups: []string{v1alpha1.Group}, ResourceNames: own, Verbs: []string{"update", "patch"},
			Resources: []string{"machines/status", "machineinventories/status", "machineplans/status"},
		},
		{
			APIGroups: []string{coordinationv1.GroupName}, ResourceNames: own, Verbs: []string{"get", "update", "patch"},
			Resources: []string{"leases"},
		},
	}
	if credentials != "" && slices.Contains(machine.Spec.Roles, v1alpha1.RoleEtcd) {
		rules = append(rules, rbacv1.PolicyRule{
			APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{credentials}, Verbs: []string{"get", "watch"},
		})
	}
	if operation != "" {
		rules = append(rules, rbacv1.PolicyRule{
			APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{operation}, Verbs: []string{"get"},
		})
	}
	return rules
}
