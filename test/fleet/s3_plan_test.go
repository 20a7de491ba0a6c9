package fleet_test

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/lab"
)

// inSoak are those that a soak takes, and nobody else: what takes minutes, and is mostly shown by shorter tests, too.
func inSoak(all ...distro.Flavor) []distro.Flavor {
	if soaking() {
		return all
	}
	return nil
}

// flavours are the one that a test takes; both in a soak.
func flavours(f distro.Flavor) []distro.Flavor {
	if soaking() {
		return []distro.Flavor{distro.K3s(), distro.RKE2()}
	}
	return []distro.Flavor{f}
}

func TestASnapshotInS3IsFetchedAndCheckedBeforeAnythingIsApproved(t *testing.T) {
	t.Parallel()
	for _, f := range flavours(distro.RKE2()) {
		t.Run(f.Name, func(t *testing.T) {
			a := adopt(t, f, 1)
			a.put(t, "test-a", "saved")
			uri := a.inS3(t, a.save(t)[0])
			a.put(t, "test-b", "new")
			t.Run("a wrong token is found, and nothing is touched", func(t *testing.T) { a.refusesAWrongToken(t, uri) })
			t.Run("a plan that is cancelled leaves nothing", func(t *testing.T) { a.forgetsAPlan(t, uri) })
			t.Run("a plan that is approved needs S3 no more", func(t *testing.T) { a.restoresWhatWasFetched(t, uri) })
		})
	}
}

// inS3 is where the copy of a snapshot lies.
func (a *adoption) inS3(t *testing.T, snapshot string) string {
	t.Helper()
	all, err := a.Snapshots(t.Context(), name)
	do(t, err)
	for _, s := range all {
		for _, c := range s.Status.Copies {
			if s.Name == snapshot && strings.HasPrefix(c.Location, "s3://") {
				return c.Location
			}
		}
	}
	t.Fatalf("%s has no copy", snapshot)
	return ""
}

// ofFirst runs a command on the first machine.
func (a *adoption) ofFirst(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := a.Lab.Nodes[0].Run(t.Context(), argv...)
	do(t, err)
	return out
}

// fetchedFiles are those that the first machine keeps for restores.
func (a *adoption) fetchedFiles(t *testing.T) []string {
	t.Helper()
	return strings.Fields(a.ofFirst(t, "find", "/var/lib/holdfast", "-path", "*/restore/*", "-type", "f"))
}

func (a *adoption) refusesAWrongToken(t *testing.T, uri string) {
	n, file := a.Lab.Nodes[0], a.flavour.DataDir()+"/server/token"
	before, token := a.start(t, n), a.ofFirst(t, "cat", file)
	_, err := a.Kubectl(t.Context(), "", "create", "secret", "generic", "wrong", "-n", name, "--from-literal=token=of-another-cluster")
	do(t, err)
	out, err := a.Run(t.Context(), "restore", "create", name, "--s3-uri", uri, "--secret", "wrong", "--yes")
	if err == nil || !strings.Contains(err.Error()+out, "the token is another than the one that the snapshot was taken with") {
		t.Errorf("%s, %v", out, err)
	}
	if got := a.ofFirst(t, "cat", file); got != token || a.start(t, n) != before {
		t.Error("the machine was touched")
	}
	if left := a.fetchedFiles(t); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	a.serves(t, "test-a=saved test-b=new")
}

// planFromS3 plans, and returns the plan when all machines have looked.
func (a *adoption) planFromS3(t *testing.T, uri string) *v1alpha1.EtcdSnapshotRestore {
	t.Helper()
	n := a.Lab.Nodes[0]
	before := a.start(t, n)
	a.run(t, "restore", "plan", name, "--s3-uri", uri)
	var r v1alpha1.EtcdSnapshotRestore
	do(t, a.Read(t.Context(), &r, "restore", "status", name))
	i := slices.IndexFunc(r.Status.Preflight, func(c v1alpha1.PreflightCheck) bool { return c.Check == "Changes" })
	if i < 0 || !strings.Contains(r.Status.Preflight[i].Message, "configmaps") || !strings.Contains(r.Status.Preflight[i].Message, "made since are gone") {
		t.Errorf("it says nothing of what changes: %+v", r.Status.Preflight)
	}
	if files := a.fetchedFiles(t); len(files) != 1 || path.Base(files[0]) != path.Base(uri) || !strings.Contains(files[0], string(r.UID)) {
		t.Errorf("it has fetched %v", files)
	}
	if a.start(t, n) != before {
		t.Error("a plan has touched the machine")
	}
	return &r
}

func (a *adoption) forgetsAPlan(t *testing.T, uri string) {
	r := a.planFromS3(t, uri)
	a.run(t, "restore", "cancel", name, r.Name)
	ctx, cancel := context.WithTimeout(t.Context(), operationTimeout)
	defer cancel()
	do(t, lab.Until(ctx, "the file to be gone", func(context.Context) error {
		if left := a.fetchedFiles(t); len(left) > 0 {
			return fmt.Errorf("%v is left", left)
		}
		return nil
	}))
}

func (a *adoption) restoresWhatWasFetched(t *testing.T, uri string) {
	r := a.planFromS3(t, uri)
	do(t, a.minio.Kill())
	a.run(t, "restore", "create", name, "--plan", r.Name, "--yes")
	do(t, a.minio.Start(t.Context()))
	a.serves(t, "test-a=saved")
	a.leavesNothing(t)
	if left := a.fetchedFiles(t); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}
