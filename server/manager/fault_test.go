package manager

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

var errInjected = errors.New("injected")

// breakAt is a client whose write number n fails. Lost: it happens all the same, and only its answer is lost.
type breakAt struct {
	client.WithWatch
	n      int64
	lost   bool
	writes atomic.Int64
}

func (b *breakAt) write(do func() error) error {
	if b.writes.Add(1) != b.n {
		return do()
	}
	if b.lost {
		if err := do(); err != nil {
			return err
		}
	}
	return errInjected
}

func (b *breakAt) client() client.Client {
	return interceptor.NewClient(b.WithWatch, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return b.write(func() error { return c.Create(ctx, o, opts...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			return b.write(func() error { return c.Update(ctx, o, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return b.write(func() error { return c.Delete(ctx, o, opts...) })
		},
	})
}

// beside is another manager's enrolment over the same API, with a client of the test's.
func (f *fixture) beside(t *testing.T, c client.Client) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(enroll.NewServer(enroll.ServerConfig{
		Client: c, Authority: f.front.ca, Now: f.clock.now, Logger: slog.New(slog.DiscardHandler),
	}).Handler())
	server.TLS = f.front.ca.ServingTLS([]string{"127.0.0.1"})
	certificate, err := server.TLS.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	server.TLS.Certificates = []tls.Certificate{*certificate} // else it takes one of its own
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func joinAt(ctx context.Context, url, dir, machine string, token enroll.JoinToken) (*enroll.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return enroll.Join(ctx, enroll.JoinConfig{Dir: dir, Server: url, Token: token.Text(), Machine: machine, Now: time.Now})
}

// TestAJoinThatBreaksAnywhereIsFinishedByAskingAgain breaks it at each write, in both ways: the write failed, and it
// happened but nobody was told. The agent asks again by itself.
func TestAJoinThatBreaksAnywhereIsFinishedByAskingAgain(t *testing.T) {
	f := start(t)
	direct := connect(t, f.plane.api)
	for _, replaced := range []bool{false, true} {
		for _, lost := range []bool{false, true} {
			for n, more := int64(1), true; more; n++ {
				name := fmt.Sprintf("m%d-%t-%t", n, lost, replaced)
				good := t.Run(name, func(t *testing.T) {
					replace := ""
					if replaced {
						replace = name
						f.mustJoin(t, name, v1alpha1.RoleEtcd)
					}
					token, broken := f.invite(t, replace, v1alpha1.RoleEtcd), &breakAt{WithWatch: direct, n: n, lost: lost}
					dir := t.TempDir()
					if _, err := joinAt(t.Context(), f.beside(t, broken.client()).URL, dir, name, token); err != nil {
						t.Fatalf("with write %d broken: %v", n, err)
					}
					more = broken.writes.Load() > n
					f.checkJoined(t, dir, name, token)
				})
				if !good || n > 20 {
					t.Fatalf("it went on to write %d", n)
				}
			}
		}
	}
}

// checkJoined is what must hold after any join.
func (f *fixture) checkJoined(t *testing.T, dir, name string, token enroll.JoinToken) {
	t.Helper()
	again, err := f.join(t, dir, name, token)
	if err != nil {
		t.Fatalf("the same machine with the same token: %v", err)
	}
	var machine v1alpha1.Machine
	if err := read(t, connect(t, again.RESTConfig()), &machine, name); err != nil {
		t.Errorf("its token: %v", err)
	}
	for _, object := range []client.Object{&v1alpha1.MachineInventory{}, &v1alpha1.MachinePlan{}} {
		if err := read(t, connect(t, again.RESTConfig()), object, name); err != nil {
			t.Error(err)
		} else if owners := object.GetOwnerReferences(); len(owners) != 1 || owners[0].UID != machine.UID {
			t.Errorf("%T belongs to %v", object, owners)
		}
	}
	if _, err := f.join(t, t.TempDir(), name, token); err == nil || !strings.Contains(err.Error(), "used already") {
		t.Errorf("another key with the same token: %v", err)
	}
}

func TestOfManyMachinesWithOneTokenOneJoins(t *testing.T) {
	f := start(t)
	token := f.invite(t, "", v1alpha1.RoleEtcd)
	var joined atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		dir := t.TempDir()
		all.Go(func() {
			_, err := joinAt(t.Context(), "https://"+f.Address(), dir, fmt.Sprintf("racer%d", i), token)
			var refused *enroll.RefusedError
			switch {
			case err == nil:
				joined.Add(1)
			case !errors.As(err, &refused) || refused.Status != http.StatusForbidden:
				t.Errorf("racer%d: %v", i, err)
			}
		})
	}
	all.Wait()
	var machines v1alpha1.MachineList
	if err := f.all.List(t.Context(), &machines, client.InNamespace("c-one")); err != nil {
		t.Fatal(err)
	}
	if joined.Load() != 1 || len(machines.Items) != 1 {
		t.Errorf("%d joined, and there are %d machines", joined.Load(), len(machines.Items))
	}
}
