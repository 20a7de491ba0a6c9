package etcd

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

var testHeader = &pb.ResponseHeader{ClusterId: 0xabc, MemberId: 0xdef}

// TestMain lets the test binary be the other process: it takes the lock, says so and waits to be killed.
func TestMain(m *testing.M) {
	dir := os.Getenv("HOLDFAST_TEST_LOCK_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	if _, err := lockMember(dir, testHeader); err != nil {
		os.Exit(3)
	}
	os.Stdout.WriteString("locked\n")
	os.Stdin.Read(make([]byte, 1)) // until the parent lets go
	os.Exit(0)
}

func TestTheLockOfAKilledProcessIsFree(t *testing.T) {
	dir := t.TempDir()
	other := exec.CommandContext(t.Context(), os.Args[0])
	other.Env = append(os.Environ(), "HOLDFAST_TEST_LOCK_DIR="+dir)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 7)); err != nil {
		t.Fatal(err)
	}
	if _, err := lockMember(dir, testHeader); !errors.Is(err, ErrStreamBusy) {
		t.Errorf("while the other process holds it: %v", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	other.Wait()
	lock, err := lockMember(dir, testHeader)
	if err != nil {
		t.Fatalf("after it was killed: %v", err)
	}
	if err := errors.Join(lock.release(), lock.release()); err != nil {
		t.Error(err)
	}
}

func TestOtherMembersAreNotLocked(t *testing.T) {
	dir := t.TempDir()
	for _, h := range []*pb.ResponseHeader{testHeader, {ClusterId: 0xabc, MemberId: 1}, {ClusterId: 1, MemberId: 0xdef}} {
		lock, err := lockMember(dir, h)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.release()
	}
	if _, err := os.Stat(filepath.Join(dir, "holdfast-etcd-abc-def.lock")); err != nil {
		t.Error(err)
	}
}

func TestALockFileThatIsALinkIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.Symlink(target, filepath.Join(dir, "holdfast-etcd-abc-def.lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := lockMember(dir, testHeader); err == nil || errors.Is(err, ErrStreamBusy) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(target); !errors.Is(err, os.ErrNotExist) {
		t.Error("the link's target was made")
	}
}
