package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/ranged"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// s3Network is MinIO over TLS behind a network that can be broken.
func s3Network(t *testing.T) (*server.MinIO, *server.Proxy, s3.Config) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) }) // after all other cleanups
	m := servertest.MinIO(t, server.S3Config{})
	s3Bucketed(t, m.S3, false)
	proxy := servertest.Proxy(t, m.Address)
	cfg := s3Settings(m.S3)
	cfg.Endpoint = proxy.Address
	cfg.Stall = 2 * time.Second
	return m, proxy, cfg
}

func s3Retrying(t *testing.T, cfg s3.Config) blob.Store {
	t.Helper()
	return retry.New(s3Open(t, cfg), retry.Config{Policy: cfg.Retry})
}

func inject(t *testing.T, p *server.Proxy, faults map[server.Direction]server.Fault) {
	t.Helper()
	for direction, fault := range faults {
		if err := p.Inject(t.Context(), direction, fault); err != nil {
			t.Fatal(err)
		}
	}
}

func heal(t *testing.T, p *server.Proxy) {
	t.Helper()
	if err := p.Heal(t.Context()); err != nil {
		t.Error(err)
	}
}

// A network on which every connection is bad in the same way, and no heal comes.
func TestUploadAndDownloadWorkOverABadNetwork(t *testing.T) {
	_, proxy, cfg := s3Network(t)
	content := blobtest.Content(1, 3*s3Part+10)
	for name, faults := range map[string]map[server.Direction]server.Fault{
		// Enough for a part and a handshake, not for two parts on one connection.
		"each connection breaks after 7 MB": {server.ToServer: server.LimitData(7_000_000), server.ToClient: server.LimitData(7_000_000)},
		"slow both ways":                    {server.ToServer: server.Bandwidth(20 << 10), server.ToClient: server.Bandwidth(20 << 10)},
		"far away":                          {server.ToServer: server.Latency(30*time.Millisecond, 10*time.Millisecond)},
	} {
		t.Run(name, func(t *testing.T) {
			inject(t, proxy, faults)
			defer heal(t, proxy)
			store := s3Retrying(t, cfg)
			info, err := store.Put(t.Context(), "a", bytes.NewReader(content), blob.PutOptions{})
			if err != nil {
				t.Fatal(err)
			}
			s3CheckContent(t, store, "a", content)
			r, err := ranged.NewReader(t.Context(), store, info, ranged.Config{Chunk: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, content) {
				t.Errorf("in parallel: %d bytes, %v", len(got), err)
			}
		})
	}
}

func TestAnUploadSurvivesACutAndAServerThatWasKilled(t *testing.T) {
	m, proxy, cfg := s3Network(t)
	content := blobtest.Content(1, 5*s3Part+10)
	for name, disturb := range map[string]func() error{
		"cut":           func() error { return errors.Join(proxy.Cut(t.Context()), proxy.Heal(t.Context())) },
		"server killed": func() error { return errors.Join(m.Kill(), m.Start(t.Context())) },
	} {
		for _, place := range []int{0, s3Part + 1, 4 * s3Part, len(content)} {
			store := s3Retrying(t, cfg)
			r := &interrupted{r: bytes.NewReader(content), left: place, then: func() {
				if err := disturb(); err != nil {
					t.Error(err)
				}
			}}
			if _, err := store.Put(t.Context(), "a", r, blob.PutOptions{}); err != nil {
				t.Errorf("%s at %d: %v", name, place, err)
				continue
			}
			if r.then != nil {
				t.Errorf("%s at %d: it did not happen", name, place)
			}
			s3CheckContent(t, store, "a", content)
		}
	}
}

func TestADownloadSurvivesACutAndAServerThatWasKilled(t *testing.T) {
	m, proxy, cfg := s3Network(t)
	content := blobtest.Content(1, 6*s3Part)
	store := s3Retrying(t, cfg)
	info, err := store.Put(t.Context(), "a", bytes.NewReader(content), blob.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]func() (io.ReadCloser, error){
		"one": func() (io.ReadCloser, error) { return store.Get(t.Context(), "a", 0, -1, "") },
		"in parallel": func() (io.ReadCloser, error) {
			return ranged.NewReader(t.Context(), store, info, ranged.Config{Chunk: 1 << 20})
		},
	}
	for name, disturb := range map[string]func() error{
		"cut":           func() error { return errors.Join(proxy.Cut(t.Context()), proxy.Heal(t.Context())) },
		"server killed": func() error { return errors.Join(m.Kill(), m.Start(t.Context())) },
	} {
		for how, open := range open {
			body, err := open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(&interrupted{r: body, left: s3Part, then: func() {
				if err := disturb(); err != nil {
					t.Error(err)
				}
			}})
			if err := errors.Join(err, body.Close()); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s, %s: %d bytes, %v, want %d", name, how, len(got), err, len(content))
			}
		}
	}
}

// What lasts is an error in bounded time, wherever it strikes, and once it is over the same call works.
func TestATroubleThatLastsEndsInABoundedTime(t *testing.T) {
	m, proxy, cfg := s3Network(t)
	cfg.Stall = time.Second
	cfg.Retry = retry.Policy{Initial: 10 * time.Millisecond, MaxElapsed: time.Second}
	const size = 3 * s3Part
	for _, test := range []struct {
		name   string
		place  int // in the content: before the first request, between parts, before the last one
		faults map[server.Direction]server.Fault
	}{
		{"nothing goes out", 2 * s3Part, map[server.Direction]server.Fault{server.ToServer: server.Stall()}},
		{"nothing comes back", 0, map[server.Direction]server.Fault{server.ToClient: server.Stall()}},
		{"nothing comes back", 2 * s3Part, map[server.Direction]server.Fault{server.ToClient: server.Stall()}},
		{"nothing comes back", size, map[server.Direction]server.Fault{server.ToClient: server.Stall()}},
		{"all are reset", 2 * s3Part, map[server.Direction]server.Fault{server.ToServer: server.ResetPeer(0)}},
		{"answers end at once", 2 * s3Part, map[server.Direction]server.Fault{server.ToClient: server.LimitData(10)}},
	} {
		t.Run(fmt.Sprintf("%s/%d", test.name, test.place), func(t *testing.T) {
			store, content := s3Retrying(t, cfg), blobtest.Content(1, size)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // far more than is needed
			defer cancel()
			r := &interrupted{r: bytes.NewReader(content), left: test.place, then: func() { inject(t, proxy, test.faults) }}
			_, putErr := store.Put(ctx, "a", r, blob.PutOptions{})
			_, getErr := store.Get(ctx, "there", 0, -1, "")
			if putErr == nil || getErr == nil || ctx.Err() != nil {
				t.Errorf("Put %v, Get %v, %v, want errors in time", putErr, getErr, ctx.Err())
			}
			heal(t, proxy)
			if _, err := store.Stat(t.Context(), "a"); !errors.Is(err, blob.ErrNotExist) {
				t.Errorf("Stat: %v, want ErrNotExist", err)
			}
			if _, err := store.Put(t.Context(), "a", bytes.NewReader(content), blob.PutOptions{}); err != nil {
				t.Errorf("Put when it is over: %v", err)
			}
			if err := store.Delete(t.Context(), "a"); err != nil {
				t.Error(err)
			}
		})
	}
	if got, err := m.Objects(t.Context(), s3Bucket, ""); err != nil || len(got) > 0 {
		t.Errorf("the bucket holds %q, %v, want nothing", got, err)
	}
}

func TestACallerCanLeaveAConnectionThatHangs(t *testing.T) {
	_, proxy, cfg := s3Network(t)
	cfg.Stall = time.Hour
	store := s3Retrying(t, cfg)
	s3Put(t, store, "there", strings.Repeat("x", 100))
	inject(t, proxy, map[server.Direction]server.Fault{server.ToClient: server.Stall()})
	defer heal(t, proxy)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	done := make(chan map[string]error, 1)
	go func() { done <- s3Calls(ctx, store) }()
	select {
	case errs := <-done:
		for call, err := range errs {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, want the deadline", call, err)
			}
		}
	case <-time.After(time.Minute):
		t.Fatal("the calls do not end with their context")
	}
}
