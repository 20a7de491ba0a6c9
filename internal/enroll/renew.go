package enroll

import (
	"context"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// tokenLife of tokens for the API. One that was stolen is of no use for longer, and a fleet that renews at this pace
// costs next to nothing.
const tokenLife = 50 * time.Minute

// caller returns the Machine whose certificate came with the request. The certificate may have ended, for as long as
// it can be renewed.
func (s *Server) caller(ctx context.Context, r *http.Request) (*v1alpha1.Machine, Peer, error) {
	cert, err := presented(r)
	if err != nil {
		return nil, Peer{}, err
	}
	peer, err := VerifyPeer(cert, s.ca.Pool(), s.now(), renewalGrace)
	if err != nil {
		return nil, Peer{}, refuse(http.StatusUnauthorized, "the client certificate is not good: %v", err)
	}
	machine, err := s.machine(ctx, peer.Namespace, peer.Machine)
	if apierrors.IsNotFound(err) || err == nil && machine.DeletionTimestamp != nil {
		return nil, Peer{}, refuse(http.StatusForbidden, "machine %s was deleted: it has to join again", peer.Machine)
	}
	if err != nil {
		return nil, Peer{}, err
	}
	if machine.Annotations[AnnotationIdentity] != peer.KeyHash {
		return nil, Peer{}, refuse(http.StatusForbidden, "machine %s has another key now: this one was replaced", peer.Machine)
	}
	return machine, peer, nil
}

// renew gives a certificate with a later end for the same key. A lost answer costs nothing, because the former
// certificate goes on to work.
func (s *Server) renew(ctx context.Context, r *http.Request) (Identity, error) {
	machine, peer, err := s.caller(ctx, r)
	if err != nil {
		return Identity{}, err
	}
	var request RenewRequest
	if err := read(r, &request); err != nil {
		return Identity{}, err
	}
	key, err := decodeCSR(request.CSR)
	if err != nil {
		return Identity{}, refuse(http.StatusBadRequest, "the certificate request: %v", err)
	}
	if hash, err := keyHash(key); err != nil || hash != peer.KeyHash {
		return Identity{}, refuse(http.StatusForbidden, "a renewal keeps the key: join again to change it")
	}
	certificate, err := s.ca.issueIdentity(machine.Namespace, machine.Name, key)
	if err != nil {
		return Identity{}, err
	}
	s.log.Info("a machine renewed its certificate", "namespace", machine.Namespace, "machine", machine.Name)
	identity := Identity{Machine: machine.Name, Namespace: machine.Namespace, Certificate: string(certificate), CA: string(s.ca.CA())}
	if owner := metav1.GetControllerOf(machine); owner != nil {
		identity.Cluster = owner.Name
	}
	return identity, nil
}

// token gives a token for the API, of the machine's ServiceAccount.
func (s *Server) token(ctx context.Context, r *http.Request) (Token, error) {
	machine, _, err := s.caller(ctx, r)
	if err != nil {
		return Token{}, err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: machine.Namespace, Name: AgentName(machine.Name)}}
	seconds := int64(tokenLife / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	err = s.client.SubResource("token").Create(ctx, account, request)
	if apierrors.IsNotFound(err) {
		return Token{}, refuse(http.StatusServiceUnavailable, "service account %s is missing: join machine %s again with a token that replaces it", account.Name, machine.Name)
	}
	if err != nil {
		return Token{}, err
	}
	return Token{Token: request.Status.Token, Expires: request.Status.ExpirationTimestamp.Time}, nil
}
