package fleet_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/test/fleet/strike"
)

// The checks have found the right token, and by the reset the init machine has another one.
func (s *stage) takesWrongTokenBack(t *testing.T) {
	init := s.Lab.Nodes[0]
	snapshot := takenOn(t, s.save(t), init)
	s.remembers(t)
	s.with(t, func() {
		r, err := s.restore(t, "--snapshot", snapshot)
		blamesToken(t, r, err)
	}, &event{kind: step.RestoreEtcd, at: strike.Begun, on: init, do: func(ctx context.Context) error {
		_, err := init.Run(ctx, "sed", "-i", "s/^token: .*/token: another-token/", s.flavour.ConfigFile())
		return err
	}})
	s.serves(t, "test-a=kept")
	s.leavesNothing(t) // of the token neither
}

// What the snapshot has sealed is filed under the right token, and does not open with it: nobody knows before the program of
// the distribution has tried.
func (s *stage) takesUnopenedBack(t *testing.T) {
	init := s.Lab.Nodes[0]
	mend := s.spoilsSealed(t)
	snapshot := takenOn(t, s.save(t), init)
	mend()
	s.remembers(t)
	r, err := s.restore(t, "--snapshot", snapshot)
	blamesToken(t, r, err)
	s.serves(t, "test-a=kept")
	s.leavesNothing(t)
}

func blamesToken(t *testing.T, r v1alpha1.EtcdSnapshotRestore, err error) {
	t.Helper()
	ends(t, r, v1alpha1.PhaseFailed, v1alpha1.OutcomeRolledBack)
	if err == nil || !strings.Contains(err.Error(), "token") || !strings.Contains(r.Status.Message, "token") {
		t.Errorf("it does not blame the token: %v; %s", err, r.Status.Message)
	}
}

var bootstrapKey = regexp.MustCompile(`^/bootstrap/[0-9a-f]{12}$`)

// spoilsSealed changes what the cluster has sealed with its token, until the function that it returns is called.
func (s *stage) spoilsSealed(t *testing.T) (mend func()) {
	t.Helper()
	client, err := s.distro.Etcd()
	do(t, err)
	cli, err := client.MemberClient(s.Lab.Nodes[0])
	do(t, err)
	t.Cleanup(func() { cli.Close() })
	put := func(key, value string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), askTimeout)
		defer cancel()
		_, err := cli.Put(ctx, key, value)
		do(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), askTimeout)
	defer cancel()
	found, err := cli.Get(ctx, "/bootstrap/", clientv3.WithPrefix())
	do(t, err)
	for _, kv := range found.Kvs {
		key, value := string(kv.Key), string(kv.Value)
		if bootstrapKey.MatchString(key) {
			put(key, otherwise(value))
			return func() { put(key, value) }
		}
	}
	do(t, errors.New("the cluster has sealed nothing"))
	return nil
}

// otherwise changes one letter of a text in base64.
func otherwise(text string) string {
	letters := []byte(text)
	if i := len(letters) / 2; letters[i] == 'A' {
		letters[i] = 'B'
	} else {
		letters[i] = 'A'
	}
	return string(letters)
}
