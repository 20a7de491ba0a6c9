package enroll

import (
	"context"
	"crypto/ecdsa"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// grant is what a join token gives to a key.
type grant struct {
	secret  *corev1.Secret
	cluster *v1alpha1.Cluster
	machine string
	roles   []v1alpha1.Role
	key     *ecdsa.PublicKey
	keyHash string
}

func (g *grant) field(name string) string { return string(g.secret.Data[name]) }

// enroll redeems a join token. Whatever may refuse comes first, then the token is claimed for the key by a write that
// only one request can win, then the machine's objects are made. A request that is repeated with the same key finds the
// claim its own and makes what is missing.
func (s *Server) enroll(ctx context.Context, r *http.Request) (Identity, error) {
	var request Request
	if err := read(r, &request); err != nil {
		return Identity{}, err
	}
	g, err := s.examine(ctx, request)
	if err != nil {
		return Identity{}, err
	}
	if err := s.mayHave(ctx, g); err != nil {
		return Identity{}, err
	}
	if err := s.claim(ctx, g); err != nil {
		return Identity{}, err
	}
	machine, err := s.makeMachine(ctx, g)
	if err != nil {
		return Identity{}, err
	}
	if err := s.noteMachine(ctx, g, machine); err != nil {
		return Identity{}, err
	}
	certificate, err := s.ca.issueIdentity(g.secret.Namespace, g.machine, g.key)
	if err != nil {
		return Identity{}, err
	}
	s.log.Info("a machine joined", "namespace", g.secret.Namespace, "cluster", g.cluster.Name, "machine", g.machine, "roles", g.field(tokenRoles))
	return Identity{
		Machine: g.machine, Namespace: g.secret.Namespace, Cluster: g.cluster.Name,
		Certificate: string(certificate), CA: string(s.ca.CA()),
	}, nil
}

// examine finds out what the request asks for and whether its token is good.
func (s *Server) examine(ctx context.Context, request Request) (*grant, error) {
	token, err := ParseJoinToken(request.Token)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "%v", err)
	}
	if token.CAHash != s.ca.Hash() {
		return nil, refuse(http.StatusUnauthorized, "the join token is for another manager: make one here")
	}
	g := &grant{}
	if g.secret, err = s.tokenSecret(ctx, token); err != nil {
		return nil, err
	}
	if g.machine, err = machineName(request.Machine); err != nil {
		return nil, refuse(http.StatusBadRequest, "%v", err)
	}
	if g.key, err = decodeCSR(request.CSR); err != nil {
		return nil, refuse(http.StatusBadRequest, "the certificate request: %v", err)
	}
	if g.keyHash, err = keyHash(g.key); err != nil {
		return nil, err
	}
	if by := g.field(tokenUsedBy); by != "" && (by != g.keyHash || g.field(tokenMachine) != g.machine) {
		return nil, refuse(http.StatusForbidden, "the join token was used already, by machine %s: make another", g.field(tokenMachine))
	}
	for role := range strings.SplitSeq(g.field(tokenRoles), ",") {
		g.roles = append(g.roles, v1alpha1.Role(role))
	}
	g.cluster, err = s.clusterOf(ctx, g)
	return g, err
}

// tokenSecret returns what is kept of a token. One that does not exist and one with a wrong secret look the same.
func (s *Server) tokenSecret(ctx context.Context, token JoinToken) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := s.client.Get(ctx, client.ObjectKey{Namespace: token.Namespace, Name: tokenSecret(token.ID)}, secret)
	if client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	known := err == nil && secret.Type == JoinTokenType
	if !known || subtle.ConstantTimeCompare(secret.Data[tokenHash], []byte(token.hash())) != 1 {
		return nil, refuse(http.StatusUnauthorized, "the join token is not known here: make another")
	}
	end, err := time.Parse(time.RFC3339, string(secret.Data[tokenExpires]))
	if err != nil || !s.now().Before(end) {
		return nil, refuse(http.StatusUnauthorized, "the join token ended at %s: make another", secret.Data[tokenExpires])
	}
	return secret, nil
}

// clusterOf returns the cluster that a token is for.
func (s *Server) clusterOf(ctx context.Context, g *grant) (*v1alpha1.Cluster, error) {
	cluster := &v1alpha1.Cluster{}
	name := client.ObjectKey{Namespace: g.secret.Namespace, Name: g.field(tokenCluster)}
	if err := s.client.Get(ctx, name, cluster); apierrors.IsNotFound(err) {
		return nil, refuse(http.StatusForbidden, "cluster %s does not exist any more", name)
	} else if err != nil {
		return nil, err
	}
	if cluster.DeletionTimestamp != nil {
		return nil, refuse(http.StatusForbidden, "cluster %s is being deleted", name)
	}
	if cluster.Status.ID == "" {
		return nil, refuse(http.StatusServiceUnavailable, "cluster %s has no id yet: try again", name)
	}
	return cluster, nil
}

// claim makes the token the key's. Of two requests with different keys one is told that it was used.
func (s *Server) claim(ctx context.Context, g *grant) error {
	if g.field(tokenUsedBy) == g.keyHash {
		return nil
	}
	g.secret.Data[tokenUsedBy], g.secret.Data[tokenMachine] = []byte(g.keyHash), []byte(g.machine)
	err := s.client.Update(ctx, g.secret)
	if apierrors.IsConflict(err) {
		return refuse(http.StatusServiceUnavailable, "the join token is being used by another request: try again")
	}
	return err
}

// noteMachine ends the time in which a repeated request makes objects: once the machine was there, its deletion is
// final for this token.
func (s *Server) noteMachine(ctx context.Context, g *grant, machine *v1alpha1.Machine) error {
	if g.field(tokenMachineUID) == string(machine.UID) {
		return nil
	}
	g.secret.Data[tokenMachineUID] = []byte(machine.UID)
	err := s.client.Update(ctx, g.secret)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return refuse(http.StatusServiceUnavailable, "the join token is being used by another request: try again")
	}
	return err
}
