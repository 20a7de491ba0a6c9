package manager

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// Names of the administrator that the embedded control plane begins with.
const (
	adminName = "holdfast-admin"
	// adminSecret is what the administrator's token is bound to: whoever deletes it ends the token. It holds nothing.
	adminSecret = "holdfast-admin-token"
)

const (
	// adminLife of the token: a copy that is forgotten somewhere does not live for ever.
	adminLife = 365 * 24 * time.Hour
	// adminRenewal is how long before its end the kubeconfig gets another.
	adminRenewal = 60 * 24 * time.Hour
	// adminPeriod of looking.
	adminPeriod = 12 * time.Hour
)

// admin is what the first person to come needs.
type admin struct {
	// token for the API, and whether it was made by this start.
	token string
	fresh bool
}

// newAdmin makes the administrator and the kubeconfig, or what is missing of them. A token that nobody has any more
// can't be had again, so where the kubeconfig is missing there is a new one.
//
// The token comes from a TokenRequest. The older kind, kept in a Secret, would be readable to whoever reads Secrets, would
// never end, and takes a controller that does not run here. Bound to a Secret, this one can be withdrawn all the same.
func newAdmin(ctx context.Context, cfg Config, api *rest.Config, f *front) (admin, error) {
	client, err := kubernetes.NewForConfig(api)
	if err != nil {
		return admin{}, err
	}
	var a admin
	if a.token, err = keptToken(cfg); err != nil {
		return admin{}, err
	}
	good, err := goodToken(ctx, client, a.token, cfg.Now())
	if err != nil {
		return admin{}, err
	}
	if !good {
		if err := makeAdmin(ctx, client); err != nil {
			return admin{}, err
		}
		if a.token, err = adminToken(ctx, client); err != nil {
			return admin{}, err
		}
		a.fresh = true
	}
	return a, writeKubeconfig(cfg, "127.0.0.1:"+f.port(), f.ca.CA(), a.token)
}

// keptToken is the one in the kubeconfig; "" when there is none.
func keptToken(cfg Config) (string, error) {
	kept, err := clientcmd.LoadFromFile(cfg.kubeconfig())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if user := kept.AuthInfos[adminName]; user != nil {
		return user.Token, nil
	}
	return "", nil
}

func goodToken(ctx context.Context, client kubernetes.Interface, token string, now time.Time) (bool, error) {
	if token == "" {
		return false, nil
	}
	claims := jwt.RegisteredClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil || claims.ExpiresAt == nil {
		return false, nil
	}
	if now.After(claims.ExpiresAt.Add(-adminRenewal)) {
		return false, nil
	}
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	answer, err := client.AuthenticationV1().TokenReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("ask whether its token is good: %w", err)
	}
	return answer.Status.Authenticated, nil
}

func makeAdmin(ctx context.Context, client kubernetes.Interface) error {
	meta := metav1.ObjectMeta{Name: adminName, Namespace: enroll.SystemNamespace}
	_, err := client.CoreV1().ServiceAccounts(meta.Namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: adminName},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: adminName},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: meta.Namespace, Name: adminName}},
	}
	_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}

func adminToken(ctx context.Context, client kubernetes.Interface) (string, error) {
	secrets := client.CoreV1().Secrets(enroll.SystemNamespace)
	bound, err := secrets.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: adminSecret}}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		bound, err = secrets.Get(ctx, adminSecret, metav1.GetOptions{})
	}
	if err != nil {
		return "", err
	}
	seconds := int64(adminLife / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: &seconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Secret", Name: bound.Name, UID: bound.UID},
	}}
	answer, err := client.CoreV1().ServiceAccounts(enroll.SystemNamespace).CreateToken(ctx, adminName, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return answer.Status.Token, nil
}

func writeKubeconfig(cfg Config, address string, ca []byte, token string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["holdfast"] = &clientcmdapi.Cluster{Server: "https://" + address + enroll.PathAPI, CertificateAuthorityData: ca}
	config.AuthInfos[adminName] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["holdfast"] = &clientcmdapi.Context{Cluster: "holdfast", AuthInfo: adminName}
	config.CurrentContext = "holdfast"
	text, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	if kept, err := os.ReadFile(cfg.kubeconfig()); err == nil && string(kept) == string(text) {
		return nil
	}
	return durable.WriteFile(cfg.kubeconfig(), text, 0o600)
}

// keepAdmin sees to it that the kubeconfig of a manager that runs for long stays good.
func (m *Manager) keepAdmin(ctx context.Context) {
	tick := time.NewTicker(adminPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := newAdmin(ctx, m.cfg, m.plane.api, m.front); err != nil && ctx.Err() == nil {
			m.cfg.Logger.Warn("the administrator's kubeconfig is not renewed", "error", err)
		}
	}
}
