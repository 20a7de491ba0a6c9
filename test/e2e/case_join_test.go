package e2e

import (
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// A member that joins knows nothing, and believes what it is sent: the database, or a log that begins at the restore and
// holds nothing of what was restored.
func TestAMemberThatJoinsARestoredClusterGetsWhatWasRestored(t *testing.T) {
	for _, version := range etcdVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := stock(t, version)
			e, _ := s.open(t, version)
			cli := servertest.EtcdClient(t, e)
			put(t, cli, "since/the/restore", "1")
			before := look(t, e)

			joined, err := e.AddLearner(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			members, err := cli.MemberList(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range members.Members {
				if m.IsLearner {
					eventually(t, "the learner to be promoted", func() bool {
						_, err := cli.MemberPromote(t.Context(), m.ID)
						return err == nil
					})
				}
			}
			var after server.Hash
			eventually(t, joined.Name+" to know that it votes", func() bool {
				after, err = e.HashKV(t.Context(), before.Hash.Revision)
				return err == nil || !strings.Contains(err.Error(), rpctypes.ErrorDesc(rpctypes.ErrGRPCNotSupportedForLearner))
			})
			if err != nil || after != before.Hash {
				t.Errorf("with %s: %+v, %v, want %+v on all members", joined.Name, after, err, before.Hash)
			}
		})
	}
}
