package restoring

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/distro"
)

// copies adds the room that copies of what is changed in place take. They lie beside their originals.
func (s *preflight) copies(ctx context.Context) {
	belongings, err := s.Driver.Belongings(ctx)
	if err != nil {
		s.note("UndoSet", err, "")
		return
	}
	for _, b := range belongings {
		if err := s.writable(b); err != nil {
			s.note("UndoSet", err, "")
			return
		}
		if !b.Copy {
			continue
		}
		items, err := lookAll(b)
		if err != nil {
			s.note("UndoSet", err, "")
			return
		}
		for _, i := range items {
			if size, err := sizeOf(i.Path); err == nil && size > 0 {
				s.needs[nearest(filepath.Dir(i.Path))] += size
			}
		}
	}
}

// writable refuses what can't be kept beside its original: the agent's own unit lets it write to some directories alone, and
// a file system may be mounted so that nobody can.
func (s *preflight) writable(b distro.Belonging) error {
	if !exists(b.Path) {
		return nil
	}
	dir := filepath.Dir(b.Path)
	if err := unix.Access(dir, unix.W_OK); err != nil {
		return &problem.Error{
			Kind: problem.Refused, Op: "keep a copy of", Subject: b.Path, Err: err, Why: "the agent can't write to " + dir + ": " + err.Error(),
			Next: "let it: ReadWritePaths=" + dir + " in a drop-in of holdfast-agent.service, or move what is there",
		}
	}
	return nil
}

// changesOf the distribution itself: another version, another configuration.
func (s *preflight) changesOf(ctx context.Context) {
	if s.settings.Installs == "" && len(s.settings.Configures) == 0 {
		return
	}
	k, err := kubernetes{s.base}.driver()
	if err != nil {
		s.note("Distribution", err, "")
		return
	}
	if version := s.settings.Installs; version != "" {
		s.note("ArtifactPresent", k.Installable(ctx, version), version+" can be installed from what was found")
	}
	if len(s.settings.Configures) > 0 {
		s.configures(ctx, k)
	}
}

// configures tells what another configuration changes, or why it can't come.
func (s *preflight) configures(ctx context.Context, k distro.Kubernetes) {
	given, err := s.given(ctx)
	var list []string
	if err == nil {
		list, err = k.Configurable(ctx, s.settings.Configures, given.values())
	}
	s.note("ConfigComplete", err, "no value is missing from the snapshot's configuration")
	if err != nil {
		return
	}
	text := "the configuration is the snapshot's already"
	if len(list) > 0 {
		text = fmt.Sprintf("%d keys change: %s", len(list), strings.Join(list, "; "))
	}
	s.add("ConfigChanges", passed, text)
}

// checked adds what the distribution says of the snapshot.
func (s *preflight) checked(ctx context.Context, got fetched) {
	checks, err := s.judge(ctx, got)
	if err != nil {
		s.note("TokenMatches", err, "")
	}
	for _, c := range checks {
		s.note(c.Name, c.Err, c.Message)
		if c.Err != nil && c.Warning {
			s.checks[len(s.checks)-1].Outcome = warning
		}
	}
}

// judge has the distribution say what it knows of a snapshot, and of what was given for it.
func (b base) judge(ctx context.Context, got fetched) ([]distro.Check, error) {
	checker, ok := b.Driver.(distro.Checker)
	if !ok {
		return nil, nil
	}
	token, err := b.tokenFile(ctx)
	if err != nil {
		return nil, err
	}
	checks := checker.CheckRestore(ctx, distro.RestoreConfig{
		ID: b.uid, File: got.Path, Manifest: got.Manifest, TokenFile: token, SpoolDir: b.SpoolDir,
	})
	return checks, b.forget()
}

// refused is why the distribution could not be restored from a snapshot that was fetched. Nothing has been stopped yet.
func (b base) refused(ctx context.Context, got fetched) error {
	checks, err := b.judge(ctx, got)
	for _, c := range checks {
		if !c.Warning {
			err = errors.Join(err, c.Err)
		}
	}
	return err
}
