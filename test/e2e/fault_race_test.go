package e2e

import (
	"context"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// together runs one command line for several users at one time.
func together(users []*user, args []string) []outcome {
	var runs []*running
	for _, u := range users {
		runs = append(runs, u.start(args...))
	}
	var ends []outcome
	for _, r := range runs {
		ends = append(ends, r.wait())
	}
	return ends
}

// Two first saves of one cluster at one time: on one machine, and on two that share the repository and its id.
func TestTwoSavesAtOneTimeAreBothListedOrOneIsRefused(t *testing.T) {
	e := smallEtcd(t)
	etcdFlags, _ := reach(e)
	s := servertest.MinIO(t, server.S3Config{}).S3
	s3Bucketed(t, s, false)
	places := map[string]func(t *testing.T) (flags, env []string){
		"directory": func(t *testing.T) ([]string, []string) {
			return []string{"--repo=file://" + filepath.Join(t.TempDir(), "repo")}, nil
		},
		"s3": func(*testing.T) ([]string, []string) { return s3Flags(s, newFolder()) },
	}
	for _, place := range []string{"directory", "s3"} {
		for _, compress := range []string{"none", "zstd"} {
			t.Run(place+", "+compress, func(t *testing.T) {
				command := append([]string{"etcd", "save", "--verify=content", "--min-free=0", "--compress=" + compress}, etcdFlags...)
				rounds(t, "race save "+place+" "+compress, 4, func(t *testing.T, r *rand.Rand) {
					flags, env := places[place](t)
					raceSaves(t, r, newUser(t, env...), flags, append(command, flags...))
				})
			})
		}
	}
}

func raceSaves(t *testing.T, r *rand.Rand, one *user, flags, save []string) {
	// The same home, so the same memory of cluster ids; a member's lock lies in the directory for temporary files.
	two := *one
	shared := r.IntN(2) == 0
	if !shared {
		two.env = append([]string{"TMPDIR=" + t.TempDir()}, one.env...)
	}
	saved := 0
	for _, o := range together([]*user{one, &two}, save) {
		switch {
		case o.code == 0:
			saved++
		case o.code != 3 || !shared || !strings.Contains(o.stderr, "another snapshot of this member"):
			t.Errorf("shared %v: %s", shared, o)
		}
	}
	list := shelf{one, flags}.checkWhole(t)
	if len(list) != saved || saved == 0 {
		t.Errorf("%d saved, listed: %q", saved, joined(list))
	}
	for _, l := range list {
		if l.State != "checked" {
			t.Errorf("%s is listed as %s: %s", l.Name, l.State, l.Reason)
		}
	}
	one.must(save...) // whoever owns the repository, this machine knows
}

func TestOfTwoRestoresIntoOneDirectoryOneIsRefused(t *testing.T) {
	e, etcdFlags := killEtcd(t)
	want, err := e.HashKV(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	u := newUser(t)
	repo := "--repo=file://" + filepath.Join(t.TempDir(), "repo")
	u.must(append([]string{"etcd", "save", "--verify=checksum", "--min-free=0", repo}, etcdFlags...)...)
	if err := e.StopMembers(); err != nil {
		t.Fatal(err)
	}
	kinds := []restoreKind{{"absent", false, false}, {"existing", true, false}, {"wal", false, true}, {"existing with wal", true, true}}
	rounds(t, "race restore", 8, func(t *testing.T, r *rand.Rand) {
		k := newTarget(t, kinds[r.IntN(len(kinds))])
		args := append(append([]string{"etcd", "restore", "--latest", repo}, memberFlags(e, e.Members[0])...), k.flags()...)
		ends := together([]*user{newUser(t), newUser(t)}, args)
		codes := map[int]int{}
		for _, o := range ends {
			codes[o.code]++
		}
		if codes[0] != 1 || codes[3] != 1 {
			t.Errorf("want one done and one refused: %s\n%s", ends[0], ends[1])
		}
		if rest := k.remains(t); len(rest) > 0 {
			t.Errorf("remains: %q", rest)
		}
		k.checkOwner(t)
		k.boot(t, e, want)
	})
}

func TestAPruneDuringSavesTakesNothingThatIsKept(t *testing.T) {
	e := smallEtcd(t)
	etcdFlags, _ := reach(e)
	s := servertest.MinIO(t, server.S3Config{}).S3
	s3Bucketed(t, s, false)
	bucket, env := s3Flags(s, newFolder())
	for name, flags := range map[string][]string{
		"directory": {"--repo=file://" + filepath.Join(t.TempDir(), "repo")}, "s3": bucket,
	} {
		t.Run(name, func(t *testing.T) {
			saver, pruner := newUser(t, env...), newUser(t, env...)
			save := append(append([]string{"etcd", "save", "--trigger=recurring", "--cluster-id=" + engineCluster, "--verify=checksum", "--min-free=0"}, etcdFlags...), flags...)
			var files []string
			files = append(files, ask[saved](saver, save...).File)
			done := make(chan struct{})
			var pruning sync.WaitGroup
			pruning.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
						if o := pruner.run(append([]string{"repo", "prune", "--keep=2", "--cluster-id=" + engineCluster}, flags...)...); o.code != 0 {
							t.Error(o)
						}
					}
				}
			})
			for range 10 {
				files = append(files, ask[saved](saver, save...).File)
			}
			close(done)
			pruning.Wait()
			list := shelf{saver, flags}.checkWhole(t)
			there := joined(list)
			for _, file := range files[len(files)-2:] {
				if !strings.Contains(there, file) {
					t.Errorf("%s is gone, left are %s", file, there)
				}
			}
		})
	}
}

func TestTwoTrialRestoresAtOneTimeDoNotDisturbEachOther(t *testing.T) {
	e := smallEtcd(t)
	etcdFlags, _ := reach(e)
	u := newUser(t)
	repo := "--repo=file://" + filepath.Join(t.TempDir(), "repo")
	file := ask[saved](u, append([]string{"etcd", "save", "--verify=checksum", "--min-free=0", repo}, etcdFlags...)...).File
	for _, o := range together([]*user{u, u, u}, []string{"repo", "verify", "--level=restore", repo, file}) {
		if o.code != 0 {
			t.Error(o)
		}
	}
	checkNobodyLives(t)
	if rest := left(t, u.spool()); len(rest) > 0 {
		t.Errorf("remains: %q", rest)
	}
}

// careless is a server that knows no If-None-Match, and a moment at which both writers find the name free: the last one
// wins.
type careless struct{ blob.Store }

func (c careless) Put(ctx context.Context, name string, r io.Reader, opts blob.PutOptions) (blob.Info, error) {
	opts.IfAbsent = false
	return c.Store.Put(ctx, name, r, opts)
}

func (careless) Stat(context.Context, string) (blob.Info, error) {
	return blob.Info{}, blob.ErrNotExist
}

// Two nodes that upload under one name, each with data of its own: what remains is one of the two, with its own manifest.
func TestTwoUploadersOfOneNameNeverMixPayloadAndManifest(t *testing.T) {
	clusters := []*server.Etcd{smallEtcd(t), smallEtcd(t)}
	put(t, servertest.EtcdClient(t, clusters[1]), "another", strings.Repeat("x", 100<<10))
	for name, start := range s3Servers() {
		t.Run(name, func(t *testing.T) {
			s := start(t, server.S3Config{})
			s3Bucketed(t, s, false)
			rounds(t, "race upload "+name, 6, func(t *testing.T, r *rand.Rand) {
				store := s3Open(t, s3Settings(s))
				at := time.Now()
				manifests := map[string]*snapshot.Manifest{}
				var mu sync.Mutex
				var uploads sync.WaitGroup
				for _, e := range clusters {
					cfg := engineSave(t, e, careless{store})
					cfg.Encoding = []snapshot.Encoding{snapshot.EncodingRaw, snapshot.EncodingZip}[r.IntN(2)]
					cfg.Now = func() time.Time { return at }
					uploads.Go(func() {
						m, err := snapshot.Save(t.Context(), cfg)
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						defer mu.Unlock()
						manifests[m.UploadID] = m
					})
				}
				uploads.Wait()
				for _, e := range checkEntries(t, store) {
					info, err := store.Stat(t.Context(), e.File)
					if err != nil {
						t.Fatal(err)
					}
					want := manifests[info.Metadata[snapshot.MetadataUploadID]]
					if e.Manifest == nil || !e.State.Good() || want == nil {
						t.Fatalf("%s is listed as %s, with %+v: %s", e.File, e.State, e.Manifest, e.Reason)
					}
					if e.Manifest.UploadID != want.UploadID || e.Manifest.Database.SHA256 != want.Database.SHA256 {
						t.Errorf("the payload is of upload %s, the manifest of %s", want.UploadID, e.Manifest.UploadID)
					}
				}
			})
		})
	}
}
