package blobtest

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

func testDelete(t *testing.T, s Suite) {
	t.Run("TheObjectIsGoneFromEverySight", func(t *testing.T) {
		store := s.New(t)
		put(t, store, "folder/a", Content(1, 10))
		put(t, store, "folder/a", Content(2, 10)) // a versioned store now has an older one to show
		if err := store.Delete(bounded(t), "folder/a"); err != nil {
			t.Fatal(err)
		}
		checkAbsent(t, store, "folder/a")
	})
	t.Run("ARepeatedDeleteIsNoError", func(t *testing.T) {
		store := s.New(t)
		put(t, store, "a", nil)
		for range 3 {
			if err := store.Delete(bounded(t), "a"); err != nil {
				t.Errorf("Delete: %v", err)
			}
		}
		if err := store.Delete(bounded(t), "never/was/there"); err != nil {
			t.Errorf("Delete of what never was: %v", err)
		}
	})
	t.Run("NothingElseIsTouched", func(t *testing.T) {
		store := s.New(t)
		for _, name := range []string{"a/b", "a/bb", "a-b", "b"} {
			put(t, store, name, nil)
		}
		for _, name := range []string{"a", "b", "a/b"} {
			if err := store.Delete(bounded(t), name); err != nil {
				t.Errorf("Delete %s: %v", name, err)
			}
		}
		if diff := cmp.Diff([]string{"a-b", "a/bb"}, names(list(t, store, ""))); diff != "" {
			t.Errorf("List after the deletes (-want +got):\n%s", diff)
		}
	})
	t.Run("TheNameCanBeUsedAgain", func(t *testing.T) {
		store := s.New(t)
		put(t, store, "a", Content(1, 10))
		if err := store.Delete(bounded(t), "a"); err != nil {
			t.Fatal(err)
		}
		put(t, store, "a", Content(2, 10))
		checkContent(t, store, "a", Content(2, 10))
	})
}

// oddNames are all in use somewhere, or near enough to names in use.
var oddNames = []string{
	"c-9dmxz-rl-8b2cx_2024-01-02T15:04:05Z.zip", // RKE
	"on-demand-My-Node-1652288934",
	".metadata/etcd-snapshot-node1-1652288934.c0ffee.holdfast.json",
	"with space", " leading", "trailing ", "a+b", "100%", "%41", "a%2Fb", "a&b=c?d#e", "a'b\"c", "(a)[b]{c}", "a*b",
	"a,b;c@d!e$f", "~tilde", "^caret`tick|pipe", "<tag>", "Größe", "快照/节点一", "emoji-😀", "...", "..a", "a..",
	"-dash", "UPPER/lower", "upper/lower", strings.Repeat("l", 255), strings.Repeat("deep/", 20) + "x",
}

func testName(t *testing.T, s Suite) {
	t.Run("OddNamesAreKeptExactly", func(t *testing.T) {
		store := s.New(t)
		for i, name := range oddNames {
			put(t, store, name, Content(uint64(i), 10))
		}
		for i, name := range oddNames {
			checkContent(t, store, name, Content(uint64(i), 10))
			if info, err := store.Stat(bounded(t), name); err != nil || info.Name != name {
				t.Errorf("Stat %q: name %q, %v", name, info.Name, err)
			}
			if got := names(list(t, store, name)); len(got) != 1 || got[0] != name {
				t.Errorf("List with the prefix %q: %q", name, got)
			}
			if err := store.Delete(bounded(t), name); err != nil {
				t.Errorf("Delete %q: %v", name, err)
			}
			checkAbsent(t, store, name)
		}
	})
	t.Run("InvalidNamesAreRefusedByEveryMethod", func(t *testing.T) {
		store := s.New(t)
		put(t, store, "a/b", nil)
		for _, name := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "../x", "a/../a/b", "./a/b", "a\x00", `a\b`, "a\nb", "\xff", ".holdfast-1.part"} {
			checkRefused(t, store, name)
		}
		if got := names(list(t, store, "")); len(got) != 1 {
			t.Errorf("List: %q, want the one valid name", got)
		}
	})
}

func checkRefused(t *testing.T, store blob.Store, name string) {
	t.Helper()
	ctx := bounded(t)
	_, putErr := store.Put(ctx, name, strings.NewReader("x"), blob.PutOptions{})
	_, getErr := read(ctx, store, name, 0, -1, "")
	_, statErr := store.Stat(ctx, name)
	for method, err := range map[string]error{
		"Put": putErr, "Get": getErr, "Stat": statErr, "Delete": store.Delete(ctx, name),
	} {
		if !errors.Is(err, blob.ErrName) {
			t.Errorf("%s %q: %v, want ErrName", method, name, err)
		}
	}
}

func testLocation(t *testing.T, s Suite) {
	store := s.New(t)
	root, err := url.Parse(store.Location(""))
	if err != nil || root.Scheme == "" || root.User != nil || root.RawQuery != "" {
		t.Fatalf("Location(\"\") = %q (%v), want a plain URL", store.Location(""), err)
	}
	for _, name := range append([]string{"a", "folder/a"}, oddNames...) {
		location, err := url.Parse(store.Location(name))
		if err != nil {
			t.Errorf("Location(%q) is no URL: %v", name, err)
			continue
		}
		if s.Elsewhere != nil && s.Elsewhere(name) {
			continue
		}
		if want := strings.TrimSuffix(root.Path, "/") + "/" + name; location.Path != want || location.Host != root.Host {
			t.Errorf("Location(%q) = %s, want host %q and path %q", name, location, root.Host, want)
		}
	}
}
