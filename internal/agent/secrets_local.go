package agent

import (
	"context"
	"strings"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/escrow"
	"github.com/holdfast-dev/holdfast/internal/secretfile"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// localSecrets are what whoever runs a local operation has put into files for it. The files stay where they are.
type localSecrets struct {
	// TokenFile holds the token that the snapshot was taken under, IdentityFile the age identity that opens its escrow. Both
	// may be empty.
	TokenFile, IdentityFile string

	given restoring.Given
	// seen is what must not be told.
	seen []string
}

// localName stands in a plan for these files.
const localName = "local"

// any says whether any file was named.
func (l *localSecrets) any() bool { return l.TokenFile != "" || l.IdentityFile != "" }

// load reads the files.
func (l *localSecrets) load() error {
	for _, f := range []struct {
		what, path, flag string
		to               *string
	}{
		{"the token", l.TokenFile, "--token-file", &l.given.Token},
		{"the age identity", l.IdentityFile, "--identity-file", &l.given.AgeIdentity},
	} {
		if f.path == "" {
			continue
		}
		data, err := secretfile.Read(f.what, f.path, f.flag)
		if err != nil {
			return err
		}
		*f.to = strings.TrimSpace(string(data))
		l.seen = append(l.seen, *f.to)
	}
	return nil
}

// Given implements restoring.Secrets.
func (l *localSecrets) Given(context.Context, v1alpha1.PlanOperation) (restoring.Given, error) {
	return l.given, nil
}

// Remember implements restoring.Secrets.
func (l *localSecrets) Remember(content *escrow.Content) {
	l.seen = append(l.seen, content.Token)
	for _, secret := range content.Secrets {
		l.seen = append(l.seen, secret)
	}
}

// redact takes what was read out of a text.
func (l *localSecrets) redact(text string) string {
	if l == nil {
		return text
	}
	return conceal(text, l.seen...)
}
