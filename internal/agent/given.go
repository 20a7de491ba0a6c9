package agent

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/escrow"
	"github.com/holdfast-dev/holdfast/internal/place"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// given reads the Secrets of operations. It keeps none of them on the disk; in memory it remembers them, so that they can be
// taken out of whatever is told.
type given struct {
	*link
	mu   sync.Mutex
	seen map[string]bool
}

func newGiven(l *link) *given { return &given{link: l, seen: map[string]bool{}} }

// grantTime is how long a Secret is asked for: the right to read it comes after the plan that names it, and the manager may
// be restarting. grantPoll is how often.
const (
	grantTime = 2 * time.Minute
	grantPoll = 2 * time.Second
)

// Given implements restoring.Secrets.
func (g *given) Given(ctx context.Context, op v1alpha1.PlanOperation) (restoring.Given, error) {
	data, err := g.await(ctx, op.SecretName)
	if err != nil {
		return restoring.Given{}, err
	}
	found := restoring.Given{
		Token: strings.TrimSpace(string(data["token"])), AgeIdentity: strings.TrimSpace(string(data["ageIdentity"])),
	}
	if found.Token == "" && found.AgeIdentity == "" {
		return found, fmt.Errorf("it has neither token nor ageIdentity: %w", apierrors.NewNotFound(corev1.Resource("secrets"), op.SecretName))
	}
	g.remember(found.Token, found.AgeIdentity)
	return found, nil
}

// Keys reads the credentials of a target that is not the cluster's, or not yet.
func (g *given) Keys(ctx context.Context, op v1alpha1.PlanOperation) (place.Keys, error) {
	data, err := g.await(ctx, op.SecretName)
	if err != nil {
		return place.Keys{}, err
	}
	access, secret, session := string(data["accessKey"]), string(data["secretKey"]), string(data["sessionToken"])
	if access == "" || secret == "" {
		return place.Keys{}, fmt.Errorf("it lacks accessKey or secretKey: %w", apierrors.NewNotFound(corev1.Resource("secrets"), op.SecretName))
	}
	g.remember(secret, session)
	return keys(access, secret, session), nil
}

// await reads a Secret once this machine may.
func (g *given) await(ctx context.Context, name string) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, grantTime)
	defer cancel()
	for {
		data, err := g.read(ctx, name)
		if err == nil || apierrors.IsNotFound(err) || !sleep(ctx, grantPoll) {
			return data, err
		}
	}
}

func (g *given) read(ctx context.Context, name string) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	var secret corev1.Secret
	err := g.api.Get(ctx, types.NamespacedName{Namespace: g.key.Namespace, Name: name}, &secret)
	return secret.Data, err
}

// Remember implements restoring.Secrets.
func (g *given) Remember(content *escrow.Content) {
	g.remember(content.Token)
	for _, secret := range content.Secrets {
		g.remember(secret)
	}
}

func (g *given) remember(secrets ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range secrets {
		if len(s) > 3 {
			g.seen[s] = true
		}
	}
}

// redact takes what was read out of a text.
func (g *given) redact(text string) string {
	if g == nil {
		return text
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for secret := range g.seen {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

// redact takes the secrets that this machine knows out of a text.
func (a *Agent) redact(text string) string {
	return a.secrets.redact(a.given.redact(a.standing.redact(text)))
}
