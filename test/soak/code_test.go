package main

import (
	"path/filepath"
	"testing"
)

func TestTheSumOfTheCodeChangesWithWhatAResultDependsOn(t *testing.T) {
	root := t.TempDir()
	sum := func() string {
		t.Helper()
		c, err := readCode(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		return c.sum
	}
	was := sum()
	for _, name := range []string{
		"go.mod", "engine/snapshot/save.go", "engine/repository/retain_test.go", "test/e2e/kill_save_test.go",
		"test/e2e/testdata/script/save.txtar", "test/tools/etcd36/go.sum", "test/tools/build.sh",
	} {
		for _, text := range []string{"a", "b"} {
			writeFile(t, filepath.Join(root, name), text)
			if now := sum(); now == was {
				t.Errorf("%s has changed, the sum has not", name)
			} else {
				was = now
			}
		}
	}
	for _, name := range []string{
		"README.md", "docs/docs_test.go", "docs/reliability.md", "changelog/unreleased/soak.md", "test/soak/main.go",
		"test/bench/main.go", "bin/holdfast", ".cache/tools/etcd-3.6/x.go", "scripts/soak.sh",
	} {
		writeFile(t, filepath.Join(root, name), "a")
		if sum() != was {
			t.Errorf("%s changes the sum", name)
		}
	}
}
