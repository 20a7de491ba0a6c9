package main

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/test/bench/fleet"
)

// newViewer makes an account that may look at everything and change nothing, and returns its token.
func newViewer(ctx context.Context, f *fleet.Fleet) (string, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "holdfast-system", Name: "viewer"}}
	if err := f.Create(ctx, account); err != nil {
		return "", fmt.Errorf("make an account that may only look: %w", err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "viewer"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "holdfast-viewer"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: account.Namespace, Name: account.Name}},
	}
	if err := f.Create(ctx, binding); err != nil {
		return "", err
	}
	request := &authenticationv1.TokenRequest{}
	err := f.SubResource("token").Create(ctx, account, request)
	return request.Status.Token, err
}
