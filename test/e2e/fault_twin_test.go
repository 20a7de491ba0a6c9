package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/faulty"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/engine/snapshot/trial"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// twinStores are the kinds of store that the twins strike: each returns an empty one.
func twinStores(t *testing.T) map[string]func(t *testing.T) blob.Store {
	s := servertest.MinIO(t, server.S3Config{}).S3
	s3Bucketed(t, s, false)
	return map[string]func(t *testing.T) blob.Store{
		"directory": func(t *testing.T) blob.Store {
			store, err := local.New(local.Config{Dir: filepath.Join(t.TempDir(), "repo"), Create: true})
			if err != nil {
				t.Fatal(err)
			}
			return store
		},
		"s3": func(t *testing.T) blob.Store { return s3Open(t, s3Settings(s)) },
	}
}

// patient is the retrying that the command does, without its waits.
func patient(store blob.Store) blob.Store {
	return retry.New(store, retry.Config{Policy: retry.Policy{Initial: time.Microsecond, Max: time.Millisecond, MaxElapsed: 100 * time.Millisecond}})
}

// stallAt is the byte after which a stalled upload moves no more.
const stallAt = 100

// stalling bounds an operation; one that is known to hang, closely.
func stalling(t *testing.T, hangs bool) (context.Context, context.CancelFunc) {
	if hangs {
		return context.WithTimeout(t.Context(), time.Second)
	}
	return context.WithTimeout(t.Context(), time.Minute)
}

// saveFaults are all ways in which one operation of a save can go wrong: it failed and left nothing, or in the middle,
// or it happened and its answer was lost.
func saveFaults(encoding snapshot.Encoding, staged bool) []faulty.Fault {
	lasting := []faulty.Op{faulty.Stat}
	var faults []faulty.Fault
	for _, op := range lasting {
		for _, times := range []int{1, -1} {
			faults = append(faults, faulty.Fault{Op: op, Times: times, Do: faulty.Fail(nil)})
		}
	}
	puts := 2 // the payload, and the manifest
	if staged && encoding == snapshot.EncodingRaw {
		puts = 1
		faults = append(faults,
			faulty.Fault{Op: faulty.Stage, Do: faulty.Fail(nil)}, faulty.Fault{Op: faulty.Stage, Do: faulty.Cut(5000, nil)},
			faulty.Fault{Op: faulty.Commit, Do: faulty.Fail(nil)}, faulty.Fault{Op: faulty.Commit, Do: faulty.Lose(nil)},
			faulty.Fault{Op: faulty.Commit, Do: faulty.Fail(blob.ErrExists)}, // as another writer's
		)
	}
	for skip := range puts {
		for _, do := range []faulty.Action{
			faulty.Fail(nil), faulty.Fail(blob.ErrNoSpace), faulty.Fail(blob.ErrDenied), faulty.Lose(nil), faulty.Lose(blob.ErrCredentials),
			faulty.Cut(0, nil), faulty.Cut(1, nil), faulty.Cut(300, nil), faulty.Stall(stallAt),
		} {
			faults = append(faults, faulty.Fault{Op: faulty.Put, Skip: skip, Do: do})
		}
	}
	return faults
}

func TestASaveThatFailsAnywhereLeavesWholeSnapshotsOnly(t *testing.T) {
	e := smallEtcd(t)
	for kind, empty := range twinStores(t) {
		for _, encoding := range []snapshot.Encoding{snapshot.EncodingRaw, snapshot.EncodingZstd, snapshot.EncodingZip} {
			t.Run(fmt.Sprintf("%s/%s", kind, encoding), func(t *testing.T) {
				for _, fault := range saveFaults(encoding, kind == "directory") {
					t.Run(fault.String(), func(t *testing.T) { testSaveTwin(t, e, empty(t), encoding, fault) })
				}
			})
		}
	}
}

func testSaveTwin(t *testing.T, e *server.Etcd, store blob.Store, encoding snapshot.Encoding, fault faulty.Fault) {
	only(t, "a save's store fails")
	script := faulty.NewScript(fault)
	cfg := engineSave(t, e, patient(faulty.New(store, script)))
	cfg.Encoding = encoding
	ctx, cancel := stalling(t, fault.Do == faulty.Stall(stallAt))
	defer cancel()
	m, err := snapshot.Save(ctx, cfg)
	if unmet := script.Unmet(); len(unmet) > 0 {
		t.Fatalf("unmet: %v", unmet)
	}
	entries := checkEntries(t, store)
	if err == nil {
		checkGood(t, entries, m.File)
	}
	cfg.Store = store
	m, err = snapshot.Save(t.Context(), cfg)
	if err != nil {
		t.Fatalf("second try: %v", err)
	}
	after := checkEntries(t, store)
	checkGood(t, after, m.File)
	if len(after) != len(entries)+1 {
		t.Errorf("%d snapshots after %d and one more", len(after), len(entries))
	}
}

// checkGood wants a snapshot to be listed as a good one.
func checkGood(t *testing.T, entries []repository.Entry, file string) {
	t.Helper()
	for _, e := range entries {
		if e.File == file && e.State.Good() {
			return
		}
	}
	t.Errorf("%s is not among the good ones of %+v", file, entries)
}

// What a store changes on the way without a word, only a read-back finds.
func TestALieOfTheStoreIsFoundByReadingBack(t *testing.T) {
	e := smallEtcd(t)
	for _, encoding := range []snapshot.Encoding{snapshot.EncodingRaw, snapshot.EncodingZstd, snapshot.EncodingZip} {
		t.Run(string(encoding), func(t *testing.T) {
			store, err := local.New(local.Config{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			script := faulty.NewScript(faulty.Fault{Op: faulty.Put, Times: -1, Every: 2, Do: faulty.Corrupt(700)})
			cfg := engineSave(t, e, unstaged{faulty.New(store, script)})
			cfg.Encoding, cfg.Verify = encoding, snapshot.LevelRestore
			cfg.Prover = trial.New(trial.Config{Command: []string{binary(t), "internal-etcd"}, Dir: t.TempDir(), Log: cfg.Log})
			m, err := snapshot.Save(t.Context(), cfg)
			if problem.KindOf(err) != problem.Damaged || m == nil {
				t.Fatalf("saved %v, %v, want it to be found damaged", m, err)
			}
			entries, err := engineRepository(store).List(t.Context())
			if err != nil || len(entries) != 1 || entries[0].State != repository.StateDamaged {
				t.Errorf("listed %+v, %v", entries, err)
			}
		})
	}
}

// unstaged hides that files can be moved into a store, so that everything goes through Put.
type unstaged struct{ blob.Store }

func (u unstaged) Features() blob.Features { return u.Store.(blob.Featured).Features() }

func TestARestoreThatFailsAnywhereLeavesAllOrNothing(t *testing.T) {
	e := smallEtcd(t)
	for kind, empty := range twinStores(t) {
		for _, encoding := range []snapshot.Encoding{snapshot.EncodingRaw, snapshot.EncodingZstd, snapshot.EncodingZip} {
			t.Run(fmt.Sprintf("%s/%s", kind, encoding), func(t *testing.T) {
				store := empty(t)
				cfg := engineSave(t, e, store)
				cfg.Encoding = encoding
				m, err := snapshot.Save(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				if kind == "directory" {
					store = hidden{store} // else it is read as a file, past the faults
				}
				for _, at := range []int64{0, 1, 100, m.Stored.Size / 2, m.Stored.Size - 1} {
					actions := map[string]faulty.Action{"cut": faulty.Cut(at, nil), "corrupt": faulty.Corrupt(at)}
					if at == 100 {
						actions["stall"] = faulty.Stall(at)
					}
					for name, do := range actions {
						t.Run(fmt.Sprintf("%s at %d", name, at), func(t *testing.T) { testRestoreTwin(t, store, m, name, do) })
					}
				}
			})
		}
	}
}

// hidden gives a directory the looks of a store that is elsewhere.
type hidden struct{ blob.Store }

func (hidden) Location(name string) string { return "s3://bucket/" + name }

func testRestoreTwin(t *testing.T, store blob.Store, m *snapshot.Manifest, name string, do faulty.Action) {
	only(t, "a restore's store fails")
	info, err := store.Stat(t.Context(), m.File)
	if err != nil {
		t.Fatal(err)
	}
	k := newTarget(t, restoreKind{name: "absent"})
	restore := func(ctx context.Context, store blob.Store) error {
		_, err := snapshot.Restore(ctx, snapshot.RestoreConfig{
			Source: snapshot.StoreSource(store, info), Manifest: m, SpoolDir: t.TempDir(),
			Target: snapshot.Target{
				Name: "m", InitialCluster: "m=http://127.0.0.1:2380", PeerURLs: []string{"http://127.0.0.1:2380"}, DataDir: k.data,
			},
		})
		return err
	}
	// Every read of the payload goes wrong, whatever it is for.
	script := faulty.NewScript(faulty.Fault{Op: faulty.Get, Times: -1, Do: do})
	ctx, cancel := stalling(t, name == "stall")
	defer cancel()
	err = restore(ctx, faulty.New(store, script))
	switch {
	case err == nil:
		t.Errorf("it was restored over a store that is %s", name)
	case name == "corrupt" && problem.KindOf(err) != problem.Damaged && problem.KindOf(err) != problem.Refused:
		t.Errorf("wrong bytes: %v", err)
	case name != "corrupt" && problem.KindOf(err) == problem.Damaged:
		t.Errorf("a broken connection is taken for damage: %v", err)
	case name == "cut" && !errors.Is(err, faulty.ErrInjected):
		t.Errorf("got %v", err)
	case name == "stall" && !errors.Is(err, context.DeadlineExceeded):
		t.Errorf("got %v", err)
	}
	if rest := k.remains(t); len(rest) > 0 || k.complete(t) {
		t.Errorf("complete %v, remains %q", k.complete(t), rest)
	}
	if err := restore(t.Context(), store); err != nil || !k.complete(t) {
		t.Errorf("second try: %v", err)
	}
}

func TestAPruneThatFailsAnywhereIsFinishedByTheNext(t *testing.T) {
	e := smallEtcd(t)
	for kind, empty := range twinStores(t) {
		for skip := range 4 { // payloads and manifests, in turn
			for _, do := range []faulty.Action{faulty.Fail(blob.ErrDenied), faulty.Lose(blob.ErrDenied), faulty.Fail(nil), faulty.Lose(nil)} {
				fault := faulty.Fault{Op: faulty.Delete, Skip: skip, Do: do}
				t.Run(kind+"/"+fault.String(), func(t *testing.T) { testPruneTwin(t, e, empty(t), fault) })
			}
		}
	}
}

func testPruneTwin(t *testing.T, e *server.Etcd, store blob.Store, fault faulty.Fault) {
	policy := repository.Policy{Keep: 1, ClusterID: engineCluster}
	for i := range 3 {
		cfg := engineSave(t, e, store)
		at := time.Now().Add(-time.Duration(i) * time.Hour)
		cfg.Trigger, cfg.Base, cfg.Verify = snapshot.TriggerRecurring, snapshot.NameRecurring, snapshot.LevelChecksum
		cfg.Now = func() time.Time { return at }
		if _, err := snapshot.Save(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	newest := checkEntries(t, store)[0].File
	script := faulty.NewScript(fault)
	pruned, err := engineRepository(faulty.New(store, script)).Prune(t.Context(), repository.PruneConfig{Policy: policy, SpoolDir: t.TempDir()})
	if err != nil || len(pruned.Failed) != 1 || len(script.Unmet()) > 0 {
		t.Errorf("%+v, %v", pruned, err)
	}
	checkGood(t, checkEntries(t, store), newest)
	if _, err := engineRepository(store).Prune(t.Context(), repository.PruneConfig{Policy: policy, SpoolDir: t.TempDir()}); err != nil {
		t.Error(err)
	}
	if entries := checkEntries(t, store); len(entries) != 1 || entries[0].File != newest {
		t.Errorf("after a second prune: %+v", entries)
	}
}

func TestAClaimWhoseAnswerIsLostIsStillOurs(t *testing.T) {
	for kind, empty := range twinStores(t) {
		for name, do := range map[string]faulty.Action{"failed": faulty.Fail(nil), "lost": faulty.Lose(nil)} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				store := empty(t)
				script := faulty.NewScript(faulty.Fault{Op: faulty.Put, Do: do})
				if err := engineRepository(faulty.New(store, script)).Claim(t.Context(), engineCluster, false); !errors.Is(err, faulty.ErrInjected) {
					t.Errorf("got %v", err)
				}
				if err := engineRepository(store).Claim(t.Context(), engineCluster, false); err != nil {
					t.Errorf("second try: %v", err)
				}
				if err := engineRepository(store).Claim(t.Context(), "c-other", false); problem.KindOf(err) != problem.Refused {
					t.Errorf("another cluster's claim: %v", err)
				}
			})
		}
	}
}
