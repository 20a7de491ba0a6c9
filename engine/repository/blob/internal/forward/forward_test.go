package forward_test

import (
	"context"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/internal/forward"
)

// decorator has only names: nothing of it is called.
type decorator struct{ blob.Store }

func (decorator) Features() blob.Features { return blob.Features{Metadata: true} }

type stager struct{}

func (stager) Stage(context.Context) (blob.Staged, error) { return nil, nil }

type janitor struct{}

func (janitor) Sweep(context.Context, time.Duration) (int, error) { return 7, nil }

func TestADecoratorHasExactlyTheAbilitiesOfItsStore(t *testing.T) {
	for _, s := range []blob.Stager{nil, stager{}} {
		for _, j := range []blob.Janitor{nil, janitor{}} {
			store := forward.Optional(decorator{}, s, j)
			if has := forward.Stager(store) != nil; has != (s != nil) {
				t.Errorf("%T is a Stager: %v, want %v", store, has, s != nil)
			}
			if has := forward.Janitor(store) != nil; has != (j != nil) {
				t.Errorf("%T is a Janitor: %v, want %v", store, has, j != nil)
			}
			if !forward.Features(store).Metadata {
				t.Errorf("%T lost its features", store)
			}
		}
	}
}
