package fleet_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// leftoverTime is for what goes by itself: the distribution removes its reset flag, and the manager takes plans back.
const leftoverTime = time.Minute

// leavesNothing proves that nothing is left of operations that are over, on no machine that runs and not in the manager:
// no fence, no unit, no half-made file, no flag of a reset, no copy of etcd, no second etcd, no secret, no plan. Of data that
// was moved aside there is what the agent has written down, and no more. The machines' files are what they were when
// [adoption.remembers] was called last, but for what the plans of restores since then have said.
func (a *adoption) leavesNothing(t *testing.T) {
	t.Helper()
	for _, n := range a.Lab.Nodes {
		if !n.Running() {
			continue
		}
		a.soon(t, "nothing to be left on "+n.Name, func(ctx context.Context) error {
			return errors.Join(a.debris(ctx, n), a.strays(ctx, n), a.processes(ctx, n), a.passwords(ctx, n))
		})
	}
	a.soon(t, "nothing to be left in the manager", a.plansLeft)
	a.comparesFiles(t)
}

func (a *adoption) soon(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), leftoverTime)
	defer cancel()
	if err := lab.Until(ctx, what, check); err != nil {
		t.Error(err)
	}
}

// debrisScript names what must not be there. $1 is the distribution's data directory.
const debrisScript = `
state=/var/lib/holdfast
ls -d $state/fence $state/restore/* $state/reset/*/token $state/reset/*/snapshot $state/spool/* /run/holdfast/given/* 2>/dev/null
find /etc/systemd /run/systemd/system /run/systemd/transient /usr/local/lib/systemd \( -name '*holdfast-fence*' -o -name 'holdfast-reset*' \) 2>/dev/null
systemctl list-units --all --no-legend --plain 'holdfast-*' | grep -v '^holdfast-agent\.service'
find "$1" -xdev -path "$1/server/db/snapshots" -prune -o \( -name etcd-tmp -o -name 'etcd-old-*' -o -name 'tls-[0-9]*' \
	-o -name reset-flag -o -name tombstone -o -name force-restart \) -print
find "$1" /etc /usr/local -xdev \( -name '*.holdfast-new' -o -name '*.holdfast-*.part' \)
true`

func (a *adoption) debris(ctx context.Context, n *lab.Node) error {
	out, err := n.Run(ctx, "sh", "-c", debrisScript, "sh", a.distro.DataDir(n))
	if err == nil && strings.TrimSpace(out) != "" {
		err = fmt.Errorf("there is %s", strings.Join(strings.Fields(out), ", "))
	}
	return err
}

// strays are data moved aside of which the agent does not know that it keeps it, and what it knows of and is not there. What
// an undo has put out of the way is the administrator's to remove.
func (a *adoption) strays(ctx context.Context, n *lab.Node) error {
	found, err := n.Run(ctx, "sh", "-c", `find "$1" /etc /usr/local -xdev -name '*.holdfast-*' ! -name '*-undone' -print -prune`, "sh", a.distro.DataDir(n))
	if err != nil {
		return err
	}
	noted, err := n.Run(ctx, "sh", "-c", "cat /var/lib/holdfast/aside/*.json 2>/dev/null || true")
	if err != nil {
		return err
	}
	var kept []string
	for notes := json.NewDecoder(strings.NewReader(noted)); ; {
		var k restoring.Kept
		if err := notes.Decode(&k); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		kept = append(kept, k.Places...)
	}
	there := strings.Fields(found)
	slices.Sort(there)
	slices.Sort(kept)
	if !slices.Equal(there, kept) {
		return fmt.Errorf("aside are %v, and noted %v", there, kept)
	}
	return nil
}

// processes: one etcd where there is to be one, one API server likewise, and no more, whoever has started it.
func (a *adoption) processes(ctx context.Context, n *lab.Node) error {
	m, err := a.Machine(ctx, n.Name)
	if err != nil {
		return err
	}
	for program, role := range map[string]v1alpha1.Role{"etcd-": v1alpha1.RoleEtcd, "kube-apiserver-": v1alpha1.RoleControlPlane} {
		want := "0"
		if slices.Contains(m.Spec.Roles, role) {
			want = "1"
		}
		got, err := n.Run(ctx, "sh", "-c", "pgrep -fc '^/opt/tools/"+program+"' || true")
		if err != nil {
			return err
		}
		if strings.TrimSpace(got) != want {
			return fmt.Errorf("%s of %s run, and %s should", strings.TrimSpace(got), program, want)
		}
	}
	return nil
}

// passwords: the cluster knows the machine by the password that it has, or will by its next start: one that serves the API
// before Secrets can be deleted has been let in by then.
func (a *adoption) passwords(ctx context.Context, n *lab.Node) error {
	password, err := n.Run(ctx, "cat", "/etc/rancher/node/password")
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(password)))
	want := base64.StdEncoding.EncodeToString([]byte("$1:" + hex.EncodeToString(sum[:])))
	got, err := a.distro.Kubectl(ctx, a.distro.API(n), "-n", "kube-system", "get", "secret", n.Name+".node-password."+a.flavour.Name, "--ignore-not-found", "-o", "jsonpath={.data.hash}")
	if err == nil && got != "" && got != want {
		err = errors.New("its password is another than the cluster's")
	}
	return err
}

// plansLeft are those of machines, and the lock of the cluster.
func (a *adoption) plansLeft(ctx context.Context) error {
	plans, err := a.Kubectl(ctx, "", "get", "machineplans", "-n", name, "-o", `jsonpath={range .items[*]}{.spec.operation.name}{end}`)
	if err != nil {
		return err
	}
	c, err := a.Cluster(ctx, name)
	if err != nil {
		return err
	}
	if plans != "" || c.Status.Operation != nil {
		return fmt.Errorf("there are plans of %q, and the operation %+v", plans, c.Status.Operation)
	}
	return nil
}
