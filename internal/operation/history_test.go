package operation

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTheNewestAndTheYoungAndThePinnedAreKept(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	var all []Past
	for i := range 30 {
		all = append(all, Past{Name: fmt.Sprintf("%02d", i), Ended: now.Add(-time.Duration(i+1) * 12 * time.Hour)})
	}
	if got := Expired(now, all); !slices.Equal(got, []string{"20", "21", "22", "23", "24", "25", "26", "27", "28", "29"}) {
		t.Errorf("of two a day %v", got)
	}
	all[25].Pinned = true
	all[27].Ended = time.Time{}
	if got := Expired(now, all); !slices.Equal(got, []string{"20", "21", "22", "23", "24", "26", "28", "29"}) {
		t.Errorf("one is pinned and one goes on: %v", got)
	}
	for i := range all {
		all[i].Ended = now.Add(-time.Duration(i) * time.Hour)
	}
	if got := Expired(now, all); len(got) > 0 {
		t.Errorf("of the last days %v", got)
	}
}

func TestWhatIsForgottenDoesNotDependOnTheOrder(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var all []Past
		for i, hours := range rapid.SliceOfN(rapid.IntRange(0, 400), 0, 60).Draw(t, "hours") {
			p := Past{Name: fmt.Sprintf("%02d", i), Pinned: hours%7 == 0}
			if hours > 0 {
				p.Ended = now.Add(-time.Duration(hours) * time.Hour)
			}
			all = append(all, p)
		}
		want := Expired(now, all)
		if diff := cmp.Diff(want, Expired(now, rapid.Permutation(all).Draw(t, "order"))); diff != "" {
			t.Fatal(diff)
		}
		left := slices.DeleteFunc(all, func(p Past) bool { return slices.Contains(want, p.Name) })
		if again := Expired(now, left); len(again) > 0 {
			t.Fatalf("a second look forgets %v", again)
		}
	})
}
