package e2e

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// networkSize is the database of the network tests: two parts of an upload.
const networkSize = 10 << 20

// network is an etcd, and an S3 server over TLS that is reached through something that can go wrong.
type network struct {
	etcd      *server.Etcd
	etcdFlags []string
	hash      server.Hash
	s3        *server.S3
	// template is a folder with snapshots, oldest first.
	template  string
	snapshots []string
}

// networkCluster owns all folders.
const networkCluster = "c-net01"

func newNetwork(t *testing.T, s *server.S3) *network {
	t.Helper()
	s3Bucketed(t, s, false)
	n := &network{s3: s, template: newFolder(), etcd: servertest.Etcd(t, server.EtcdConfig{NoFsync: true})}
	fillEtcd(t, n.etcd, networkSize)
	n.etcdFlags, _ = reach(n.etcd)
	var err error
	if n.hash, err = n.etcd.HashKV(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for age := 2; age > 0; age-- {
		n.snapshots = append(n.snapshots, n.save(t, time.Now().Add(-time.Duration(age)*time.Hour)))
	}
	return n
}

// save puts a snapshot of another time into the template.
func (n *network) save(t *testing.T, at time.Time) string {
	t.Helper()
	settings := s3Settings(n.s3)
	settings.Prefix = n.template
	store := retry.New(s3Open(t, settings), retry.Config{})
	if err := engineRepository(store).Claim(t.Context(), networkCluster, false); err != nil {
		t.Fatal(err)
	}
	cfg := engineSave(t, n.etcd, store)
	cfg.Trigger, cfg.Base, cfg.ClusterID = snapshot.TriggerRecurring, snapshot.NameRecurring, networkCluster
	cfg.Encoding, cfg.Now = snapshot.EncodingRaw, func() time.Time { return at }
	m, err := snapshot.Save(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m.File
}

// place is a folder of the bucket, seen past all trouble.
type place struct {
	*network
	shelf
	t      *testing.T
	folder string
	// first are the snapshots that lie there from the start, oldest first.
	first []string
}

// place makes a folder with some of the template's snapshots.
func (n *network) place(t *testing.T, snapshots int) *place {
	t.Helper()
	folder := newFolder()
	flags, env := s3Flags(n.s3, folder)
	p := &place{network: n, t: t, folder: folder, shelf: shelf{newUser(t, env...), flags}, first: n.snapshots[:snapshots]}
	if snapshots == 0 {
		return p
	}
	client := s3Core(t, n.s3)
	all, err := n.s3.Objects(t.Context(), s3Bucket, n.template+"/")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range all {
		_, name, _ := strings.Cut(key, "/")
		isOf := func(file string) bool { return strings.Contains(name, file) }
		if !strings.Contains(name, "owner") && !slices.ContainsFunc(p.first, isOf) {
			continue
		}
		to, from := minio.CopyDestOptions{Bucket: s3Bucket, Object: folder + "/" + name}, minio.CopySrcOptions{Bucket: s3Bucket, Object: key}
		if _, err := client.Client.CopyObject(t.Context(), to, from); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// through is the same place with the server at another address.
func (p *place) through(address, caFile string) shelf {
	flags := slices.Clone(p.flags)
	for i, f := range flags {
		if strings.HasPrefix(f, "--s3-endpoint=") {
			flags[i] = "--s3-endpoint=" + address
		}
		if strings.HasPrefix(f, "--s3-ca-file=") {
			flags[i] = "--s3-ca-file=" + caFile
		}
	}
	return shelf{p.u, flags}
}

// errand is a command that is tried in trouble, and what must be true after it.
type errand struct {
	name string
	// snapshots is how many there are before.
	snapshots int
	args      func(p *place) []string
	// check looks at what is there after the command; ok says that it succeeded. It must hold again after a second try
	// without trouble.
	check func(p *place, ok bool)
}

func errands() []errand {
	return []errand{
		{"save", 0, saveErrand("--compress=none", "--verify=content"), (*place).checkSaved},
		{"save proved", 0, saveErrand("--compress=zstd", "--verify=restore"), (*place).checkSaved},
		{"restore", 1, func(p *place) []string {
			return []string{"etcd", "restore", p.first[0], "--data-dir=" + p.target(), "--min-free=0"}
		}, (*place).checkRestored},
		{"verify", 1, func(*place) []string { return []string{"repo", "verify", "--all", "--level=content"} }, (*place).checkKept},
		{"prune", 2, func(*place) []string {
			return []string{"repo", "prune", "--keep=1", "--cluster-id=" + networkCluster}
		}, (*place).checkPruned},
		{"list", 1, func(*place) []string { return []string{"repo", "ls"} }, (*place).checkKept},
	}
}

func saveErrand(flags ...string) func(*place) []string {
	return func(p *place) []string {
		return slices.Concat([]string{"etcd", "save", "--min-free=0", "--cluster-id=" + networkCluster}, flags, p.etcdFlags)
	}
}

func (p *place) target() string { return filepath.Join(p.u.home, "restored", "etcd") }

func (p *place) checkSaved(ok bool) {
	p.t.Helper()
	list := p.checkWhole(p.t)
	if good := func(l listed) bool { return l.State == "checked" || l.State == "restored" }; ok && !slices.ContainsFunc(list, good) {
		p.t.Errorf("it succeeded, and none of these is good: %+v", list)
	}
}

func (p *place) checkRestored(ok bool) {
	p.t.Helper()
	k := target{parent: filepath.Dir(p.target()), data: p.target(), walParent: p.t.TempDir()}
	if complete := k.complete(p.t); complete != ok {
		p.t.Errorf("complete %v, succeeded %v", complete, ok)
	}
	if rest := k.remains(p.t); len(rest) > 0 {
		p.t.Errorf("remains: %q", rest)
	}
	if ok {
		if got := offlineHash(p.t, p.target()); got != p.hash.Hash {
			p.t.Errorf("hash %d, want %d", got, p.hash.Hash)
		}
	}
	p.checkKept(ok)
}

func (p *place) checkKept(bool) {
	p.t.Helper()
	if list := names(p.checkWhole(p.t)); !slices.Equal(list, p.first) {
		p.t.Errorf("listed %q, want %q", list, p.first)
	}
}

func (p *place) checkPruned(ok bool) {
	p.t.Helper()
	list := names(p.checkWhole(p.t))
	if !slices.Contains(list, p.first[1]) || ok && len(list) != 1 {
		p.t.Errorf("listed %q, succeeded %v", list, ok)
	}
}

// after is attempt's.
func (e errand) after(p *place, o outcome) {
	p.t.Helper()
	p.checkTidy()
	e.check(p, o.code == 0)
	if o.code == 0 {
		return
	}
	if !strings.Contains(o.stderr, "\n  next: ") {
		p.t.Errorf("it does not say what to do next: %s", o)
	}
	if again := p.run(e.args(p)...); again.code != 0 {
		p.t.Errorf("second try: %s", again)
	}
	p.checkTidy()
	e.check(p, true)
}

func (p *place) checkTidy() {
	p.t.Helper()
	if rest := left(p.t, p.u.spool()); len(rest) > 0 {
		p.t.Errorf("the spool directory still holds %q", rest)
	}
}

// attempt is an errand under way, in a place of its own and in trouble.
type attempt struct {
	errand
	place *place
	*running
	// met is how often the trouble struck; heal ends it.
	met  func() int
	heal func()
}

// begin starts an errand with requests that go wrong.
func begin(t *testing.T, n *network, e errand, fault func(*http.Request) s3Trouble) *attempt {
	t.Helper()
	front, caFile := newS3TLSFront(t, n.s3)
	front.breaksRequests(fault)
	a := &attempt{errand: e, place: n.place(t, e.snapshots), met: front.meetings}
	a.heal = func() { front.breaksRequests(nil) }
	a.start(a.place.through(front.address, caFile))
	return a
}

func (a *attempt) start(s shelf) { a.running = s.u.start(s.args(a.args(a.place)...)...) }

// end waits for the command, takes the trouble away, and returns how the command ended. It must have ended by itself.
func (a *attempt) end(t *testing.T) outcome {
	t.Helper()
	o, met := a.endOrMiss(t)
	if !met {
		t.Errorf("the trouble was not met: %s", o)
	}
	return o
}

// endOrMiss is end for a trouble that may come too late.
func (a *attempt) endOrMiss(t *testing.T) (o outcome, met bool) {
	t.Helper()
	o = a.wait()
	if o.code < 0 {
		t.Errorf("it did not end by itself within %s: %s", commandTimeout, o)
	}
	met = a.met() > 0
	a.heal()
	a.place.t = t
	return o, met
}

// after wants what must be true after an errand, however it ended, and that it succeeds once the trouble is over.
func (a *attempt) after(o outcome) { a.errand.after(a.place, o) }

func errandOf(t *testing.T, name string) errand {
	t.Helper()
	all := errands()
	i := slices.IndexFunc(all, func(e errand) bool { return e.name == name })
	if i < 0 {
		t.Fatalf("no such errand: %s", name)
	}
	return all[i]
}
