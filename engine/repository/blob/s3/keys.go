package s3

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Keys are what requests are signed with.
type Keys struct {
	AccessKey               string
	SecretKey, SessionToken Secret
	// Expires is when temporary keys end; zero for lasting ones.
	Expires time.Time
	// Source is where they came from, for people: "environment", "instance role".
	Source string
}

// Provider is where keys come from. It is asked when there are none, shortly before they expire, and when the server
// no longer accepts them. It need not remember what it returned. One call runs at a time.
type Provider interface {
	Keys(ctx context.Context) (Keys, error)
}

// static are keys that were given.
type static Keys

func (k static) Keys(context.Context) (Keys, error) { return Keys(k), nil }

func (c Config) provider() Provider {
	switch {
	case c.AccessKey != "":
		return static{AccessKey: c.AccessKey, SecretKey: c.SecretKey, SessionToken: c.SessionToken, Source: "configuration"}
	case c.Provider != nil:
		return c.Provider
	}
	return NewChain(c.Region)
}

const (
	// fetchTimeout bounds one call of a provider.
	fetchTimeout = 15 * time.Second
	// maxEarly is how long before their end keys are renewed. Instance metadata has the next keys five minutes before.
	maxEarly = 5 * time.Minute
	// againAfter is the wait after a renewal that failed while the present keys are still good.
	againAfter = 30 * time.Second
)

// keyring keeps the present keys and renews them in time. Waiting for it ends with the waiter's context.
type keyring struct {
	provider Provider
	turn     chan struct{} // held by the one who asks the provider
	current  atomic.Pointer[issue]
}

// issue is one set of keys as it was handed out.
type issue struct {
	Keys
	renewAt time.Time // zero: never
}

func newKeyring(p Provider) *keyring { return &keyring{provider: p, turn: make(chan struct{}, 1)} }

// ensure returns keys that are good now.
func (k *keyring) ensure(ctx context.Context) (*issue, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if current := k.current.Load(); current.fresh(time.Now()) {
		return current, nil
	}
	if err := k.takeTurn(ctx); err != nil {
		return nil, err
	}
	defer k.endTurn()
	current := k.current.Load()
	if current.fresh(time.Now()) {
		return current, nil // someone else was quicker
	}
	next, err := k.fetch(ctx)
	switch now := time.Now(); {
	case err == nil:
	case current != nil && now.Before(current.Expires):
		next = &issue{current.Keys, now.Add(min(againAfter, current.Expires.Sub(now)/2))}
	default:
		return nil, err
	}
	k.current.Store(next)
	return next, nil
}

// renew fetches keys anew although the given ones should still be good, and says whether there are others now.
func (k *keyring) renew(ctx context.Context, refused *issue) (bool, error) {
	if err := k.takeTurn(ctx); err != nil {
		return false, err
	}
	defer k.endTurn()
	if k.current.Load().AccessKey != refused.AccessKey || !k.current.Load().SessionToken.Equal(refused.SessionToken) {
		return true, nil // someone else was quicker
	}
	next, err := k.fetch(ctx)
	if err != nil {
		return false, err
	}
	k.current.Store(next)
	return next.AccessKey != refused.AccessKey || !next.SecretKey.Equal(refused.SecretKey) ||
		!next.SessionToken.Equal(refused.SessionToken), nil
}

// fetch asks the provider, and does not wait longer than it may even if the provider does.
func (k *keyring) fetch(ctx context.Context) (*issue, error) {
	bounded, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	type answer struct {
		keys Keys
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		keys, err := k.provider.Keys(bounded)
		done <- answer{keys, err}
	}()
	var got answer
	select {
	case got = <-done:
	case <-bounded.Done():
		got.err = bounded.Err()
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case got.err == nil && (got.keys.AccessKey == "" || got.keys.SecretKey.IsZero()):
		return nil, fmt.Errorf("%w: %s gave none", blob.ErrCredentials, got.keys.Source)
	case got.err != nil && !errors.Is(got.err, blob.ErrCredentials):
		return nil, fmt.Errorf("%w: %w", blob.ErrCredentials, got.err)
	case got.err != nil:
		return nil, got.err
	}
	return issued(got.keys, time.Now()), nil
}

// issued plans the renewal: a fifth of their life before the keys end, but not long before.
func issued(keys Keys, now time.Time) *issue {
	i := &issue{Keys: keys}
	if !keys.Expires.IsZero() {
		i.renewAt = keys.Expires.Add(-min(keys.Expires.Sub(now)/5, maxEarly))
	}
	return i
}

func (i *issue) fresh(now time.Time) bool {
	return i != nil && (i.renewAt.IsZero() || now.Before(i.renewAt))
}

func (k *keyring) takeTurn(ctx context.Context) error {
	select {
	case k.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *keyring) endTurn() { <-k.turn }

// signer hands the present keys to minio-go. It never fetches any: every request is preceded by ensure, which can
// wait, fail and be cancelled as minio-go's own renewal cannot.
type signer struct {
	keys   *keyring
	handed *issue
}

// IsExpired says that other keys are to be used now. minio-go does not call two methods at once.
func (s *signer) IsExpired() bool { return s.handed != s.keys.current.Load() }

// Retrieve returns the present keys.
func (s *signer) Retrieve() (credentials.Value, error) { return s.RetrieveWithCredContext(nil) }

// RetrieveWithCredContext returns the present keys.
func (s *signer) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	s.handed = s.keys.current.Load()
	if s.handed == nil {
		return credentials.Value{}, fmt.Errorf("%w: none were fetched", blob.ErrCredentials)
	}
	return credentials.Value{
		AccessKeyID:     s.handed.AccessKey,
		SecretAccessKey: s.handed.SecretKey.Reveal(),
		SessionToken:    s.handed.SessionToken.Reveal(),
		SignerType:      credentials.SignatureV4,
	}, nil
}
