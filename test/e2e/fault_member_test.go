package e2e

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/faulty"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/local"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// slowStream is how fast a member's answers come while something happens to it.
const slowStream = 2 << 10 // KiB per second

// slowed is a cluster whose members are reached through proxies.
type slowed struct {
	*server.Etcd
	proxies map[string]*server.Proxy
	flags   []string
}

func newSlowed(t *testing.T, members int) slowed {
	t.Helper()
	s := slowed{Etcd: servertest.Etcd(t, server.EtcdConfig{
		Members: members, NoFsync: true, ExtraArgs: []string{"--strict-reconfig-check=false"}, // else young members stay
	}), proxies: map[string]*server.Proxy{}}
	fillEtcd(t, s.Etcd, 8<<20)
	toxiproxy := servertest.Toxiproxy(t)
	var endpoints []string
	for _, m := range s.Members {
		u, err := url.Parse(m.ClientURL)
		if err != nil {
			t.Fatal(err)
		}
		proxy, err := toxiproxy.Proxy(t.Context(), u.Host)
		if err != nil {
			t.Fatal(err)
		}
		s.proxies[m.Name] = proxy
		endpoints = append(endpoints, "http://"+proxy.Address)
	}
	s.flags = []string{"--endpoints=" + strings.Join(endpoints, ",")}
	return s
}

// slow makes every member's answers slow; heal takes that away.
func (s slowed) slow(t *testing.T) {
	t.Helper()
	for _, p := range s.proxies {
		if err := p.Inject(t.Context(), server.ToClient, server.Bandwidth(slowStream)); err != nil {
			t.Fatal(err)
		}
	}
}

func (s slowed) heal(t *testing.T) {
	t.Helper()
	for _, p := range s.proxies {
		heal(t, p)
	}
}

const streamBegins = "sending database snapshot to client"

// streams counts the snapshots that each member has begun to send.
func (s slowed) streams(t *testing.T) map[string]int {
	t.Helper()
	begun := map[string]int{}
	for _, m := range s.Members {
		log, err := os.ReadFile(m.Process().LogPath())
		if err != nil {
			t.Fatal(err)
		}
		begun[m.Name] = strings.Count(string(log), streamBegins)
	}
	return begun
}

// sender waits for the member that sends the next snapshot.
func (s slowed) sender(t *testing.T, before map[string]int) *server.Member {
	t.Helper()
	var sender *server.Member
	eventually(t, "a member sends a snapshot", func() bool {
		for name, n := range s.streams(t) {
			if n > before[name] {
				sender = s.Member(name)
			}
		}
		return sender != nil
	})
	return sender
}

// during begins a slow save, waits until a member sends, lets something happen, and returns how the save ended.
func (s slowed) during(t *testing.T, repo shelf, happens func(sender *server.Member), args ...string) outcome {
	t.Helper()
	s.slow(t)
	defer s.heal(t)
	before := s.streams(t)
	command := append([]string{"etcd", "save", "--verify=checksum", "--min-free=0", "--stall-timeout=2s", "-o", "json"}, s.flags...)
	r := repo.u.start(repo.args(append(command, args...)...)...)
	sender := s.sender(t, before)
	happens(sender)
	for _, m := range s.Members { // the one that sends stays slow: its faults need bytes to strike at
		if m != sender {
			heal(t, s.proxies[m.Name])
		}
	}
	return r.wait()
}

func newShelf(t *testing.T) (shelf, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repo")
	return shelf{newUser(t), []string{"--repo=file://" + dir}}, dir
}

func TestAMemberThatDiesOrHangsDuringASave(t *testing.T) {
	s := newSlowed(t, 1)
	m := s.Members[0]
	for _, compress := range []string{"none", "zstd"} {
		for name, happens := range map[string]func() error{"dies": m.Kill, "hangs": func() error { return m.Process().Pause() }} {
			t.Run(name+", "+compress, func(t *testing.T) {
				repo, dir := newShelf(t)
				o := s.during(t, repo, func(*server.Member) {
					if err := happens(); err != nil {
						t.Error(err)
					}
				}, "--compress="+compress)
				checkFails(t, o, 6, "receive the snapshot from")
				checkSaved(t, repo, dir, 0)

				if err := m.Process().Resume(); err != nil {
					t.Error(err)
				}
				if !m.Running() {
					if err := m.Launch(); err != nil {
						t.Fatal(err)
					}
				}
				if err := m.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				repo.u.must(repo.args(append([]string{"etcd", "save", "--verify=content", "--min-free=0", "--compress=" + compress}, s.flags...)...)...)
				checkSaved(t, repo, dir, 1)
			})
		}
	}
}

func TestTheNextMemberIsAskedWhenOneFailsDuringASave(t *testing.T) {
	for _, c := range []struct {
		name    string
		happens func(context.Context, slowed, *server.Member) error
		// same: the member that was asked first goes on.
		same bool
		// graceful: it may send the rest of the snapshot before it ends.
		graceful bool
	}{
		{"it dies", func(_ context.Context, _ slowed, m *server.Member) error { return m.Kill() }, false, false},
		{"it hangs", func(_ context.Context, _ slowed, m *server.Member) error { return m.Process().Pause() }, false, false},
		{"its connections are reset", func(ctx context.Context, s slowed, m *server.Member) error {
			return s.proxies[m.Name].Inject(ctx, server.ToClient, server.ResetPeer(0))
		}, false, false},
		{"it is removed", func(ctx context.Context, s slowed, m *server.Member) error {
			cli, err := s.Client()
			if err != nil {
				return err
			}
			defer cli.Close()
			list, err := cli.MemberList(ctx)
			if err != nil {
				return err
			}
			for _, other := range list.Members {
				if other.Name == m.Name {
					_, err = cli.MemberRemove(ctx, other.ID)
				}
			}
			if err != nil {
				return err
			}
			_, err = m.WaitEnd(ctx) // it ends by itself
			return err
		}, false, true},
		{"the leader dies", func(ctx context.Context, s slowed, _ *server.Member) error {
			leader, err := s.Leader(ctx)
			if err != nil {
				return err
			}
			return leader.Kill()
		}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSlowed(t, 3)
			want, err := s.HashKV(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			repo, dir := newShelf(t)
			var first *server.Member
			o := s.during(t, repo, func(sender *server.Member) {
				first = sender
				if err := c.happens(t.Context(), s, sender); err != nil {
					t.Error(err)
				}
			})
			if o.code != 0 {
				t.Fatal(o)
			}
			var m saved
			decodeJSON(t, o.stdout, &m)
			same := m.Source.MemberName == first.Name
			if same != c.same && (!same || !c.graceful) {
				t.Errorf("the snapshot is from %s, the first that was asked is %s", m.Source.MemberName, first.Name)
			}
			if !same && !strings.Contains(o.stderr, "trying the next member") {
				t.Errorf("nothing is said of it: %s", o)
			}
			if m.Database.Revision != want.Revision {
				t.Errorf("revision %d, want %d", m.Database.Revision, want.Revision)
			}
			if err := first.Process().Resume(); err != nil {
				t.Error(err)
			}
			checkSaved(t, repo, dir, 1)
		})
	}
}

// A repository that fails while a member hangs must not wait for the member.
func TestAFailedUploadDoesNotWaitForAMemberThatHangs(t *testing.T) {
	s := newSlowed(t, 1)
	s.slow(t)
	store, err := local.New(local.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	settings := etcdSettings(t, s.Etcd)
	settings.Endpoints = []string{"http://" + s.proxies["m1"].Address}
	settings.KeepAliveTime = time.Hour // nor may that be what ends it
	cfg := engineSaveFrom(t, settings, failing{unstaged{store}, s.Members[0].Process().Pause}, time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := snapshot.Save(ctx, cfg); !errors.Is(err, faulty.ErrInjected) || ctx.Err() != nil {
		t.Errorf("got %v", err)
	}
	if err := s.Members[0].Process().Resume(); err != nil {
		t.Error(err)
	}
}

// failing takes the beginning of an upload, lets something happen, and fails.
type failing struct {
	unstaged
	then func() error
}

func (f failing) Put(_ context.Context, _ string, r io.Reader, _ blob.PutOptions) (blob.Info, error) {
	if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
		return blob.Info{}, err
	}
	return blob.Info{}, errors.Join(faulty.ErrInjected, f.then())
}
