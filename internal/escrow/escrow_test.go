package escrow_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/escrow"
)

func identity(t testing.TB) *age.X25519Identity {
	t.Helper()
	made, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestEachRecipientOpensWhatWasSealed(t *testing.T) {
	a, b := identity(t), identity(t)
	rapid.Check(t, func(r *rapid.T) {
		c := &escrow.Content{
			Token:   rapid.StringMatching(`[ -~]{0,80}`).Draw(r, "token"),
			Secrets: rapid.MapOf(rapid.String(), rapid.String()).Draw(r, "secrets"),
		}
		for _, name := range rapid.SliceOfDistinct(rapid.StringMatching(`(/[a-z.0-9-]{1,60}[a-z]){1,5}`), rapid.ID[string]).Draw(r, "files") {
			c.Files = append(c.Files, escrow.File{
				Path: name, Mode: os.FileMode(rapid.IntRange(0, 0o777).Draw(r, "mode")), Data: rapid.SliceOf(rapid.Byte()).Draw(r, "data"),
			})
		}
		sealed, err := escrow.Seal(c, []string{a.Recipient().String(), b.Recipient().String()})
		if err != nil {
			r.Fatal(err)
		}
		if c.Token != "" && len(c.Token) > 8 && bytes.Contains(sealed, []byte(c.Token)) {
			r.Fatal("the token can be read")
		}
		for _, who := range []age.Identity{a, b} {
			got, err := escrow.Open(sealed, []age.Identity{who})
			if err != nil {
				r.Fatal(err)
			}
			if d := cmp.Diff(c, got, cmpopts.EquateEmpty()); d != "" {
				r.Fatal(d)
			}
		}
	})
}

func TestNobodyElseOpensItAndAChangedOneIsRefused(t *testing.T) {
	a := identity(t)
	sealed, err := escrow.Seal(&escrow.Content{Token: "secret"}, []string{a.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := escrow.Open(sealed, []age.Identity{identity(t)}); problem.KindOf(err) != problem.Denied {
		t.Errorf("somebody else: %v", err)
	}
	for _, at := range []int{len(sealed) / 2, len(sealed) - 1} {
		changed := bytes.Clone(sealed)
		changed[at] ^= 1
		if _, err := escrow.Open(changed, []age.Identity{a}); problem.KindOf(err) != problem.Damaged {
			t.Errorf("byte %d changed: %v", at, err)
		}
	}
	if _, err := escrow.Open(sealed[:len(sealed)-20], []age.Identity{a}); problem.KindOf(err) != problem.Damaged {
		t.Errorf("cut short: %v", err)
	}
}

func TestWithoutARecipientNothingIsSealed(t *testing.T) {
	for _, to := range [][]string{nil, {"age1nonsense"}} {
		if sealed, err := escrow.Seal(&escrow.Content{Token: "secret"}, to); err == nil {
			t.Errorf("to %v: %d bytes", to, len(sealed))
		}
	}
}

func TestAnErrorAboutAnIdentityDoesNotShowIt(t *testing.T) {
	for _, text := range []string{"AGE-SECRET-KEY-1NONSENSE", "1NONSENSE", "# none\n"} {
		_, err := escrow.Identities(text)
		if problem.KindOf(err) != problem.Usage || strings.Contains(err.Error(), "NONSENSE") {
			t.Errorf("%v", err)
		}
	}
}
