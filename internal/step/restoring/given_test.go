package restoring

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/escrow"
	"github.com/holdfast-dev/holdfast/internal/place"
)

// safe is a Secret, and what was remembered to be kept out of all that is told.
type safe struct {
	holds      Given
	remembered *escrow.Content
}

func (s *safe) Given(context.Context, v1alpha1.PlanOperation) (Given, error) { return s.holds, nil }

func (s *safe) Remember(c *escrow.Content) { s.remembered = c }

// shelve puts what looks like a snapshot into a machine's directory, with an escrow beside it.
func shelve(t *testing.T, p place.Places, sealed []byte) (location string) {
	t.Helper()
	repo, err := p.Local()
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	const file = "on-demand-n1-1795367102.db"
	data := make([]byte, 4096+snapshot.TrailerSize)
	copy(data[16:], []byte{0xed, 0xda, 0x0c, 0xed})
	m := &snapshot.Manifest{
		Schema: snapshot.Schema, File: file, UploadID: snapshot.NewUploadID(), Name: "on-demand", Node: "n1", Trigger: snapshot.TriggerManual,
		Created: time.Now(), Stored: snapshot.Stored{Encoding: snapshot.EncodingRaw, Size: int64(len(data)), SHA256: fmt.Sprintf("%x", sha256.Sum256(data))},
	}
	encoded, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{file: data, snapshot.ManifestName(file, m.UploadID): encoded} {
		if _, err := repo.Store().Put(t.Context(), name, bytes.NewReader(content), blob.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if sealed != nil {
		if err := repo.PutEscrow(t.Context(), m, sealed); err != nil {
			t.Fatal(err)
		}
	}
	return repo.Location(file)
}

func TestAnAgeIdentityOpensTheEscrowOfTheSnapshot(t *testing.T) {
	who := identity(t)
	sealed, err := escrow.Seal(&escrow.Content{Token: "from the escrow", Secrets: map[string]string{"etcd-s3-secret-key": "abc"}}, []string{who.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		sealed []byte
		given  Given
		want   map[string]string
		kind   problem.Kind
		says   string
	}{
		"it holds all":             {sealed, Given{AgeIdentity: who.String()}, map[string]string{"token": "from the escrow", "etcd-s3-secret-key": "abc"}, 0, ""},
		"a token that was given":   {sealed, Given{AgeIdentity: who.String(), Token: "given"}, map[string]string{"token": "given", "etcd-s3-secret-key": "abc"}, 0, ""},
		"the token alone":          {nil, Given{Token: "given"}, map[string]string{"token": "given"}, 0, ""},
		"there is none":            {nil, Given{AgeIdentity: who.String()}, nil, problem.Failed, "no escrow lies beside it"},
		"it is no identity at all": {sealed, Given{AgeIdentity: "abc"}, nil, problem.Usage, "it is none"},
	} {
		t.Run(name, func(t *testing.T) {
			p := place.Places{Dir: filepath.Join(t.TempDir(), "snapshots"), Host: "n1", Log: slog.New(slog.DiscardHandler)}
			location := shelve(t, p, test.sealed)
			secret := &safe{holds: test.given}
			b := base{Machine: &Machine{Places: p, Secrets: secret}, op: v1alpha1.PlanOperation{SecretName: "sealed", Escrow: location}}
			got, err := b.given(t.Context())
			if problem.KindOf(err) != test.kind && test.kind != 0 || (err != nil) != (test.says != "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Fatalf("%v", err)
			}
			if err != nil {
				return
			}
			if d := cmp.Diff(test.want, got.values()); d != "" {
				t.Error(d)
			}
			if test.given.AgeIdentity != "" && secret.remembered == nil {
				t.Error("nobody keeps out of the log what the escrow held")
			}
		})
	}
}

// A machine without etcd can't reach the escrow. The one that can seals the token anew, to the identity that both were given.
func TestATokenThatIsHandedOnIsOpenedByTheSameIdentityAlone(t *testing.T) {
	who, other := identity(t), identity(t)
	p := place.Places{Dir: filepath.Join(t.TempDir(), "snapshots"), Host: "n1", Log: slog.New(slog.DiscardHandler)}
	content, err := escrow.Seal(&escrow.Content{Token: "from the escrow"}, []string{who.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	op := v1alpha1.PlanOperation{SecretName: "sealed", Escrow: shelve(t, p, content)}
	with := func(p place.Places, g Given) base {
		return base{Machine: &Machine{Places: p, Secrets: &safe{holds: g}}, op: op}
	}
	sealed, err := with(p, Given{AgeIdentity: who.String()}).handOn(t.Context())
	if err != nil || len(sealed) == 0 || bytes.Contains(sealed, []byte("from the escrow")) {
		t.Fatalf("%q, %v", sealed, err)
	}
	for name, test := range map[string]struct {
		given      Given
		sealed     []byte
		want, says string
	}{
		"the identity":          {Given{AgeIdentity: who.String()}, sealed, "from the escrow", ""},
		"another identity":      {Given{AgeIdentity: other.String()}, sealed, "", "it was sealed for somebody else"},
		"the token itself":      {Given{AgeIdentity: who.String(), Token: "given"}, nil, "given", ""},
		"nothing was handed on": {Given{AgeIdentity: who.String()}, nil, "", "put the token itself into Secret sealed"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := with(place.Places{}, test.given).token(t.Context(), test.sealed)
			if got != test.want || (err != nil) != (test.says != "") || err != nil && !strings.Contains(err.Error()+problem.NextOf(err), test.says) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	if sealed, err := with(place.Places{}, Given{Token: "given"}).handOn(t.Context()); sealed != nil || err != nil {
		t.Errorf("with the token itself: %q, %v", sealed, err)
	}
}

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	who, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return who
}
