package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

func testStat(t *testing.T, s Suite) {
	store := s.New(t)
	t.Run("AMissingObjectIsErrNotExist", func(t *testing.T) {
		checkAbsent(t, store, "none")
		checkAbsent(t, store, "no/such/folder")
	})
	t.Run("AFolderIsNoObject", func(t *testing.T) {
		put(t, store, "folder/object", nil)
		checkAbsent(t, store, "folder")
	})
	t.Run("TheTimeIsThatOfTheLastWrite", func(t *testing.T) {
		before := time.Now()
		put(t, store, "a", nil)
		info, err := store.Stat(bounded(t), "a")
		if err != nil {
			t.Fatal(err)
		}
		// A store's clock may be coarse, and a little off from ours.
		if info.ModTime.Before(before.Add(-time.Minute)) || info.ModTime.After(time.Now().Add(time.Minute)) {
			t.Errorf("Stat says %v for what was written just now", info.ModTime)
		}
	})
}

func testList(t *testing.T, s Suite) {
	t.Run("AnEmptyStoreListsNothing", func(t *testing.T) {
		if got := list(t, s.New(t), ""); len(got) > 0 {
			t.Errorf("List: %q, want nothing", names(got))
		}
	})
	t.Run("NamesComeInByteOrderFromAllFolders", func(t *testing.T) { s.testListOrder(t) })
	t.Run("ItSaysWhatStatSays", func(t *testing.T) { s.testListInfo(t) })
	t.Run("MoreObjectsThanAPageHoldsAllComeOnce", func(t *testing.T) { s.testListMany(t) })
	t.Run("AnErrorFromTheCallerEndsIt", func(t *testing.T) {
		store, stop, calls := s.New(t), errors.New("enough"), 0
		for _, name := range []string{"a", "b", "c"} {
			put(t, store, name, nil)
		}
		err := store.List(bounded(t), "", func(blob.Info) error {
			if calls++; calls == 2 {
				return stop
			}
			return nil
		})
		if err != stop || calls != 2 { // "as it is" is the contract
			t.Errorf("List: %v after %d calls, want the caller's own error after 2", err, calls)
		}
	})
	t.Run("TheCallerMayUseTheStoreMeanwhile", func(t *testing.T) {
		store := s.New(t)
		put(t, store, "a", nil)
		put(t, store, "b", nil)
		err := store.List(bounded(t), "", func(info blob.Info) error { return store.Delete(bounded(t), info.Name) })
		if err != nil || len(list(t, store, "")) > 0 {
			t.Errorf("List that deletes: %v, leaves %q", err, names(list(t, store, "")))
		}
	})
	t.Run("ObjectsThatComeAndGoAreSeenOnceOrNot", func(t *testing.T) { s.testListMoving(t) })
}

func (s Suite) testListOrder(t *testing.T) {
	store := s.New(t)
	all := []string{
		"B", "a-b", "a.b", "a/b", "a/c/d", "a/c-d", "a0", "aa", "folder-1/x", "folder/x", "folder/sub/x",
		"folder0/x", ".metadata/x", "é", "z/z/z/z",
	}
	for _, name := range all {
		put(t, store, name, nil)
	}
	for _, prefix := range []string{"", "a", "a/", "a/c", "a/c/", "a-", "folder", "folder/", "folder/s", ".meta", "none", "z/z/z/z", "z/z/z/zz", "B/"} {
		var want []string
		for _, name := range all {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, names(list(t, store, prefix))); diff != "" {
			t.Errorf("List %q (-want +got):\n%s", prefix, diff)
		}
	}
}

func (s Suite) testListInfo(t *testing.T) {
	store := s.New(t)
	for i, size := range []int{0, 10, 2*s.part() + 1} {
		put(t, store, fmt.Sprintf("folder/%d", i), Content(1, size))
	}
	for _, listed := range list(t, store, "") {
		stat, err := store.Stat(bounded(t), listed.Name)
		if err != nil {
			t.Fatal(err)
		}
		stat.Metadata = nil
		// S3 tells whole seconds here and milliseconds there.
		if diff := cmp.Diff(stat, listed, cmpopts.EquateApproxTime(time.Second)); diff != "" {
			t.Errorf("List and Stat of %s differ (-stat +list):\n%s", listed.Name, diff)
		}
	}
}

func (s Suite) testListMany(t *testing.T) {
	store, want := s.New(t), make([]string, s.Objects)
	work := make(chan string)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for name := range work {
				put(t, store, name, nil)
			}
		})
	}
	for i := range want {
		want[i] = fmt.Sprintf("folder-%d/%d", i%7, i)
		work <- want[i]
	}
	close(work)
	writers.Wait()
	slices.Sort(want)
	if diff := cmp.Diff(want, names(list(t, store, ""))); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
}

func (s Suite) testListMoving(t *testing.T) {
	store := s.New(t)
	put(t, store, "always", nil)
	ctx, stop := context.WithCancel(bounded(t))
	defer stop()
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			name := fmt.Sprintf("folder-%d/x", i%5)
			if _, err := store.Put(context.WithoutCancel(ctx), name, bytes.NewReader(nil), blob.PutOptions{}); err != nil {
				t.Errorf("Put: %v", err)
			}
			if err := store.Delete(context.WithoutCancel(ctx), name); err != nil {
				t.Errorf("Delete: %v", err)
			}
		}
	})
	for range 30 {
		got := names(list(t, store, ""))
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) || !slices.Contains(got, "always") {
			t.Errorf("List: %q, want each name once, in order, and the one that stays", got)
		}
	}
	stop()
	writer.Wait()
}
