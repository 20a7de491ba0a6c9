package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// code is what the results are about.
type code struct {
	// sum stands for everything that could change a result: the program, the tests, the pins of the servers, the Go
	// toolchain. Pages, changelog and this command are not in it. The commit would not do: it does not know of changes
	// that are not committed, and a commit of pages alone takes nothing from a result.
	sum string
	// commit is for people: where to look.
	commit string
}

// Folders that hold nothing that a result depends on.
var aside = []string{"bin", "docs", "changelog", "test/soak", "test/bench", "test/demo", "scripts"}

func readCode(ctx context.Context, root string) (code, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (slices.Contains(aside, filepath.ToSlash(name)) || len(name) > 1 && d.Name()[0] == '.'):
			return fs.SkipDir
		case !d.Type().IsRegular() || !counts(filepath.ToSlash(name)):
			return nil
		}
		return addFile(sum, name, path)
	})
	return code{sum: hex.EncodeToString(sum.Sum(nil))[:16], commit: commit(ctx, root)}, err
}

// counts says whether a file is part of the code.
func counts(name string) bool {
	switch filepath.Ext(name) {
	case ".go", ".mod", ".sum":
		return true
	}
	return strings.Contains(name, "/testdata/") || name == "test/tools/build.sh"
}

func addFile(sum hash.Hash, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	content := sha256.New()
	if _, err := io.Copy(content, file); err != nil {
		return err
	}
	fmt.Fprintf(sum, "%s %x\n", filepath.ToSlash(name), content.Sum(nil))
	return nil
}

func commit(ctx context.Context, root string) string {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = root
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	id, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil {
		return "unknown"
	}
	if changes, err := git("status", "--porcelain", "--", "*.go", "*.mod", "*.sum"); err != nil || changes != "" {
		id += " with changes"
	}
	return id
}

// readServers asks the programs that the tests run against what they are.
func readServers(root string) []string {
	var all []string
	for _, s := range []struct{ name, program, module string }{
		{"etcd", "etcd-3.5", "go.etcd.io/etcd/server/v3"},
		{"etcd", "etcd-3.6", "go.etcd.io/etcd/server/v3"},
		{"etcd", "etcd-3.7", "go.etcd.io/etcd/server/v3"},
		{"MinIO", "minio", "github.com/minio/minio"},
		{"Versity S3 Gateway", "versitygw", "github.com/versity/versitygw"},
		{"Toxiproxy", "toxiproxy-server", "github.com/Shopify/toxiproxy/v2"},
	} {
		version := "not built"
		if info, err := buildinfo.ReadFile(filepath.Join(root, ".cache", "tools", s.program)); err == nil {
			for _, m := range append(info.Deps, &info.Main) {
				if m.Path == s.module {
					version = strings.TrimPrefix(m.Version, "v")
				}
			}
		}
		all = append(all, s.name+" "+version)
	}
	return all
}
