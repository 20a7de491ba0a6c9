package enroll

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// DefaultTokenLife of a join token.
const DefaultTokenLife = time.Hour

// Keys of a join token's Secret.
const (
	tokenCluster = "cluster"
	tokenRoles   = "roles"
	tokenHash    = "hash"
	tokenExpires = "expires"
	tokenReplace = "replace"
	// tokenUsedBy is the hash of the key that redeemed the token; tokenMachine and tokenMachineUID are what it got.
	tokenUsedBy     = "usedBy"
	tokenMachine    = "machine"
	tokenMachineUID = "machineUID"
)

// Invitation says what a join token is good for.
type Invitation struct {
	// Namespace and Cluster that the machine joins.
	Namespace, Cluster string
	// Roles that it gets. At least one.
	Roles []v1alpha1.Role
	// Replace names a Machine that may be taken over: the same node, set up anew.
	Replace string
	// Expires is when the token ends.
	Expires time.Time
}

// Invite makes a join token with the rights of whoever c belongs to: creating Secrets in the cluster's namespace is
// what it takes. The secret part is kept nowhere.
func Invite(ctx context.Context, c client.Client, info Info, invitation Invitation) (JoinToken, error) {
	hash, err := info.caHash()
	if err != nil {
		return JoinToken{}, err
	}
	token, err := newJoinToken(hash, invitation.Namespace)
	if err != nil {
		return JoinToken{}, err
	}
	roles := make([]string, 0, len(invitation.Roles))
	for _, role := range invitation.Roles {
		roles = append(roles, string(role))
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: invitation.Namespace, Name: tokenSecret(token.ID)},
		Type:       JoinTokenType,
		StringData: map[string]string{
			tokenCluster: invitation.Cluster,
			tokenRoles:   strings.Join(roles, ","),
			tokenHash:    token.hash(),
			tokenExpires: invitation.Expires.UTC().Format(time.RFC3339),
		},
	}
	if invitation.Replace != "" {
		secret.StringData[tokenReplace] = invitation.Replace
	}
	if err := c.Create(ctx, secret); err != nil {
		return JoinToken{}, fmt.Errorf("keep the join token's hash: %w", err)
	}
	return token, nil
}

func tokenSecret(id string) string { return "join-" + id }

// Info is where the manager is and how to know it. Nothing in it is secret.
type Info struct {
	// CA certificate in PEM.
	CA string
	// Pin of the serving key, as curl's --pinnedpubkey takes it.
	Pin string
	// Addresses with port that the manager says it can be reached at, the preferred first.
	Addresses []string
}

// Keys of InfoConfigMap.
const (
	infoCA        = "ca.crt"
	infoPin       = "pin"
	infoAddresses = "addresses"
)

// Publish writes down where the manager is.
func (i Info) Publish(ctx context.Context, c client.Client) error {
	object := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: SystemNamespace, Name: InfoConfigMap},
	}
	wanted := map[string]string{infoCA: i.CA, infoPin: i.Pin, infoAddresses: strings.Join(i.Addresses, "\n")}
	err := c.Get(ctx, client.ObjectKeyFromObject(object), object)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	object.Data = wanted
	if err != nil {
		return c.Create(ctx, object)
	}
	return c.Update(ctx, object)
}

// ReadInfo reads what Publish wrote.
func ReadInfo(ctx context.Context, c client.Reader) (Info, error) {
	var object corev1.ConfigMap
	name := client.ObjectKey{Namespace: SystemNamespace, Name: InfoConfigMap}
	if err := c.Get(ctx, name, &object); err != nil {
		return Info{}, fmt.Errorf("read the manager's address: %w", err)
	}
	return Info{CA: object.Data[infoCA], Pin: object.Data[infoPin], Addresses: strings.Fields(object.Data[infoAddresses])}, nil
}

func (i Info) caHash() (string, error) {
	cert, err := decodeCertificate([]byte(i.CA))
	if err != nil {
		return "", fmt.Errorf("the manager's CA: %w", err)
	}
	return certificateHash(cert), nil
}

// InstallLine is what an operator pastes on the machine. The token is in the environment, because every user of a
// machine may read command lines.
func (i Info) InstallLine(address string, token JoinToken) string {
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), DefaultPort)
	}
	return fmt.Sprintf("curl -fsSk --pinnedpubkey %s https://%s%s | HOLDFAST_JOIN_TOKEN=%s sh", i.Pin, address, PathInstall, token.Text())
}

// JoinLine is the line with which one machine joins a cluster, and what it is made of. It holds the token's secret.
type JoinLine struct {
	Cluster   string    `json:"cluster"`
	Namespace string    `json:"namespace"`
	Server    string    `json:"server"`
	Token     string    `json:"token"`
	Expires   time.Time `json:"expires"`
	Command   string    `json:"command"`
}

// Line for a token that was made of an invitation. address is where the machine reaches the manager.
func (i Info) Line(address string, invitation Invitation, token JoinToken) JoinLine {
	return JoinLine{
		Cluster: invitation.Cluster, Namespace: invitation.Namespace, Server: "https://" + address, Token: token.Text(),
		Expires: invitation.Expires.UTC(), Command: i.InstallLine(address, token),
	}
}

// DefaultPort of the manager.
const DefaultPort = "8443"
