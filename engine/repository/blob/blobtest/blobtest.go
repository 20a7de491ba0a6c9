// Package blobtest is the contract of [blob.Store] as tests. Every store and every decorator runs [Run]; a store that
// passes can be put under a repository, and a rule that is not tested here is not a rule.
//
// The suite knows no store. What it cannot see through the contract (how many bytes make a part, what an interrupted
// write leaves behind) it is told in [Suite]. Start reading at [Run].
package blobtest

import (
	"testing"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Suite says how to reach the store under test.
type Suite struct {
	// New returns a new, empty store, and arranges for what it made to be removed after the test.
	New func(t *testing.T) blob.Store
	// Again opens the place of a store from New once more, as another process would.
	Again func(t *testing.T, store blob.Store) blob.Store
	// PartSize is the size in which the store cuts long objects, so that the sizes around it are tested; 0 when it
	// cuts none.
	PartSize int
	// AtomicIfAbsent: the race for one name has one winner here, even when the store's own Features cannot promise
	// it for every server it may be pointed at.
	AtomicIfAbsent bool
	// Remains lists what unfinished writes have left in the store and List does not show: part files, open uploads
	// of the given name.
	Remains func(t *testing.T, store blob.Store, name string) []string
	// ReadersHoldWriters: who replaces an object waits for those who read it, as on MinIO. A test that reads and writes
	// one name must then not wait for the writer first.
	ReadersHoldWriters bool
	// Abandon leaves in the store what a killed writer of name would leave. Nil: the server does not let Sweep find it.
	Abandon func(t *testing.T, store blob.Store, name string)
	// Passing tells the names under which the server shows an object for a moment while it takes its place. Nil: none.
	Passing func(name string) bool
	// Elsewhere tells the names whose place is not below the store's own. Nil: none.
	Elsewhere func(name string) bool
	// Objects is how many objects the listing test writes; it has to exceed a page. 0: 1100.
	Objects int
}

// Run tests the whole contract.
func Run(t *testing.T, s Suite) {
	if s.Objects == 0 {
		s.Objects = 1100
	}
	for _, group := range []struct {
		name string
		run  func(*testing.T, Suite)
	}{
		{"Put", testPut},
		{"PutFails", testPutFails},
		{"IfAbsent", testIfAbsent},
		{"Metadata", testMetadata},
		{"Visibility", testVisibility},
		{"Get", testGet},
		{"Match", testMatch},
		{"Stat", testStat},
		{"List", testList},
		{"Delete", testDelete},
		{"Name", testName},
		{"Location", testLocation},
		{"Context", testContext},
		{"Model", testModel},
		{"Stage", testStage},
		{"Sweep", testSweep},
	} {
		t.Run(group.name, func(t *testing.T) { group.run(t, s) })
	}
}

// part is the length around which long objects are interesting.
func (s Suite) part() int {
	if s.PartSize > 0 {
		return s.PartSize
	}
	return 64 << 10
}

func (s Suite) checkNoRemains(t *testing.T, store blob.Store, name string) {
	t.Helper()
	if s.Remains == nil {
		return
	}
	if left := s.Remains(t, store, name); len(left) > 0 {
		t.Errorf("unfinished writes of %s left %q, want nothing", name, left)
	}
}
