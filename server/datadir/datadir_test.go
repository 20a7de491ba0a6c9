package datadir_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/server/datadir"
)

// TestADirectoryIsRefusedWhereTheKernelRefusesItsSockets asks the kernel: the limit is its own.
func TestADirectoryIsRefusedWhereTheKernelRefusesItsSockets(t *testing.T) {
	base, err := os.MkdirTemp("/tmp", "hf") // t.TempDir has this test's name in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	refused := 0
	for length := 80; length <= 100; length++ {
		dir := filepath.Join(base, strings.Repeat("d", length-len(base)-1))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		err := datadir.Check(dir)
		for _, socket := range []string{datadir.Socket(dir), datadir.PeerSocket(dir)} {
			l, listening := net.Listen("unix", socket)
			if listening == nil {
				_ = l.Close()
			}
			if err == nil && listening != nil {
				t.Errorf("%d bytes are accepted, and the kernel says %v", length, listening)
			}
			if err != nil && listening == nil && socket == datadir.PeerSocket(dir) {
				t.Errorf("%d bytes are refused, and the kernel takes them: %v", length, err)
			}
		}
		if err != nil {
			refused++
			if problem.KindOf(err) != problem.Refused || !strings.Contains(problem.NextOf(err), "--data-dir") {
				t.Errorf("%d bytes: %v", length, err)
			}
		}
	}
	if refused == 0 || refused == 21 {
		t.Errorf("%d of 21 were refused", refused)
	}
}
