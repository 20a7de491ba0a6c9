package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/test/kubedata"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// pristine is a stored snapshot as it was written.
type pristine struct {
	name     string // of the file
	payload  []byte
	regions  []region
	manifest []byte // nil for a foreign one
	// manifestName is relative to the repository.
	manifestName string
	// sha256 of the database, and its hash as etcd says it.
	sha256 string
	hashKV uint32
}

func (p pristine) String() string {
	if p.manifest == nil {
		return p.name + " without a manifest"
	}
	return p.name
}

// form is what kind of file it is, in words that do not change from run to run.
func (p pristine) form() string {
	if p.manifest == nil {
		return p.name
	}
	return "own " + strings.TrimLeft(p.name, "abcdefghijklmnopqrstuvwxyz0123456789-") + " with manifest"
}

// pristines saves one database in every form that there is, with a manifest and, where other tools write it, without.
func pristines(t *testing.T) []pristine {
	t.Helper()
	e := servertest.Etcd(t, server.EtcdConfig{NoFsync: true})
	cli := servertest.EtcdClient(t, e)
	d, err := kubedata.Fill(t.Context(), cli, kubedata.Options{Seed: 11, Objects: 200, Leases: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Age(t.Context(), cli, kubedata.Aging{Updates: 40, Deletes: 40, Compact: true}); err != nil {
		t.Fatal(err)
	}
	u := newUser(t)
	flags, _ := reach(e)
	var all []pristine
	for _, compress := range []string{"none", "zstd", "zip"} {
		dir := t.TempDir()
		m := ask[saved](u, append([]string{"etcd", "save", "--repo=file://" + dir, "--compress=" + compress, "--verify=content", "--min-free=0"}, flags...)...)
		p := pristine{name: m.File, payload: read(t, filepath.Join(dir, m.File)), sha256: m.Database.SHA256, hashKV: *m.Database.HashKV}
		p.manifestName = filepath.Join(".metadata", filepath.Base(onlyFile(t, filepath.Join(dir, ".metadata"))))
		p.manifest = read(t, filepath.Join(dir, p.manifestName))
		all = append(all, p)
	}
	bare := func(name string, payload []byte) {
		all = append(all, pristine{name: name, payload: payload, sha256: all[0].sha256, hashKV: all[0].hashKV})
	}
	bare("snapshot.db", all[0].payload)
	bare("by-hand.db.zst", zstdOf(t, all[0].payload))
	bare("on-demand-n-1652288934.zip", k3sZip(t, "on-demand-n-1652288934", all[0].payload))
	bare("c-9dmxz-ml-kr56m_2024-05-04T19:39:16Z.zip", rkeZip(t, "c-9dmxz-ml-kr56m_2024-05-04T19:39:16Z", all[0].payload))
	for i := range all {
		switch filepath.Ext(all[i].name) {
		case ".zst":
			all[i].regions = zstdRegions(all[i].payload)
		case ".zip":
			all[i].regions = zipRegions(t, all[i].payload)
		default:
			all[i].regions = rawRegions(t, all[i].payload)
		}
	}
	return all
}

// damage is one change to the bytes of a file.
type damage struct {
	what  string
	bytes []byte
}

func flip(r *rand.Rand, data []byte, g region) damage {
	at, mask := g.pick(r), byte(1+r.IntN(255))
	changed := bytes.Clone(data)
	changed[at] ^= mask
	return damage{fmt.Sprintf("%s: byte %d of %d ^ %#02x", g.name, at, len(data), mask), changed}
}

func truncate(r *rand.Rand, data []byte) damage {
	length := r.IntN(len(data))
	switch r.IntN(4) {
	case 0: // by what would leave whole blocks, and perhaps the look of a payload
		length = len(data) - []int{1, 32, 512, 4096}[r.IntN(4)]
	case 1:
		length = length / 4096 * 4096
	}
	length = max(length, 0)
	return damage{fmt.Sprintf("cut to %d of %d bytes", length, len(data)), data[:length]}
}

func extend(r *rand.Rand, data []byte) damage {
	n := []int{1, 32, 480, 512, 4096}[r.IntN(5)]
	garbage := make([]byte, n)
	what := "zeros"
	switch r.IntN(3) {
	case 0:
		what = "noise"
		for i := range garbage {
			garbage[i] = byte(r.Uint32())
		}
	case 1:
		what = "of its own end"
		copy(garbage, data[max(len(data)-n, 0):])
	}
	return damage{fmt.Sprintf("%d bytes %s appended", n, what), append(bytes.Clone(data), garbage...)}
}

// strata are all that a case can be: a file, and what happens to it. Each is as likely as the others.
func strata(all []pristine) []stratum {
	var list []stratum
	add := func(p pristine, name string, manifest bool, do func(*rand.Rand, []byte) damage) {
		list = append(list, stratum{p, p.String() + ": " + name, name, manifest, do})
	}
	for _, p := range all {
		for _, g := range p.regions {
			add(p, g.name, false, func(r *rand.Rand, data []byte) damage { return flip(r, data, g) })
		}
		add(p, "truncation", false, truncate)
		add(p, "appendix", false, extend)
		if p.manifest == nil {
			continue
		}
		for _, g := range manifestRegions(p.manifest) {
			add(p, g.name, true, func(r *rand.Rand, data []byte) damage { return flip(r, data, g) })
		}
		add(p, "truncation of the manifest", true, truncate)
		add(p, "appendix to the manifest", true, extend)
	}
	return list
}

type stratum struct {
	pristine
	name     string
	about    string // the part of the file
	manifest bool   // the damage is to the manifest
	do       func(*rand.Rand, []byte) damage
}

// Whatever happens to a stored file, a restore gives the database that was saved or none at all, and with a manifest
// verify finds out.
func TestNoDamageIsEverRestored(t *testing.T) {
	list := strata(pristines(t))
	seen := map[string]int{}
	rounds(t, "damage", 6*len(list), func(t *testing.T, r *rand.Rand) {
		s := list[r.IntN(len(list))]
		seen[s.name]++
		struck(t, s.form()+": "+s.about, false)
		newScene(t, s, r).check(t)
	})
	if os.Getenv("HOLDFAST_CASES") != "" {
		return
	}
	for _, s := range list {
		if seen[s.name] == 0 {
			t.Errorf("no case was about %s", s.name)
		}
	}
}

// scene is a repository with one damaged snapshot, and the places that a restore could leave something in.
type scene struct {
	stratum
	what                string
	dir, spool, targets string
}

func newScene(t *testing.T, s stratum, r *rand.Rand) scene {
	t.Helper()
	c := scene{stratum: s, dir: t.TempDir(), spool: t.TempDir(), targets: t.TempDir()}
	payload, manifest := s.payload, s.pristine.manifest
	var d damage
	if s.manifest {
		d = s.do(r, manifest)
		manifest = d.bytes
	} else {
		d = s.do(r, payload)
		payload = d.bytes
	}
	c.what = s.pristine.String() + ": " + d.what
	write(t, filepath.Join(c.dir, s.pristine.name), payload)
	if manifest != nil {
		write(t, filepath.Join(c.dir, s.manifestName), manifest)
	}
	return c
}

func (c scene) check(t *testing.T) {
	t.Helper()
	entry := c.find(t)
	switch {
	case c.pristine.manifest == nil:
	case entry == nil:
		t.Errorf("%s: it is not listed any more", c.what)
		return
	case c.stratum.manifest: // what has no sound manifest is never restored: see refuseState in the command
		if entry.State != repository.StateDamaged {
			t.Errorf("%s: it is listed as %s", c.what, entry.State)
		}
		return
	}
	c.checkVerify(t, entry)
	c.checkRestore(t, entry)
	for _, dir := range []string{c.spool, c.targets} {
		checkEmpty(t, dir)
	}
}

// find looks the snapshot up as the commands do; nil when it no longer looks like one.
func (c scene) find(t *testing.T) *repository.Entry {
	t.Helper()
	store, err := local.New(local.Config{Dir: c.dir})
	if err != nil {
		t.Fatal(err)
	}
	entry, err := repository.Open(repository.Config{Store: store, Now: time.Now, Log: slog.New(slog.DiscardHandler)}).Find(t.Context(), c.pristine.name)
	if err != nil && problem.KindOf(err) != problem.NotFound {
		t.Fatalf("%s: list: %v", c.what, err)
	}
	return entry
}

// source is the file, and its manifest if it has one.
func (c scene) source(t *testing.T, entry *repository.Entry) (snapshot.Source, *snapshot.Manifest) {
	t.Helper()
	src, err := snapshot.FileSource(filepath.Join(c.dir, c.pristine.name))
	if err != nil {
		t.Fatal(err)
	}
	if entry == nil {
		return src, nil
	}
	return src, entry.Manifest
}

func (c scene) checkVerify(t *testing.T, entry *repository.Entry) {
	t.Helper()
	src, manifest := c.source(t, entry)
	for _, level := range []snapshot.Level{snapshot.LevelChecksum, snapshot.LevelContent} {
		v, err := snapshot.Verify(t.Context(), snapshot.VerifyConfig{
			Source: src, Manifest: manifest, Level: level, SpoolDir: c.spool, Now: time.Now,
		})
		switch {
		case err != nil && problem.KindOf(err) != problem.Damaged:
			t.Errorf("%s: verify %s does not know what to make of it: %v", c.what, level, err)
		case err == nil && manifest != nil:
			t.Errorf("%s: verify %s finds nothing", c.what, level)
		case err == nil && v.Database.SHA256 != c.sha256:
			t.Errorf("%s: verify %s takes another database for sound", c.what, level)
		}
	}
}

func (c scene) checkRestore(t *testing.T, entry *repository.Entry) {
	t.Helper()
	src, manifest := c.source(t, entry)
	target := filepath.Join(c.targets, "etcd")
	r, err := snapshot.Restore(t.Context(), snapshot.RestoreConfig{
		Source: src, Manifest: manifest, SpoolDir: c.spool,
		Target: snapshot.Target{
			Name: "m", InitialCluster: "m=http://127.0.0.1:2380", PeerURLs: []string{"http://127.0.0.1:2380"}, DataDir: target,
		},
	})
	switch {
	case err == nil && manifest != nil:
		t.Errorf("%s: it was restored", c.what)
	case err == nil:
		if r.Snapshot.SHA256 != c.sha256 || offlineHash(t, target) != c.hashKV {
			t.Errorf("%s: another database was restored: %+v", c.what, r)
		}
		if err := os.RemoveAll(target); err != nil {
			t.Fatal(err)
		}
	case manifest != nil && problem.KindOf(err) != problem.Damaged, problem.KindOf(err) != problem.Damaged && problem.KindOf(err) != problem.Refused:
		t.Errorf("%s: restore does not know what to make of it: %v", c.what, err)
	}
}

// offlineHash reads a restored data directory with nothing that made it.
func offlineHash(t *testing.T, dir string) uint32 {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, "member", "snap", "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	db, err := mvcc.Open(file, -1)
	if err != nil {
		t.Fatal(err)
	}
	content, err := db.Content(context.WithoutCancel(t.Context()))
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return content.HashKV
}

// A sample through the program itself: what it says, how it ends, and what it leaves.
func TestTheProgramFindsAndRefusesDamage(t *testing.T) {
	all := pristines(t)
	r := rand.New(rand.NewPCG(baseSeed, 0))
	for _, p := range all[:3] {
		for _, about := range []string{"value", "zstd middle", "deflate middle", "zip directory", "trailer", "truncation", "appendix", "manifest"} {
			for _, s := range strata([]pristine{p}) {
				if !strings.HasSuffix(s.name, ": "+about) {
					continue
				}
				t.Run(s.name, func(t *testing.T) { checkProgram(t, newScene(t, s, r)) })
			}
		}
	}
}

func checkProgram(t *testing.T, c scene) {
	u := newUser(t)
	repo, target := "--repo=file://"+c.dir, "--data-dir="+filepath.Join(c.targets, "etcd")
	u.refused(4, []string{"damaged", "next: nothing was written"}, "etcd", "restore", repo, c.pristine.name, target, "--min-free=0")
	u.refused(4, []string{"1 of 1 snapshots are damaged", "next: "}, "repo", "verify", repo, c.pristine.name, "--level=restore")
	if got := ask[listing](u, "repo", "ls", repo).Snapshots; len(got) != 1 || got[0].State != "damaged" {
		t.Errorf("%s: after verify it is listed as %+v", c.what, got)
	}
	u.refused(5, []string{"none of its 1 snapshots is good"}, "etcd", "restore", repo, "--latest", target, "--min-free=0")
	checkEmpty(t, c.targets)
	checkEmpty(t, u.spool())
}

// A sound snapshot in the place of another one is damage too.
func TestAnotherSnapshotUnderTheSameNameIsFound(t *testing.T) {
	p := pristines(t)[0]
	other := etcdctlSave(t, "3.6")
	s := stratum{pristine: p, do: func(*rand.Rand, []byte) damage { return damage{"replaced by another snapshot", other.payload} }}
	newScene(t, s, rand.New(rand.NewPCG(0, 0))).check(t)
}
