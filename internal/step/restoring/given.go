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

// given reads what the operation was given; nothing as a rule.
func (b base) given(ctx context.Context) (Given, error) {
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
	if g.AgeIdentity == "" {
		return g, nil
	}
	return b.open(ctx, g)
}

// open takes out of the escrow what the Secret itself does not have.
func (b base) open(ctx context.Context, g Given) (Given, error) {
	identities, err := escrow.Identities(g.AgeIdentity)
	if err != nil {
		return g, err
	}
	sealed, err := b.sealed(ctx)
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

// givenDir holds what a program has to read from a file. It lies in memory, and is nobody else's.
func (b base) givenDir() string { return filepath.Join(b.SecretDir, b.op.UID) }

// tokenFile writes the token that the operation was given to a file for the distribution to read, and returns its path;
// "" when it was given none: then the machine's own is meant. forget removes it.
func (b base) tokenFile(ctx context.Context) (path string, err error) {
	g, err := b.given(ctx)
	if err != nil || g.Token == "" {
		return "", err
	}
	if err := durable.MkdirAll(b.givenDir(), 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(b.givenDir(), "token")
	if err := durable.WriteFile(path, []byte(g.Token+"\n"), 0o600); err != nil {
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
