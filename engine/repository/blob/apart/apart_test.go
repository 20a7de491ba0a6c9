package apart_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/apart"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local/localtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dir is the directory of a local store.
func dir(store blob.Store) string {
	u, err := url.Parse(store.Location(""))
	if err != nil {
		panic(err)
	}
	return u.Path
}

// split keeps a folder of a local store in a directory beside it.
func split(main blob.Store) blob.Store {
	beside, err := local.New(local.Config{Dir: dir(main) + "-beside", Create: true})
	if err != nil {
		panic(err)
	}
	return apart.New(apart.Config{Store: main, Folder: ".metadata", Beside: beside})
}

func TestAStoreInTwoPlacesKeepsTheContract(t *testing.T) {
	suite := localtest.Suite(split)
	suite.Elsewhere = func(name string) bool { return strings.HasPrefix(name, ".metadata/") }
	blobtest.Run(t, suite)
}

func put(t *testing.T, store blob.Store, name string) {
	t.Helper()
	if _, err := store.Put(t.Context(), name, strings.NewReader(name), blob.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, store blob.Store, prefix string) []string {
	t.Helper()
	var names []string
	if err := store.List(t.Context(), prefix, func(i blob.Info) error {
		names = append(names, i.Name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

func TestTheFolderLiesElsewhereAndIsListedInItsPlace(t *testing.T) {
	main := localtest.New(t)
	put(t, main, ".metadata/hidden") // by somebody else
	store := split(main)
	for _, name := range []string{"-first", ".metadata/b", ".metadata/a", ".metadatb", "etcd-snapshot-n1-1700000000"} {
		put(t, store, name)
	}
	for prefix, want := range map[string][]string{
		"":            {"-first", ".metadata/a", ".metadata/b", ".metadatb", "etcd-snapshot-n1-1700000000"},
		".meta":       {".metadata/a", ".metadata/b", ".metadatb"},
		".metadata/":  {".metadata/a", ".metadata/b"},
		".metadata/b": {".metadata/b"},
		"etcd":        {"etcd-snapshot-n1-1700000000"},
	} {
		if diff := cmp.Diff(want, list(t, store, prefix)); diff != "" {
			t.Errorf("prefix %q: %s", prefix, diff)
		}
	}
	if diff := cmp.Diff([]string{"-first", ".metadata/hidden", ".metadatb", "etcd-snapshot-n1-1700000000"}, list(t, main, "")); diff != "" {
		t.Errorf("the directory itself holds something else: %s", diff)
	}
	if _, err := os.Stat(filepath.Join(dir(main)+"-beside", ".metadata", "a")); err != nil {
		t.Error(err)
	}
}

func TestAFolderAloneIsListed(t *testing.T) {
	store := split(localtest.New(t))
	put(t, store, ".metadata/a")
	if diff := cmp.Diff([]string{".metadata/a"}, list(t, store, "")); diff != "" {
		t.Error(diff)
	}
}
