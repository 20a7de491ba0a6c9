package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/blobtest"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/ranged"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
	"github.com/holdfast-dev/holdfast/test/server"
)

func s3CheckContent(t *testing.T, store blob.Store, name string, want []byte) {
	t.Helper()
	r, err := store.Get(t.Context(), name, 0, -1, "")
	if err != nil {
		t.Fatalf("Get %s: %v", name, err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s holds %d bytes, %v, want %d", name, len(got), err, len(want))
	}
}

// onEachFront runs a test against each server, plain, with a front before it.
func onEachFront(t *testing.T, test func(t *testing.T, s *server.S3, f *s3Front)) {
	t.Helper()
	for name, start := range s3Servers() {
		t.Run(name, func(t *testing.T) {
			s := start(t, server.S3Config{Plain: true})
			s3Bucketed(t, s, false)
			test(t, s, newS3Front(t, s))
		})
	}
}

func s3Through(s *server.S3, f *s3Front) s3.Config {
	cfg := s3Settings(s)
	cfg.Endpoint = f.address
	return cfg
}

// s3Stages are those of an upload, with the size of an object that goes through them.
var s3Stages = map[string]int{"put": 1000, "create": 2*s3Part + 10, "part 2": 2*s3Part + 10, "complete": 2*s3Part + 10}

func TestAnUploadGetsOverEachTroubleAtEachStage(t *testing.T) {
	onEachFront(t, func(t *testing.T, s *server.S3, f *s3Front) {
		for stage, size := range s3Stages {
			for _, trouble := range []s3Trouble{refused, cutOff, lost, halved, misnamed} {
				if trouble == halved && (stage == "put" || stage == "part 2") {
					continue // these answers have no body
				}
				for _, ifAbsent := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%s/ifAbsent=%v", stage, trouble, ifAbsent), func(t *testing.T) {
						cfg := s3Through(s, f)
						store, content := s3Open(t, cfg), blobtest.Content(1, size)
						f.once(stage, trouble)
						info, err := store.Put(t.Context(), "a", bytes.NewReader(content), blob.PutOptions{IfAbsent: ifAbsent})
						if met := f.meetings(); met != 1 {
							t.Errorf("the trouble was met %d times", met)
						}
						f.breaks(nil)
						if err != nil {
							t.Fatal(err)
						}
						s3CheckContent(t, store, "a", content)
						if stat, err := store.Stat(t.Context(), "a"); err != nil || stat.Version != info.Version {
							t.Errorf("Put says version %s, Stat %s, %v", info.Version, stat.Version, err)
						}
						// An upload whose id never arrived is left: Sweep's work.
						orphan := stage == "create" && trouble != refused && trouble != cutOff
						if left := s3Uploads(t, s, cfg.Prefix+"/a"); len(left) > 0 && !orphan {
							t.Errorf("uploads are left: %q", left)
						}
					})
				}
			}
		}
	})
}

func TestATroubleThatLastsFailsTheUploadAndPublishesNothing(t *testing.T) {
	onEachFront(t, func(t *testing.T, s *server.S3, f *s3Front) {
		for stage, size := range s3Stages {
			for _, trouble := range []s3Trouble{refused, cutOff} {
				t.Run(fmt.Sprintf("%s/%s", stage, trouble), func(t *testing.T) {
					cfg := s3Through(s, f)
					cfg.Retry.MaxElapsed = 200 * time.Millisecond
					store := s3Open(t, cfg)
					f.breaks(func(got string) s3Trouble {
						if got == stage {
							return trouble
						}
						return fine
					})
					_, err := store.Put(t.Context(), "a", bytes.NewReader(blobtest.Content(1, size)), blob.PutOptions{})
					if met := f.meetings(); err == nil || met < 2 {
						t.Errorf("Put: %v after the trouble was met %d times, want an error after several", err, met)
					}
					f.breaks(nil)
					if _, err := store.Stat(t.Context(), "a"); !errors.Is(err, blob.ErrNotExist) {
						t.Errorf("Stat: %v, want ErrNotExist", err)
					}
					if left := s3Uploads(t, s, cfg.Prefix+"/a"); len(left) > 0 {
						t.Errorf("uploads are left: %q", left)
					}
				})
			}
		}
	})
}

// Another writer takes the name between our write, whose answer is lost, and the look at what is there: that must not
// be taken for ours.
func TestALostAnswerIsNotMadeUpForByAnotherWritersObject(t *testing.T) {
	onEachFront(t, func(t *testing.T, s *server.S3, f *s3Front) {
		cfg := s3Through(s, f)
		direct := cfg
		direct.Endpoint = s.Address
		other := s3Open(t, direct)
		first := true
		f.breaks(func(stage string) s3Trouble {
			if stage != "put" {
				return fine
			}
			if first {
				first = false
				return cutOff
			}
			s3Put(t, other, "a", "the other's")
			return fine
		})
		_, err := s3Open(t, cfg).Put(t.Context(), "a", strings.NewReader("ours"), blob.PutOptions{IfAbsent: true})
		f.breaks(nil)
		if !errors.Is(err, blob.ErrExists) {
			t.Errorf("Put: %v, want ErrExists", err)
		}
		s3CheckContent(t, other, "a", []byte("the other's"))
	})
}

func TestADownloadGetsOverEachTrouble(t *testing.T) {
	onEachFront(t, func(t *testing.T, s *server.S3, f *s3Front) {
		cfg := s3Through(s, f)
		store, content := retry.New(s3Open(t, cfg), retry.Config{Policy: cfg.Retry}), blobtest.Content(1, 2*s3Part+10)
		info, err := store.Put(t.Context(), "a", bytes.NewReader(content), blob.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, trouble := range []s3Trouble{refused, cutOff, lost, halved, misnamed} {
			t.Run(string(trouble), func(t *testing.T) {
				f.once("get", trouble)
				s3CheckContent(t, store, "a", content)
				if met := f.meetings(); met != 1 {
					t.Errorf("the trouble was met %d times", met)
				}
				count := 0
				f.breaks(func(stage string) s3Trouble {
					if count++; stage == "get" && count%2 == 1 {
						return trouble
					}
					return fine
				})
				r, err := ranged.NewReader(t.Context(), store, info, ranged.Config{Chunk: 1 << 20})
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, content) {
					t.Errorf("in parallel: %d bytes, %v", len(got), err)
				}
				if met := f.meetings(); met < 5 {
					t.Errorf("in parallel the trouble was met %d times", met)
				}
				f.breaks(nil)
			})
		}
	})
}

func TestListStatAndDeleteGetOverEachTrouble(t *testing.T) {
	onEachFront(t, func(t *testing.T, s *server.S3, f *s3Front) {
		for stage, call := range map[string]func(context.Context, blob.Store) error{
			"list": func(ctx context.Context, s blob.Store) error {
				return s.List(ctx, "", func(blob.Info) error { return nil })
			},
			"head":   func(ctx context.Context, s blob.Store) error { _, err := s.Stat(ctx, "a"); return err },
			"delete": func(ctx context.Context, s blob.Store) error { return s.Delete(ctx, "a") },
		} {
			for _, trouble := range []s3Trouble{refused, cutOff, lost, halved, misnamed} {
				if trouble == halved && stage != "list" {
					continue // no body
				}
				cfg := s3Through(s, f)
				store := retry.New(s3Open(t, cfg), retry.Config{Policy: cfg.Retry})
				s3Put(t, store, "a", "content")
				f.once(stage, trouble)
				if err := call(t.Context(), store); err != nil || f.meetings() != 1 {
					t.Errorf("%s, %s: %v, met %d times", stage, trouble, err, f.meetings())
				}
				f.breaks(nil)
			}
		}
	})
}

func TestOfTwoUploadersOfOneNameOneRemainsWhole(t *testing.T) {
	onEachFront(t, func(t *testing.T, s *server.S3, f *s3Front) {
		cfg := s3Settings(s)
		contents := [][]byte{blobtest.Content(1, 2*s3Part+10), blobtest.Content(2, 2*s3Part+20)}
		for range 5 {
			var wg sync.WaitGroup
			for _, content := range contents {
				store := s3Open(t, cfg) // as on another machine
				wg.Go(func() {
					info, err := store.Put(t.Context(), "a", bytes.NewReader(content), blob.PutOptions{})
					if err != nil || info.Size != int64(len(content)) {
						t.Errorf("Put: %d bytes of %d, %v", info.Size, len(content), err)
					}
				})
			}
			wg.Wait()
			store := s3Open(t, cfg)
			stat, err := store.Stat(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			s3CheckContent(t, store, "a", contents[(stat.Size-int64(len(contents[0])))/10])
		}
	})
}
