package main

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/test/bench/fleet"
)

// person has an account on the manager.
type person struct {
	name string
	// role that it has; none: no right at all.
	role string
	// namespace where it has the role; empty: everywhere.
	namespace string
}

// others than the one who may do everything.
var others = []person{
	{name: "viewer", role: "holdfast-viewer"},
	{name: "narrow", role: "holdfast-viewer", namespace: "c0001"},
	{name: "nobody"},
}

// enter makes the account, and returns its token.
func (p person) enter(ctx context.Context, f *fleet.Fleet) (string, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "holdfast-system", Name: p.name}}
	if err := f.Create(ctx, account); err != nil {
		return "", fmt.Errorf("make the account %s: %w", p.name, err)
	}
	if p.role != "" {
		if err := f.Create(ctx, p.binding(account)); err != nil {
			return "", fmt.Errorf("give %s its role: %w", p.name, err)
		}
	}
	request := &authenticationv1.TokenRequest{}
	err := f.SubResource("token").Create(ctx, account, request)
	return request.Status.Token, err
}

func (p person) binding(account *corev1.ServiceAccount) client.Object {
	role := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: p.role}
	subjects := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: account.Namespace, Name: account.Name}}
	meta := metav1.ObjectMeta{Name: p.name, Namespace: p.namespace}
	if p.namespace == "" {
		return &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: role, Subjects: subjects}
	}
	return &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: role, Subjects: subjects}
}
