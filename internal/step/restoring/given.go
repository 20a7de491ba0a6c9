package restoring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/durable"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/escrow"
)

// Given is what an operation was given that the machines do not have. None of it goes into a journal, a log or a result.
type Given struct {
	// Token that the snapshot's keys are sealed with.
	Token string
	// AgeIdentity opens what was encrypted beside the snapshot.
	AgeIdentity string
	// Secrets of the configuration, by key, from the escrow.
	Secrets map[string]string
}

// Secrets reads the Secret of an operation.
type Secrets interface {
	// Given reads it anew each time: it may be read only while the operation runs on this machine.
	Given(ctx context.Context, op v1alpha1.PlanOperation) (Given, error)
	// Remember has what an escrow holds taken out of whatever is told.
	Remember(content *escrow.Content)
}

// values are those that a redacted configuration may lack.
func (g Given) values() map[string]string {
	all := maps.Clone(g.Secrets)
	if g.Token == "" {
		return all
	}
	if all == nil {
		all = map[string]string{}
	}
	all["token"] = g.Token
	return all
}

// given reads what the operation was given, and what that opens; nothing as a rule.
func (b base) given(ctx context.Context) (Given, error) {
	g, err := b.secret(ctx)
	if err != nil || g.AgeIdentity == "" {
		return g, err
	}
	return b.open(ctx, g, nil)
}

// token that the operation was given, or that what it was given opens; "" when there is none. sealed is what to open where the
// escrow can't be reached.
func (b base) token(ctx context.Context, sealed []byte) (string, error) {
	g, err := b.secret(ctx)
	if err == nil && g.Token == "" && g.AgeIdentity != "" {
		g, err = b.open(ctx, g, sealed)
	}
	return g.Token, err
}

// secret reads the operation's Secret.
func (b base) secret(ctx context.Context) (Given, error) {
	if b.op.SecretName == "" {
		return Given{}, nil
	}
	if b.Secrets == nil {
		return Given{}, errors.New("read the operation's Secret: there is no manager to ask")
	}
	g, err := b.Secrets.Given(ctx, b.op)
	if err != nil {
		return g, fmt.Errorf("read the Secret %s: %w", b.op.SecretName, err)
	}
	return g, nil
}

// open takes out of the escrow, or out of what is sealed likewise, what the Secret itself does not have.
func (b base) open(ctx context.Context, g Given, sealed []byte) (Given, error) {
	identities, err := escrow.Identities(g.AgeIdentity)
	if err != nil {
		return g, err
	}
	if len(sealed) == 0 {
		sealed, err = b.sealed(ctx)
	}
	if err != nil {
		return g, &problem.Error{
			Kind: problem.KindOf(err), Op: "read the escrow of", Subject: b.op.Escrow, Err: err,
			Next: "put the token itself into Secret " + b.op.SecretName + ", as token",
		}
	}
	content, err := escrow.Open(sealed, identities)
	if err != nil {
		return g, err
	}
	g.Token, g.Secrets = cmp.Or(g.Token, content.Token), content.Secrets
	b.Secrets.Remember(content)
	return g, nil
}

// sealed is the escrow beside the operation's snapshot: on this machine or in S3.
func (b base) sealed(ctx context.Context) ([]byte, error) {
	repo, entry, err := b.Places.Find(ctx, b.op.Escrow)
	if err != nil {
		return nil, err
	}
	defer repo.Close()
	return repo.EscrowOf(ctx, entry)
}

// handOn is the token out of the escrow, sealed anew to the identity that opened it: a machine without etcd has no access to
// the place where the escrow lies, but to the operation's Secret. nil when there is nothing to hand on.
func (b base) handOn(ctx context.Context) ([]byte, error) {
	g, err := b.secret(ctx)
	if err != nil || g.Token != "" || g.AgeIdentity == "" {
		return nil, err
	}
	if g, err = b.open(ctx, g, nil); err != nil || g.Token == "" {
		return nil, err
	}
	identities, err := escrow.Identities(g.AgeIdentity)
	if err != nil {
		return nil, err
	}
	return escrow.Seal(&escrow.Content{Token: g.Token}, escrow.Recipients(identities))
}

// givenDir holds what a program has to read from a file. It lies in memory, and is nobody else's.
func (b base) givenDir() string { return filepath.Join(b.SecretDir, b.op.UID) }

// tokenFile writes the token that the operation was given to a file for the distribution to read, and returns its path;
// "" when it was given none: then the machine's own is meant. forget removes it.
func (b base) tokenFile(ctx context.Context) (path string, err error) {
	token, err := b.token(ctx, nil)
	if err != nil || token == "" {
		return "", err
	}
	if err := durable.MkdirAll(b.givenDir(), 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(b.givenDir(), "token")
	if err := durable.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the token for the distribution: %w", err)
	}
	return path, nil
}

// forget removes what was written for a program to read.
func (b base) forget() error {
	if b.op.SecretName == "" {
		return nil
	}
	return os.RemoveAll(b.givenDir())
}
