package repository_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
)

// folder is the repository in a directory that is made, as the command line opens it.
func folder(t *testing.T, path ...string) *repository.Repository {
	t.Helper()
	s, err := local.New(local.Config{Dir: filepath.Join(path...), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	var ancestors []blob.Store
	if nested, ok := blob.Store(s).(blob.Nested); ok {
		ancestors = nested.Ancestors()
	}
	return repository.Open(repository.Config{Store: s, Ancestors: ancestors, Host: "n1", Now: time.Now})
}

func TestAnOverlapNamesTheMarkerItsClusterAndTheWaysOut(t *testing.T) {
	for where, c := range map[string]struct{ owned, refused string }{
		"above": {"a", "a/b"},
		"below": {"a/b", "a"},
	} {
		t.Run(where, func(t *testing.T) {
			dir := t.TempDir()
			if err := folder(t, dir, c.owned).Claim(t.Context(), "prod", false); err != nil {
				t.Fatal(err)
			}
			err := folder(t, dir, c.refused).Claim(t.Context(), "other", false)
			if problem.KindOf(err) != problem.Refused {
				t.Fatalf("got %v", err)
			}
			owned := "file://" + filepath.Join(dir, c.owned)
			want := "a folder " + where + " it, " + owned + ", belongs to cluster prod, says " + owned + "/.metadata/holdfast-owner.json"
			if !strings.HasSuffix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if next := problem.NextOf(err); !strings.Contains(next, "use "+owned+";") || !strings.Contains(next, "remove that marker") {
				t.Errorf("next: %s", next)
			}
		})
	}
}
