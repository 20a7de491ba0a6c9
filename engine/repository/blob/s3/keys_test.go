package s3_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
)

// issuer hands out keys "1", "2", … that live for some time.
type issuer struct {
	life  time.Duration
	asked atomic.Int32
	fail  atomic.Bool
}

var errNoAnswer = errors.New("no answer")

func (i *issuer) Keys(context.Context) (s3.Keys, error) {
	time.Sleep(100 * time.Millisecond) // virtual: a round trip
	n := i.asked.Add(1)
	if i.fail.Load() {
		return s3.Keys{}, errNoAnswer
	}
	keys := s3.Keys{AccessKey: strconv.Itoa(int(n)), SecretKey: s3.NewSecret("x")}
	if i.life > 0 {
		keys.Expires = time.Now().Add(i.life)
	}
	return keys, nil
}

func checkKey(t *testing.T, ring s3.Keyring, want string) {
	t.Helper()
	if got, err := ring.Ensure(t.Context()); err != nil || got != want {
		t.Errorf("keys %q, %v, want %q", got, err, want)
	}
}

func TestKeysAreRenewedBeforeTheyExpireAndNotEarlier(t *testing.T) {
	for life, early := range map[time.Duration]time.Duration{
		10 * time.Second: 2 * time.Second, 15 * time.Minute: 3 * time.Minute, 6 * time.Hour: 5 * time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			ring := s3.NewKeyring(&issuer{life: life})
			checkKey(t, ring, "1")
			time.Sleep(life - early - time.Second/2)
			checkKey(t, ring, "1")
			time.Sleep(time.Second)
			checkKey(t, ring, "2")
		})
	}
}

func TestLastingKeysAreFetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := s3.NewKeyring(&issuer{})
		checkKey(t, ring, "1")
		time.Sleep(1000 * time.Hour)
		checkKey(t, ring, "1")
	})
}

func TestWhileARenewalFailsThePresentKeysServeToTheirEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &issuer{life: time.Hour}
		ring := s3.NewKeyring(source)
		checkKey(t, ring, "1")
		source.fail.Store(true)
		for range 9 {
			time.Sleep(6*time.Minute + 30*time.Second)
			checkKey(t, ring, "1")
		}
		if asked := source.asked.Load(); asked < 2 {
			t.Errorf("the source was asked %d times, want a renewal tried", asked)
		}
		time.Sleep(2 * time.Minute)
		if _, err := ring.Ensure(t.Context()); !errors.Is(err, errNoAnswer) || !errors.Is(err, blob.ErrCredentials) {
			t.Errorf("after their end: %v, want ErrCredentials with the reason", err)
		}
		source.fail.Store(false)
		if got, err := ring.Ensure(t.Context()); err != nil || got == "1" {
			t.Errorf("once the source answers again: %q, %v", got, err)
		}
	})
}

func TestManyWhoNeedKeysAtOnceAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &issuer{life: time.Hour}
		ring := s3.NewKeyring(source)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { checkKey(t, ring, "1") })
		}
		wg.Wait()
		if asked := source.asked.Load(); asked != 1 {
			t.Errorf("the source was asked %d times", asked)
		}
	})
}

// deaf never answers, and does not care for contexts.
type deaf struct{ end chan struct{} }

func (d deaf) Keys(context.Context) (s3.Keys, error) {
	<-d.end
	return s3.Keys{}, errNoAnswer
}

func TestNobodyWaitsLongForASourceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := deaf{make(chan struct{})}
		defer close(source.end)
		ring, start := s3.NewKeyring(source), time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := ring.Ensure(t.Context()); !errors.Is(err, blob.ErrCredentials) || time.Since(start) != 15*time.Second {
				t.Errorf("%v after %v, want ErrCredentials after 15 s", err, time.Since(start))
			}
		})
		synctest.Wait() // the first one is asking
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := ring.Ensure(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
				t.Errorf("%v after %v, want the caller's deadline after 1 s", err, time.Since(start))
			}
		})
		wg.Wait()
	})
}

func TestKeysThatAreNoneAreAnError(t *testing.T) {
	ring := s3.NewKeyring(provider(func() (s3.Keys, error) { return s3.Keys{Source: "nowhere"}, nil }))
	if _, err := ring.Ensure(t.Context()); !errors.Is(err, blob.ErrCredentials) {
		t.Errorf("%v, want ErrCredentials", err)
	}
}

type provider func() (s3.Keys, error)

func (p provider) Keys(context.Context) (s3.Keys, error) { return p() }

// All requests that run when the keys end are refused at once. One of them fetches others, and all are repeated.
func TestRequestsThatWereRefusedTogetherAreRepeatedWithNewKeys(t *testing.T) {
	const together = 10
	var arrived sync.WaitGroup
	arrived.Add(together)
	handler := object(nil, http.StatusOK, "content")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "Credential=1/") {
			arrived.Done()
			arrived.Wait()
			says(http.StatusForbidden, "InvalidAccessKeyId", "")(w, r)
			return
		}
		handler(w, r)
	}))
	defer server.Close()
	source := &issuer{}
	store, err := s3.New(s3.Config{
		Bucket: "backups", Endpoint: strings.TrimPrefix(server.URL, "http://"), Region: "r", Insecure: true, Provider: source,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var wg sync.WaitGroup
	for range together {
		wg.Go(func() {
			r, err := store.Get(t.Context(), "a", 0, -1, "")
			if err != nil {
				t.Error(err)
				return
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if asked := source.asked.Load(); asked != 2 {
		t.Errorf("the source was asked %d times, want 2", asked)
	}
}
